/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "members.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/cleanup.h"
#include "process.h"
#include "wire.h"

/* ---- the doomed ---- */

/*
 * Kills one; returns 1 when it is still there. It stays in the map until it has ended: a process that
 * was taken out before could start another in between, which nobody would know to be doomed.
 */
static int kill_one(int doomed, const struct doomed_key *key)
{
	int r = process_kill((pid_t)key->tgid, key->start);

	if (r != -ESRCH)
		return r < 0 ? r : 1;
	bpf_map_delete_elem(doomed, key);
	return 0;
}

int doomed_kill(int doomed)
{
	struct doomed_key key, next;
	int left = 0, error = 0;
	bool ended = bpf_map_get_next_key(doomed, NULL, &next) < 0;

	/* A deleted key cannot be gone on from: its successor is asked for before. */
	while (!ended) {
		int r;

		key = next;
		ended = bpf_map_get_next_key(doomed, &key, &next) < 0;
		r = kill_one(doomed, &key);
		if (r < 0)
			error = r;
		else
			left += r;
	}
	return error ?: left;
}

/* ---- all members ---- */

struct walk {
	int members;
	void *value; /* room for one of the map */
	int left;
	int error;
};

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static void kill_if_member(struct walk *w, pid_t pid)
{
	_close_ int held = (int)syscall(SYS_pidfd_open, pid, 0);

	if (held < 0) {
		if (errno != ESRCH && errno != EINVAL)
			w->error = -errno;
		return;
	}
	if (bpf_map_lookup_elem(w->members, &held, w->value) < 0 || has_ended(held))
		return;
	if (syscall(SYS_pidfd_send_signal, held, SIGKILL, NULL, 0) == 0)
		w->left++;
	else if (errno != ESRCH)
		w->error = -errno;
}

/* Kills all that are there now: how many, or -errno. */
static int kill_members(int members, void *value)
{
	struct walk w = {.members = members, .value = value};
	DIR *proc = opendir("/proc");
	struct dirent *e;

	if (!proc)
		return -errno;
	while ((e = readdir(proc)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			kill_if_member(&w, (pid_t)strtol(e->d_name, NULL, 10));
	closedir(proc);
	return w.error ?: w.left;
}

int members_destroy(int members, int doomed, int timeout_ms)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	_free_ void *value = NULL;

	if (bpf_obj_get_info_by_fd(members, &info, &size) < 0)
		return -errno;
	value = calloc(1, info.value_size);
	if (!value)
		return -ENOMEM;
	for (;;) {
		int left = kill_members(members, value);
		int more = doomed_kill(doomed);

		if (!left && !more)
			return 0;
		if (timeout_ms-- <= 0)
			return left < 0 ? left : more < 0 ? more : -EBUSY;
		nanosleep(&ms, NULL);
	}
}

int members_destroy_pinned(const char *pins, int timeout_ms)
{
	_close_ int members = -1, doomed = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" MEMBERS_PIN, pins);
	members = bpf_obj_get(path);
	if (members < 0)
		return errno == ENOENT ? 0 : -errno;
	snprintf(path, sizeof(path), "%s/" DOOMED_PIN, pins);
	doomed = bpf_obj_get(path);
	if (doomed < 0)
		return -errno;
	return members_destroy(members, doomed, timeout_ms);
}
