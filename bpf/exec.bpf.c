/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs: which ones a workload may run.
 *
 *   lsm.s/bprm_check_security    the caller gets EPERM; nothing has happened
 *   lsm.s/bprm_committed_creds   the arguments and the environment that the new program really gets;
 *                                kills on a refusal
 *   lsm(.s)/mmap_file, lsm/file_mprotect
 *                                a denied program is not loaded as the code of another one either
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
#include "args.bpf.h"
#include "object.bpf.h"
#include "ctime.bpf.h"
#include "path.bpf.h"
#include "phrase.bpf.h"

/* Names of the program: the path as passed may be denied by, the resolved file may be allowed by. */
static __noinline void exec_name(const void *img, struct scratch *s, __u32 len)
{
	if (len && len <= NAME_MAX_LEN)
		text_match(s, TEXT_EXEC, len);
	else
		s->act.flags |= ACTIVITY_UNKNOWN;
}

static __always_inline void exec_start(const void *img, struct scratch *s, const char *passed)
{
	struct rec_exec *r = exec_record(s);
	long n;

	activity_start(s, KIND_EXEC);
	conds_init(&s->act);
	phrase_init(img, s);
	record_start(s, REC_EXEC, sizeof(*r));
	r->flags = 0;
	r->reserved = 0;
	r->passed_len = r->path_len = r->hash_len = r->cwd_len = r->args_len = 0;

	if (!passed)
		return;
	n = bpf_probe_read_kernel_str(s->name, NAME_SIZE, passed);
	exec_name(img, s, n > 0 ? n - 1 : 0);
	s->m.hit.allow = RULE_NONE;
	s->m.hit.conds &= ~image_header(img)->conds.allow;
	if (n > 1)
		r->passed_len = record_append(s, s->name, n - 1);
}

/* One of the names of the file that path_find() has found, on the file system s->left. */
static long exec_name_at(__u32 i, void *data)
{
	struct args_ctx *c = data;
	struct scratch *s = c->s;
	int len = path_name(s, s->left, i);

	if (len <= 0)
		return len == PATH_NO_MOUNT;
	exec_name(c->img, s, len);
	if (!exec_record(s)->path_len) /* one is recorded */
		exec_record(s)->path_len = record_append(s, s->name, len);
	return 0;
}

/*
 * A file without a name, which only rules that say so admit. Such a file is new, mostly, and so is one in
 * memory: who names them means new ones.
 */
static __noinline void exec_unknown(const void *img, struct scratch *s)
{
	static const char name[8] = "unknown";

	__builtin_memcpy(s->name, name, sizeof(name));
	exec_name(img, s, sizeof(name) - 1);
	s->act.flags &= ~ACTIVITY_CHANGED;
	s->act.flags |= ACTIVITY_UNKNOWN;
	exec_record(s)->flags |= EXEC_NO_PATH;
}

static __noinline void exec_memfd(const void *img, struct scratch *s)
{
	int len = path_append(s, s->aux, 0);

	s->act.flags &= ~ACTIVITY_CHANGED;
	exec_name(img, s, len);
	exec_record(s)->path_len = record_append(s, s->name, len);
}

/* The same file, however it is called: a hard link, or another mount. */
static __noinline void exec_inode(const void *img, struct scratch *s, struct inode *inode)
{
	match_inode(img, BPF_CORE_READ(inode, i_sb, s_dev), BPF_CORE_READ(inode, i_ino),
		    BPF_CORE_READ(inode, i_generation), &s->m);
}

/* All names of a file. */
static __noinline void exec_names(const void *img, struct scratch *s, struct file *file)
{
	struct args_ctx c = {.img = img, .s = s};
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	__u32 kind = path_find(s, dentry);

	if (kind == PATH_MEMFD) {
		exec_memfd(img, s);
		return;
	}
	/* A program is no root: one that seems so was opened by a handle, and hangs below nothing yet. */
	if (kind == PATH_FILE && s->aux != NAME_SIZE - 1) {
		s->left = path_dev(dentry);
		loop(MOUNTS_OF_ONE, exec_name_at, &c);
		if (path_may_have_others(s->left))
			s->act.flags |= ACTIVITY_UNKNOWN;
		if (exec_record(s)->path_len)
			return;
	}
	exec_unknown(img, s);
}

/* The file that runs; of a script, its interpreter. */
static __always_inline void exec_resolved(const void *img, struct scratch *s,
					  struct linux_binprm *bprm)
{
	struct file *file = BPF_CORE_READ(bprm, file);
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (ctime_is_new(inode))
		s->act.flags |= ACTIVITY_CHANGED;
	exec_inode(img, s, inode);
	exec_names(img, s, file);
}

/* A hexadecimal digit of the hash that lies behind them in the chunk. */
static long hash_digit(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 from = HASH_TEXT + i / 2, to = i;
	__u8 digit;

	opaque_value(from);
	from &= CHUNK_SIZE - 1;
	digit = c->s->chunk[from];
	digit = (i & 1 ? digit : digit >> 4) & 15;
	opaque_value(to);
	to &= CHUNK_SIZE - 1;
	c->s->chunk[to] = digit + (digit < 10 ? '0' : 'a' - 10);
	return 0;
}

/* The kernel reads all of the file: only where an entry that matches its name asks for that. */
static __noinline int exec_hash(const void *img, struct scratch *s, struct file *file)
{
	struct args_ctx c = {.img = img, .s = s};

	if (bpf_ima_file_hash(file, s->chunk + HASH_TEXT, HASH_SIZE) != HASH_ALGO_SHA256) {
		s->act.flags |= ACTIVITY_HASH_UNREAD;
		return 0;
	}
	loop(HASH_TEXT, hash_digit, &c);
	conds_begin(img, &s->m, COND_HASH);
	s->cursor = 0;
	cond_scan(img, s, HASH_TEXT, COND_HASH);
	exec_record(s)->hash_len = record_append(s, s->chunk, HASH_TEXT);
	return 0;
}

/*
 * Nobody can write to the file, as the kernel sees to it for what is about to run. Where it does not,
 * the hash says nothing of what will.
 */
static __always_inline int exec_is_held(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_writecount.counter) < 0;
}

/* `file` is as the hook was given it, or NULL where programs may not sleep. */
static __always_inline void exec_content(const void *img, struct scratch *s, struct file *file,
					 int starts)
{
	if (!conds_want(img, &s->m.hit, COND_HASH))
		return;
	if (file_hashes && file && (!starts || exec_is_held(file)))
		exec_hash(img, s, file);
	else
		s->act.flags |= ACTIVITY_HASH_UNREAD;
}

static long exec_cwd_at(__u32 i, void *data)
{
	struct args_ctx *c = data;
	struct scratch *s = c->s;
	int len = path_name(s, s->left, i);

	if (len <= 0)
		return len == PATH_NO_MOUNT;
	exec_record(s)->cwd_len = record_append(s, s->name, len);
	return 1;
}

static __always_inline void exec_cwd(struct scratch *s)
{
	struct args_ctx c = {.s = s};
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = BPF_CORE_READ(task, fs, pwd.dentry);

	if (path_find(s, dentry) != PATH_FILE)
		return;
	s->left = path_dev(dentry);
	loop(MOUNTS_OF_ONE, exec_cwd_at, &c);
}

/* Arguments that a content rule could not look at are refused where there is such a rule. */
static __always_inline void exec_decide(const void *img, struct scratch *s)
{
	const struct image_conds *c = &image_header(img)->conds;
	struct rec_exec *r = exec_record(s);
	__u64 admit = s->m.hit.conds & c->allow;

	if ((s->act.flags & ACTIVITY_CHANGED) &&
	    (s->m.hit.allow != RULE_NONE || admit & ~c->changed))
		r->flags |= EXEC_CHANGED;
	if (s->act.flags & ACTIVITY_HASH_UNREAD)
		r->flags |= EXEC_HASH_UNREAD;
	else if (admit & c->need[COND_HASH].any & ~s->act.seen[COND_HASH].any)
		r->flags |= EXEC_HASH_OTHER;
	conds_settle(img, &s->act, &s->m.hit);
	activity_decide(img, s);
	if (s->m.hit.allow != RULE_NONE)
		r->flags &= ~(EXEC_CHANGED | EXEC_HASH_OTHER);
	if ((r->flags & EXEC_ARGS_UNREAD) && image_has_phrases(img, KIND_EXEC) && !refused(&s->dec))
		decide_refuse(img, &s->dec, LAYER_CONTENT, RULE_NONE);
}

static __always_inline void exec_send(struct scratch *s, __u32 tier, __u32 flags)
{
	struct rec_exec *r = exec_record(s);

	r->flags |= flags;
	r->decision = s->dec;
	r->decision.tier = refused(&s->dec) ? tier : TIER_NONE;
	phrase_found(s, r->found);
	record_send_event(s, refused(&s->dec) ? RECORD_URGENT : RECORD_SOON);
}

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

#define NR_EXECVE   59
#define NR_EXECVEAT 322

/* The number of the system call at work, whatever its ABI. */
static __always_inline unsigned long exec_syscall(void)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	unsigned long number = 0;

	return bpf_probe_read_kernel(&number, sizeof(number), &regs->orig_ax) ? 0 : number;
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

/* ---- code that is loaded by another program ---- */

#define MODE_EXEC 0111 /* somebody may run it: libraries are mostly not so */

/* Numbers of other ABIs; in none of them do they map or protect memory. */
#define NR_EXECVE_32	11
#define NR_EXECVEAT_32	358
#define NR_EXECVE_X32	(0x40000000 | 520)
#define NR_EXECVEAT_X32 (0x40000000 | 545)

/* The kernel maps what it is about to run: that was decided on, and its loader is not what is meant. */
static __always_inline int exec_is_starting(void)
{
	unsigned long number = exec_syscall();

	return number == NR_EXECVE || number == NR_EXECVEAT || number == NR_EXECVE_32 ||
	       number == NR_EXECVEAT_32 || number == NR_EXECVE_X32 || number == NR_EXECVEAT_X32;
}

/*
 * Attack: have the loader run it (ld-linux.so FILE). What a program maps as code is asked for deny
 * entries alone, as an allow list names programs and not the libraries that they need. What it is
 * given as arguments is not known: entries with conditions refuse it. `hashed` is `file` where its
 * content can be looked at.
 */
static __always_inline int exec_load(struct file *file, struct file *hashed)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	const void *img;
	struct scratch *s;
	int ret = 0;

	if (exec_is_starting())
		return 0;
	img = image_current();
	if (img && !image_header(img)->kinds[KIND_EXEC].denies)
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	exec_start(img, s, 0);
	exec_inode(img, s, inode);
	if (BPF_CORE_READ(inode, i_mode) & MODE_EXEC || s->m.hit.deny != RULE_NONE ||
	    s->m.hit.conds)
		exec_names(img, s, file);
	s->m.hit.conds &= ~image_header(img)->conds.allow;
	exec_content(img, s, hashed, 0);
	s->act.flags |= ACTIVITY_ARGS_UNREAD | ACTIVITY_ENV_UNREAD;
	conds_settle(img, &s->act, &s->m.hit);
	if (s->m.hit.deny != RULE_NONE) {
		activity_decide(img, s);
		exec_send(s, TIER_LSM, EXEC_REFUSED | EXEC_LOADED);
		if (s->dec.verdict == VERDICT_KILL)
			bpf_send_signal(SIGKILL);
		ret = refused(&s->dec) ? -EPERM : 0;
	}
	scratch_release(s);
	return ret;
}

SEC("lsm/mmap_file")
int BPF_PROG(exec_map, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	if (!file || !(prot & PROT_EXEC) || !scope_current())
		return 0;
	return exec_load(file, 0);
}

/* The same where rules deny by hash. Whoever is outside pays for it that this one may sleep. */
SEC("lsm.s/mmap_file")
int BPF_PROG(exec_map_hashed, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	if (!file || !(prot & PROT_EXEC) || !scope_current())
		return 0;
	return exec_load(file, file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(exec_protect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot)
{
	struct file *file;

	if (!(prot & PROT_EXEC) || !scope_current())
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	return file ? exec_load(file, 0) : 0;
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
	__u32 tid, tgid;

	if (!scope_current())
		return 0;
	tid = BPF_CORE_READ(task, pid);
	bpf_map_delete_elem(&entered, &tid);
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	bpf_map_delete_elem(&bio_users, &tgid);
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
