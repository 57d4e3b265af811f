/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_BUF_H
#define WARDEN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A byte buffer that grows. All zeros is an empty one. When memory runs out it stays as it is and
 * `failed` is set; every later addition does nothing, so that a caller who adds many things asks
 * once, at the end, by buf_error(). The bytes are not NUL-terminated.
 */
struct buf {
	char *data; /* owned; NULL while nothing was added */
	size_t len;
	size_t cap;
	bool failed;
};

void buf_free(struct buf *b);

/* Forgets the content and any failure; keeps the memory. */
void buf_reset(struct buf *b);

/* Makes room for `more` bytes behind the content. Returns 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);

/* 0, or -ENOMEM when an addition failed since the last reset. */
int buf_error(const struct buf *b);

/* Appends a formatted string, without its NUL. */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends a number in decimal, exact over the whole range. */
void buf_add_u64(struct buf *b, uint64_t v);

/* Appends the base64 text (RFC 4648, padded) of `len` bytes. */
void buf_add_base64(struct buf *b, const void *data, size_t len);

static inline void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len || b->failed || (b->cap - b->len < len && buf_reserve(b, len) < 0))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

#define _buf_ __attribute__((cleanup(buf_free)))

#endif
