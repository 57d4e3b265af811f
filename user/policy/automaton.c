/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/automaton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/intern.h"

struct dfa *dfa_new(uint32_t states, uint32_t stride)
{
	_dfa_ struct dfa *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->states = states;
	d->stride = stride;
	d->next = calloc((size_t)states * stride, sizeof(*d->next));
	d->labels = calloc(states, sizeof(*d->labels));
	if (!d->next || !d->labels)
		return NULL;
	return TAKE_PTR(d);
}

void dfa_free(struct dfa **d)
{
	if (!*d)
		return;
	free((*d)->next);
	free((*d)->labels);
	free(*d);
	*d = NULL;
}

uint32_t dfa_run(const struct dfa *d, const void *text, size_t len)
{
	const uint8_t *p = text;
	uint32_t state = d->start;

	for (size_t i = 0; i < len; i++)
		state = d->next[(size_t)state * d->stride + d->classes[p[i]]];
	return d->labels[state];
}

/* ---- from steps to states ---- */

static bool byteset_has(const struct byteset *s, unsigned int byte)
{
	return s->bits[byte >> 6] >> (byte & 63) & 1;
}

/*
 * A state is the set of steps that may come next, as a bit map; step `count` is the end. Sets are
 * interned, so that their numbers are the states.
 */
struct subsets {
	const struct nfa *nfa;
	uint32_t words; /* of a set */
	struct intern sets;
	uint64_t *from; /* the set at work: the intern's memory moves */
	uint64_t *to;
	uint64_t *stars; /* steps behind which nothing before them counts */
	uint8_t classes[256];
	uint8_t sample[256]; /* a byte of each class */
	uint32_t stride;
	uint32_t *next;
	size_t room;
};

/* Adds a step, and what can be reached from it without a byte. */
static void add_position(const struct nfa *n, uint64_t *set, uint32_t at)
{
	for (;; at++) {
		if (set[at >> 6] >> (at & 63) & 1)
			return;
		set[at >> 6] |= 1ULL << (at & 63);
		if (at == n->count || n->steps[at].kind == STEP_ONE)
			return;
		if (n->steps[at].kind == STEP_FORK)
			add_position(n, set, n->steps[at].to);
	}
}

/*
 * Stars that run over every byte, and that no fork leads past. Whatever can still match from a step
 * before such a star comes by it, and so can match from the star itself.
 */
static void find_stars(struct subsets *s)
{
	static const struct byteset all = {{~0ULL, ~0ULL, ~0ULL, ~0ULL}};
	uint32_t past = 0; /* the farthest that a fork has led to */

	for (uint32_t i = 0; i < s->nfa->count; i++) {
		const struct nfa_step *step = &s->nfa->steps[i];

		if (step->kind == STEP_FORK)
			past = step->to > past ? step->to : past;
		else if (step->kind == STEP_MANY && i >= past &&
			 !memcmp(&step->set, &all, sizeof(all)))
			s->stars[i >> 6] |= 1ULL << (i & 63);
	}
}

/*
 * Takes out of a set what is before its last such star. Otherwise states would tell how far a part
 * of a glob has got once more when the next part is at work already: as many as the product of
 * both.
 */
static void forget(const struct subsets *s, uint64_t *set)
{
	uint64_t last;
	uint32_t w = s->words;

	while (w && !(set[w - 1] & s->stars[w - 1]))
		w--;
	if (!w--)
		return;
	last = 63 - (uint32_t)__builtin_clzll(set[w] & s->stars[w]);
	set[w] &= ~0ULL << last;
	memset(set, 0, w * sizeof(*set));
}

/* Bytes that no step tells apart are one class. Classes are numbered by their first byte. */
static void split_classes(struct subsets *s)
{
	uint32_t made[512];
	uint8_t before[256];

	for (uint32_t i = 0; i < s->nfa->count; i++) {
		const struct nfa_step *step = &s->nfa->steps[i];

		if (step->kind == STEP_FORK)
			continue;
		memcpy(before, s->classes, sizeof(before));
		memset(made, 0xff, sizeof(made));
		s->stride = 0;
		for (unsigned int b = 0; b < 256; b++) {
			uint32_t *class = &made[before[b] * 2U + byteset_has(&step->set, b)];

			if (*class == LABEL_NONE) {
				*class = s->stride++;
				s->sample[*class] = (uint8_t)b;
			}
			s->classes[b] = (uint8_t) * class;
		}
	}
}

/* Sets s->to to where a byte leads from s->from. */
static void move(struct subsets *s, uint8_t byte)
{
	const struct nfa *n = s->nfa;
	uint64_t left;
	uint32_t at;

	memset(s->to, 0, s->words * sizeof(*s->to));
	for (uint32_t w = 0; w < s->words; w++) {
		for (left = s->from[w]; left; left &= left - 1) {
			at = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (at == n->count || n->steps[at].kind == STEP_FORK ||
			    !byteset_has(&n->steps[at].set, byte))
				continue;
			add_position(n, s->to, at + (n->steps[at].kind == STEP_ONE));
		}
	}
	forget(s, s->to);
}

static int room_for_state(struct subsets *s)
{
	size_t need = (size_t)s->sets.count * s->stride;
	size_t room = s->room ? s->room : 1024;
	void *next;

	if (need <= s->room)
		return 0;
	while (room < need)
		room *= 2;
	next = reallocarray(s->next, room, sizeof(*s->next));
	if (!next)
		return -ENOMEM;
	s->next = next;
	s->room = room;
	return 0;
}

static int explore(struct subsets *s, uint32_t budget)
{
	uint32_t to;

	for (uint32_t state = 0; state < s->sets.count; state++) {
		memcpy(s->from, intern_get(&s->sets, state, NULL), s->words * sizeof(*s->from));
		for (uint32_t c = 0; c < s->stride; c++) {
			move(s, s->sample[c]);
			if (intern_add(&s->sets, s->to, s->words * sizeof(*s->to), &to) < 0 ||
			    room_for_state(s) < 0)
				return -ENOMEM;
			if (s->sets.count > budget)
				return -E2BIG;
			s->next[(size_t)state * s->stride + c] = to;
		}
	}
	return 0;
}

static int start_set(struct subsets *s)
{
	uint32_t state;

	s->words = s->nfa->count / 64 + 1;
	s->stride = 1;
	s->from = calloc(s->words, sizeof(*s->from));
	s->to = calloc(s->words, sizeof(*s->to));
	s->stars = calloc(s->words, sizeof(*s->stars));
	if (!s->from || !s->to || !s->stars)
		return -ENOMEM;
	split_classes(s);
	find_stars(s);
	add_position(s->nfa, s->to, 0);
	forget(s, s->to);
	if (intern_add(&s->sets, s->to, s->words * sizeof(*s->to), &state) < 0)
		return -ENOMEM;
	return room_for_state(s);
}

static struct dfa *take_dfa(struct subsets *s, uint32_t label)
{
	struct dfa *d = dfa_new(s->sets.count, s->stride);
	uint32_t end = s->nfa->count;
	const uint64_t *set;

	if (!d)
		return NULL;
	memcpy(d->classes, s->classes, sizeof(d->classes));
	memcpy(d->next, s->next, (size_t)d->states * d->stride * sizeof(*d->next));
	for (uint32_t i = 0; i < d->states; i++) {
		set = intern_get(&s->sets, i, NULL);
		d->labels[i] = set[end >> 6] >> (end & 63) & 1 ? label : LABEL_NONE;
	}
	return d;
}

static void subsets_done(struct subsets *s)
{
	intern_free(&s->sets);
	free(s->from);
	free(s->to);
	free(s->stars);
	free(s->next);
}

int nfa_dfa(const struct nfa *n, uint32_t label, uint32_t budget, struct dfa **ret)
{
	__attribute__((cleanup(subsets_done))) struct subsets s = {.nfa = n};
	_dfa_ struct dfa *d = NULL;
	int r;

	if (n->failed)
		return -ENOMEM;
	r = start_set(&s);
	if (r < 0)
		return r;
	/* Some states may turn out to be the same: only the minimal automaton has to fit. */
	r = explore(&s, budget * 2);
	if (r < 0)
		return r;
	d = take_dfa(&s, label);
	if (!d)
		return -ENOMEM;
	r = dfa_minimise(d);
	if (r < 0)
		return r;
	if (d->states > budget)
		return -E2BIG;
	*ret = TAKE_PTR(d);
	return 0;
}
