/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_FOLD_H
#define WARDEN_FOLD_H

/*
 * Text as phrases with `space: any` see it, one byte after the other: blanks in a row are one space, and an
 * escape of a JSON string (RFC 8259, 7) is the character that it stands for, in UTF-8. That is done whatever
 * the text is; a backslash that begins no escape is a byte like others. Half a surrogate pair, which stands
 * for nothing, becomes nothing.
 *
 * A byte that goes in may bring out several, up to six: the digits of what was no escape after all. They
 * wait in `queue`, which must be empty before the next byte goes in.
 *
 * Compiled twice, like match.h. A struct fold of zeros is one that has seen nothing.
 */

#include "types.h"

enum fold_state {
	FOLD_TEXT,
	FOLD_ESCAPE, /* behind a backslash */
	FOLD_DIGITS, /* behind \u, and the states behind this one behind 1 to 3 digits */
	FOLD_DIGITS_LAST = FOLD_DIGITS + 3,
};

#define FOLD_MAX 6 /* bytes that one may bring out */

struct fold {
	__u64 queue;  /* what comes out, the first byte lowest */
	__u32 count;  /* of bytes in it */
	__u32 state;  /* enum fold_state */
	__u32 digits; /* as they were written, the last one lowest */
	__u32 high;   /* the first half of a surrogate pair, or 0 */
	__u32 blank;  /* the last byte that came out was one */
	__u32 reserved;
};

static __always_inline int fold_is_blank(__u32 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static __always_inline void fold_put(struct fold *f, __u32 c)
{
	__u32 blank = fold_is_blank(c);

	if (blank && f->blank)
		return;
	f->blank = blank;
	f->queue |= (__u64)(blank ? ' ' : c) << (f->count & 7) * 8;
	f->count++;
}

/* The first of the bytes that wait, of which there must be one. */
static __always_inline __u8 fold_take(struct fold *f)
{
	__u8 c = f->queue;

	f->queue >>= 8;
	f->count--;
	return c;
}

/* A character, in UTF-8. */
static __always_inline void fold_put_character(struct fold *f, __u32 c)
{
	if (c < 0x80) {
		fold_put(f, c);
		return;
	}
	if (c < 0x800) {
		fold_put(f, 0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			fold_put(f, 0xe0 | c >> 12);
		} else {
			fold_put(f, 0xf0 | c >> 18);
			fold_put(f, 0x80 | (c >> 12 & 0x3f));
		}
		fold_put(f, 0x80 | (c >> 6 & 0x3f));
	}
	fold_put(f, 0x80 | (c & 0x3f));
}

/* What a hexadecimal digit counts, or 16. */
static __always_inline __u32 fold_hex(__u32 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Four digits -> the character, or half of one. */
static __always_inline void fold_unit(struct fold *f)
{
	__u32 d = f->digits;
	__u32 unit = fold_hex(d >> 24) << 12 | fold_hex(d >> 16 & 0xff) << 8 |
		     fold_hex(d >> 8 & 0xff) << 4 | fold_hex(d & 0xff);
	__u32 high = f->high;

	f->high = unit >> 10 == 0xd800 >> 10 ? unit : 0;
	if (f->high)
		return;
	if (unit >> 10 != 0xdc00 >> 10)
		fold_put_character(f, unit);
	else if (high)
		fold_put_character(f, 0x10000 + ((high & 0x3ff) << 10 | (unit & 0x3ff)));
}

/* A byte that is in no escape. */
static __always_inline void fold_plain(struct fold *f, __u32 c)
{
	f->high = 0;
	fold_put(f, c);
}

/* The byte behind a backslash. */
static __always_inline void fold_escape(struct fold *f, __u32 c)
{
	f->state = FOLD_TEXT;
	if (c == 'u') {
		f->state = FOLD_DIGITS;
		f->digits = 0;
		return;
	}
	f->high = 0;
	if (c == 'n' || c == 't' || c == 'r' || c == 'f') {
		fold_put(f, ' ');
	} else if (c == 'b') {
		fold_put(f, '\b');
	} else {
		if (c != '"' && c != '\\' && c != '/')
			fold_put(f, '\\');
		fold_put(f, c);
	}
}

/* What was written is no escape: so it stands for itself. */
static __always_inline void fold_undo(struct fold *f)
{
	__u32 n = f->state - FOLD_DIGITS;

	f->high = 0;
	fold_put(f, '\\');
	fold_put(f, 'u');
	if (n > 2)
		fold_put(f, f->digits >> 16 & 0xff);
	if (n > 1)
		fold_put(f, f->digits >> 8 & 0xff);
	if (n > 0)
		fold_put(f, f->digits & 0xff);
	f->state = FOLD_TEXT;
}

/* Takes the next byte of the text. */
static __always_inline void fold_next(struct fold *f, __u32 c)
{
	if (f->state == FOLD_ESCAPE) {
		fold_escape(f, c);
		return;
	}
	if (f->state >= FOLD_DIGITS) {
		if (fold_hex(c) < 16) {
			f->digits = f->digits << 8 | c;
			f->state++;
			if (f->state > FOLD_DIGITS_LAST) {
				f->state = FOLD_TEXT;
				fold_unit(f);
			}
			return;
		}
		fold_undo(f);
	}
	if (c == '\\')
		f->state = FOLD_ESCAPE;
	else
		fold_plain(f, c);
}

#endif
