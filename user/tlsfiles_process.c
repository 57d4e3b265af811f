/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * TLS files that are mapped by a process which runs. /proc/PID/map_files leads to the very file of
 * a mapping, also when it was deleted or lies in another mount namespace; where it may not be used,
 * the path that the mapping shows is looked up in the root directory of the process.
 */
#include "tlsfiles.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "regular.h"

#define NEW_MAX     1024  /* files looked at in one call */
#define LOOK_MAX    (NS_PER_SEC / 10) /* and how long, give or take one file */
#define LOOKED_MAX  65536 /* mappings remembered: 3 MiB */
#define MAPS_BUFFER ((size_t)64 << 10)

struct mapping {
	uint64_t start;
	uint64_t end;
	struct file_key key;
	const char *path;
};

/* "start-end perms offset major:minor inode   path". Returns false for what holds no code of a
 * file. */
static bool parse_mapping(char *line, struct mapping *ret)
{
	unsigned long long start, end, ino;
	unsigned int major, minor;
	uint64_t hash = 0xcbf29ce484222325ULL;
	char perms[5];
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%llx-%llx %4s %*x %x:%x %llu %n", &start, &end, perms, &major, &minor,
		   &ino, &at) != 6 ||
	    !at || !ino || perms[2] != 'x')
		return false;
	ret->start = start;
	ret->end = end;
	ret->path = line + at;
	for (const char *p = ret->path; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3ULL;
	ret->key = (struct file_key){makedev(major, minor), ino, hash};
	return true;
}

static int open_mapping(pid_t pid, const struct mapping *m, char path[PATH_MAX], struct stat *ret)
{
	int fd;

	snprintf(path, PATH_MAX, "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)m->start,
		 (unsigned long long)m->end);
	fd = regular_open(path, ret);
	if (fd >= 0 || fd == -EINVAL || m->path[0] != '/')
		return fd;
	if (snprintf(path, PATH_MAX, "/proc/%d/root%s", pid, m->path) >= PATH_MAX)
		return -ENAMETOOLONG;
	return regular_open(path, ret);
}

static bool leads_to(const char *path, const struct stat *file)
{
	struct stat st;

	return !stat(path, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* Of the paths that lead to the file from here, the one that says most; `path` is one of them. */
static void choose_path(pid_t pid, const struct mapping *m, const struct stat *file,
			char path[PATH_MAX])
{
	char other[PATH_MAX];

	if (m->path[0] != '/')
		return;
	if (leads_to(m->path, file))
		snprintf(path, PATH_MAX, "%s", m->path);
	else if (snprintf(other, sizeof(other), "/proc/%d/root%s", pid, m->path) < PATH_MAX &&
		 leads_to(other, file))
		memcpy(path, other, sizeof(other));
}

/* Adds what is mapped if it is a TLS file. Returns 0; or -errno when that was not to be learned. */
static int examine(pid_t pid, const struct mapping *m, const struct stat *st,
		   const struct elf64 *elf, char path[PATH_MAX], struct tls_files *known,
		   struct tls_files *new)
{
	struct tls_file *f = NULL;
	int r;

	choose_path(pid, m, st, path);
	r = tlsfile_of(elf, path, &f);
	if (r == 0)
		r = tlsfiles_add(new, known, f);
	if (r < 0)
		tlsfile_free(f);
	return r == -ENOENT || r == -EEXIST ? 0 : r;
}

/* Looks at the file of a mapping; the same. */
static int look_at(pid_t pid, const struct mapping *m, struct tls_files *known,
		   struct tls_files *new)
{
	char path[PATH_MAX];
	_close_ int fd = -1;
	struct elf64 elf;
	struct stat st;
	int r;

	fd = open_mapping(pid, m, path, &st);
	if (fd < 0)
		return fd == -EINVAL ? 0 : fd;
	if (fileset_has(&known->found, &(struct file_key){st.st_dev, st.st_ino, 0}))
		return 0;
	r = elf64_open(fd, &elf);
	if (r < 0)
		return r == -ENOEXEC || r == -EBADMSG ? 0 : r;
	r = examine(pid, m, &st, &elf, path, known, new);
	elf64_close(&elf);
	return r;
}

static bool out_of_resources(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static int remember(struct tls_files *known, const struct file_key *key)
{
	if (known->looked.count >= LOOKED_MAX)
		fileset_free(&known->looked);
	return fileset_add(&known->looked, key) == -ENOMEM ? -ENOMEM : 0;
}

/*
 * One line of the table. Counts down `left` when a file was looked at. What could not be opened is
 * not remembered: mostly it was unmapped at that moment, and others may map it too.
 */
static int take_line(pid_t pid, char *line, struct tls_files *known, struct tls_files *new,
		     unsigned int *left)
{
	struct mapping m;
	int r;

	if (!parse_mapping(line, &m) || fileset_has(&known->looked, &m.key))
		return 0;
	r = look_at(pid, &m, known, new);
	if (r < 0)
		return out_of_resources(r) ? r : 0;
	--*left;
	return remember(known, &m.key);
}

/* The file, which is open, and was not looked at yet; what people know it by is where the path leads to. */
static int examine_program(const char *path, int fd, const struct stat *st, struct tls_files *known,
			   struct tls_files *new)
{
	_free_ char *real = realpath(path, NULL);
	struct tls_file *f = NULL;
	struct elf64 elf;
	int r;

	r = elf64_open(fd, &elf);
	if (r < 0)
		return r;
	r = tlsfile_of(&elf, real && leads_to(real, st) ? real : path, &f);
	elf64_close(&elf);
	if (r == 0)
		r = tlsfiles_add(new, known, f);
	if (r < 0)
		tlsfile_free(f);
	return r;
}

int tlsfiles_of_program(const char *path, struct tls_files *known, struct tls_files *ret_new)
{
	struct file_key key;
	_close_ int fd = -1;
	struct stat st;
	int r;

	*ret_new = (struct tls_files){};
	fd = regular_open(path, &st);
	if (fd < 0)
		return fd;
	key = (struct file_key){st.st_dev, st.st_ino,
				(uint64_t)st.st_ctim.tv_sec * NS_PER_SEC + (uint64_t)st.st_ctim.tv_nsec};
	if (fileset_has(&known->looked, &key))
		return 0;
	r = examine_program(path, fd, &st, known, ret_new);
	return out_of_resources(r) ? r : remember(known, &key);
}

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Returns 0, 1 when there may be more, or -errno. */
static int take_lines(pid_t pid, FILE *maps, struct tls_files *known, struct tls_files *new)
{
	uint64_t end = monotonic() + LOOK_MAX;
	_free_ char *line = NULL;
	unsigned int left = NEW_MAX;
	size_t cap = 0;
	int r = 0;

	while (r == 0 && getline(&line, &cap, maps) > 0) {
		if (!left || monotonic() > end)
			return 1;
		r = take_line(pid, line, known, new, &left);
	}
	return r;
}

int tlsfiles_of_process(pid_t pid, struct tls_files *known, struct tls_files *ret_new)
{
	_free_ char *buffer = malloc(MAPS_BUFFER);
	_fclose_ FILE *maps = NULL;
	struct tls_files new = {};
	char path[64];
	int r = 0;

	if (!buffer)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps && errno != ENOENT && errno != ESRCH)
		return -errno;
	if (maps) {
		setvbuf(maps, buffer, _IOFBF, MAPS_BUFFER);
		r = take_lines(pid, maps, known, &new);
	}
	if (r < 0 && !new.count) {
		tlsfiles_free(&new);
		return r;
	}
	*ret_new = new; /* what was found must reach the caller; the next call meets the rest */
	return r > 0 || (r < 0 && new.count);
}
