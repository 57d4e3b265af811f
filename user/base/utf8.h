/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_UTF8_H
#define WARDEN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* UTF-8 as the Unicode standard defines it (table 3-7): no surrogates, nothing overlong, nothing
 * above U+10FFFF. */

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Looks at the sequence at `s`; `len` > 0. Returns its length, 1 to 4, when it is well-formed; else
 * the negative count of bytes that stand for one U+FFFD (the longest beginning of a sequence that
 * is there, else one byte), as the standard recommends.
 */
int utf8_step(const char *s, size_t len);

bool utf8_valid(const char *s, size_t len);

/* The length without a last sequence that was cut off in its middle. */
size_t utf8_whole(const char *s, size_t len);

/*
 * How many of the first bytes are printable ASCII other than quote and backslash: what nearly all
 * text is made of, and what a JSON string takes as it is. Eight bytes at a time.
 */
size_t utf8_plain(const char *s, size_t len);

/*
 * Appends text for a person's terminal: what could move the cursor, hide or reorder text (control
 * characters, line separators, bidirectional overrides) and invalid bytes become visible escapes:
 * \n \t \x1b \u202e. Backslashes stay as they are: this is for reading, not for parsing.
 */
void utf8_visible(struct buf *out, const char *s, size_t len);

#endif
