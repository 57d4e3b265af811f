/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PATH_BPF_H
#define WARDEN_PATH_BPF_H

/*
 * The path of a file by walking its dentries up to the topmost mount. It is written from the end of
 * a buffer towards its beginning, without locks: a rename in the middle of the walk can give a path
 * that never was, made of names that were.
 *
 * Not bpf_d_path(): few hooks may call that, and it names files as the task sees them, below a root
 * that the task itself has chosen. Attack: chroot to a copy of the tree, run its /usr/bin/git.
 *
 * A file on a mount that hangs nowhere has no path: mounts that were detached, and what the kernel
 * mounts for itself. Of the latter, memfd's are named by what they were called: memfd:NAME.
 */

#include "warden.bpf.h"

#define PATH_STEPS 256 /* components and mounts together; deeper files have no path */

struct path_walk { /* on the stack of the caller: pointers only, see match.h */
	struct scratch *s;
	struct dentry *dentry;
	struct vfsmount *vfsmount;
};

#define MOUNT_OF(vfsmount)                                                                         \
	((struct mount *)((void *)(vfsmount) - __builtin_preserve_field_info(                      \
						       ((struct mount *)0)->mnt, 0)))

/* Puts a name and a slash before what is there already; s->aux is where it begins. */
static __always_inline int path_prepend(struct scratch *s, struct dentry *dentry)
{
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u64 len = BPF_CORE_READ(dentry, d_name.len) & 0xff;
	__u64 at = s->aux;

	if (at < len + 1)
		return -1;
	at -= len;
	opaque_value(at);
	at &= NAME_SIZE - 1;
	if (bpf_probe_read_kernel(s->other + at, len, name))
		return -1;
	at = (at - 1) & (NAME_SIZE - 1);
	s->other[at] = '/';
	s->aux = at;
	return 0;
}

enum { PATH_WHOLE = 1, PATH_DETACHED };

/* The topmost mount is in a namespace: not NULL (detached), nor an error code (the kernel's own). */
static __always_inline int path_is_attached(struct mount *top)
{
	__u64 ns = (__u64)BPF_CORE_READ(top, mnt_ns);

	return ns && ns < (__u64)-4095;
}

static long path_step(__u32 i, void *data)
{
	struct path_walk *w = data;
	struct dentry *dentry = w->dentry; /* BPF_CORE_READ would relocate our own struct too */
	struct vfsmount *vfsmount = w->vfsmount;
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	struct mount *mount, *up;

	if (dentry != BPF_CORE_READ(vfsmount, mnt_root) && dentry != parent) {
		if (path_prepend(w->s, dentry))
			return 1;
		w->dentry = parent;
		return 0;
	}
	mount = MOUNT_OF(vfsmount);
	up = BPF_CORE_READ(mount, mnt_parent);
	if (up == mount) {
		w->s->count = path_is_attached(mount) ? PATH_WHOLE : PATH_DETACHED;
		return 1;
	}
	w->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	w->vfsmount = (void *)up + __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
	return 0;
}

/* Copies s->other from s->aux on. Returns the length, 0 when it is too long. */
static __always_inline __u32 path_copy(struct scratch *s, __u8 *into)
{
	__u64 at = s->aux;
	__u64 len = NAME_SIZE - 1 - at;

	if (len > NAME_MAX_LEN)
		return 0;
	opaque_value(at);
	at &= NAME_SIZE - 1;
	opaque_value(len);
	len &= NAME_SIZE - 1;
	return bpf_probe_read_kernel(into, len, s->other + at) ? 0 : len;
}

static __always_inline int path_says_memfd(const __u8 *b)
{
	return b[0] == 'm' && b[1] == 'e' && b[2] == 'm' && b[3] == 'f' && b[4] == 'd' && b[5] == ':';
}

/* A file without a directory, called memfd:NAME. Returns its length, 0 when it is another one. */
static __always_inline __u32 path_memfd(struct scratch *s, struct dentry *dentry, __u8 *into)
{
	__u32 len;

	s->aux = NAME_SIZE - 1;
	if (path_prepend(s, dentry))
		return 0;
	s->aux++; /* without the slash */
	len = path_copy(s, into);
	return len > 6 && path_says_memfd(into) ? len : 0;
}

/*
 * Writes the path at `path` (kernel memory) to `into`, which has NAME_SIZE bytes and more. Returns
 * its length, 0 when it has none or it cannot be had.
 */
static __always_inline __u32 path_read(struct scratch *s, const struct path *path, __u8 *into)
{
	struct path_walk w = {.s = s};

	w.dentry = BPF_CORE_READ(path, dentry);
	w.vfsmount = BPF_CORE_READ(path, mnt);
	s->aux = NAME_SIZE - 1;
	s->count = 0; /* set when the topmost mount was reached */
	loop(PATH_STEPS, path_step, &w);
	if (s->count == PATH_DETACHED && s->aux == NAME_SIZE - 1)
		return path_memfd(s, w.dentry, into);
	if (s->count != PATH_WHOLE)
		return 0;
	if (s->aux == NAME_SIZE - 1) { /* the root itself */
		into[0] = '/';
		return 1;
	}
	return path_copy(s, into);
}

#endif
