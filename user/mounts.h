/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MOUNTS_H
#define WARDEN_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MOUNTS_STATE_DIR "/run/warden"     /* what warden keeps until the next boot */
#define MOUNTS_BPFFS     "/run/warden/bpf" /* where it pins */

/* One mount. Strings live as long as the call that gets them. */
struct mount_entry {
	uint64_t id;
	uint32_t dev; /* MOUNT_DEV() of its file system */
	const char *root;
	const char *point;
	const char *type;
};

/*
 * Goes over a stream of the form of /proc/PID/mountinfo (proc(5)); lines of another form are passed
 * over. Ends early when `fn` returns other than 0, and returns that; 0 at the end; -EIO.
 */
int mounts_each(FILE *mountinfo, int (*fn)(void *ctx, const struct mount_entry *m), void *ctx);

/*
 * Finds a mount of a file system of this type in such a stream: the first one that shows the root of
 * the file system, else the first one. Mounts that
 * `usable` says no to are passed over; NULL takes any. Returns 0 and the mount point, -ENOENT when
 * there is none, -ENAMETOOLONG when it does not fit.
 */
int mounts_find(FILE *mountinfo, const char *type, bool (*usable)(const char *path), char *ret_path,
		size_t size);

/*
 * Where the cgroup v2 hierarchy is mounted, pure or beside v1. Returns 0, -ENOENT when it is not,
 * or -errno (no /proc).
 */
int mounts_cgroup2(char *ret_path, size_t size);

/*
 * Sees to it that a bpffs of warden's own, which only root can look into, is mounted at
 * MOUNTS_BPFFS, and tells its path. Returns 0 or -errno: -EPERM without root or where mounting is
 * forbidden, -ENODEV when the kernel has no bpffs, -ENOTDIR when something else is in its place,
 * -EROFS...
 */
int mounts_bpffs(char *ret_path, size_t size);

#endif
