/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RECORDER_H
#define WARDEN_RECORDER_H

/*
 * The trail of a run, and what holds while it cannot be written. Events that found no room are
 * counted; the next one that does is preceded by a `loss` event that says how many.
 */

#include "audit/trail.h"

#define RECORDER_BATCH ((size_t)256 << 10) /* bytes that wait, at most and one event more */

struct recorder {
	struct trail *trail;
	int error;	    /* -errno while the trail cannot be written, else 0 */
	uint64_t unwritten; /* events since then */
	uint64_t waiting;   /* events that wait to be written */
	uint64_t said;	    /* of `unwritten`, by a `loss` event that waits */
	/* Called when `error` goes from 0 to an error or back. */
	void (*changed)(void *ctx, const struct recorder *r);
	void *ctx;
};

/*
 * Takes an event, which is written by the next flush at the latest; at once while the last attempt
 * has failed. Returns its line's number in the trail, or 0 when it could not be written.
 */
uint64_t recorder_put(struct recorder *r, const struct audit_event *ev);

/* Writes what waits. */
void recorder_flush(struct recorder *r);

#endif
