/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free; &tombstone: free, but others were put behind it */
};

static char tombstone;

static size_t slot_of(const struct map *m, uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ULL) >> 32 & (m->room - 1);
}

/* The slot of the key, or of its absence (a free one); NULL when there is no table. */
static struct map_slot *find(const struct map *m, uint64_t key)
{
	if (!m->room)
		return NULL;
	for (size_t i = slot_of(m, key);; i = (i + 1) & (m->room - 1)) {
		struct map_slot *s = &m->slots[i];

		if (!s->value || (s->value != &tombstone && s->key == key))
			return s;
	}
}

void *map_get(const struct map *m, uint64_t key)
{
	struct map_slot *s = find(m, key);

	return s ? s->value : NULL;
}

static int grow(struct map *m)
{
	struct map bigger = {.room = m->count * 4 < 16 ? 16 : m->room};

	while (bigger.room < m->count * 4)
		bigger.room *= 2;
	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->room; i++)
		if (m->slots[i].value && m->slots[i].value != &tombstone)
			*find(&bigger, m->slots[i].key) = m->slots[i];
	bigger.count = bigger.used = m->count;
	free(m->slots);
	*m = bigger;
	return 0;
}

int map_put(struct map *m, uint64_t key, void *value)
{
	struct map_slot *s = find(m, key);

	if (s && s->value) {
		s->value = value;
		return 0;
	}
	if ((m->used + 1) * 2 > m->room) {
		int r = grow(m);

		if (r < 0)
			return r;
		s = find(m, key);
	}
	*s = (struct map_slot){.key = key, .value = value};
	m->count++;
	m->used++;
	return 0;
}

void *map_take(struct map *m, uint64_t key)
{
	struct map_slot *s = find(m, key);
	void *value = s ? s->value : NULL;

	if (!value)
		return NULL;
	s->value = &tombstone;
	m->count--;
	return value;
}

void *map_next(const struct map *m, size_t *at, uint64_t *ret_key)
{
	for (; *at < m->room; (*at)++) {
		struct map_slot *s = &m->slots[*at];

		if (!s->value || s->value == &tombstone)
			continue;
		(*at)++;
		if (ret_key)
			*ret_key = s->key;
		return s->value;
	}
	return NULL;
}

void map_free(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}
