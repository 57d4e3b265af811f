/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SHAPE_H
#define WARDEN_SHAPE_H

/*
 * Does a stream begin like a request of HTTP, whatever its method? One byte after the other, with a
 * number for a state, so that the size of the pieces does not matter:
 *
 *   blanks and blank lines, a word, blanks, and then
 *     /                    a path: known at once
 *     http: or https:      the same
 *     another word, blanks, HTTP/      what is asked of a proxy, CONNECT, PRI, or badly written
 *
 * A blank is what one server or another takes for one (Python's split(), for example). The methods
 * are not listed: what a server does with one that it does not know is up to the server.
 */

#include "types.h"

enum shape {
	SHAPE_START,   /* blanks and blank lines */
	SHAPE_WORD,    /* in the first word */
	SHAPE_GAP,     /* behind it */
	SHAPE_TARGET,  /* in the second word, of which `step` letters are those of "http" */
	SHAPE_VERSION, /* behind it; `step` letters are those of "HTTP/" */
	SHAPE_HTTP,    /* it does */
	SHAPE_OTHER,   /* it does not */
};

#define SHAPE_STEP 8 /* bits of the state below `step` */
#define SHAPE_MAX  16384 /* bytes after which a stream that is still undecided is taken for a request */

static __always_inline __u32 shape_of(__u32 state)
{
	return state & ((1U << SHAPE_STEP) - 1);
}

/* A blank between two words of one line. */
static __always_inline int shape_is_blank(__u32 c)
{
	return c == ' ' || c == '\t' || (c >= 0x0b && c <= 0x0d) || (c >= 0x1c && c <= 0x1f) ||
	       c == 0x85 || c == 0xa0;
}

/* A token of RFC 9110, of which methods consist. */
static __always_inline int shape_is_token(__u32 c)
{
	const __u64 low = 0x03ff6cfa00000000ULL;  /* ! # $ % & ' * + - . and digits */
	const __u64 high = 0x57ffffffc7fffffeULL; /* letters and ^ _ ` | ~ */

	return c < 128 && ((c < 64 ? low : high) >> (c & 63) & 1);
}

/* The letter of "http/" at that place. */
static __always_inline __u32 shape_letter(__u32 step)
{
	return 0x2f70747468ULL >> (step & 7) * 8 & 0xff;
}

static __always_inline __u32 shape_target(__u32 step, __u32 c)
{
	if (c < ' ' || c == 0x7f)
		return SHAPE_OTHER;
	if (step >= 4 && c == ':')
		return SHAPE_HTTP;
	if ((step >= 1 && step < 4 && (c | 0x20) == shape_letter(step)) ||
	    (step == 4 && (c | 0x20) == 's'))
		return SHAPE_TARGET | (step + 1) << SHAPE_STEP;
	return SHAPE_TARGET;
}

static __always_inline __u32 shape_version(__u32 step, __u32 c)
{
	if ((c | 0x20) != shape_letter(step))
		return SHAPE_OTHER;
	return step == 4 ? SHAPE_HTTP : SHAPE_VERSION | (step + 1) << SHAPE_STEP;
}

/* The state behind one more byte; 0 is the first. SHAPE_HTTP and SHAPE_OTHER stay. */
static __always_inline __u32 shape_next(__u32 state, __u32 c)
{
	__u32 step = state >> SHAPE_STEP;

	switch (shape_of(state)) {
	case SHAPE_START:
		if (shape_is_blank(c) || c == '\n')
			return SHAPE_START;
		return shape_is_token(c) ? SHAPE_WORD : SHAPE_OTHER;
	case SHAPE_WORD:
		if (shape_is_blank(c))
			return SHAPE_GAP;
		return shape_is_token(c) ? SHAPE_WORD : SHAPE_OTHER;
	case SHAPE_GAP:
		if (shape_is_blank(c))
			return SHAPE_GAP;
		if (c == '/')
			return SHAPE_HTTP;
		return (c | 0x20) == 'h' ? SHAPE_TARGET | 1 << SHAPE_STEP : shape_target(0, c);
	case SHAPE_TARGET:
		return shape_is_blank(c) ? SHAPE_VERSION : shape_target(step, c);
	case SHAPE_VERSION:
		if (!step && shape_is_blank(c))
			return SHAPE_VERSION;
		return shape_version(step, c);
	}
	return state;
}

#endif
