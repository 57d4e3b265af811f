/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PHRASE_BPF_H
#define WARDEN_PHRASE_BPF_H

/*
 * Phrases of the content layer, found in one pass over text that comes in pieces: s->chunk holds
 * a piece, s->phrases the automata between pieces, s->phrase what was found. Phrases of conditions
 * likewise, in a pass of their own: it goes on to the end of the text.
 */

#include "warden.bpf.h"
#include "conds.h"

struct phrase_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
};

/* Not inlined, as phrase_keep() below: the stack of probes is short. */
static __noinline int phrase_init(const void *img, struct scratch *s)
{
	struct phrases *p = &s->phrases;

	for (int n = 0; n < PHRASE_WAYS; n++)
		p->state[n] = image_header(img)->phrases[n].start;
	__builtin_memset(&p->fold, 0, sizeof(p->fold));
	s->phrase = ROW_NONE;
	return 0;
}

/* The first content rule that a phrase breaks in this kind of activity, or RULE_NONE. */
static __always_inline __u32 phrase_rule(const void *img, struct scratch *s, __u32 phrase)
{
	s->act.phrase = phrase;
	return decide_content(img, &s->act);
}

/*
 * One step of automaton `n`; notes a phrase that may not stand in this kind of activity. When two
 * automata find one at the same byte, the rule that comes first counts.
 */
static __always_inline void phrase_step(const void *img, struct scratch *s, int n, __u8 byte)
{
	const struct image_dfa *dfa = &image_header(img)->phrases[n];
	__u32 *state = &s->phrases.state[n];
	__u32 class, row;

	if (!dfa->trans)
		return;
	class = image_u8(img, (__u64)dfa->classes + byte);
	*state = image_u32(img, (__u64)dfa->trans + (__u64)((*state & DFA_STATE) + class) * 4);
	if (!(*state & DFA_ACCEPT))
		return;
	row = match_dfa_accept(img, __builtin_offsetof(struct image_header, phrases) +
					    n * (__u32)sizeof(struct image_dfa), *state);
	if (phrase_rule(img, s, row) < phrase_rule(img, s, s->phrase))
		s->phrase = row;
}

static __always_inline __u8 phrase_text(const struct scratch *s, __u64 at)
{
	__u8 byte;

	opaque_value(at);
	at &= CHUNK_SIZE - 1;
	byte = s->chunk[at];
	return !byte && s->act.kind == KIND_EXEC ? ' ' : byte; /* between arguments */
}

/* Both automata of that way, whether case counts or not; true when a phrase was found. */
static __always_inline int phrase_steps(const struct phrase_ctx *c, int way, __u8 byte)
{
	phrase_step(c->img, c->s, way, byte);
	phrase_step(c->img, c->s, way | PHRASE_EXACT, byte);
	return c->s->phrase != ROW_NONE;
}

static long phrase_byte(__u32 i, void *data)
{
	struct phrase_ctx *c = data;

	return phrase_steps(c, 0, phrase_text(c->s, c->s->cursor + i));
}

/* The next byte of the text, or one that it has become by folding: those come first. */
static long phrase_byte_or_folded(__u32 i, void *data)
{
	struct phrase_ctx *c = data;
	struct phrases *p = &c->s->phrases;
	__u8 byte;

	if (p->fold.count)
		return phrase_steps(c, PHRASE_FOLDED, fold_take(&p->fold));
	if (p->at == p->end)
		return 1;
	byte = phrase_text(c->s, p->at++);
	fold_next(&p->fold, byte);
	return phrase_steps(c, 0, byte);
}

/* A byte becomes one byte or none, but for the last of an escape that turns out to be none. */
static __always_inline void phrase_scan_folded(struct phrase_ctx *c, __u32 len)
{
	struct phrases *p = &c->s->phrases;

	p->at = c->s->cursor;
	p->end = p->at + len;
	loop(2 * len + FOLD_MAX + 1, phrase_byte_or_folded, c);
}

/* Scans `len` bytes of s->chunk from s->cursor on, up to the first phrase that counts. */
static __always_inline void phrase_scan(const void *img, struct scratch *s, __u32 len)
{
	struct phrase_ctx c = {.img = img, .s = s};

	if (!image_has_phrases(img, s->act.kind & (KIND_SLOTS - 1)) || s->phrase != ROW_NONE)
		return;
	if (image_folds(img))
		phrase_scan_folded(&c, len);
	else
		loop(len, phrase_byte, &c);
}

static __always_inline void cond_byte(__u32 i, struct phrase_ctx *c, enum cond_text text)
{
	__u64 at = c->s->cursor + i;

	opaque_value(at);
	at &= CHUNK_SIZE - 1;
	conds_step(c->img, &c->s->m, text, c->s->chunk[at], &c->s->act);
}

static long cond_args_byte(__u32 i, void *data)
{
	cond_byte(i, data, COND_ARGS);
	return 0;
}

static long cond_env_byte(__u32 i, void *data)
{
	cond_byte(i, data, COND_ENV);
	return 0;
}

static long cond_hash_byte(__u32 i, void *data)
{
	cond_byte(i, data, COND_HASH);
	return 0;
}

/* Looks for what conditions ask for in `len` bytes of s->chunk from s->cursor on. */
static __always_inline void cond_scan(const void *img, struct scratch *s, __u32 len,
				      enum cond_text text)
{
	struct phrase_ctx c = {.img = img, .s = s};

	if (!conds_want(img, &s->m.hit, text))
		return;
	if (text == COND_ARGS)
		loop(len, cond_args_byte, &c);
	else if (text == COND_ENV)
		loop(len, cond_env_byte, &c);
	else
		loop(len, cond_hash_byte, &c);
}

/* Between two calls. */
static __noinline int phrase_keep(struct phrases *to, const struct phrases *from)
{
	*to = *from;
	return 0;
}

/* For the record: the scan has stopped where the phrase ended, and from there it can be named. */
static __always_inline void phrase_found(const struct scratch *s, __u32 found[PHRASE_WAYS])
{
	__builtin_memcpy(found, s->phrases.state, sizeof(s->phrases.state));
}

#endif
