/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_LINES_H
#define WARDEN_AUDIT_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Reads a trail line by line from a file, pipe or terminal, also while it grows. */
struct lines {
	int fd;          /* borrowed */
	uint64_t number; /* of the line last returned, from 1 */
	struct buf buf;
	size_t start;   /* of the next line in `buf` */
	size_t scanned; /* up to here `buf` holds no further newline */
};

/*
 * Reads on to the next whole line. Returns 1 and the line without its newline, valid until the next
 * call; 0 at the end of the file, where it may be called again to read what was written since; or
 * -errno, -EMSGSIZE when a line is longer than CHAIN_LINE_MAX.
 */
int lines_next(struct lines *l, const char **ret_line, size_t *ret_len);

/* At the end of the file: the bytes behind the last newline, 0 when there are none. */
static inline size_t lines_rest(const struct lines *l)
{
	return l->buf.len - l->start;
}

/* Forgets what was read, to begin anew at another place of the file. */
void lines_reset(struct lines *l);

void lines_free(struct lines *l);

#endif
