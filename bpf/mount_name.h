/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MOUNT_NAME_H
#define WARDEN_MOUNT_NAME_H

/*
 * What user space tells the kernel side of the mounts that the workload's root had when the run
 * began: under which names the files of a file system are known. A mount that is made later, by the
 * workload in a namespace of its own above all, gives nothing a name.
 */

#include "types.h"

#define MOUNT_PATH_MAX 512 /* room for a path, a power of two; longer ones name nothing */

/* Key of the map `mounts`. The mounts of one file system are numbered from 0. */
struct mount_key {
	__u32 dev;   /* s_dev as the kernel has it: MOUNT_DEV() */
	__u32 index;
};

#define MOUNT_DEV(major, minor) ((__u32)(major) << 20 | (__u32)(minor))

/* Files at and below `root` in the file system are at and below `point`. */
struct mount_name {
	__u32 root_len; /* without a slash at the end: 0 for the root of the file system */
	__u32 point_len;
	__u8 root[MOUNT_PATH_MAX];
	__u8 point[MOUNT_PATH_MAX];
};

/*
 * Of a file system. Further ones name nothing, and files of that file system are then not known by all
 * their names: the map has a key with the index MOUNTS_LEFT_OUT for it.
 */
#define MOUNTS_OF_ONE	4096
#define MOUNTS_LEFT_OUT 0xffffffffU

#endif
