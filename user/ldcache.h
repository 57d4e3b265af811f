/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_LDCACHE_H
#define WARDEN_LDCACHE_H

#include <stdbool.h>
#include <stddef.h>

#define LDCACHE_PATH "/etc/ld.so.cache"

/*
 * The table of library names and paths that ldconfig(8) writes for the loader of glibc, format
 * "glibc-ld.so.cache1.1" (glibc's sysdeps/generic/dl-cache.h), alone or behind the table of the
 * older format. All zeros is an empty one.
 */
struct ldcache {
	char *data;  /* owned; with one NUL behind it */
	size_t size; /* without that */
	size_t base; /* of the table in `data`; the places in it count from here */
	size_t count;
};

struct ldcache_entry {
	const char *name; /* of the library; both live as long as the cache */
	const char *path;
};

/* Reads a cache. Returns 0; -ENOENT; -EBADMSG when it is none of this format; -ENOMEM, -errno. */
int ldcache_open(const char *path, struct ldcache *ret);

void ldcache_close(struct ldcache *c);

/*
 * Goes to the next library for x86-64, beginning with *i = 0; one name may have several paths, for
 * several kinds of CPU. Returns false at the end. Broken entries are left out.
 */
bool ldcache_next(const struct ldcache *c, size_t *i, struct ldcache_entry *ret);

#endif
