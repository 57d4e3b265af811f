/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "fileid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "mounts.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* ---- mounts ---- */

static int note_mount(void *ctx, const struct mount_entry *m)
{
	struct file_ids *ids = ctx;
	void *items = ids->items;

	if (!(ids->count & (ids->count - 1))) /* full: there is room for the next power of two */
		items = reallocarray(ids->items, ids->count ? 2 * ids->count : 1,
				     sizeof(*ids->items));
	if (!items)
		return -ENOMEM;
	ids->items = items;
	ids->items[ids->count++] = (struct mount_dev){.mount = m->id, .dev = m->dev};
	return 0;
}

static int by_mount(const void *a, const void *b)
{
	const struct mount_dev *x = a, *y = b;

	return x->mount < y->mount ? -1 : x->mount > y->mount;
}

int file_ids_read(struct file_ids *ret)
{
	_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	struct file_ids ids = {};
	int r;

	if (!f)
		return -errno;
	r = mounts_each(f, note_mount, &ids);
	if (r < 0) {
		file_ids_done(&ids);
		return r;
	}
	qsort(ids.items, ids.count, sizeof(*ids.items), by_mount);
	*ret = ids;
	return 0;
}

void file_ids_done(struct file_ids *ids)
{
	free(ids->items);
	*ids = (struct file_ids){};
}

/* ---- files ---- */

/* What the kernel says of an open file: proc(5), since Linux 5.14 with the inode. */
static int read_fdinfo(int fd, uint64_t *ret_mount, uint64_t *ret_ino)
{
	unsigned long long mount = 0, ino = 0;
	bool has_mount = false, has_ino = false;
	_fclose_ FILE *f = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		has_mount |= sscanf(line, "mnt_id: %llu", &mount) == 1;
		has_ino |= sscanf(line, "ino: %llu", &ino) == 1;
	}
	if (!has_mount || !has_ino)
		return -ENODATA;
	*ret_mount = mount;
	*ret_ino = ino;
	return 0;
}

/* Of the file systems that give numbers of inodes again; what they do not tell stays unknown. */
static uint32_t read_generation(int fd, int at, const char *path)
{
	_close_ int open_fd = -1;
	struct statfs fs;
	int generation = 0;

	if (fstatfs(fd, &fs) < 0 ||
	    (fs.f_type != EXT4_SUPER_MAGIC && (unsigned int)fs.f_type != XFS_SUPER_MAGIC))
		return 0;
	open_fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (open_fd < 0 || ioctl(open_fd, FS_IOC_GETVERSION, &generation) < 0)
		return 0;
	return (uint32_t)generation;
}

int file_id(const struct file_ids *ids, int at, const char *path, struct file_id *ret)
{
	_close_ int fd = openat(at, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const struct mount_dev *found;
	struct mount_dev wanted = {};
	struct file_id id = {};
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = read_fdinfo(fd, &wanted.mount, &id.ino);
	if (r < 0)
		return r;
	found = bsearch(&wanted, ids->items, ids->count, sizeof(wanted), by_mount);
	if (!found)
		return -EXDEV;
	id.dev = found->dev;
	if (S_ISREG(st.st_mode))
		id.generation = read_generation(fd, at, path);
	*ret = id;
	return 0;
}
