/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CGROUP_H
#define WARDEN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The cgroup of a workload. It is made below the cgroup that warden itself runs in, so that limits
 * set on the caller hold for the workload too.
 */
struct cgroup {
	char *path;	/* of its directory */
	const char *name; /* its path within the hierarchy; part of `path` */
	int fd;		/* O_PATH of it, close-on-exec; -1: none */
	uint64_t id;	/* as bpf_get_current_cgroup_id() gives it */
};

#define CGROUP_NONE                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Where a cgroup named `name` would be made; the caller frees it. -ENOENT: no cgroup v2 here;
 * -ENAMETOOLONG: ours is too deep.
 */
int cgroup_path(const char *name, char **ret);

/* Makes the directory and fills in `ret`. Returns 0 or -errno, with nothing left behind. */
int cgroup_create(const char *path, struct cgroup *ret);

/*
 * True when that process is in it or below, also when it is in one so deep that the kernel does not
 * tell which; false when the process is gone.
 */
bool cgroup_has(const struct cgroup *c, pid_t pid);

/* Lets no task below it run, or lets them run again; they do not notice but by the time. */
void cgroup_freeze(const struct cgroup *c, bool frozen);

/*
 * Kills every task below the directory, waits for their ends (at most `timeout_ms`), and removes
 * it, however deep it is. Returns 0 also when it is not there, -EBUSY when tasks are left.
 */
int cgroup_destroy(const char *path, int timeout_ms);

/* Closes and frees what `c` holds; the directory stays. */
void cgroup_release(struct cgroup *c);

#endif
