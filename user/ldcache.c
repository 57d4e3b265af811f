/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "ldcache.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "regular.h"

#define SIZE_LIMIT   ((off_t)16 << 20)
#define MAGIC        "glibc-ld.so.cache1.1"
#define MAGIC_OLD    "ld.so-1.7.0"
#define FLAGS_MASK   0xff00
#define FLAGS_X86_64 0x0300

struct header {
	char magic[sizeof(MAGIC) - 1];
	uint32_t count;
	uint32_t strings_size;
	uint8_t flags;
	uint8_t padding[3];
	uint32_t extensions;
	uint32_t unused[3];
};

struct entry {
	int32_t flags;
	uint32_t name; /* places from the beginning of the header */
	uint32_t path;
	uint32_t os_version;
	uint64_t hwcap;
};

struct header_old {
	char magic[sizeof(MAGIC_OLD) - 1];
	uint32_t count;
};

struct entry_old {
	int32_t flags;
	uint32_t name;
	uint32_t path;
};

_Static_assert(sizeof(struct header) == 48, "as glibc has it");
_Static_assert(sizeof(struct entry) == 24, "as glibc has it");
_Static_assert(sizeof(struct header_old) == 16, "as glibc has it");

static int read_all(int fd, char *data, size_t size)
{
	while (size) {
		ssize_t n = read(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int load(const char *path, struct ldcache *c)
{
	_close_ int fd = -1;
	struct stat st;

	fd = regular_open(path, &st);
	if (fd < 0)
		return fd;
	if (st.st_size > SIZE_LIMIT)
		return -EBADMSG;
	c->size = (size_t)st.st_size;
	c->data = calloc(1, c->size + 1);
	return c->data ? read_all(fd, c->data, c->size) : -ENOMEM;
}

/* The newer table stands behind the older one, aligned to eight bytes. */
static size_t skip_old(const struct ldcache *c)
{
	struct header_old old;
	uint64_t end;

	if (c->size < sizeof(old))
		return 0;
	memcpy(&old, c->data, sizeof(old));
	if (memcmp(old.magic, MAGIC_OLD, sizeof(old.magic)) != 0)
		return 0;
	end = sizeof(old) + (uint64_t)old.count * sizeof(struct entry_old);
	end = (end + 7) & ~(uint64_t)7;
	return end < c->size ? end : c->size;
}

static int find_table(struct ldcache *c)
{
	struct header h;

	c->base = skip_old(c);
	if (c->size - c->base < sizeof(h))
		return -EBADMSG;
	memcpy(&h, c->data + c->base, sizeof(h));
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 ||
	    h.count > (c->size - c->base - sizeof(h)) / sizeof(struct entry))
		return -EBADMSG;
	c->count = h.count;
	return 0;
}

int ldcache_open(const char *path, struct ldcache *ret)
{
	struct ldcache c = {};
	int r;

	r = load(path, &c);
	if (r == 0)
		r = find_table(&c);
	if (r < 0)
		ldcache_close(&c);
	else
		*ret = c;
	return r;
}

void ldcache_close(struct ldcache *c)
{
	free(c->data);
	*c = (struct ldcache){};
}

bool ldcache_next(const struct ldcache *c, size_t *i, struct ldcache_entry *ret)
{
	size_t size = c->size - c->base;
	struct entry e;

	while (*i < c->count) {
		memcpy(&e, c->data + c->base + sizeof(struct header) + *i * sizeof(e), sizeof(e));
		++*i;
		if ((e.flags & FLAGS_MASK) != FLAGS_X86_64 || e.name >= size || e.path >= size)
			continue;
		ret->name = c->data + c->base + e.name;
		ret->path = c->data + c->base + e.path;
		return true;
	}
	return false;
}
