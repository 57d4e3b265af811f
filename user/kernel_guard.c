/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Tells the kernel side what belongs to warden, for the workload to leave alone (bpf/guard.bpf.c). */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fileid.h"
#include "guard.h"
#include "kernel_internal.h"
#include "mounts.h"

/* ---- files ---- */

static int find_file(const struct file_ids *ids, const char *path, struct file_id *ret)
{
	char real[PATH_MAX];

	return realpath(path, real) ? file_id(ids, AT_FDCWD, real, ret) : -errno;
}

/* What is not there, or is no file (a trail on standard output), needs no guard. */
static int guard_file(struct kernel *k, const struct file_ids *ids, const char *path,
		      enum guard_what what)
{
	uint32_t value = what;
	struct guard_file key = {};
	struct file_id id;
	int r = path ? find_file(ids, path, &id) : -ENOENT;

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	key.ino = id.ino;
	key.dev = id.dev;
	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.guard_files), &key, &value, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

static int guard_files(struct kernel *k, const struct kernel_options *o)
{
	const struct {
		const char *path;
		enum guard_what what;
	} files[] = {
		{"/proc/self/exe", GUARD_ITSELF}, {o->policy_file, GUARD_ITSELF},
		{o->trail_file, GUARD_ITSELF},	  {o->run_file, GUARD_ITSELF},
		{o->pins, GUARD_BELOW},		  {MOUNTS_STATE_DIR, GUARD_BELOW},
		{MOUNTS_BPFFS, GUARD_ITSELF},
	};
	__attribute__((cleanup(file_ids_done))) struct file_ids ids = {};
	int r = file_ids_read(&ids);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && r == 0; i++)
		r = guard_file(k, &ids, files[i].path, files[i].what);
	return r;
}

int kernel_guard_self(struct kernel *k)
{
	__attribute__((cleanup(file_ids_done))) struct file_ids ids = {};
	struct file_id id;
	int r = file_ids_read(&ids);

	if (r == 0)
		r = find_file(&ids, "/proc/self/exe", &id);
	if (r < 0)
		return r;
	k->skel->rodata->guard_ino = id.ino;
	k->skel->rodata->guard_dev = id.dev;
	return 0;
}

/* ---- objects ---- */

static int guard_object(struct kernel *k, enum guard_kind kind, uint32_t id)
{
	struct guard_object key = {.kind = kind, .id = id};
	uint32_t value = 1;

	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.guard_objects), &key, &value,
				   BPF_ANY) < 0
		       ? -errno
		       : 0;
}

int kernel_guard_map(struct kernel *k, int fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	return guard_object(k, GUARD_MAP, info.id);
}

static int guard_program(struct kernel *k, int fd)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	return guard_object(k, GUARD_PROGRAM, info.id);
}

static int guard_objects(struct kernel *k)
{
	struct bpf_program *p;
	struct bpf_map *m;
	int r = 0;

	bpf_object__for_each_map(m, k->skel->obj) {
		if (r == 0)
			r = kernel_guard_map(k, bpf_map__fd(m));
	}
	bpf_object__for_each_program(p, k->skel->obj) {
		if (r == 0 && bpf_program__fd(p) >= 0)
			r = guard_program(k, bpf_program__fd(p));
	}
	return r;
}

int kernel_guard(struct kernel *k, const struct kernel_options *o)
{
	int r = guard_files(k, o);

	return r < 0 ? r : guard_objects(k);
}
