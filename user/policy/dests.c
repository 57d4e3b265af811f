/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/dests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define LINES_MAX (IMAGE_MAX_SIZE / 2 / sizeof(struct image_dest)) /* a table is half full */

void dests_done(struct dests *d)
{
	free(d->uses);
	free(d->entries);
	free(d->active);
	free(d->any);
	free(d->ported);
	free(d->hits);
	free(d->table);
	free(d->node_class);
	intern_free(&d->classes);
	intern_free(&d->nodes);
}

/* ---- what there is ---- */

/* Makes room for one more item in an array that doubles. */
static int room_for_one(void *array, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 32;
	void *old, *new;

	if (count < *room)
		return 0;
	memcpy(&old, array, sizeof(old));
	new = reallocarray(old, more, size);
	if (!new)
		return -ENOMEM;
	memcpy(array, &new, sizeof(new));
	*room = more;
	return 0;
}

int dests_add_entry(struct dests *d, const struct image_row *row, uint32_t *ret)
{
	if (room_for_one(&d->entries, d->entry_count, &d->entry_room, sizeof(*d->entries)) < 0)
		return -ENOMEM;
	*ret = d->entry_count;
	d->entries[d->entry_count++] = (struct dest_entry){.row = *row};
	return 0;
}

int dests_add_use(struct dests *d, const struct dest_use *use, uint32_t *ret)
{
	if (room_for_one(&d->uses, d->use_count, &d->use_room, sizeof(*d->uses)) < 0)
		return -ENOMEM;
	*ret = d->use_count;
	d->uses[d->use_count++] = *use;
	d->listens |= use->listen;
	return 0;
}

int dests_enter(struct dests *d, uint32_t use)
{
	if (room_for_one(&d->active, d->active_count, &d->active_room, sizeof(*d->active)) < 0)
		return -ENOMEM;
	d->active[d->active_count++] = use;
	return 0;
}

uint32_t dests_mark(const struct dests *d)
{
	return d->active_count;
}

void dests_leave(struct dests *d, uint32_t mark)
{
	d->active_count = mark;
}

/* ---- one class ---- */

static int by_port(const void *a, const void *b)
{
	const struct dest_use *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return 0;
}

static bool has_proto(const struct dest_use *use, int proto)
{
	if (use->listen != !!(proto & PROTO_LISTEN))
		return false;
	return use->proto < 0 || use->proto == (proto & ~PROTO_LISTEN);
}

/* What patterns for any port hit: their entries in d->hits, together in `ret`. */
static uint32_t resolve_base(struct dests *d, uint32_t any, int proto, struct image_row *ret)
{
	uint32_t matched = 0, hits = 0;

	d->round++;
	for (uint32_t i = 0; i < any; i++) {
		struct dest_entry *e = &d->entries[d->any[i].entry];

		if (!has_proto(&d->any[i], proto))
			continue;
		if (d->any[i].except)
			e->base_except = d->round;
		else if (e->base_match != d->round)
			d->hits[matched++] = d->any[i].entry;
		if (!d->any[i].except)
			e->base_match = d->round;
	}
	*ret = (struct image_row)ROW_EMPTY;
	for (uint32_t i = 0; i < matched; i++) {
		const struct dest_entry *e = &d->entries[d->hits[i]];

		if (e->base_except == d->round)
			continue;
		d->hits[hits++] = d->hits[i];
		row_add(ret, &e->row);
	}
	return hits;
}

/*
 * What a port hits: `uses` are the patterns for it, `base` and the first `hits` of d->hits what
 * patterns for any port hit. d->round is that of resolve_base(), `round` is one of its own.
 */
static struct image_row resolve_port(struct dests *d, const struct dest_use *uses, uint32_t count,
				     int proto, const struct image_row *base, uint32_t hits,
				     uint32_t round)
{
	struct image_row row = ROW_EMPTY;
	bool excepted = false;

	for (uint32_t i = 0; i < count; i++) {
		struct dest_entry *e = &d->entries[uses[i].entry];

		if (!has_proto(&uses[i], proto))
			continue;
		*(uses[i].except ? &e->port_except : &e->port_match) = round;
		excepted |= uses[i].except;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct dest_entry *e = &d->entries[uses[i].entry];

		if (e->port_match == round && e->port_except != round && e->base_except != d->round)
			row_add(&row, &e->row);
	}
	if (!excepted)
		row_add(&row, base);
	for (uint32_t i = 0; i < hits && excepted; i++)
		if (d->entries[d->hits[i]].port_except != round)
			row_add(&row, &d->entries[d->hits[i]].row);
	return row;
}

static int add_line(struct dests *d, uint32_t port, int proto, const struct image_row *row)
{
	size_t room = d->table_room ? d->table_room * 2 : 64;
	void *table;

	if (d->table_count == d->table_room) {
		table = reallocarray(d->table, room, sizeof(*d->table));
		if (!table)
			return -ENOMEM;
		d->table = table;
		d->table_room = room;
	}
	d->table[d->table_count++] = (struct dest_line){port, (uint32_t)proto, *row};
	return d->table_count > LINES_MAX ? -E2BIG : 0;
}

/* The lines of one protocol. A port that hits what any port hits needs none. */
static int resolve_proto(struct dests *d, uint32_t any, uint32_t ported, int proto)
{
	struct image_row base, row;
	uint32_t hits = resolve_base(d, any, proto, &base);
	uint32_t round = d->round, same;
	int r = 0;

	if (!row_is_empty(&base))
		r = add_line(d, PORT_ANY, proto, &base);
	for (uint32_t i = 0; i < ported && !r; i += same) {
		for (same = 1; i + same < ported; same++)
			if (d->ported[i].port != d->ported[i + same].port)
				break;
		row = resolve_port(d, d->ported + i, same, proto, &base, hits, ++round);
		if (memcmp(&row, &base, sizeof(row)) != 0)
			r = add_line(d, d->ported[i].port, proto, &row);
	}
	d->round = round;
	return r;
}

static int resolve_room(struct dests *d)
{
	if (d->any)
		return 0;
	d->any = calloc(d->use_count + 1, sizeof(*d->any));
	d->ported = calloc(d->use_count + 1, sizeof(*d->ported));
	d->hits = calloc(d->use_count + 1, sizeof(*d->hits));
	return d->any && d->ported && d->hits ? 0 : -ENOMEM;
}

static int resolve_class(struct dests *d, uint32_t *ret)
{
	uint32_t any = 0, ported = 0;
	int r = resolve_room(d);

	for (uint32_t i = 0; i < d->active_count && !r; i++) {
		const struct dest_use *use = &d->uses[d->active[i]];

		if (use->port == PORT_ANY)
			d->any[any++] = *use;
		else
			d->ported[ported++] = *use;
	}
	d->table_count = 0;
	if (!r)
		qsort(d->ported, ported, sizeof(*d->ported), by_port);
	for (int proto = 0; proto < PROTO_COUNT && !r; proto++)
		r = resolve_proto(d, any, ported, proto);
	for (int proto = 0; proto < PROTO_COUNT && d->listens && !r; proto++)
		r = resolve_proto(d, any, ported, proto | PROTO_LISTEN);
	if (r < 0)
		return r;
	r = intern_add(&d->classes, d->table, d->table_count * sizeof(*d->table), ret);
	if (r > 0)
		d->lines += d->table_count;
	if (d->lines > LINES_MAX)
		return -E2BIG;
	return r < 0 ? r : 0;
}

/* Many CIDRs of one entry are one node, so that its class is resolved once. */
static int number_node(struct dests *d, uint32_t below, uint32_t mark, uint32_t *ret)
{
	_buf_ struct buf key = {};

	buf_add(&key, &below, sizeof(below));
	for (uint32_t i = mark; i < d->active_count; i++)
		buf_add(&key, &d->uses[d->active[i]], sizeof(struct dest_use));
	if (buf_error(&key) < 0)
		return -ENOMEM;
	return intern_add(&d->nodes, key.data, key.len, ret);
}

int dests_node(struct dests *d, uint32_t below, uint32_t mark, struct dest_node *ret)
{
	struct dest_node node;
	int r;

	r = number_node(d, below, mark, &node.number);
	if (r < 0)
		return r;
	if (r) {
		r = resolve_class(d, &node.class);
		if (r < 0)
			return r;
		if (room_for_one(&d->node_class, node.number, &d->node_room,
				 sizeof(*d->node_class)) < 0)
			return -ENOMEM;
		d->node_class[node.number] = node.class;
	}
	node.class = d->node_class[node.number];
	*ret = node;
	return 0;
}
