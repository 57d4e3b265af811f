/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ARGS_BPF_H
#define WARDEN_ARGS_BPF_H

/*
 * The arguments and the environment that a new program has on its stack, in pieces: scanned for what
 * rules ask for, and the beginning of the arguments kept for the record.
 */


#include "phrase.bpf.h"

#define ARGS_KEEP   4096 /* bytes of arguments that go into the record */
#define ARGS_CHUNKS 400	 /* of 16 KiB: more than the 6 MiB that a kernel passes at most */
#define ARGS_EARLY  512	 /* arguments, and variables, looked at before the point of no return */

struct args_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
};

static __always_inline struct rec_exec *exec_record(struct scratch *s)
{
	return (struct rec_exec *)s->record;
}

/* Bytes from s->cursor on in the chunk: s->aux NULs are still to come. Stops behind the last. */
static long args_count_nul(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 at = i;

	opaque_value(at);
	at &= CHUNK_SIZE - 1;
	if (c->s->chunk[at])
		return 0;
	if (c->s->aux <= 1) {
		c->s->aux = 0;
		c->s->count = i + 1;
		return 1;
	}
	c->s->aux--;
	return 0;
}

/* True when an entry that was hit asks for more than the name. */
static __always_inline int exec_asks(const void *img, const struct scratch *s)
{
	return conds_want(img, &s->m.hit, COND_ARGS) || conds_want(img, &s->m.hit, COND_ENV);
}

/* A phrase was found that denies, whatever the rest says. */
static __always_inline int args_enough(const void *img, const struct scratch *s)
{
	return s->phrase != ROW_NONE && !exec_asks(img, s);
}

/*
 * One piece of arguments is in the chunk, `len` bytes: scans it and keeps the beginning. Returns how
 * many of the bytes are arguments.
 */
static __always_inline __u32 args_piece(const void *img, struct scratch *s, __u32 len)
{
	struct args_ctx c = {.img = img, .s = s};
	struct rec_exec *r = exec_record(s);
	__u32 keep;

	s->count = len;
	loop(len, args_count_nul, &c);
	len = s->count;
	if (!r->args_len) {
		keep = len < ARGS_KEEP ? len : ARGS_KEEP;
		r->args_len = record_append(s, s->chunk, keep);
		if (keep < len)
			r->flags |= EXEC_ARGS_CUT;
	} else {
		r->flags |= EXEC_ARGS_CUT;
	}
	s->cursor = 0;
	phrase_scan(img, s, len);
	cond_scan(img, s, len, COND_ARGS);
	return len;
}

/* The next `n` bytes of the s->left at user address s->cursor are in the chunk, or cannot be read. */
static __always_inline long args_advance(struct args_ctx *c, long error, __u64 at, __u64 n)
{
	struct scratch *s = c->s;

	if (error) {
		exec_record(s)->flags |= EXEC_ARGS_UNREAD;
		loss_add(LOSS_ARGS, s->left);
		return 1;
	}
	n = args_piece(c->img, s, n);
	s->left -= n;
	s->cursor = at + n;
	return !s->aux || !s->left || args_enough(c->img, s);
}

/* All arguments must have been seen; a phrase that was found is reason enough to stop. */
static __always_inline void args_end(const void *img, struct scratch *s)
{
	if (!s->aux || args_enough(img, s))
		return;
	exec_record(s)->flags |= EXEC_ARGS_UNREAD;
	s->act.flags |= ACTIVITY_ARGS_UNREAD;
}

static long args_chunk_sleepable(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 n = chunk_next(c->s->left);
	__u64 at = c->s->cursor;

	return args_advance(c, bpf_copy_from_user(c->s->chunk, n, (void *)at), at, n);
}

static long args_chunk(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 n = chunk_next(c->s->left);
	__u64 at = c->s->cursor;

	return args_advance(c, bpf_probe_read_user(c->s->chunk, n, (void *)at), at, n);
}

/* The same of the environment. It is looked at, and goes into no record. */
static __always_inline long env_advance(struct args_ctx *c, long error, __u64 at, __u64 n)
{
	struct scratch *s = c->s;

	if (error) {
		loss_add(LOSS_ARGS, s->left);
		return 1;
	}
	s->cursor = 0;
	cond_scan(c->img, s, n, COND_ENV);
	s->left -= n;
	s->cursor = at + n;
	return !s->left;
}

static long env_chunk_sleepable(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 n = chunk_next(c->s->left);
	__u64 at = c->s->cursor;

	return env_advance(c, bpf_copy_from_user(c->s->chunk, n, (void *)at), at, n);
}

static long env_chunk(__u32 i, void *data)
{
	struct args_ctx *c = data;
	__u64 n = chunk_next(c->s->left);
	__u64 at = c->s->cursor;

	return env_advance(c, bpf_probe_read_user(c->s->chunk, n, (void *)at), at, n);
}

static __always_inline void env_end(struct scratch *s)
{
	if (s->left)
		s->act.flags |= ACTIVITY_ENV_UNREAD;
}

#endif
