/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/automaton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intern.h"

/*
 * Minimisation by partition refinement: states begin in blocks by label, and a block is split where
 * some of its states lead into a chosen block under a class of bytes and others do not. The smaller
 * half of a split is chosen next, which bounds the work by n log n steps a class (Hopcroft 1971).
 */
struct partition {
	const struct dfa *dfa;
	uint32_t *states; /* permutation: the states of a block stand together */
	uint32_t *at;     /* where a state stands */
	uint32_t *block;  /* of a state */
	uint32_t *first;  /* of a block, and behind its last */
	uint32_t *end;
	uint32_t *marked; /* of a block: how many at its front are marked */
	uint32_t blocks;
	uint32_t *into;      /* states by (class, where the class leads), sorted */
	uint32_t *into_from; /* [stride * states + 1]: where in `into` each begins */
	uint32_t *work;      /* stack of block * stride + class; each comes once */
	size_t work_count;
	uint32_t *splitter; /* copy of the states of the block at work */
	uint32_t *touched;
};

static void partition_done(struct partition *p)
{
	uint32_t *all[] = {p->states, p->at,        p->block, p->first,    p->end,    p->marked,
			   p->into,   p->into_from, p->work,  p->splitter, p->touched};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

static int partition_alloc(struct partition *p)
{
	size_t n = p->dfa->states, edges = n * p->dfa->stride;
	struct {
		uint32_t **array;
		size_t count;
	} arrays[] = {
		{&p->states, n},   {&p->at, n},       {&p->block, n},    {&p->first, n},
		{&p->end, n},      {&p->marked, n},   {&p->into, edges}, {&p->into_from, edges + 1},
		{&p->work, edges}, {&p->splitter, n}, {&p->touched, n},
	};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		*arrays[i].array = calloc(arrays[i].count, sizeof(uint32_t));
		if (!*arrays[i].array)
			return -ENOMEM;
	}
	return 0;
}

/* Counting sort of the transitions by class and target. */
static void invert(struct partition *p)
{
	const struct dfa *d = p->dfa;
	size_t edges = (size_t)d->states * d->stride;
	size_t key;

	for (size_t i = 0; i < edges; i++)
		p->into_from[i % d->stride * d->states + d->next[i] + 1]++;
	for (size_t i = 0; i < edges; i++)
		p->into_from[i + 1] += p->into_from[i];
	/* Filling from behind moves each beginning down to its place. */
	for (size_t i = edges; i--;) {
		key = i % d->stride * d->states + d->next[i];
		p->into[--p->into_from[key + 1]] = (uint32_t)(i / d->stride);
	}
	memmove(p->into_from, p->into_from + 1, edges * sizeof(*p->into_from));
	p->into_from[edges] = (uint32_t)edges;
}

static void push_block(struct partition *p, uint32_t block)
{
	uint32_t stride = p->dfa->stride;

	for (uint32_t c = 0; c < stride; c++)
		p->work[p->work_count++] = block * stride + c;
}

/* Blocks by label: labels are interned to small numbers, states sorted by them. */
static int begin(struct partition *p)
{
	const struct dfa *d = p->dfa;
	_intern_ struct intern labels = {};
	uint32_t at = 0;

	for (uint32_t i = 0; i < d->states; i++) {
		if (intern_add(&labels, &d->labels[i], sizeof(d->labels[i]), &p->block[i]) < 0)
			return -ENOMEM;
		p->end[p->block[i]]++;
	}
	p->blocks = labels.count;
	for (uint32_t b = 0; b < p->blocks; b++) {
		p->first[b] = at;
		at += p->end[b];
		p->end[b] = p->first[b];
		push_block(p, b);
	}
	for (uint32_t i = 0; i < d->states; i++) {
		p->at[i] = p->end[p->block[i]]++;
		p->states[p->at[i]] = i;
	}
	return 0;
}

/* Moves a state to the marked front of its block. */
static void mark(struct partition *p, uint32_t state, uint32_t *touched_count)
{
	uint32_t b = p->block[state];
	uint32_t to = p->first[b] + p->marked[b];
	uint32_t other = p->states[to];

	if (p->at[state] < to)
		return;
	if (!p->marked[b]++)
		p->touched[(*touched_count)++] = b;
	p->states[p->at[state]] = other;
	p->at[other] = p->at[state];
	p->states[to] = state;
	p->at[state] = to;
}

/* Splits the marked states off, if there are others; the smaller half becomes a new block. */
static void split(struct partition *p, uint32_t b)
{
	uint32_t mid = p->first[b] + p->marked[b];
	uint32_t made = p->blocks;

	p->marked[b] = 0;
	if (mid == p->end[b])
		return;
	if (mid - p->first[b] <= p->end[b] - mid) {
		p->first[made] = p->first[b];
		p->end[made] = mid;
		p->first[b] = mid;
	} else {
		p->first[made] = mid;
		p->end[made] = p->end[b];
		p->end[b] = mid;
	}
	for (uint32_t i = p->first[made]; i < p->end[made]; i++)
		p->block[p->states[i]] = made;
	p->blocks++;
	push_block(p, made);
}

static void refine(struct partition *p)
{
	uint32_t n = p->dfa->states, stride = p->dfa->stride;

	while (p->work_count) {
		uint32_t item = p->work[--p->work_count];
		uint32_t b = item / stride, c = item % stride;
		uint32_t size = p->end[b] - p->first[b], touched = 0;

		memcpy(p->splitter, p->states + p->first[b], size * sizeof(*p->splitter));
		for (uint32_t i = 0; i < size; i++) {
			size_t key = (size_t)c * n + p->splitter[i];

			for (uint32_t e = p->into_from[key]; e < p->into_from[key + 1]; e++)
				mark(p, p->into[e], &touched);
		}
		for (uint32_t i = 0; i < touched; i++)
			split(p, p->touched[i]);
	}
}

/* ---- the automaton of the blocks, in canonical order ---- */

/* Where each block goes under a class, as a number that equal columns share; or -ENOMEM. */
static int column_number(const struct partition *p, uint32_t class, uint32_t *column,
			 struct intern *columns, uint32_t *ret)
{
	const struct dfa *d = p->dfa;

	for (uint32_t b = 0; b < p->blocks; b++) {
		size_t state = p->states[p->first[b]];

		column[b] = p->block[d->next[state * d->stride + class]];
	}
	return intern_add(columns, column, p->blocks * sizeof(*column), ret);
}

/* Classes under which every block goes the same way become one; numbered by their first byte. */
static int merge_classes(const struct partition *p, uint8_t *ret_class, uint8_t *ret_sample,
			 uint32_t *ret_stride)
{
	const struct dfa *d = p->dfa;
	_free_ uint32_t *column = calloc(p->blocks, sizeof(*column));
	_intern_ struct intern columns = {};
	uint32_t number[256];
	int r;

	if (!column)
		return -ENOMEM;
	memset(number, 0xff, sizeof(number));
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint8_t class = d->classes[byte];

		if (number[class] == LABEL_NONE) {
			r = column_number(p, class, column, &columns, &number[class]);
			if (r < 0)
				return r;
			if (r)
				ret_sample[number[class]] = class;
		}
		ret_class[byte] = (uint8_t)number[class];
	}
	*ret_stride = columns.count;
	return 0;
}

/* Fills `d` with the blocks, numbered in the order in which they are reached. */
static int fill(const struct partition *p, const uint8_t *sample, struct dfa *d)
{
	const struct dfa *old = p->dfa;
	_free_ uint32_t *number = malloc(p->blocks * sizeof(*number));
	_free_ uint32_t *order = malloc(p->blocks * sizeof(*order));
	uint32_t reached = 0;

	if (!number || !order)
		return -ENOMEM;
	memset(number, 0xff, p->blocks * sizeof(*number));
	order[reached] = p->block[old->start];
	number[order[reached]] = reached;
	reached++;
	for (uint32_t i = 0; i < reached; i++) {
		uint32_t state = p->states[p->first[order[i]]];

		d->labels[i] = old->labels[state];
		for (uint32_t c = 0; c < d->stride; c++) {
			uint32_t to = p->block[old->next[(size_t)state * old->stride + sample[c]]];

			if (number[to] == LABEL_NONE) {
				order[reached] = to;
				number[to] = reached++;
			}
			d->next[(size_t)i * d->stride + c] = number[to];
		}
	}
	d->states = reached;
	return 0;
}

int dfa_minimise(struct dfa *d)
{
	__attribute__((cleanup(partition_done))) struct partition p = {.dfa = d};
	_dfa_ struct dfa *small = NULL;
	uint8_t classes[256], sample[256];
	uint32_t stride;

	if (partition_alloc(&p) < 0 || begin(&p) < 0)
		return -ENOMEM;
	invert(&p);
	refine(&p);
	if (merge_classes(&p, classes, sample, &stride) < 0)
		return -ENOMEM;
	small = dfa_new(p.blocks, stride);
	if (!small)
		return -ENOMEM;
	memcpy(small->classes, classes, sizeof(classes));
	if (fill(&p, sample, small) < 0)
		return -ENOMEM;
	struct dfa swap = *d;

	*d = *small;
	*small = swap;
	return 0;
}
