/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_WAITING_H
#define WARDEN_AUDIT_WAITING_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/chain.h"
#include "base/buf.h"

/*
 * Lines of a trail that wait to be written, many in one write(2), and how far they came when they
 * could not be. All zeros is none.
 */
struct waiting {
	struct buf text;	    /* the lines, without what is in the file already */
	struct waiting_line *lines; /* owned; in order */
	size_t count, room;
	size_t torn;  /* bytes of the first line that are in the file already */
	int patience; /* ms for which a reader who does not read is waited for; 0: it is a file */
	bool stuck;   /* he was, in vain */
};

struct waiting_line {
	size_t end;	    /* in `text` */
	struct chain chain; /* as it stands behind this line */
};

/* Adds a whole line, newline included. Returns 0, or -ENOMEM and nothing has changed. */
int waiting_add(struct waiting *w, const struct buf *line, const struct chain *chain);

/*
 * Writes what waits; `chain` moves on to the last line that is whole in the file, and those lines
 * wait no more. Returns 0 when that were all, -EAGAIN when nobody reads it, or the -errno of
 * write(2).
 */
int waiting_write(struct waiting *w, int fd, struct chain *chain);

/* Gives up all lines but the first `keep`. Returns how many that were. */
size_t waiting_drop(struct waiting *w, size_t keep);

void waiting_free(struct waiting *w);

#endif
