/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SIGNALS_H
#define WARDEN_SIGNALS_H

/*
 * The signals of a run: what is sent to warden is passed on to the command, and what becomes of the
 * command's process is learned from SIGCHLD.
 */

#include "cgroup.h"
#include "spawn.h"

struct signals {
	const struct cgroup *workload;
	int fd; /* of signalfd(2), readable when there is something to handle; -1: none */
	struct spawn_signals was;
	pid_t pid; /* of the command; 0: not started */
	bool ended;
	int status; /* of wait(2), then */
	bool stopped;
	bool end_rest; /* asked to end what the command has left behind */
	int stop;      /* the last signal that asks to stop, or 0 */
	struct timespec stop_by; /* it is too late for that to be why the command stops */
};

#define SIGNALS_NONE                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* From here on signals wait until they are handled. Returns 0 or -errno. */
int signals_catch(struct signals *s, const struct cgroup *workload);

/* Handles all that have come. */
void signals_handle(struct signals *s);

/*
 * True when it is time to stop, because a terminal or somebody asked for it and the command has
 * stopped. Nobody watches the workload then, so that its other processes must not run either.
 */
bool signals_want_stop(const struct signals *s);

/* Stops this process as the command was stopped; returns when it is continued. */
void signals_stop(struct signals *s);

void signals_release(struct signals *s);

#endif
