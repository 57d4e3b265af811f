/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "order.h"

#include <errno.h>
#include <stdlib.h>

struct order_item {
	uint64_t time;
	uint64_t arrival; /* breaks ties, so that equal times stay as they came */
	size_t at;	  /* of the record in `records` */
};

#define ALIGN 8 /* of records */

/* Appends a copy to `records`. Returns 0 with its place, or -ENOMEM. */
static int keep(struct buf *records, const struct rec *r, size_t *ret_at)
{
	size_t pad = -records->len % ALIGN;

	if (buf_reserve(records, pad + r->size) < 0) {
		records->failed = false; /* what is there is whole */
		return -ENOMEM;
	}
	records->len += pad;
	*ret_at = records->len;
	buf_add(records, r, r->size);
	return 0;
}

static int make_room(struct order *o)
{
	size_t room = o->room ? 2 * o->room : 256;
	struct order_item *items;

	if (o->count < o->room)
		return 0;
	items = reallocarray(o->items, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	o->items = items;
	o->room = room;
	return 0;
}

void order_put(struct order *o, const struct rec *r)
{
	struct order_item item = {.time = r->time, .arrival = o->arrived};

	if (make_room(o) < 0 || keep(&o->records, r, &item.at) < 0) {
		o->lost++;
		return;
	}
	o->arrived++;
	o->items[o->count++] = item;
}

static int compare(const void *a, const void *b)
{
	const struct order_item *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

static const struct rec *record(const struct order *o, size_t i)
{
	return (const struct rec *)(o->records.data + o->items[i].at);
}

/* Moves those that stay, which are few, together. */
static void close_up(struct order *o, size_t gone)
{
	struct buf was = o->records;
	size_t stay = 0;

	o->records = o->spare;
	buf_reset(&o->records);
	for (size_t i = gone; i < o->count; i++) {
		struct order_item item = o->items[i];

		if (keep(&o->records, (const struct rec *)(was.data + item.at), &item.at) < 0)
			o->lost++;
		else
			o->items[stay++] = item;
	}
	o->count = stay;
	o->spare = was;
}

void order_release(struct order *o, uint64_t horizon,
		   void (*fn)(void *ctx, const struct rec *r), void *ctx)
{
	size_t n = 0;

	if (!o->count)
		return;
	qsort(o->items, o->count, sizeof(*o->items), compare);
	for (; n < o->count && o->items[n].time <= horizon; n++)
		fn(ctx, record(o, n));
	if (n)
		close_up(o, n);
}

void order_free(struct order *o)
{
	free(o->items);
	buf_free(&o->records);
	buf_free(&o->spare);
	*o = (struct order){0};
}
