/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "fileset.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAP 64

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

/* The slot of the key, or the free one where it belongs; there is always a free one. */
static struct file_key *find_slot(const struct fileset *s, const struct file_key *key)
{
	uint64_t i = mix(mix(mix(0, key->dev), key->ino), key->tag);

	for (;; i++) {
		struct file_key *slot = &s->slots[i & (s->cap - 1)];

		if (!slot->ino ||
		    (slot->ino == key->ino && slot->dev == key->dev && slot->tag == key->tag))
			return slot;
	}
}

bool fileset_has(const struct fileset *s, const struct file_key *key)
{
	return s->cap && key->ino && find_slot(s, key)->ino;
}

static int grow(struct fileset *s)
{
	struct fileset bigger = {.cap = s->cap ? 2 * s->cap : FIRST_CAP, .count = s->count};

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].ino)
			*find_slot(&bigger, &s->slots[i]) = s->slots[i];
	free(s->slots);
	*s = bigger;
	return 0;
}

int fileset_add(struct fileset *s, const struct file_key *key)
{
	struct file_key *slot;

	if (!key->ino)
		return -EINVAL;
	if (s->count >= s->cap / 4 * 3 && grow(s) < 0)
		return -ENOMEM;
	slot = find_slot(s, key);
	if (slot->ino)
		return -EEXIST;
	*slot = *key;
	s->count++;
	return 0;
}

void fileset_free(struct fileset *s)
{
	free(s->slots);
	*s = (struct fileset){};
}
