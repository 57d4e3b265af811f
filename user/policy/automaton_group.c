/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/automaton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Pairs of states, numbered as they are reached: a hash table from pair to number, and the pairs in
 * that order. Never more than half full.
 */
struct product {
	const struct dfa *a;
	const struct dfa *b;
	uint64_t *pairs; /* [limit + 1] */
	uint32_t count;
	uint32_t limit;
	uint32_t *slots; /* number + 1 */
	uint32_t mask;
	uint8_t class_a[256]; /* by class of the product */
	uint8_t class_b[256];
};

static void product_done(struct product *p)
{
	free(p->pairs);
	free(p->slots);
}

static int product_alloc(struct product *p, uint32_t budget)
{
	uint64_t all = (uint64_t)p->a->states * p->b->states;
	uint32_t slots = 16;

	p->limit = all < budget ? (uint32_t)all : budget;
	while (slots < 2 * (p->limit + 1))
		slots *= 2;
	p->mask = slots - 1;
	p->pairs = malloc((p->limit + 1) * sizeof(*p->pairs));
	p->slots = calloc(slots, sizeof(*p->slots));
	return p->pairs && p->slots ? 0 : -ENOMEM;
}

/* The number of a pair; at most limit + 1 are numbered. */
static uint32_t pair_number(struct product *p, uint32_t a, uint32_t b)
{
	uint64_t pair = (uint64_t)a << 32 | b;
	uint32_t at = (uint32_t)((pair * 0x9e3779b97f4a7c15ULL) >> 32) & p->mask;

	for (; p->slots[at]; at = (at + 1) & p->mask)
		if (p->pairs[p->slots[at] - 1] == pair)
			return p->slots[at] - 1;
	p->pairs[p->count] = pair;
	p->slots[at] = ++p->count;
	return p->count - 1;
}

/* Classes of the product are the pairs of classes that some byte has. */
static void product_classes(struct product *p, struct dfa *d)
{
	uint32_t c;

	d->stride = 0;
	for (unsigned int byte = 0; byte < 256; byte++) {
		uint8_t a = p->a->classes[byte], b = p->b->classes[byte];

		for (c = 0; c < d->stride; c++)
			if (p->class_a[c] == a && p->class_b[c] == b)
				break;
		if (c == d->stride) {
			p->class_a[c] = a;
			p->class_b[c] = b;
			d->stride++;
		}
		d->classes[byte] = (uint8_t)c;
	}
}

static int room_for_rows(struct dfa *d, uint32_t rows, uint32_t *room)
{
	uint32_t more = *room ? *room * 2 : 64;
	void *next;

	if (rows <= *room)
		return 0;
	next = reallocarray(d->next, (size_t)more * d->stride, sizeof(*d->next));
	if (!next)
		return -ENOMEM;
	d->next = next;
	*room = more;
	return 0;
}

static int explore_pairs(struct product *p, struct dfa *d)
{
	uint32_t room = 0;

	pair_number(p, p->a->start, p->b->start);
	for (uint32_t s = 0; s < p->count; s++) {
		const uint32_t *a = p->a->next + (p->pairs[s] >> 32) * p->a->stride;
		const uint32_t *b = p->b->next + (uint32_t)p->pairs[s] * (size_t)p->b->stride;
		uint32_t *to;

		if (room_for_rows(d, s + 1, &room) < 0)
			return -ENOMEM;
		to = d->next + (size_t)s * d->stride;
		for (uint32_t c = 0; c < d->stride; c++) {
			to[c] = pair_number(p, a[p->class_a[c]], b[p->class_b[c]]);
			if (p->count > p->limit)
				return -E2BIG;
		}
	}
	d->states = p->count;
	return 0;
}

static int product_labels(const struct product *p, struct dfa *d, dfa_combine combine, void *ctx)
{
	int r;

	d->labels = calloc(d->states, sizeof(*d->labels));
	if (!d->labels)
		return -ENOMEM;
	for (uint32_t s = 0; s < d->states; s++) {
		r = combine(ctx, p->a->labels[p->pairs[s] >> 32],
			    p->b->labels[(uint32_t)p->pairs[s]], &d->labels[s]);
		if (r < 0)
			return r;
	}
	return 0;
}

int dfa_product(const struct dfa *a, const struct dfa *b, dfa_combine combine, void *ctx,
		uint32_t budget, struct dfa **ret)
{
	__attribute__((cleanup(product_done))) struct product p = {.a = a, .b = b};
	_dfa_ struct dfa *d = calloc(1, sizeof(*d));
	int r;

	/* Some pairs may turn out to be the same: only the minimal automaton has to fit. */
	if (!d || product_alloc(&p, budget * 2) < 0)
		return -ENOMEM;
	product_classes(&p, d);
	r = explore_pairs(&p, d);
	if (r < 0)
		return r;
	r = product_labels(&p, d, combine, ctx);
	if (r < 0)
		return r;
	r = dfa_minimise(d);
	if (r < 0)
		return r;
	if (d->states > budget)
		return -E2BIG;
	*ret = TAKE_PTR(d);
	return 0;
}

int dfa_minus(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	*ret = b == LABEL_NONE ? a : LABEL_NONE;
	return 0;
}

int dfa_and(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	*ret = b == LABEL_NONE ? LABEL_NONE : a;
	return 0;
}

/* ---- groups ---- */

struct member {
	struct dfa *dfa; /* NULL: taken in by another */
	uint32_t order;  /* of the first automaton in it */
	bool full;       /* it did not fit together with the next larger one */
};

struct grouping {
	struct member *members;
	size_t count;
	dfa_combine combine;
	void *ctx;
};

static int by_size(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	uint32_t sx = x->full ? UINT32_MAX : x->dfa->states;
	uint32_t sy = y->full ? UINT32_MAX : y->dfa->states;

	if (sx != sy)
		return sx < sy ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->order < y->order ? -1 : 1;
}

/* Puts y into x. Returns 1, 0 when both together are too large, or -errno. */
static int join(const struct grouping *g, struct member *x, struct member *y, uint32_t budget)
{
	struct dfa *d = NULL;
	int r = dfa_product(x->dfa, y->dfa, g->combine, g->ctx, budget, &d);

	if (r == -E2BIG)
		return 0;
	if (r < 0)
		return r;
	dfa_free(&x->dfa);
	dfa_free(&y->dfa);
	x->dfa = d;
	x->order = x->order < y->order ? x->order : y->order;
	return 1;
}

static void drop_joined(struct grouping *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->members[i].dfa)
			g->members[kept++] = g->members[i];
	g->count = kept;
}

/*
 * One round: neighbours in the order of size join, so that work is spent on small automata first.
 * What does not fit together with its neighbour would fit even less with a later one, and is full.
 * Returns how many joined, or -errno.
 *
 * (Filling one group after the other up to the budget makes a third fewer groups, four times as
 * large, in three times the time: measured with 500 globs of the form *a*b*.)
 */
static int join_round(struct grouping *g, uint32_t budget)
{
	struct member *m = g->members;
	int joined = 0, r;

	qsort(m, g->count, sizeof(*m), by_size);
	for (size_t i = 0; i + 1 < g->count && !m[i + 1].full; i++) {
		r = join(g, &m[i], &m[i + 1], budget);
		if (r < 0)
			return r;
		m[i].full = !r;
		joined += r;
		i += (size_t)r;
	}
	drop_joined(g);
	return joined;
}

int dfa_group(struct dfa **dfas, size_t *count, dfa_combine combine, void *ctx, uint32_t budget)
{
	_free_ struct member *members = calloc(*count + 1, sizeof(*members));
	struct grouping g = {
		.members = members,
		.count = *count,
		.combine = combine,
		.ctx = ctx,
	};
	int r;

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < g.count; i++) {
		members[i] = (struct member){.dfa = dfas[i], .order = (uint32_t)i};
		dfas[i] = NULL;
	}
	do
		r = join_round(&g, budget);
	while (r > 0);
	qsort(members, g.count, sizeof(*members), by_order);
	for (size_t i = 0; i < g.count; i++)
		dfas[i] = members[i].dfa;
	if (r < 0)
		return r;
	*count = g.count;
	return 0;
}
