/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PHRASE_BPF_H
#define WARDEN_PHRASE_BPF_H

/*
 * Phrases of the content layer, found in one pass over text that comes in pieces: s->chunk holds
 * a piece, s->state the two automata between pieces, s->phrase what was found. Phrases of conditions
 * likewise, in a pass of their own: it goes on to the end of the text.
 */

#include "warden.bpf.h"
#include "conds.h"

struct phrase_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
};

static __always_inline void phrase_init(const void *img, struct scratch *s)
{
	s->state[0] = image_header(img)->phrases[0].start;
	s->state[1] = image_header(img)->phrases[1].start;
	s->phrase = ROW_NONE;
}

/* The first content rule that a phrase breaks in this kind of activity, or RULE_NONE. */
static __always_inline __u32 phrase_rule(const void *img, struct scratch *s, __u32 phrase)
{
	s->act.phrase = phrase;
	return decide_content(img, &s->act);
}

/*
 * One step of automaton `n`; notes a phrase that may not stand in this kind of activity. When both
 * automata find one at the same byte, the rule that comes first counts.
 */
static __always_inline void phrase_step(const void *img, struct scratch *s, int n, __u8 byte)
{
	const struct image_dfa *dfa = &image_header(img)->phrases[n];
	__u32 class, row;

	if (!dfa->trans)
		return;
	class = image_u8(img, (__u64)dfa->classes + byte);
	s->state[n] = image_u32(img, (__u64)dfa->trans +
					     (__u64)((s->state[n] & DFA_STATE) + class) * 4);
	if (!(s->state[n] & DFA_ACCEPT))
		return;
	row = match_dfa_accept(img, __builtin_offsetof(struct image_header, phrases) +
					    n * (__u32)sizeof(struct image_dfa), s->state[n]);
	if (phrase_rule(img, s, row) < phrase_rule(img, s, s->phrase))
		s->phrase = row;
}

static long phrase_byte(__u32 i, void *data)
{
	struct phrase_ctx *c = data;
	__u64 at = c->s->cursor + i;
	__u8 byte;

	opaque_value(at);
	at &= CHUNK_SIZE - 1;
	byte = c->s->chunk[at];
	if (!byte && c->s->act.kind == KIND_EXEC)
		byte = ' '; /* between arguments */
	phrase_step(c->img, c->s, 0, byte);
	phrase_step(c->img, c->s, 1, byte);
	return c->s->phrase != ROW_NONE;
}

/* Scans `len` bytes of s->chunk from s->cursor on, up to the first phrase that counts. */
static __always_inline void phrase_scan(const void *img, struct scratch *s, __u32 len)
{
	struct phrase_ctx c = {.img = img, .s = s};

	if (image_has_phrases(img, s->act.kind & (KIND_SLOTS - 1)) && s->phrase == ROW_NONE)
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

/* For the record: the scan has stopped where the phrase ended, and from there it can be named. */
static __always_inline void phrase_found(const struct scratch *s, __u32 found[2])
{
	found[0] = s->state[0];
	found[1] = s->state[1];
}

#endif
