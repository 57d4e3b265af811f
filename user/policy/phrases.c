/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/phrases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static uint8_t fold_byte(uint8_t byte, bool fold)
{
	return fold && byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

/* Class 0 is of the bytes that no phrase has. With all 256 in use there is none such. */
static void assign_classes(const struct phrase *phrases, size_t count, bool fold, struct dfa *d)
{
	bool used[256] = {};
	uint32_t number[256] = {};
	bool all = true;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < phrases[i].len; k++)
			used[fold_byte((uint8_t)phrases[i].text[k], fold)] = true;
	for (unsigned int b = 0; b < 256; b++)
		all &= used[fold_byte((uint8_t)b, fold)];
	d->stride = !all;
	for (unsigned int b = 0; b < 256; b++)
		if (used[b])
			number[b] = d->stride++;
	for (unsigned int b = 0; b < 256; b++)
		d->classes[b] = (uint8_t)number[fold_byte((uint8_t)b, fold)];
}

/* Adds one phrase to the trie. Missing transitions are 0: no phrase leads back to the start. */
static int add_phrase(struct dfa *d, const struct phrase *phrase, dfa_combine combine, void *ctx)
{
	uint32_t state = 0;

	for (size_t i = 0; i < phrase->len; i++) {
		size_t edge = (size_t)state * d->stride + d->classes[(uint8_t)phrase->text[i]];

		if (!d->next[edge]) {
			d->labels[d->states] = LABEL_NONE;
			d->next[edge] = d->states++;
		}
		state = d->next[edge];
	}
	if (d->labels[state] == LABEL_NONE) {
		d->labels[state] = phrase->label;
		return 0;
	}
	return combine(ctx, d->labels[state], phrase->label, &d->labels[state]);
}

/* A state also says what the longest shorter ending that it stands for says. */
static int inherit(struct dfa *d, uint32_t state, uint32_t shorter, dfa_combine combine, void *ctx)
{
	uint32_t label = d->labels[shorter];

	if (label == LABEL_NONE)
		return 0;
	if (d->labels[state] == LABEL_NONE) {
		d->labels[state] = label;
		return 0;
	}
	return combine(ctx, d->labels[state], label, &d->labels[state]);
}

/*
 * Fills in the transitions that the trie lacks, breadth first: where no phrase goes on, the longest
 * proper ending of what was read that is the beginning of a phrase does.
 */
static int close_trie(struct dfa *d, dfa_combine combine, void *ctx)
{
	_free_ uint32_t *shorter = calloc(d->states, sizeof(*shorter));
	_free_ uint32_t *queue = calloc(d->states, sizeof(*queue));
	uint32_t head = 0, tail = 0;
	int r;

	if (!shorter || !queue)
		return -ENOMEM;
	queue[tail++] = 0;
	while (head < tail) {
		uint32_t state = queue[head++];
		uint32_t *next = d->next + (size_t)state * d->stride;
		const uint32_t *other = d->next + (size_t)shorter[state] * d->stride;

		for (uint32_t c = 0; c < d->stride; c++) {
			if (!next[c]) {
				next[c] = other[c];
				continue;
			}
			shorter[next[c]] = state ? other[c] : 0;
			r = inherit(d, next[c], shorter[next[c]], combine, ctx);
			if (r < 0)
				return r;
			queue[tail++] = next[c];
		}
	}
	return 0;
}

int phrases_dfa(const struct phrase *phrases, size_t count, bool fold, dfa_combine combine,
		void *ctx, uint32_t budget, struct dfa **ret)
{
	_dfa_ struct dfa *d = NULL;
	struct dfa classes = {};
	size_t states = 1;
	int r;

	for (size_t i = 0; i < count; i++)
		states += phrases[i].len;
	if (states == 1) {
		*ret = NULL;
		return 0;
	}
	if (states > budget)
		return -E2BIG;
	assign_classes(phrases, count, fold, &classes);
	d = dfa_new((uint32_t)states, classes.stride);
	if (!d)
		return -ENOMEM;
	memcpy(d->classes, classes.classes, sizeof(d->classes));
	d->states = 1;
	d->labels[0] = LABEL_NONE;
	for (size_t i = 0; i < count; i++) {
		r = phrases[i].len ? add_phrase(d, &phrases[i], combine, ctx) : 0;
		if (r < 0)
			return r;
	}
	r = close_trie(d, combine, ctx);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}
