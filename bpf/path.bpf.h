/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PATH_BPF_H
#define WARDEN_PATH_BPF_H

/*
 * The names of a file: where it is in its file system, and what the mounts that were there when the
 * run began make of that (mount_name.h). A file has as many names as such mounts show it.
 *
 * Not bpf_d_path(), nor the mounts that a walk upwards comes by: both name a file as the task that
 * opened it sees it. Attack: bind-mount a denied program to another place in a namespace of one's own,
 * or chroot to a copy of the tree and run its /usr/bin/git. A file of a file system that was not
 * mounted then has no name at all.
 *
 * The walk up the dentries takes no locks: a rename in the middle of it can give a path that never
 * was, made of names that were. What was deleted has no name either. Files that the kernel keeps in
 * memory for memfd_create() are named by what they were called: memfd:NAME.
 */

#include "warden.bpf.h"
#include "mount_name.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* as many as there are, set before loading */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct mount_key);
	__type(value, struct mount_name);
} mounts SEC(".maps") __weak;

#define PATH_STEPS 256 /* components; files that are deeper have no name */

struct path_walk { /* on the stack of the caller: pointers only, see match.h */
	struct scratch *s;
	struct dentry *dentry;
};

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

static long path_step(__u32 i, void *data)
{
	struct path_walk *w = data;
	struct dentry *dentry = w->dentry; /* BPF_CORE_READ would relocate our own struct too */
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

	if (dentry == parent) {
		w->s->count = 1;
		return 1;
	}
	w->dentry = parent;
	return path_prepend(w->s, dentry) ? 1 : 0;
}

static __always_inline int path_says_memfd(const __u8 *b)
{
	return b[0] == 'm' && b[1] == 'e' && b[2] == 'm' && b[3] == 'f' && b[4] == 'd' && b[5] == ':';
}

enum path_kind {
	PATH_NONE, /* deleted, too deep, or unreadable */
	PATH_FILE, /* s->other has where it is in its file system, from s->aux on */
	PATH_MEMFD, /* s->other has memfd:NAME, from s->aux on */
};

/* As path_find(), but also of a file that is just being made. */
static __noinline __u32 path_find_new(struct scratch *s, struct dentry *dentry)
{
	struct path_walk w = {.s = s, .dentry = dentry};
	int is_root = BPF_CORE_READ(dentry, d_parent) == dentry;
	__u64 at;

	s->aux = NAME_SIZE - 1;
	s->count = 0; /* set when the root was reached */
	loop(PATH_STEPS, path_step, &w);
	if (!s->count)
		return PATH_NONE;
	if (!is_root)
		return PATH_FILE;
	/* What the kernel keeps for itself is a root as well, with a name: others are called "/". */
	if (path_prepend(s, dentry))
		return PATH_NONE;
	at = s->aux + 1;
	opaque_value(at);
	at &= NAME_SIZE - 1;
	if (path_says_memfd(s->other + at)) {
		s->aux = at;
		return PATH_MEMFD;
	}
	s->aux = NAME_SIZE - 1;
	return PATH_FILE;
}

/* Finds out where a file is. Its path has no slash at the end: that of a root is empty. */
static __always_inline __u32 path_find(struct scratch *s, struct dentry *dentry)
{
	if (BPF_CORE_READ(dentry, d_parent) != dentry && !BPF_CORE_READ(dentry, d_hash.pprev))
		return PATH_NONE; /* nobody finds it by this name any more */
	return path_find_new(s, dentry);
}

/*
 * Copies s->other from `at` on behind the first `done` bytes of s->name. Returns the length of all of
 * it, 0 when that is too long.
 */
static __always_inline int path_append(struct scratch *s, __u64 at, __u64 done)
{
	__u64 len = NAME_SIZE - 1 - at;

	if (at > NAME_SIZE - 1 || done + len > NAME_MAX_LEN)
		return 0;
	opaque_value(at);
	at &= NAME_SIZE - 1;
	opaque_value(done);
	done &= MOUNT_PATH_MAX - 1;
	opaque_value(len);
	len &= NAME_SIZE - 1;
	if (len && bpf_probe_read_kernel(s->name + done, len, s->other + at))
		return 0;
	return done + len;
}

struct path_below { /* as above */
	struct scratch *s;
	const struct mount_name *mount;
};

static long path_same_byte(__u32 i, void *data)
{
	struct path_below *c = data;
	__u64 at = (__u64)c->s->aux + i;

	opaque_value(at);
	at &= NAME_SIZE - 1;
	if (c->s->other[at] == c->mount->root[i & (MOUNT_PATH_MAX - 1)])
		return 0;
	c->s->count = 0;
	return 1;
}

/* True when the path is at or below the root of the mount. */
static __always_inline int path_is_below(struct scratch *s, const struct mount_name *mount)
{
	struct path_below c = {.s = s, .mount = mount};
	__u64 end = (__u64)s->aux + mount->root_len;

	if (!mount->root_len)
		return 1;
	if (end > NAME_SIZE - 1)
		return 0;
	s->count = 1;
	loop(mount->root_len & (MOUNT_PATH_MAX - 1), path_same_byte, &c);
	if (!s->count)
		return 0;
	opaque_value(end);
	end &= NAME_SIZE - 1;
	return end == NAME_SIZE - 1 || s->other[end] == '/';
}

#define PATH_NO_MOUNT -1 /* there are not that many */

/*
 * Writes the name that the mount with that number gives to what path_find() has found (PATH_FILE) to
 * s->name. Returns its length; 0 when this mount does not show it, or by too long a name.
 */
static __noinline int path_name(struct scratch *s, __u32 dev, __u32 index)
{
	struct mount_key key = {.dev = dev, .index = index};
	const struct mount_name *mount = bpf_map_lookup_elem(&mounts, &key);
	__u64 len;

	if (!mount)
		return PATH_NO_MOUNT;
	if (!path_is_below(s, mount))
		return 0;
	len = mount->point_len;
	opaque_value(len);
	len &= MOUNT_PATH_MAX - 1;
	if (len && bpf_probe_read_kernel(s->name, len, mount->point))
		return 0;
	if (!len && s->aux + mount->root_len == NAME_SIZE - 1) { /* the root itself */
		s->name[0] = '/';
		return 1;
	}
	return path_append(s, (__u64)s->aux + mount->root_len, len);
}

/* Whether some mount of the file system gives its files a name that is not known. */
static __always_inline int path_may_have_others(__u32 dev)
{
	struct mount_key key = {.dev = dev, .index = MOUNTS_LEFT_OUT};

	return bpf_map_lookup_elem(&mounts, &key) != 0;
}

/* The device of a file system, as keys of `mounts` have it. */
static __always_inline __u32 path_dev(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_sb, s_dev);
}

#endif
