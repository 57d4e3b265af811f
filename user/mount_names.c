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

static int add_mount(void *ctx, const struct mount_entry *m)
{
	struct fill *f = ctx;
	uintptr_t count = (uintptr_t)map_get(&f->counts, m->dev);
	struct mount_key key = {.dev = m->dev, .index = (uint32_t)count};
	struct mount_name name = {};
	int root = set_path(name.root, m->root), point = set_path(name.point, m->point);

	if (root < 0 || point < 0 || count >= MOUNTS_OF_ONE)
		return 0;
	name.root_len = (uint32_t)root;
	name.point_len = (uint32_t)point;
	if (bpf_map_update_elem(f->map, &key, &name, BPF_ANY) < 0)
		return errno == E2BIG ? 0 : -errno;
	return map_put(&f->counts, m->dev, (void *)(count + 1));
}

int mount_names_fill(int map, FILE *mountinfo)
{
	_cleanup_(fill_done) struct fill f = {.map = map};

	return mounts_each(mountinfo, add_mount, &f);
}
