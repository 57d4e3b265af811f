/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_WATCH_INTERNAL_H
#define WARDEN_WATCH_INTERNAL_H

/* Shared by the files that watch a run; nobody else includes it. */

#include <sys/resource.h>

#include "base/map.h"
#include "base/time.h"
#include "cgroup.h"
#include "exes.h"
#include "kernel.h"
#include "libraries.h"
#include "losses.h"
#include "order.h"
#include "recorder.h"
#include "resolving.h"
#include "session/session.h"
#include "signals.h"
#include "watch.h"

#define KILL_WAIT_MS 5000 /* for processes to end that were killed */

struct watch {
	const struct watch_options *o;
	struct cgroup cgroup;
	struct kernel *kernel;
	struct session *session;
	struct recorder recorder;
	struct order order;
	struct libraries libraries;
	size_t held; /* processes that wait for us to look at what they map */
	struct map gone; /* processes that have ended: by tgid */
	uint64_t forgot; /* when the objects of such were removed last: CLOCK_MONOTONIC, ns */
	uint64_t swept;	 /* when names of addresses were looked through last, the same */
	uint64_t swept_pipes; /* and standard streams */
	uint64_t missed_pipes; /* as of the last look: kernel_pipes_missed() */
	bool stdio;	 /* JSON-RPC over standard streams is recorded */
	struct exes exes;
	struct losses losses;
	struct resolving resolving;
	bool refused;	/* the command itself was, before its first instruction */
	bool started;	/* its first program runs */
	bool kill_all;	/* too many are to die for each to be known */
	int populated;	/* fd of cgroup.events */
	struct signals signals;
	struct rlimit limit; /* of open files, as it was */
	uint64_t begun; /* CLOCK_MONOTONIC, ns */
	int64_t wall;	/* the wall clock is so many ns ahead of that */
};

/* CLOCK_MONOTONIC, ns. */
uint64_t watch_clock(void);

/* Writes an event of our own: type, time and run are filled in. */
void watch_put(struct watch *w, enum audit_type type, struct audit_event *ev);

/* ---- records ---- */

/*
 * Fetches records, does at once what cannot wait, and hands on those that no older one can overtake. Returns
 * what came.
 */
struct kernel_fetched watch_drain(struct watch *w);

/* The same, to the end, once nobody writes any more. */
void watch_drain_rest(struct watch *w);

/* Before programs are let go: nobody who belongs to the workload may be left, wherever he is. */
void watch_end_members(struct watch *w);

/* For struct losses and struct libraries, whose context is a struct watch. */
void watch_put_loss(void *ctx, struct audit_event *ev);
void watch_put_gap(void *ctx, const struct rec *r, const char *path, bool probed);

#endif
