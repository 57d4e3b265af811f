/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CONDS_H
#define WARDEN_CONDS_H

/*
 * Conditions of entries: which phrases a program's arguments and environment have, which hash its
 * file has, and which of the entries that match its name decide then. Like match.h and decide.h it is
 * compiled twice.
 */

#include "decide.h"
#include "match.h"

/* For activities of the kind exec: nothing was seen yet. */
static __always_inline void conds_init(struct activity *a)
{
	a->seen[COND_ARGS].any = a->seen[COND_ARGS].none = 0;
	a->seen[COND_ENV].any = a->seen[COND_ENV].none = 0;
	a->seen[COND_HASH].any = a->seen[COND_HASH].none = 0;
}

/* True when an entry that was hit asks for that text. */
static __always_inline int conds_want(const void *img, const struct image_row *hit,
				      enum cond_text text)
{
	const struct cond_bits *need = &image_header(img)->conds.need[text];

	return (hit->conds & (need->any | need->none)) != 0;
}

/* Begins a text: the state between its bytes is in m->table and m->state. */
static __always_inline void conds_begin(const void *img, struct matcher *m, enum cond_text text)
{
	m->table = __builtin_offsetof(struct image_header, conds.dfas) +
		   text * (__u32)sizeof(struct image_dfa);
	m->state = image_header(img)->conds.dfas[text].start;
}

/* One more byte of the text; a NUL ends each argument, and each variable. */
static __always_inline void conds_step(const void *img, struct matcher *m, enum cond_text text,
				       __u8 byte, struct activity *a)
{
	struct cond_bits *seen = &a->seen[text];
	__u32 class;
	__u64 at;

	if (!byte)
		byte = text == COND_ARGS ? ' ' : '\n';
	class = image_u8(img, (__u64)image_u32(img, m->table) + byte);
	m->state = image_u32(img, (__u64)image_u32(img, (__u64)m->table + 4) +
					  (__u64)((m->state & DFA_STATE) + class) * 4);
	if (!(m->state & DFA_ACCEPT))
		return;
	at = (__u64)image_header(img)->conds.rows +
	     (__u64)match_dfa_accept(img, m->table, m->state) * sizeof(struct cond_bits);
	seen->any |= image_u64(img, at);
	seen->none |= image_u64(img, at + 8);
}

/* Entries are in `sure` when their conditions hold, and in `maybe` when that is not known, too. */
struct conds_held {
	__u64 sure;
	__u64 maybe;
};

static __always_inline void conds_ask(const struct cond_bits *need, const struct cond_bits *seen,
				      __u32 unread, struct conds_held *held)
{
	__u64 fails = (need->any & ~seen->any) | seen->none;
	__u64 unknown = unread ? need->any | need->none : 0;

	held->sure &= ~(fails | unknown);
	held->maybe &= ~fails | unknown;
}

/* The rule of the first of the entries, or RULE_NONE. */
static __always_inline __u32 conds_first(const void *img, __u64 entries)
{
	__u64 n = (entries & -entries) - 1; /* as many bits as there are entries before it */

	if (!entries)
		return RULE_NONE;
	n -= n >> 1 & 0x5555555555555555ULL;
	n = (n & 0x3333333333333333ULL) + (n >> 2 & 0x3333333333333333ULL);
	n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	n = n * 0x0101010101010101ULL >> 56;
	return image_u32(img, (__u64)image_header(img)->conds.rules + n * 4);
}

/*
 * Makes of what the names of a program hit what counts, for decide(): adds the entries whose
 * conditions hold, and takes away what does not admit a changed file. Where a text is not known, an
 * entry that refuses counts and one that admits does not; the other way round when all is asked
 * again. But for the hash, of which nobody will know more then.
 */
static __always_inline void conds_settle(const void *img, const struct activity *a,
					 struct image_row *hit)
{
	const struct image_conds *c = &image_header(img)->conds;
	struct conds_held held = {.sure = hit->conds, .maybe = hit->conds};
	__u64 other = c->need[COND_HASH].any & ~a->seen[COND_HASH].any; /* have another hash */
	__u64 refuse, admit;

	conds_ask(&c->need[COND_ARGS], &a->seen[COND_ARGS], a->flags & ACTIVITY_ARGS_UNREAD, &held);
	conds_ask(&c->need[COND_ENV], &a->seen[COND_ENV], a->flags & ACTIVITY_ENV_UNREAD, &held);
	refuse = a->flags & ACTIVITY_LATER ? held.sure : held.maybe;
	admit = a->flags & ACTIVITY_LATER ? held.maybe : held.sure;
	refuse &= a->flags & ACTIVITY_HASH_UNREAD ? ~0ULL : ~other;
	admit &= ~other;
	if (a->flags & ACTIVITY_CHANGED) {
		hit->allow = hit->changed;
		admit &= c->changed;
	}
	hit->deny = match_min(hit->deny, conds_first(img, refuse & c->deny));
	hit->audit = match_min(hit->audit, conds_first(img, refuse & c->audit));
	hit->allow = match_min(hit->allow, conds_first(img, admit & c->allow));
}

#endif
