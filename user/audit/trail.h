/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_TRAIL_H
#define WARDEN_AUDIT_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/event.h"
#include "audit/host.h"

/* Where trails stand by default, each named after its run: TRAIL_DIR/RUN.jsonl */
#define TRAIL_DIR    "/var/log/warden"
#define TRAIL_SUFFIX ".jsonl"

/*
 * The file that events are appended to, one write(2) a line, in the caller's thread.
 *
 * A regular file (created 0600, appended to, locked against a second writer until the last process
 * that inherited the lock is gone) is continued where it ends. When a line cannot be written whole,
 * its beginning is cut off again, and the next one takes its place in the chain; where cutting is
 * not possible (append-only files, pipes), the rest of the line is written first by the next
 * append.
 *
 * A file that ends in the middle of a line was left so by a crash or a power failure. When only the
 * newline is missing, it is added. Otherwise the torn piece is cut off, and a `loss` event with
 * reason "torn_line" and its length stands in its place, so that the chain holds and the trail
 * still says that a line is missing. Where it cannot be cut off it stays, as a line that verify
 * names.
 *
 * Anything else (a pipe, a terminal, "-" for stdout) gets a chain of its own from the beginning.
 * Callers ignore SIGPIPE and SIGXFSZ, to see -EPIPE and -EFBIG.
 */
struct trail;

struct trail_options {
	const char *path; /* "-" is stdout */
	const char *dir;  /* created 0700 when missing and `path` is in it; NULL: none */
	const struct audit_host *host; /* written into each line; copied; NULL: not known */
	bool sync;                     /* trail_close() waits until all is on the disk */
};

/*
 * Returns 0; -EBUSY: somebody else writes it; -EBADMSG: it does not end in an audit line, so it is
 * no trail or was changed, and is left alone; or the -errno of opening, reading or writing it.
 */
int trail_open(struct trail **ret, const struct trail_options *options);

/*
 * Writes one event. Returns 0 when the whole line was written. Otherwise -errno (-ENOSPC,
 * -EPIPE..., -EINVAL for a type or verdict that does not exist, -EMSGSIZE for a line beyond
 * CHAIN_LINE_MAX): the trail is as it was and the next append may succeed.
 */
int trail_append(struct trail *t, const struct audit_event *ev);

/* The last whole line's number, of earlier writers too; 0 when there is none. */
uint64_t trail_seq(const struct trail *t);

/* Closes it, NULL is fine, and sets *t to NULL. Returns 0 or the -errno of fsync() or close(). */
int trail_close(struct trail **t);

/*
 * Finds the trail in `dir` that was written to last. Returns 0 and its path, to be freed; -ENOENT
 * when there is none; or -errno.
 */
int trail_newest(const char *dir, char **ret_path);

#endif
