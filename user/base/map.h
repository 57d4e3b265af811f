/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_MAP_H
#define WARDEN_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* A hash table from numbers to pointers. Zeroed, it is empty. It owns its table, not the values. */
struct map {
	struct map_slot *slots;
	size_t count; /* entries */
	size_t used;  /* entries and tombstones */
	size_t room;  /* a power of two, or 0 */
};

/* The value, or NULL. */
void *map_get(const struct map *m, uint64_t key);

/* Puts a value that is not NULL in place of what was there. Returns 0 or -ENOMEM. */
int map_put(struct map *m, uint64_t key, void *value);

/* Takes a value out and returns it, or NULL. */
void *map_take(struct map *m, uint64_t key);

/*
 * Goes over all values in no order: start with *at = 0; NULL at the end. Entries may be taken out
 * on the way, none put in.
 */
void *map_next(const struct map *m, size_t *at, uint64_t *ret_key);

void map_free(struct map *m);

#endif
