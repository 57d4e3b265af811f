/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Files that a workload may not write, whatever rights it has: warden's own, and what brokers read.
 *
 *   lsm/file_open, path_truncate      opened for writing, or emptied
 *   lsm/inode_create, inode_symlink   made; a link may stand for a whole directory
 *   lsm/inode_link                    made known by another name, or by such a one
 *   lsm/inode_rename, inode_unlink    replaced, moved, removed (warden's)
 *   cgroup/sysctl                     the settings in /proc/sys, without LSM, too
 *
 * Attack: have something outside of the workload do what policy forbids, by leaving it a file: a
 * crontab, a unit, the program that the kernel hands a core to. The name of a file is where it is in
 * its file system (path.bpf.h); of a directory it is asked with a slash behind, as whoever puts another
 * one in the place of /etc writes the files in it. All return EPERM.
 */
#include "guard.h"
#include "path.bpf.h"

/* Filled once, before anything is attached; there is room for all that there is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_FILES);
	__type(key, struct guard_file);
	__type(value, __u32); /* enum guard_what */
} guard_files SEC(".maps");

/* ---- warden's own: not a question of policy ---- */

static __always_inline __u32 guard_file_what(struct inode *inode)
{
	struct guard_file key = {};
	__u32 *what;

	if (!inode)
		return GUARD_NOTHING;
	key.ino = BPF_CORE_READ(inode, i_ino);
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	what = bpf_map_lookup_elem(&guard_files, &key);
	return what ? *what : GUARD_NOTHING;
}

/*
 * True when the file is one of them, whatever it is called, or in a directory of them. Another file
 * that is put beside them is nobody's concern: what counts in there is there as long as there are
 * runs.
 */
static __always_inline int guard_has(struct dentry *dentry)
{
	return guard_file_what(BPF_CORE_READ(dentry, d_inode)) != GUARD_NOTHING ||
	       guard_file_what(BPF_CORE_READ(dentry, d_parent, d_inode)) == GUARD_BELOW;
}

/* ---- what brokers read ---- */

static __always_inline struct rec_file *file_record(struct scratch *s)
{
	return (struct rec_file *)s->record;
}

/* As what the name of a file is asked for. */
enum file_as {
	FILE_AS_FILE = 1,
	FILE_AS_DIRECTORY = 2,
	FILE_FIRST = 4, /* it is opened next: what is not refused is recorded then */
};

static __always_inline int file_is_hit(const struct scratch *s)
{
	return s->m.hit.deny != RULE_NONE || s->m.hit.audit != RULE_NONE;
}

/* Adds what the name of `len` bytes in s->name hits, as s->left says; the first that does is recorded. */
static __always_inline int file_match(struct scratch *s, __u64 len)
{
	opaque_value(len);
	len &= NAME_SIZE - 1;
	if (s->left & FILE_AS_FILE)
		text_match(s, TEXT_FILE, len);
	if (s->left & FILE_AS_DIRECTORY) {
		s->name[len] = '/';
		text_match(s, TEXT_FILE, len + 1);
	}
	if (file_is_hit(s) && !file_record(s)->path_len)
		file_record(s)->path_len = record_append(s, s->name, len);
	return 0;
}

struct file_ctx { /* on the stack of the caller: pointers, and what does not change (match.h) */
	struct scratch *s;
	__u32 dev;
};

static long file_match_at(__u32 i, void *data)
{
	struct file_ctx *c = data;
	int len = path_name(c->s, c->dev, i);

	if (len <= 0)
		return len == PATH_NO_MOUNT;
	file_match(c->s, len);
	return 0;
}

/* File systems that are the same wherever they are mounted: a mount of one's own changes nothing. */
static const struct file_home {
	__u32 magic; /* linux/magic.h */
	__u32 len;
	char point[32];
} homes[] = {
	{0x62656572, 4, "/sys"},
	{0x27e0eb, 14, "/sys/fs/cgroup"},
	{0x42494e4d, 24, "/proc/sys/fs/binfmt_misc"},
};

#define HOMES (sizeof(homes) / sizeof(homes[0]))

/* The name of what path_find_new() has found in one of them; 0: it is in none. */
static __always_inline int file_name_home(struct scratch *s, __u64 magic)
{
#pragma unroll
	for (__u32 i = 0; i < HOMES; i++) {
		if (magic != homes[i].magic)
			continue;
		__builtin_memcpy(s->name, homes[i].point, sizeof(homes[i].point));
		return path_append(s, s->aux, homes[i].len);
	}
	return 0;
}

static __always_inline int file_names(struct scratch *s, struct dentry *dentry)
{
	struct file_ctx c = {.s = s, .dev = path_dev(dentry)};
	int len;

	if (path_find_new(s, dentry) != PATH_FILE)
		return 0;
	len = file_name_home(s, BPF_CORE_READ(dentry, d_sb, s_magic));
	if (len > 0)
		file_match(s, len);
	else
		loop(MOUNTS_OF_ONE, file_match_at, &c);
	return 0;
}

static __always_inline int file_any(const void *img)
{
	return match_has_names(img, __builtin_offsetof(struct image_header, text) +
					    TEXT_FILE * (__u32)sizeof(struct image_text));
}

static __always_inline void file_start(struct scratch *s, __u32 as)
{
	struct rec_file *r = file_record(s);

	activity_start(s, KIND_FILE);
	record_start(s, REC_FILE, sizeof(*r));
	r->path_len = r->reserved[0] = r->reserved[1] = r->reserved[2] = 0;
	s->left = as;
}

/* Decides on what has hit something, and records that; true when it is refused. */
static __noinline int file_finish(const void *img, struct scratch *s, __u32 tier)
{
	struct rec_file *r = file_record(s);

	s->dec.verdict = VERDICT_ALLOW;
	if (!file_is_hit(s))
		return 0;
	activity_decide(img, s);
	r->decision = s->dec;
	r->decision.tier = refused(&s->dec) ? tier : TIER_NONE;
	if (refused(&s->dec) || !(s->left & FILE_FIRST))
		record_send_event(s, refused(&s->dec));
	return refused(&s->dec);
}

/* Whether a broker reads this file: 0 or -EPERM. */
static __noinline int file_refuse(struct dentry *dentry, __u32 as)
{
	const void *img = image_current();
	struct scratch *s;
	int ret = 0;

	if (img && !file_any(img))
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	file_start(s, as);
	file_names(s, dentry);
	if (file_finish(img, s, TIER_LSM)) {
		if (s->dec.verdict == VERDICT_KILL)
			bpf_send_signal(SIGKILL);
		ret = -EPERM;
	}
	scratch_release(s);
	return ret;
}

/* ---- hooks ---- */

#define FMODE_WRITE 2
#define TYPE_MASK   0170000
#define TYPE_DIR    0040000

static __always_inline int file_write(struct dentry *dentry)
{
	if (guard_has(dentry))
		return tamper_refuse(TAMPER_FILE, 0);
	return file_refuse(dentry, FILE_AS_FILE);
}

SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file)
{
	if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE) || !scope_current())
		return 0;
	return file_write(BPF_CORE_READ(file, f_path.dentry));
}

SEC("lsm/path_truncate")
int BPF_PROG(file_truncate, const struct path *path)
{
	return scope_current() ? file_write(BPF_CORE_READ(path, dentry)) : 0;
}

SEC("lsm/inode_create")
int BPF_PROG(file_create, struct inode *dir, struct dentry *dentry, umode_t mode)
{
	return scope_current() ? file_refuse(dentry, FILE_AS_FILE | FILE_FIRST) : 0;
}

SEC("lsm/inode_symlink")
int BPF_PROG(file_symlink, struct inode *dir, struct dentry *dentry, const char *name)
{
	return scope_current() ? file_refuse(dentry, FILE_AS_FILE | FILE_AS_DIRECTORY) : 0;
}

/* By its other name it could be written. */
SEC("lsm/inode_link")
int BPF_PROG(file_link, struct dentry *old, struct inode *dir, struct dentry *new)
{
	if (!scope_current())
		return 0;
	return file_refuse(old, FILE_AS_FILE) ?: file_refuse(new, FILE_AS_FILE);
}

SEC("lsm/inode_unlink")
int BPF_PROG(file_unlink, struct inode *dir, struct dentry *dentry)
{
	if (!scope_current())
		return 0;
	return guard_has(dentry) ? tamper_refuse(TAMPER_FILE, 0) : 0;
}

SEC("lsm/inode_rename")
int BPF_PROG(file_rename, struct inode *from_dir, struct dentry *from, struct inode *to_dir,
	     struct dentry *to)
{
	umode_t type;

	if (!scope_current())
		return 0;
	if (guard_has(from) || guard_has(to))
		return tamper_refuse(TAMPER_FILE, 0);
	type = BPF_CORE_READ(from, d_inode, i_mode) & TYPE_MASK;
	if (type != TYPE_DIR)
		return file_refuse(to, FILE_AS_FILE);
	return file_refuse(from, FILE_AS_DIRECTORY) ?: file_refuse(to, FILE_AS_FILE | FILE_AS_DIRECTORY);
}

/* ---- settings: attached to the workload's cgroup, so the scope is given ---- */

#define SYSCTL_ALLOW 1
#define SYSCTL_DENY  0
#define SYSCTL_HOME  "/proc/sys/"
#define SYSCTL_NAME  128 /* longer ones are none that anybody asks about */

SEC("cgroup/sysctl")
int file_sysctl(struct bpf_sysctl *ctx)
{
	const __u32 home = sizeof(SYSCTL_HOME) - 1;
	const void *img = image_current();
	struct scratch *s;
	int n, ret = SYSCTL_ALLOW;

	if (!ctx->write || (img && !file_any(img)))
		return SYSCTL_ALLOW;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? SYSCTL_DENY : SYSCTL_ALLOW;
	file_start(s, FILE_AS_FILE);
	__builtin_memcpy(s->name, SYSCTL_HOME, sizeof(SYSCTL_HOME) - 1);
	n = bpf_sysctl_get_name(ctx, (char *)s->name + home, SYSCTL_NAME, 0);
	if (n > 0)
		file_match(s, home + n);
	if (file_finish(img, s, TIER_CGROUP)) {
		if (s->dec.verdict == VERDICT_KILL)
			doom(bpf_get_current_task_btf());
		ret = SYSCTL_DENY;
	}
	scratch_release(s);
	return ret;
}
