/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"

/* ---- finding ---- */

/* The fields of a line of mountinfo that matter here, in place. */
struct mount_line {
	char *root;
	char *point;
	char *type;
};

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

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]... - TYPE SOURCE SUPER_OPTIONS */
static bool split(char *line, struct mount_line *ret)
{
	char *fields[5], *type, *end;

	for (size_t i = 0; i < 5; i++) {
		fields[i] = strsep(&line, " ");
		if (!line)
			return false;
	}
	type = strstr(line, " - ");
	if (!type)
		return false;
	type += strlen(" - ");
	end = strchr(type, ' ');
	if (end)
		*end = '\0';
	unescape(fields[3]);
	unescape(fields[4]);
	*ret = (struct mount_line){.root = fields[3], .point = fields[4], .type = type};
	return true;
}

int mounts_find(FILE *mountinfo, const char *type, bool (*usable)(const char *path), char *ret_path,
		size_t size)
{
	_free_ char *line = NULL, *found = NULL;
	struct mount_line m;
	bool whole = false;
	size_t cap = 0;

	while (!whole && getline(&line, &cap, mountinfo) > 0) {
		if (!split(line, &m) || strcmp(m.type, type) || (usable && !usable(m.point)))
			continue;
		whole = !strcmp(m.root, "/");
		if (found && !whole)
			continue;
		free(found);
		found = strdup(m.point);
		if (!found)
			return -ENOMEM;
	}
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
