/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BROKER_H
#define WARDEN_BROKER_H

/*
 * Brokers whose unix sockets act for the caller outside of its workload (policy/brokers.c has the list;
 * for those that act because of a file see file.bpf.c). They have a table of their own in the image. Rules that a policy writes know a socket by the
 * path as it is passed, and refuse other spellings; brokers are in every policy, where that would
 * refuse each program that reaches a socket of its own as ./sock. So a path is made plain first.
 */

#include "match.h"

#define PLAIN_SIZE 16384U /* of the buffer where a plain path is built, from its end on backwards */

/* What a callback sees; what changes is in the matcher (match.h). */
struct plain_ctx {
	const __u8 *name; /* NAME_SIZE bytes */
	__u8 *out;	  /* PLAIN_SIZE bytes */
	struct matcher *m;
};

/* A segment ends at the slash before it: it stays, or goes with the `..` behind it. */
static __always_inline void plain_segment(struct plain_ctx *c)
{
	struct matcher *m = c->m;
	__u64 at;

	if (m->state == SEGMENT_NAME && !m->span) {
		at = m->at - 1;
		m->at = m->low = at;
		opaque_value(at);
		at &= PLAIN_SIZE - 1;
		c->out[at] = '/';
		return;
	}
	if (m->state == SEGMENT_DOTS)
		m->span++;
	else if (m->state == SEGMENT_NAME)
		m->span--;
	m->at = m->low;
}

static long plain_byte(__u32 i, void *data)
{
	struct plain_ctx *c = data;
	struct matcher *m = c->m;
	__u64 from = (__u64)m->len - 1 - i;
	__u64 at;
	__u8 byte;

	opaque_value(from);
	from &= NAME_SIZE - 1;
	byte = c->name[from];
	if (byte == '/') {
		plain_segment(c);
		m->state = SEGMENT_EMPTY;
		return 0;
	}
	at = m->at - 1;
	m->at = at;
	opaque_value(at);
	at &= PLAIN_SIZE - 1;
	c->out[at] = byte;
	if (byte == '.' && m->state < SEGMENT_DOTS)
		m->state++;
	else
		m->state = SEGMENT_NAME;
	return 0;
}

/*
 * Builds an absolute path of `len` bytes anew, without empty and dot segments. It ends at the end of
 * `out`; returns its length, less than NAME_SIZE. What `..` means behind a symbolic link is not known.
 */
static __always_inline __u32 broker_plain(const __u8 *name, __u32 len, __u8 *out, struct matcher *m)
{
	struct plain_ctx c = {.name = name, .out = out, .m = m};

	m->len = len & (NAME_SIZE - 1);
	m->at = m->low = PLAIN_SIZE;
	m->span = 0; /* segments to leave out */
	m->state = SEGMENT_EMPTY;
	loop(len & (NAME_SIZE - 1), plain_byte, &c);
	return PLAIN_SIZE - m->at;
}

static __always_inline int broker_any(const void *img)
{
	return match_has_names(img, __builtin_offsetof(struct image_header, text) +
					    TEXT_BROKER * (__u32)sizeof(struct image_text));
}

#endif
