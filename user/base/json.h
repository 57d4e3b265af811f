/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_JSON_H
#define WARDEN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Writing JSON (RFC 8259) straight into a buffer, with the commas set by what stands before. A
 * `key` of NULL writes an element of an array (or the value at the top); keys are plain ASCII that
 * needs no escape. Numbers are exact over 64 bits. Strings are always valid UTF-8: each run of
 * bytes that is not becomes U+FFFD. Errors stay in the buffer (buf_error()).
 */
void json_text(struct buf *b, const char *key, const char *s, size_t len);
void json_u64(struct buf *b, const char *key, uint64_t v);
void json_bool(struct buf *b, const char *key, bool v);
void json_base64(struct buf *b, const char *key, const void *data, size_t len);

/* Opens an object or array, `bracket` is '{' or '['. Returns the mark that json_close() takes. */
size_t json_open(struct buf *b, const char *key, char bracket);

/* Closes it. */
void json_close(struct buf *b, char bracket);

/* Closes it, or takes it back altogether, key and comma too, when nothing was put into it. */
void json_close_or_drop(struct buf *b, size_t mark, char bracket);

/* A NULL string is absent: nothing is written. */
static inline void json_str(struct buf *b, const char *key, const char *s)
{
	if (s)
		json_text(b, key, s, strlen(s));
}

/*
 * Reading: checks that `text` is one JSON object, by the letter of RFC 8259 and with valid UTF-8,
 * nested at most JSON_DEPTH deep, and calls `fn` for each of its own members, in order, with the
 * key as it is written (without quotes) and the text of the value. A negative result of `fn` ends
 * the scan and is returned. Allocates nothing and converts no number, so all digits survive.
 *
 * Returns 0; -EBADMSG when it is not such an object, with the offset of the offence in `ret_at`.
 */
#define JSON_DEPTH 64
typedef int (*json_member_fn)(void *arg, const char *key, size_t key_len, const char *value,
			      size_t value_len);
int json_scan(const char *text, size_t len, json_member_fn fn, void *arg, size_t *ret_at);

#endif
