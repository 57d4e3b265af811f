/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "mount_name.h"

/* ---- finding ---- */

/* Blanks and the like stand as \ooo in mountinfo. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		unsigned int byte;
		int used = 0;

		if (sscanf(s, "\\%3o%n", &byte, &used) == 1 && used == 4) {
			*to++ = (char)byte;
			s += used;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]... - TYPE SOURCE SUPER_OPTIONS; cuts the line up. */
static bool split(char *line, struct mount_entry *ret)
{
	unsigned int major, minor;
	char *fields[5], *type, *end;

	for (size_t i = 0; i < 5; i++) {
		fields[i] = strsep(&line, " ");
		if (!line)
			return false;
	}
	type = strstr(line, " - ");
	if (!type || sscanf(fields[2], "%u:%u", &major, &minor) != 2)
		return false;
	type += strlen(" - ");
	end = strchr(type, ' ');
	if (end)
		*end = '\0';
	unescape(fields[3]);
	unescape(fields[4]);
	*ret = (struct mount_entry){
		.id = strtoull(fields[0], NULL, 10),
		.dev = MOUNT_DEV(major, minor),
		.root = fields[3],
		.point = fields[4],
		.type = type,
	};
	return true;
}

int mounts_each(FILE *mountinfo, int (*fn)(void *ctx, const struct mount_entry *m), void *ctx)
{
	_free_ char *line = NULL;
	struct mount_entry m;
	size_t cap = 0;
	int r = 0;

	while (r == 0 && getline(&line, &cap, mountinfo) > 0)
		if (split(line, &m))
			r = fn(ctx, &m);
	return r == 0 && ferror(mountinfo) ? -EIO : r;
}

struct search {
	const char *type;
	bool (*usable)(const char *path);
	char *found;
};

/* 1: there will be no better one. */
static int look_at(void *ctx, const struct mount_entry *m)
{
	struct search *s = ctx;
	bool whole = !strcmp(m->root, "/");

	if (strcmp(m->type, s->type) || (s->usable && !s->usable(m->point)))
		return 0;
	if (s->found && !whole)
		return 0;
	free(s->found);
	s->found = strdup(m->point);
	return s->found ? whole : -ENOMEM;
}

int mounts_find(FILE *mountinfo, const char *type, bool (*usable)(const char *path), char *ret_path,
		size_t size)
{
	struct search s = {.type = type, .usable = usable};
	int r = mounts_each(mountinfo, look_at, &s);
	_free_ char *found = s.found;

	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	if (strlen(found) >= size)
		return -ENAMETOOLONG;
	strcpy(ret_path, found);
	return 0;
}

static bool is_file_system(const char *path, unsigned int magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned int)fs.f_type == magic;
}

/* Another mount may lie over it: what the path shows is what counts. */
static bool shows_cgroup2(const char *path)
{
	return is_file_system(path, CGROUP2_SUPER_MAGIC);
}

int mounts_cgroup2(char *ret_path, size_t size)
{
	_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");

	return f ? mounts_find(f, "cgroup2", shows_cgroup2, ret_path, size) : -errno;
}

/* ---- making ---- */

static int make_directory(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Between the look and the mount nobody else may mount: what is pinned below would be out of reach. */
static int lock_state(void)
{
	_close_ int fd = open(MOUNTS_STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int mounts_bpffs(char *ret_path, size_t size)
{
	_close_ int lock = -1;
	int r;

	if (size <= strlen(MOUNTS_BPFFS))
		return -ENAMETOOLONG;
	r = make_directory(MOUNTS_STATE_DIR);
	if (!r)
		r = make_directory(MOUNTS_BPFFS);
	if (r < 0)
		return r;
	lock = lock_state();
	if (lock < 0)
		return lock;
	if (!is_file_system(MOUNTS_BPFFS, BPF_FS_MAGIC) &&
	    mount("warden", MOUNTS_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return -errno;
	if (chmod(MOUNTS_BPFFS, 0700) < 0)
		return -errno;
	strcpy(ret_path, MOUNTS_BPFFS);
	return 0;
}
