/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_TRAIL_H
#define WARDEN_AUDIT_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "audit/host.h"

/* Where trails stand by default, each named after its run: TRAIL_DIR/RUN.jsonl */
#define TRAIL_DIR    "/var/log/warden"
#define TRAIL_SUFFIX ".jsonl"

#define TRAIL_PATIENCE 1000 /* ms */

/*
 * The file that events are appended to, in the caller's thread: line by line, or many lines in one
 * write(2).
 *
 * A regular file (created 0600, appended to, locked against a second writer until the last process
 * that inherited the lock is gone) is continued where it ends. When a line cannot be written whole,
 * its beginning is cut off again, and the next one takes its place in the chain; where cutting is
 * not possible (append-only files, pipes), the rest of the line is written first by the next
 * flush.
 *
 * A file that ends in the middle of a line was left so by a crash or a power failure. When only the
 * newline is missing, it is added. Otherwise the torn piece is cut off, and a `loss` event with
 * reason "torn_line" and its length stands in its place, so that the chain holds and the trail
 * still says that a line is missing. Where it cannot be cut off it stays, as a line that verify
 * names.
 *
 * Anything else (a pipe, a terminal, "-" for stdout) gets a chain of its own from the beginning.
 * When its reader lets TRAIL_PATIENCE pass without making room, it cannot be written (-EAGAIN), and
 * later attempts do not wait until there is room again.
 *
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
 * Adds one event to those that wait. Returns 0 and the number of its line, or -errno (-EINVAL for a
 * type or verdict that does not exist, -EMSGSIZE for a line beyond CHAIN_LINE_MAX, -ENOMEM): then
 * the trail is as it was.
 */
int trail_add(struct trail *t, const struct audit_event *ev, uint64_t *ret_seq);

/* Bytes that wait. */
size_t trail_waiting(const struct trail *t);

/*
 * Writes what waits. Returns 0 when all lines were written; otherwise -errno (-ENOSPC, -EPIPE...),
 * and the lines behind the last whole one are given up: `ret_lost` says how many.
 */
int trail_flush(struct trail *t, uint64_t *ret_lost);

/* trail_add() and trail_flush(): returns what either does. */
int trail_append(struct trail *t, const struct audit_event *ev);

/* The number of the last line that was written whole, by earlier writers too; 0: there is none. */
uint64_t trail_seq(const struct trail *t);

/* Writes what waits and closes it, NULL is fine; *t becomes NULL. Returns 0 or the first -errno. */
int trail_close(struct trail **t);

/*
 * Finds the trail in `dir` that was written to last. Returns 0 and its path, to be freed; -ENOENT
 * when there is none; or -errno.
 */
int trail_newest(const char *dir, char **ret_path);

#endif
