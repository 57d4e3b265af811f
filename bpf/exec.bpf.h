/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_EXEC_BPF_H
#define WARDEN_EXEC_BPF_H

/* What is about to run, on its way to a decision: its names, its content, its record. */

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

#define NR_EXECVE   59
#define NR_EXECVEAT 322

/* The number of the system call at work, whatever its ABI. */
static __always_inline unsigned long exec_syscall(void)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	unsigned long number = 0;

	return bpf_probe_read_kernel(&number, sizeof(number), &regs->orig_ax) ? 0 : number;
}

#endif
