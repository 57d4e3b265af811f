/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct intern_item {
	uint64_t hash;
	size_t off;
	size_t len;
};

void intern_free(struct intern *in)
{
	free(in->bytes);
	free(in->items);
	free(in->slots);
	*in = (struct intern){};
}

static uint64_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = len, word;

	for (; len; p += sizeof(word), len -= sizeof(word)) {
		word = 0;
		if (len < sizeof(word)) {
			memcpy(&word, p, len);
			len = sizeof(word);
		} else {
			memcpy(&word, p, sizeof(word));
		}
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h;
}

static int grow_slots(struct intern *in)
{
	uint32_t count = in->slot_count ? in->slot_count * 2 : 64;
	uint32_t *slots = calloc(count, sizeof(*slots));
	uint32_t at;

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->count; i++) {
		at = (uint32_t)in->items[i].hash & (count - 1);
		while (slots[at])
			at = (at + 1) & (count - 1);
		slots[at] = i + 1;
	}
	free(in->slots);
	in->slots = slots;
	in->slot_count = count;
	return 0;
}

static int grow_items(struct intern *in)
{
	uint32_t room = in->items_room ? in->items_room * 2 : 32;
	void *items = reallocarray(in->items, room, sizeof(*in->items));

	if (!items)
		return -ENOMEM;
	in->items = items;
	in->items_room = room;
	return 0;
}

static int grow_bytes(struct intern *in, size_t len)
{
	size_t room = in->room ? in->room : 512;
	uint8_t *bytes;

	while (room - in->used < len)
		room *= 2;
	bytes = realloc(in->bytes, room);
	if (!bytes)
		return -ENOMEM;
	in->bytes = bytes;
	in->room = room;
	return 0;
}

static int append(struct intern *in, const void *data, size_t len, uint64_t hash)
{
	size_t padded = (len + 7) & ~(size_t)7;

	if (in->count == in->items_room && grow_items(in) < 0)
		return -ENOMEM;
	if ((!in->bytes || in->room - in->used < padded) && grow_bytes(in, padded) < 0)
		return -ENOMEM;
	in->items[in->count++] = (struct intern_item){.hash = hash, .off = in->used, .len = len};
	if (len)
		memcpy(in->bytes + in->used, data, len);
	in->used += padded;
	return 0;
}

int intern_add(struct intern *in, const void *data, size_t len, uint32_t *ret)
{
	uint64_t hash = hash_bytes(data, len);
	const struct intern_item *item;
	uint32_t at;

	/* Half full at most, so that probe sequences stay short. */
	if (in->count >= in->slot_count / 2 && grow_slots(in) < 0)
		return -ENOMEM;
	for (at = (uint32_t)hash & (in->slot_count - 1); in->slots[at];
	     at = (at + 1) & (in->slot_count - 1)) {
		item = &in->items[in->slots[at] - 1];
		if (item->hash == hash && item->len == len &&
		    (!len || !memcmp(in->bytes + item->off, data, len))) {
			*ret = in->slots[at] - 1;
			return 0;
		}
	}
	if (append(in, data, len, hash) < 0)
		return -ENOMEM;
	in->slots[at] = in->count;
	*ret = in->count - 1;
	return 1;
}

const void *intern_get(const struct intern *in, uint32_t number, size_t *ret_len)
{
	const struct intern_item *item = &in->items[number];

	if (ret_len)
		*ret_len = item->len;
	return in->bytes + item->off;
}
