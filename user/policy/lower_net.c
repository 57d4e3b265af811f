/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/dests.h"

/*
 * Addresses: CIDRs nest, so one sweep over them in order of their first address, with a stack of
 * those that cover the place where the sweep is, finds every interval and what covers it. What a
 * destination there hits, by port and protocol, is its class (dests.c).
 */

typedef unsigned __int128 addr_t;

/* A pattern, as long as it is only an address. */
struct cidr {
	addr_t first;
	addr_t last;
	uint32_t use; /* in the struct dests */
	bool v6;
};

struct cidrs {
	struct cidr *items;
	size_t count;
	size_t room;
};

struct border {
	addr_t at;
	uint32_t class;
};

struct sweep {
	struct dests *dests;
	struct border *borders;
	size_t count;
	struct cidr stack[130];     /* different CIDRs that nest: one a prefix length */
	struct dest_node node[131]; /* in force under so many of them */
	uint32_t marks[130];        /* uses in force before each was pushed */
	uint32_t depth;
	addr_t end; /* the last address there is */
};

/* ---- patterns ---- */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* The addresses of a pattern. IPv4-mapped IPv6 ones are looked up as IPv4, so that is what they
 * are. */
static struct cidr pattern_cidr(const struct pattern *p)
{
	bool v6 = p->family == AF_INET6;
	bool v4_inside = v6 && p->prefix >= 96 && !memcmp(p->addr, mapped, sizeof(mapped));
	unsigned int from = v4_inside ? 12 : 0;
	unsigned int to = v6 ? 16 : 4;
	unsigned int free_bits = to * 8 - p->prefix;
	struct cidr c = {.v6 = v6 && !v4_inside};
	addr_t rest = free_bits == 128 ? ~(addr_t)0 : ((addr_t)1 << free_bits) - 1;

	for (unsigned int i = from; i < to; i++)
		c.first = c.first << 8 | p->addr[i];
	c.first &= ~rest;
	c.last = c.first | rest;
	return c;
}

static int add_cidr(struct cidrs *all, struct cidr c)
{
	size_t room = all->room ? all->room * 2 : 32;
	void *items;

	if (all->count == all->room) {
		items = reallocarray(all->items, room, sizeof(*all->items));
		if (!items)
			return -ENOMEM;
		all->items = items;
		all->room = room;
	}
	all->items[all->count++] = c;
	return 0;
}

static int add_use(struct cidrs *all, struct cidr c, uint32_t use)
{
	c.use = use;
	return add_cidr(all, c);
}

/*
 * A socket at 0.0.0.0 listens at every address of IPv4, one at :: at those of both. Each use is in force
 * once at most at any address.
 */
static int add_every_address(struct cidrs *all, const struct cidr *c, uint32_t use)
{
	int r = c->v6 && !c->first ? 0 : add_use(all, (struct cidr){.v6 = true}, use);

	return r < 0 || c->v6 || !c->first ? r : add_use(all, (struct cidr){}, use);
}

static int add_pattern(struct dests *d, struct cidrs *all, const struct pattern *p, struct dest_use what,
		       bool some)
{
	uint32_t use;
	struct cidr c;
	int r = dests_add_use(d, &what, &use);

	if (r < 0)
		return r;
	if (p->form == NET_ANY)
		return dests_enter(d, use);
	c = pattern_cidr(p);
	r = add_use(all, c, use);
	return r < 0 || !some ? r : add_every_address(all, &c, use);
}

/*
 * `some`: of places to listen at, those of which the pattern names but some count as well. A port that
 * is not known yet, 0, may be any.
 */
static int add_patterns(struct dests *d, struct cidrs *all, const struct patterns *patterns,
			uint32_t entry, bool except, bool some)
{
	int r = 0;

	for (size_t i = 0; i < patterns->count && !r; i++) {
		const struct pattern *p = &patterns->items[i];
		bool listen = p->kind == KIND_LISTEN;
		struct dest_use use = {entry, p->port, p->proto, except, listen};

		if (!listen && !pattern_is_address(p))
			continue;
		r = add_pattern(d, all, p, use, listen && some);
		use.port = 0;
		if (!r && listen && some && p->port && p->port != PORT_ANY)
			r = add_pattern(d, all, p, use, true);
	}
	return r;
}

/* Patterns for every address are in force from the start; the others wait in `all`. */
static int collect(const struct policy *policy, struct dests *d, struct cidrs *all)
{
	struct rule_list lists[RULE_LISTS];
	uint32_t entry;
	int r = 0;

	rule_lists(policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++) {
		for (size_t k = 0; k < lists[i].entries->count && !r; k++) {
			const struct entry *e = &lists[i].entries->items[k];
			struct image_row row = rule_row(&lists[i], k);
			bool admits = lists[i].layer != LAYER_DENY;

			r = dests_add_entry(d, &row, &entry);
			if (!r)
				r = add_patterns(d, all, &e->match, entry, false, !admits);
			if (!r)
				r = add_patterns(d, all, &e->except, entry, true, admits);
		}
	}
	return r;
}

/* ---- intervals ---- */

static int compare_cidrs(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;

	if (x->v6 != y->v6)
		return x->v6 ? 1 : -1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1; /* the wider one first */
	return x->use < y->use ? -1 : 1;
}

/* From `at` on it is `class`; intervals of one class that touch are one. */
static void add_border(struct sweep *s, addr_t at, uint32_t class)
{
	if (s->count && s->borders[s->count - 1].at == at)
		s->count--;
	if (s->count && s->borders[s->count - 1].class == class)
		return;
	s->borders[s->count++] = (struct border){at, class};
}

/* Leaves what ended before `at`. */
static void pop_before(struct sweep *s, addr_t at, bool all)
{
	while (s->depth && (all || s->stack[s->depth - 1].last < at)) {
		s->depth--;
		dests_leave(s->dests, s->marks[s->depth]);
		if (s->stack[s->depth].last != s->end)
			add_border(s, s->stack[s->depth].last + 1, s->node[s->depth].class);
	}
}

/* Enters a CIDR: `same` patterns from `c` on are for it. */
static int push(struct sweep *s, const struct cidr *c, size_t same)
{
	int r;

	pop_before(s, c->first, false);
	s->stack[s->depth] = *c;
	s->marks[s->depth] = dests_mark(s->dests);
	s->depth++;
	for (size_t i = 0; i < same; i++) {
		r = dests_enter(s->dests, c[i].use);
		if (r < 0)
			return r;
	}
	r = dests_node(s->dests, s->node[s->depth - 1].number, s->marks[s->depth - 1],
		       &s->node[s->depth]);
	if (r < 0)
		return r;
	add_border(s, c->first, s->node[s->depth].class);
	return 0;
}

/* All of one family, sorted. The first interval begins at 0, whatever covers it. */
static int sweep(struct sweep *s, const struct cidr *c, size_t count)
{
	size_t same;
	int r;

	r = dests_node(s->dests, DEST_ROOT, 0, &s->node[0]);
	if (r < 0)
		return r;
	add_border(s, 0, s->node[0].class);
	for (size_t i = 0; i < count; i += same) {
		for (same = 1; i + same < count; same++)
			if (c[i].first != c[i + same].first || c[i].last != c[i + same].last)
				break;
		r = push(s, c + i, same);
		if (r < 0)
			return r;
	}
	pop_before(s, 0, true);
	return 0;
}

/* ---- writing ---- */

static void write_net(struct lower *l, const struct sweep *s, bool v6, struct image_net *ret)
{
	size_t words = v6 ? 2 : 1;
	uint64_t *border;
	uint32_t *class;

	ret->count = (uint32_t)s->count;
	ret->borders = blob_reserve(&l->blob, s->count * words * sizeof(*border), 8);
	ret->classes = blob_reserve(&l->blob, s->count * sizeof(*class), 8);
	if (l->blob.error)
		return;
	border = blob_at(&l->blob, ret->borders);
	class = blob_at(&l->blob, ret->classes);
	for (size_t i = 0; i < s->count; i++) {
		if (v6)
			*border++ = (uint64_t)(s->borders[i].at >> 64);
		*border++ = (uint64_t)s->borders[i].at;
		class[i] = s->borders[i].class;
	}
}

static int lower_family(struct lower *l, struct dests *d, const struct cidr *c, size_t count,
			bool v6, struct image_net *ret)
{
	/* A CIDR has a border at its start and one behind its end. */
	_free_ struct border *borders = calloc(2 * count + 1, sizeof(*borders));
	_free_ struct sweep *s = calloc(1, sizeof(*s));
	int r;

	if (!borders || !s)
		return -ENOMEM;
	s->dests = d;
	s->borders = borders;
	s->end = v6 ? ~(addr_t)0 : 0xffffffffU;
	r = sweep(s, c, count);
	if (r < 0)
		return r;
	write_net(l, s, v6, ret);
	ret->other = s->node[0].class;
	return 0;
}

int lower_net(struct lower *l)
{
	__attribute__((cleanup(dests_done))) struct dests d = {.l = l};
	struct cidrs all = {};
	size_t v4 = 0;
	int r;

	r = collect(l->policy, &d, &all);
	if (!r && d.use_count) {
		if (all.count)
			qsort(all.items, all.count, sizeof(*all.items), compare_cidrs);
		while (v4 < all.count && !all.items[v4].v6)
			v4++;
		r = lower_family(l, &d, all.items, v4, false, &l->head.net4);
		if (!r)
			r = lower_family(l, &d, all.items + v4, all.count - v4, true,
					 &l->head.net6);
		if (!r)
			r = dests_write(&d, &l->head.dests);
	}
	free(all.items);
	return r;
}
