/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "order.h"

#include <stdlib.h>
#include <string.h>

struct order_item {
	uint64_t time;
	uint64_t arrival; /* breaks ties, so that equal times stay as they came */
	struct rec *rec;
};

void order_put(struct order *o, const struct rec *r)
{
	struct rec *copy = malloc(r->size);

	if (o->count == o->room) {
		size_t room = o->room ? 2 * o->room : 256;
		struct order_item *items = reallocarray(o->items, room, sizeof(*items));

		if (items) {
			o->items = items;
			o->room = room;
		}
	}
	if (!copy || o->count == o->room) {
		free(copy);
		o->lost++;
		return;
	}
	memcpy(copy, r, r->size);
	o->items[o->count++] = (struct order_item){r->time, o->arrived++, copy};
	o->bytes += r->size;
}

static int compare(const void *a, const void *b)
{
	const struct order_item *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

void order_release(struct order *o, uint64_t horizon,
		   void (*fn)(void *ctx, const struct rec *r), void *ctx)
{
	size_t n = 0;

	if (!o->count)
		return;
	qsort(o->items, o->count, sizeof(*o->items), compare);
	for (; n < o->count && o->items[n].time <= horizon; n++) {
		fn(ctx, o->items[n].rec);
		o->bytes -= o->items[n].rec->size;
		free(o->items[n].rec);
	}
	o->count -= n;
	memmove(o->items, o->items + n, o->count * sizeof(*o->items));
}

void order_free(struct order *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->items[i].rec);
	free(o->items);
	*o = (struct order){0};
}
