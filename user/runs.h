/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RUNS_H
#define WARDEN_RUNS_H

/*
 * What a run leaves outside of its own memory: a cgroup, pinned links, and a file that names them,
 * /run/warden/runs/ID. Whoever holds the lock on that file looks after the run: `warden run`, and
 * its guardian, which shares the lock. When nobody holds it any more, the next start reaps it.
 *
 * The links are pinned so that a workload whose warden and guardian are both gone still runs under
 * its policy until then.
 */

struct run_place {
	char id[32];
	char *file;   /* /run/warden/runs/ID */
	char *pins;   /* directory on warden's own bpffs */
	char *cgroup; /* directory */
	int lock;     /* of the file; -1: not held */
};

#define RUN_PLACE_NONE                                                                             \
	{                                                                                          \
		.lock = -1                                                                         \
	}

/* What failed, for the one line that the command prints. */
struct run_error {
	char text[256];
};

/*
 * Names the places of a run, takes the lock, and starts the guardian: from here on, if this process
 * ends in whatever way, the workload is killed and the places are cleaned up.
 */
int run_place_begin(const char *id, struct run_place *ret, struct run_error *error);

/*
 * Kills what is left of the workload and removes its cgroup; the guardian removes pins and file
 * once this process has ended.
 */
int run_place_end(struct run_place *p);

/*
 * Says that a run is about to attach its programs, until the returned descriptor is closed: whoever
 * cleans up behind others waits for that, some seconds at most. -1 when it cannot be said, which
 * costs time only.
 */
int runs_starting(void);

/* Reaps the runs that nobody looks after. Returns how many. */
int runs_reap(void);

#endif
