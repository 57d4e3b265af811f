/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "mount_names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "mount_name.h"
#include "mounts.h"

struct fill {
	int map;
	struct map counts; /* of the mounts of each file system so far */
	int left_out;
};

static void fill_done(struct fill *f)
{
	map_free(&f->counts);
}

/* Paths in the map have no slash at the end. Returns the length, or -1 when there is no room. */
static int set_path(uint8_t into[MOUNT_PATH_MAX], const char *path)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	if (len >= MOUNT_PATH_MAX)
		return -1;
	memcpy(into, path, len);
	return (int)len;
}

static int put(int map, uint32_t dev, uint32_t index, const struct mount_name *name)
{
	struct mount_key key = {.dev = dev, .index = index};

	return bpf_map_update_elem(map, &key, name, BPF_ANY) < 0 ? -errno : 0;
}

static int add_mount(void *ctx, const struct mount_entry *m)
{
	struct fill *f = ctx;
	uintptr_t count = (uintptr_t)map_get(&f->counts, m->dev);
	struct mount_name name = {};
	int r;
	int root = set_path(name.root, m->root), point = set_path(name.point, m->point);

	if (root < 0 || point < 0 || count >= MOUNTS_OF_ONE) {
		f->left_out++;
		return put(f->map, m->dev, MOUNTS_LEFT_OUT, &name);
	}
	name.root_len = (uint32_t)root;
	name.point_len = (uint32_t)point;
	r = put(f->map, m->dev, (uint32_t)count, &name);
	if (r < 0)
		return r;
	return map_put(&f->counts, m->dev, (void *)(count + 1));
}

int mount_names_fill(int map, FILE *mountinfo)
{
	_cleanup_(fill_done) struct fill f = {.map = map};

	int r = mounts_each(mountinfo, add_mount, &f);

	return r < 0 ? r : f.left_out;
}

static int count_mount(void *ctx, const struct mount_entry *m)
{
	++*(int *)ctx;
	return 0;
}

/* As many again: for file systems of which something is left out, and for what is mounted meanwhile. */
int mount_names_room(FILE *mountinfo)
{
	int count = 0, r = mounts_each(mountinfo, count_mount, &count);

	return r < 0 ? r : 2 * count + 64;
}
