/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs: which ones a workload may run.
 *
 *   lsm.s/bprm_check_security    the caller gets EPERM; nothing has happened
 *   lsm.s/bprm_committed_creds   the arguments and the environment that the new program really gets;
 *                                kills on a refusal
 *   tp_btf/sched_process_exec    without LSM: kills the new program before its first instruction
 *   tp_btf/sched_process_exit    a process has ended
 *
 * Attack: name one file and run another, or change the arguments after they were looked at.
 * Against it: the file is the one that the kernel has opened, and the arguments are read again
 * from the new program's own stack, after the point of no return and before it runs.
 *
 * Attack: put other content into a file that is known by its hash. Against it: nobody can write to a
 * file from its exec on (ETXTBSY). A script is free again when its interpreter has been opened, and
 * what is mapped by others is never held: there the hash is that of a moment.
 */
#include "exec.bpf.h"

/* ---- the lsm tier ---- */

/*
 * String number `i` of the caller's own argv or envp (s->left) into the chunk. Returns its length with
 * the NUL, 0 at the end of the list (s->count is 1 then), or where it cannot be read.
 */
static __always_inline long early_string(struct scratch *s, __u32 i)
{
	__u64 pointer = 0;
	__u64 list = s->left;
	long n;

	if (bpf_copy_from_user(&pointer, sizeof(pointer), (void *)(list + (__u64)i * 8)))
		return 0;
	if (!pointer) {
		s->count = 1;
		return 0;
	}
	/* A byte read with faults allowed brings the page in, for the string that follows. */
	bpf_copy_from_user(s->chunk, 1, (void *)pointer);
	n = bpf_probe_read_user_str(s->chunk, CHUNK_SIZE, (void *)pointer);
	if (n <= 0)
		return 0;
	if (n == CHUNK_SIZE)
		s->aux = 1; /* there may be more of it */
	s->cursor = 0;
	return n;
}

/* A first look, for the error code. */
static long args_early(__u32 i, void *data)
{
	struct args_ctx *c = data;
	struct scratch *s = c->s;
	long n = early_string(s, i);

	if (!n)
		return 1;
	if (exec_record(s)->args_len + (__u32)n <= ARGS_KEEP)
		exec_record(s)->args_len += record_append(s, s->chunk, n);
	else
		exec_record(s)->flags |= EXEC_ARGS_CUT;
	phrase_scan(c->img, s, n);
	cond_scan(c->img, s, n, COND_ARGS);
	return args_enough(c->img, s);
}

static long env_early(__u32 i, void *data)
{
	struct args_ctx *c = data;
	long n = early_string(c->s, i);

	if (!n)
		return 1;
	cond_scan(c->img, c->s, n, COND_ENV);
	return 0;
}

/* argv (or envp) of the system call at work; 0 for calls of other ABIs, which wait for the end. */
static __always_inline __u64 exec_list(int env)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	unsigned long number = exec_syscall(), list = 0;

	if (number == NR_EXECVE)
		bpf_probe_read_kernel(&list, sizeof(list), env ? &regs->dx : &regs->si);
	else if (number == NR_EXECVEAT)
		bpf_probe_read_kernel(&list, sizeof(list), env ? &regs->r10 : &regs->dx);
	return list;
}

static __always_inline void early_begin(const void *img, struct scratch *s, enum cond_text text)
{
	conds_begin(img, &s->m, text);
	s->left = exec_list(text == COND_ENV);
	s->count = s->aux = 0;
}

/* Whether all of it was seen. */
static __always_inline void early_end(struct scratch *s, __u32 unread)
{
	if (!s->count || s->aux)
		s->act.flags |= unread;
}

static __noinline int exec_look_early(const void *img, struct scratch *s)
{
	struct args_ctx c = {.img = img, .s = s};

	early_begin(img, s, COND_ARGS);
	if (s->left)
		loop(ARGS_EARLY, args_early, &c);
	early_end(s, ACTIVITY_ARGS_UNREAD);
	return 0;
}

static __noinline int exec_look_env_early(const void *img, struct scratch *s)
{
	struct args_ctx c = {.img = img, .s = s};

	early_begin(img, s, COND_ENV);
	if (s->left)
		loop(ARGS_EARLY, env_early, &c);
	early_end(s, ACTIVITY_ENV_UNREAD);
	return 0;
}

#define ELF_MAGIC 0x464c457f /* as it is read on x86 */

/*
 * The file does not run itself: the interpreter that it names (#!), or that is registered for its kind
 * (binfmt_misc), is asked about next.
 */
static __always_inline int exec_is_script(struct linux_binprm *bprm)
{
	__u32 head = 0;

	return !bpf_core_read(&head, sizeof(head), &bprm->buf) && head != ELF_MAGIC;
}

/*
 * What is known of the texts that conditions ask for. A script is decided on here for good: what is
 * asked again, when all is known, is its interpreter. That one is given other arguments than those of
 * the call, which the kernel makes from the script's first line.
 */
static __always_inline void exec_look_ahead(const void *img, struct scratch *s,
					    struct linux_binprm *bprm)
{
	if (image_has_phrases(img, KIND_EXEC) || conds_want(img, &s->m.hit, COND_ARGS))
		exec_look_early(img, s);
	if (conds_want(img, &s->m.hit, COND_ENV))
		exec_look_env_early(img, s);
	if (BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		s->act.flags |= ACTIVITY_ARGS_UNREAD;
	if (!exec_is_script(bprm))
		s->act.flags |= ACTIVITY_LATER;
}

SEC("lsm.s/bprm_check_security")
int BPF_PROG(exec_check, struct linux_binprm *bprm)
{
	const void *img;
	struct scratch *s;
	int ret = 0;

	if (!scope_adopt())
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	exec_start(img, s, BPF_CORE_READ(bprm, filename));
	exec_resolved(img, s, bprm);
	exec_content(img, s, bprm->file, 1);
	exec_look_ahead(img, s, bprm);
	exec_decide(img, s);
	if (refused(&s->dec)) {
		if (!exec_record(s)->args_len)
			exec_look_early(img, s); /* for the record only */
		exec_cwd(s);
		exec_send(s, TIER_LSM, EXEC_REFUSED);
		if (s->dec.verdict == VERDICT_KILL)
			bpf_send_signal(SIGKILL);
		ret = -EPERM;
	} else if (exec_is_script(bprm)) {
		exec_cwd(s);
		exec_send(s, TIER_NONE, EXEC_SCRIPT);
	}
	scratch_release(s);
	return ret;
}

SEC("lsm.s/bprm_committed_creds")
int BPF_PROG(exec_committed, struct linux_binprm *bprm)
{
	struct args_ctx c = {};
	const void *img;
	struct scratch *s;

	if (!scope_adopt())
		return 0;
	s = decision_begin(&img);
	if (!s) {
		if (undecided(img))
			bpf_send_signal(SIGKILL);
		return 0;
	}
	exec_start(img, s, BPF_CORE_READ(bprm, filename));
	exec_resolved(img, s, bprm);
	exec_content(img, s, bprm->file, 1);
	s->cursor = BPF_CORE_READ(bprm, p);
	s->left = BPF_CORE_READ(bprm, exec) - s->cursor; /* environment included */
	s->aux = BPF_CORE_READ(bprm, argc);
	c.img = img;
	c.s = s;
	conds_begin(img, &s->m, COND_ARGS);
	if (s->left && s->aux)
		loop(ARGS_CHUNKS, args_chunk_sleepable, &c);
	args_end(img, s);
	if (conds_want(img, &s->m.hit, COND_ENV)) {
		conds_begin(img, &s->m, COND_ENV);
		if (!s->aux && s->left)
			loop(ARGS_CHUNKS, env_chunk_sleepable, &c);
		env_end(s);
	}
	exec_decide(img, s);
	if (refused(&s->dec))
		bpf_send_signal(SIGKILL);
	exec_cwd(s);
	exec_send(s, TIER_SIGNAL, 0);
	scratch_release(s);
	return 0;
}

/* ---- the signal tier ---- */

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct args_ctx c = {};
	const void *img;
	struct scratch *s;

	if (!scope_adopt())
		return 0;
	s = decision_begin(&img);
	if (!s) {
		if (undecided(img))
			bpf_send_signal(SIGKILL);
		return 0;
	}
	exec_start(img, s, BPF_CORE_READ(bprm, filename));
	exec_resolved(img, s, bprm);
	exec_content(img, s, 0, 1);
	s->cursor = BPF_CORE_READ(task, mm, arg_start);
	s->left = BPF_CORE_READ(task, mm, arg_end) - s->cursor;
	s->aux = BPF_CORE_READ(bprm, argc);
	c.img = img;
	c.s = s;
	conds_begin(img, &s->m, COND_ARGS);
	if (s->left && s->aux)
		loop(ARGS_CHUNKS, args_chunk, &c);
	args_end(img, s);
	if (conds_want(img, &s->m.hit, COND_ENV)) {
		conds_begin(img, &s->m, COND_ENV);
		s->cursor = BPF_CORE_READ(task, mm, env_start);
		s->left = BPF_CORE_READ(task, mm, env_end) - s->cursor;
		if (s->left)
			loop(ARGS_CHUNKS, env_chunk, &c);
		env_end(s);
	}
	exec_decide(img, s);
	if (refused(&s->dec))
		bpf_send_signal(SIGKILL);
	exec_cwd(s);
	exec_send(s, TIER_SIGNAL, 0);
	scratch_release(s);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exec_exit, struct task_struct *task)
{
	struct scratch *s;
	struct rec_exit *r;
	__u64 strand;
	__u32 tgid;

	if (!scope_current())
		return 0;
	strand = BPF_CORE_READ(task, pid);
	bpf_map_delete_elem(&entered, &strand);
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	bpf_map_delete_elem(&bio_users, &tgid);
	bpf_map_delete_elem(&importers, &tgid);
	s = scratch_claim();
	if (!s)
		return 0;
	r = (struct rec_exit *)s->record;
	record_start(s, REC_EXIT, sizeof(*r));
	r->code = BPF_CORE_READ(task, exit_code);
	r->reserved = 0;
	record_send_event(s, 0);
	scratch_release(s);
	return 0;
}
