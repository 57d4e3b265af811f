/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_DESTS_H
#define WARDEN_POLICY_DESTS_H

#include "policy/tables.h"

/*
 * Classes of addresses. Addresses for which every port and protocol hits the same rules are of the
 * same class, whatever CIDRs they are in. While addresses are swept (lower_net.c), the patterns in
 * force are kept as a stack; the class of what is in force is asked for at any time.
 */

/* One pattern of one entry, without its address. Without padding, because it is compared. */
struct dest_use {
	uint32_t entry;
	uint32_t port; /* or PORT_ANY */
	int32_t proto; /* or -1 */
	uint32_t except;
	uint32_t listen; /* a place of one's own */
};

/* One key of a class: what a port and protocol hit. Without padding, because it is compared. */
struct dest_line {
	uint32_t port;
	uint32_t proto;
	struct image_row row;
};

struct dest_entry {
	struct image_row row;
	/* The last round in which a pattern for any port matched or excepted, and one for a port.
	 */
	uint32_t base_match;
	uint32_t base_except;
	uint32_t port_match;
	uint32_t port_except;
};

struct dests {
	struct lower *l;
	struct dest_use *uses;
	uint32_t use_count;
	uint32_t use_room;
	bool listens; /* one of them is of a place to listen at */
	struct dest_entry *entries;
	uint32_t entry_count;
	uint32_t entry_room;
	uint32_t *active; /* stack of uses in force */
	uint32_t active_count;
	uint32_t active_room;
	struct intern classes; /* of struct dest_line[] */
	size_t lines;          /* of all classes */
	struct intern nodes;   /* what was in force when a class was asked for */
	uint32_t *node_class;
	uint32_t node_room;
	uint32_t round;
	/* Room to resolve one class, by number of uses: */
	struct dest_use *any;
	struct dest_use *ported;
	uint32_t *hits;
	struct dest_line *table;
	size_t table_count;
	size_t table_room;
};

void dests_done(struct dests *d);

/* Adds an entry, and a pattern of it. All are added before the first dests_node(). */
int dests_add_entry(struct dests *d, const struct image_row *row, uint32_t *ret);
int dests_add_use(struct dests *d, const struct dest_use *use, uint32_t *ret);

/* Puts a pattern in force; takes all back that came since the mark. */
int dests_enter(struct dests *d, uint32_t use);
uint32_t dests_mark(const struct dests *d);
void dests_leave(struct dests *d, uint32_t mark);

/* What was in force once. The same patterns above the same node are the same node. */
struct dest_node {
	uint32_t number;
	uint32_t class;
};

#define DEST_ROOT 0xffffffffU /* below the first */

/*
 * The node of what is in force: node number `below` and the patterns since `mark`. Returns 0,
 * -ENOMEM or -E2BIG.
 */
int dests_node(struct dests *d, uint32_t below, uint32_t mark, struct dest_node *ret);

/* Writes the table (class, port, protocol) -> row of all classes (dests_write.c). */
int dests_write(struct dests *d, struct image_hash *ret);

#endif
