/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_TAIL_H
#define WARDEN_AUDIT_TAIL_H

#include <stdbool.h>

#include "audit/chain.h"

/* How a trail ends, which is where the next writer goes on. */
struct tail {
	struct chain chain; /* as of its last good line */
	char id[ULID_TEXT]; /* that line's, or "" */
	bool unterminated;  /* that line is whole but for its newline */
	struct buf torn;    /* the piece of a line behind it; empty when there is none */
};

/*
 * Reads the end of an open trail; changes nothing. Returns 0 (an empty file is a trail that has not
 * begun); -EBADMSG when what stands there is no audit line, so that the file is none of ours or was
 * changed; or -errno. tail_free() frees it after either.
 */
int tail_read(int fd, struct sha256 *sha, struct tail *ret);

void tail_free(struct tail *t);

#endif
