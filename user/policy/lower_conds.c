/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/phrases.h"

/* Conditions of entries: for each text one automaton of the phrases that all of them ask for. */

struct conds_lower {
	struct lower *l;
	const struct entry *entries[CONDS_MAX]; /* by number */
	uint32_t count;
	uint32_t rules[CONDS_MAX];
	struct intern labels; /* of struct cond_bits, as they come up */
	struct intern rows;   /* those that are in the image */
};

static void conds_lower_done(struct conds_lower *c)
{
	intern_free(&c->labels);
	intern_free(&c->rows);
}

static void list_entries(struct conds_lower *c)
{
	struct image_conds *head = &c->l->head.conds;
	struct rule_list lists[RULE_LISTS];

	rule_lists(c->l->policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++)
		for (size_t k = 0; k < lists[i].entries->count; k++) {
			const struct entry *e = &lists[i].entries->items[k];
			uint64_t bit = 1ULL << (e->cond & (CONDS_MAX - 1));

			if (!entry_is_conditional(e))
				continue;
			c->entries[e->cond] = e;
			c->rules[e->cond] = lists[i].first + (uint32_t)k;
			c->count++;
			if (lists[i].layer == LAYER_ALLOW && entry_admits_changed(e))
				head->changed |= bit;
			if (lists[i].layer == LAYER_ALLOW)
				head->allow |= bit;
			else if (e->audit)
				head->audit |= bit;
			else
				head->deny |= bit;
		}
}

static size_t count_phrases(const struct conds_lower *c, enum cond_text text)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->count; i++)
		n += c->entries[i]->conds[text].any.count + c->entries[i]->conds[text].none.count;
	return n;
}

static int add_phrases(struct conds_lower *c, const struct phrase_list *list,
		       const struct cond_bits *bits, struct phrase *phrases, size_t *count)
{
	uint32_t label;

	if (intern_add(&c->labels, bits, sizeof(*bits), &label) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		phrases[(*count)++] = (struct phrase){
			.text = list->items[i],
			.len = strlen(list->items[i]),
			.label = label,
		};
	return 0;
}

/* Lists the phrases of one text, and notes which entries need them. */
static int list_phrases(struct conds_lower *c, enum cond_text text, struct phrase *phrases)
{
	struct cond_bits *need = &c->l->head.conds.need[text];
	size_t count = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct condition *cond = &c->entries[i]->conds[text];
		struct cond_bits any = {.any = 1ULL << i}, none = {.none = 1ULL << i};

		if (cond->any.count)
			need->any |= any.any;
		if (cond->none.count)
			need->none |= none.none;
		if (add_phrases(c, &cond->any, &any, phrases, &count) < 0 ||
		    add_phrases(c, &cond->none, &none, phrases, &count) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int both(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	struct conds_lower *c = ctx;
	struct cond_bits x = *(const struct cond_bits *)intern_get(&c->labels, a, NULL);
	const struct cond_bits *y = intern_get(&c->labels, b, NULL);
	int r;

	x.any |= y->any;
	x.none |= y->none;
	r = intern_add(&c->labels, &x, sizeof(x), ret);
	return r < 0 ? r : 0;
}

static int lower_phrases(struct conds_lower *c, enum cond_text text)
{
	size_t count = count_phrases(c, text);
	_free_ struct phrase *phrases = calloc(count + 1, sizeof(*phrases));
	_dfa_ struct dfa *d = NULL;
	int r;

	if (!phrases)
		return -ENOMEM;
	r = list_phrases(c, text, phrases);
	if (!r)
		r = phrases_dfa(phrases, count, false, both, c, PHRASE_STATES, &d);
	if (r < 0 || !d)
		return r;
	return lower_phrase_rows(c->l, d, &c->labels, &c->rows, sizeof(struct cond_bits),
				 &c->l->head.conds.dfas[text]);
}

int lower_conds(struct lower *l)
{
	_cleanup_(conds_lower_done) struct conds_lower c = {.l = l};
	struct image_conds *head = &l->head.conds;
	int r = 0;

	list_entries(&c);
	if (!c.count)
		return 0;
	for (enum cond_text t = 0; t < COND_TEXTS && !r; t++)
		r = lower_phrases(&c, t);
	if (r < 0)
		return r;
	head->count = c.count;
	head->rules = blob_append(&l->blob, c.rules, c.count * sizeof(c.rules[0]), 8);
	head->row_count = c.rows.count;
	head->rows =
		blob_append(&l->blob, c.rows.bytes, c.rows.count * sizeof(struct cond_bits), 8);
	return 0;
}
