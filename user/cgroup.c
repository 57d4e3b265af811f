/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mounts.h"

/*
 * The cgroup that a process ("self", or its number) is in, "/" or "/a/b", of the v2 hierarchy.
 * -ENAMETOOLONG: below so many others that the kernel (some do, others cut it) does not write its
 * path.
 */
static int cgroup_of(const char *process, char *ret, size_t size)
{
	_fclose_ FILE *f = NULL;
	char line[PATH_MAX + 64];

	snprintf(line, sizeof(line), "/proc/%s/cgroup", process);
	f = fopen(line, "re");

	if (!f)
		return -errno;
	errno = 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = 0;
		if ((size_t)snprintf(ret, size, "%s", line + 3) >= size)
			return -ENAMETOOLONG;
		return 0;
	}
	return ferror(f) && errno ? -errno : -ENOENT;
}

int cgroup_path(const char *name, char **ret)
{
	char mount[PATH_MAX], own[PATH_MAX], *path;
	int r = mounts_cgroup2(mount, sizeof(mount));

	if (r < 0)
		return r;
	r = cgroup_of("self", own, sizeof(own));
	if (r == -ENAMETOOLONG) /* then the root would not do: there our caller's limits end */
		return r;
	/* Outside of what is mounted here (a cgroup namespace): the root of it has to do. */
	if (r < 0 || strstr(own, "/.."))
		snprintf(own, sizeof(own), "/");
	if (asprintf(&path, "%s%s/%s", mount, strcmp(own, "/") ? own : "", name) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

/* The part of a directory's path that is below the mount, beginning with "/"; NULL: it is not. */
static const char *name_of(const char *path)
{
	char mount[PATH_MAX];

	if (mounts_cgroup2(mount, sizeof(mount)) < 0 || strncmp(path, mount, strlen(mount)))
		return NULL;
	return path + strlen(mount);
}

int cgroup_create(const char *path, struct cgroup *ret)
{
	struct cgroup c = CGROUP_NONE;
	struct stat st;
	int r;

	if (!name_of(path))
		return -EINVAL;
	if (mkdir(path, 0755) < 0)
		return -errno;
	c.path = strdup(path);
	c.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!c.path || c.fd < 0 || fstat(c.fd, &st) < 0) {
		r = c.path ? -errno : -ENOMEM;
		rmdir(path);
		cgroup_release(&c);
		return r;
	}
	c.id = st.st_ino; /* kernfs: the inode number is the cgroup's id */
	c.name = name_of(c.path);
	*ret = c;
	return 0;
}

static bool populated(const char *path)
{
	char name[PATH_MAX], line[64];
	_fclose_ FILE *f = NULL;

	snprintf(name, sizeof(name), "%s/cgroup.events", path);
	f = fopen(name, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "populated ", 10))
			return line[10] != '0';
	return false;
}

bool cgroup_has(const struct cgroup *c, pid_t pid)
{
	char process[16], name[PATH_MAX];
	size_t len = strlen(c->name);
	int r;

	snprintf(process, sizeof(process), "%d", pid);
	r = cgroup_of(process, name, sizeof(name));
	/* So deep that nobody gets there but who wants to hide: it is the workload. */
	if (r == -ENAMETOOLONG)
		return true;
	return r == 0 && !strncmp(name, c->name, len) && (!name[len] || name[len] == '/');
}

/* Returns 0 or -errno. */
static int write_file(const char *path, const char *file, const char *text)
{
	char name[PATH_MAX];
	_close_ int fd = -1;

	snprintf(name, sizeof(name), "%s/%s", path, file);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

void cgroup_freeze(const struct cgroup *c, bool frozen)
{
	int r = write_file(c->path, "cgroup.freeze", frozen ? "1" : "0");

	if (r < 0)
		log_debug("cannot freeze the workload: %s", strerror(-r));
}

/* ---- removal ---- */

/* A directory within another, or ".."; nothing that is mounted there. */
static int open_within(int dir, const char *name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/*
 * Removes the directories below `at` that have none below them. Returns 0 when all are gone; 1 and
 * the first of the others, opened; or -errno: -EBUSY when that one is `tried`.
 */
static int remove_leaves(int at, ino_t tried, int *ret_below)
{
	int copy = open_within(at, "."), r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	while (!r && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    unlinkat(at, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		*ret_below = e->d_ino == tried ? -1 : open_within(at, e->d_name);
		r = e->d_ino == tried ? -EBUSY : *ret_below < 0 ? -errno : 1;
	}
	closedir(dir);
	return r;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

/*
 * Removes what is below a directory, deepest first. The workload decides how deep that is: paths
 * become too long for the kernel, and descriptors too many. So only one is held, which goes down
 * and comes up again; a cgroup cannot be moved to another parent meanwhile.
 */
static int remove_below(int top)
{
	int at = open_within(top, "."), depth = 0, r = 0;
	ino_t tried = 0;

	while (at >= 0) {
		int next = -1;

		r = remove_leaves(at, tried, &next);
		if (r < 0 || (!r && !depth))
			break;
		tried = r ? 0 : inode_of(at);
		depth += r ? 1 : -1;
		if (!r)
			next = open_within(at, "..");
		close(at);
		at = next;
	}
	if (at < 0)
		return -errno;
	close(at);
	return r;
}

int cgroup_destroy(const char *path, int timeout_ms)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	_close_ int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (top < 0)
		return errno == ENOENT ? 0 : -errno;
	while (populated(path)) {
		write_file(path, "cgroup.kill", "1"); /* whether that works will show */
		if (timeout_ms-- <= 0)
			return -EBUSY;
		nanosleep(&ms, NULL);
	}
	/* The workload may have made cgroups of its own below. */
	r = remove_below(top);
	if (r < 0)
		return r;
	return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

void cgroup_release(struct cgroup *c)
{
	free(c->path);
	c->path = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
