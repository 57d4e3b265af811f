/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "audit/chain.h"

#define LINES_BLOCK ((size_t)64 << 10)

/* Reads one block behind what is there. Returns the bytes read, 0 at the end, or -errno. */
static ssize_t fill(struct lines *l)
{
	ssize_t n;

	if (l->start) {
		l->buf.len -= l->start;
		l->scanned -= l->start;
		memmove(l->buf.data, l->buf.data + l->start, l->buf.len);
		l->start = 0;
	}
	if (l->buf.len >= CHAIN_LINE_MAX)
		return -EMSGSIZE;
	if (buf_reserve(&l->buf, LINES_BLOCK) < 0)
		return -ENOMEM;
	do
		n = read(l->fd, l->buf.data + l->buf.len, LINES_BLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	l->buf.len += (size_t)n;
	return n;
}

int lines_next(struct lines *l, const char **ret_line, size_t *ret_len)
{
	for (;;) {
		size_t fresh = l->buf.len - l->scanned;
		char *end = fresh ? memchr(l->buf.data + l->scanned, '\n', fresh) : NULL;
		ssize_t n;

		if (end) {
			*ret_line = l->buf.data + l->start;
			*ret_len = (size_t)(end - *ret_line);
			l->start += *ret_len + 1;
			l->scanned = l->start;
			l->number++;
			return 1;
		}
		l->scanned = l->buf.len;
		n = fill(l);
		if (n <= 0)
			return (int)n;
	}
}

void lines_reset(struct lines *l)
{
	buf_reset(&l->buf);
	l->start = l->scanned = 0;
	l->number = 0;
}

void lines_free(struct lines *l)
{
	buf_free(&l->buf);
	lines_reset(l);
}
