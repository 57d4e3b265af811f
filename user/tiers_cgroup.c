/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The cgroup that everything is tried in, and what belongs to membership in it. */
#include "tiers_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"

#define CGROUP_NAME "warden-probe-"
#define CGROUP_WAIT 2000 /* ms for the ends of what was killed */

/* Removes what a probing that was killed has left. Only empty directories can be removed. */
static void reap_cgroups(void)
{
	_free_ char *own = NULL;
	DIR *dir = cgroup_path("", &own) < 0 ? NULL : opendir(own);
	struct dirent *e;
	int pid;

	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, CGROUP_NAME "%d", &pid) == 1 && kill(pid, 0) < 0 &&
		    errno == ESRCH)
			unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
}

static int make_cgroup(struct probe *p)
{
	_free_ char *path = NULL;
	char name[64];
	int r;

	snprintf(name, sizeof(name), CGROUP_NAME "%d-%jx", getpid(), (uintmax_t)time_now());
	r = cgroup_path(name, &path);
	if (r == -ENOENT)
		probe_fail(p, FACILITY_CGROUP2, "no cgroup v2 hierarchy is mounted");
	else if (r < 0)
		probe_fail(p, FACILITY_CGROUP2, "the cgroup v2 hierarchy cannot be found (%s)",
			   strerror(-r));
	if (r < 0)
		return r;
	reap_cgroups();
	r = cgroup_create(path, &p->cgroup);
	if (r < 0)
		probe_fail(p, FACILITY_CGROUP2, "a cgroup cannot be made (%s: %s)", path,
			   strerror(-r));
	return r;
}

int probe_settle(struct probe *p)
{
	int r;

	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		probe_fail(p, f, "not tried, because it takes a cgroup and a process in it");
	r = make_cgroup(p);
	if (r < 0)
		return r;
	p->kit.cgroup = p->cgroup.fd;
	r = subject_start(&p->subject, &p->kit);
	if (r < 0) {
		probe_fail(p, FACILITY_CGROUP2, "no process can be started in a cgroup (%s)",
			   strerror(-r));
		return r;
	}
	return 0;
}

/* Leaves only probes on the function of a subject that is dead; the kernel takes long over them. */
void probe_leave(struct probe *p)
{
	subject_kill(&p->subject);
	subject_kill(&p->fresh);
	if (p->cgroup.path && cgroup_destroy(p->cgroup.path, CGROUP_WAIT) < 0)
		probe_fail(p, FACILITY_CGROUP2, "a cgroup cannot be removed (%s)", p->cgroup.path);
}

/* ---- trials ---- */

/* What the program stored with the child of a subject; 0 when it did not. */
static uint64_t stored_with(const struct probe *p, pid_t pid)
{
	_close_ int child = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t stored;

	if (child < 0 ||
	    bpf_map_lookup_elem(bpf_map__fd(p->object->maps.probe_members), &child, &stored) < 0)
		return 0;
	return stored;
}

void try_membership(struct probe *p)
{
	const enum facility f = FACILITY_MEMBERSHIP;
	bool inherits = false;
	struct answer a;

	if (!probe_begin(p, f, TURN_MEMBERSHIP))
		return;
	for (int i = 0; i < PROBE_ATTEMPTS && !inherits; i++) {
		if (!probe_ask(p, f, ORDER_FORK, 0, &a))
			return;
		inherits = stored_with(p, a.value[0]) == p->cgroup.id;
	}
	probe_end(p, f, inherits, "a new task does not inherit what it stores");
}

/* All of the cgroup dies at once, which is how a workload is ended. */
void try_kill(struct probe *p)
{
	const enum facility f = FACILITY_CGROUP2;
	_close_ int kill = -1;
	_free_ char *path = NULL;

	if (!probe_fresh(p, f))
		return;
	if (asprintf(&path, "%s/cgroup.kill", p->cgroup.path) < 0)
		path = NULL;
	if (path)
		kill = open(path, O_WRONLY | O_CLOEXEC);
	if (kill < 0 || write(kill, "1", 1) != 1)
		probe_fail(p, f, "cgroups cannot be killed here: cgroup.kill: %s", strerror(errno));
	else if (subject_end(&p->fresh) != SIGKILL)
		probe_fail(p, f, "a process survives cgroup.kill");
	else
		p->tiers.facility[f] = (struct facility_result){.works = true};
	subject_kill(&p->fresh);
}
