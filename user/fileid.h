/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_FILEID_H
#define WARDEN_FILEID_H

/*
 * Which file it is, as the kernel's own tables have it. stat(2) is not enough: on overlayfs and btrfs
 * its device is not that of the file system, and the first one's inodes may have other numbers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_id {
	uint64_t ino;
	uint32_t dev;	     /* MOUNT_DEV() of the file system */
	uint32_t generation; /* of the inode's number, where it is given again; 0: not known */
};

/* The devices of the mounts that there were. Zeroed, there are none. */
struct file_ids {
	struct mount_dev {
		uint64_t mount; /* as in fdinfo */
		uint32_t dev;
	} *items; /* in order of `mount` */
	size_t count;
};

/* Notes the mounts of the caller's namespace. Returns 0 or -errno. */
int file_ids_read(struct file_ids *ret);

void file_ids_done(struct file_ids *ids);

/*
 * Finds out which file a path leads to, from the directory `at` on and without following a link at its
 * end. Returns 0, -errno, or -EXDEV for a file on a mount that there was not.
 */
int file_id(const struct file_ids *ids, int at, const char *path, struct file_id *ret);

#endif
