/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/phrases.h"

/* Phrases: an automaton for each way to compare, as those that ignore case read other classes of bytes. */

struct content {
	struct intern labels; /* of struct image_phrase, as they come up */
	struct intern rows;   /* those that are in the image */
};

static void content_done(struct content *c)
{
	intern_free(&c->labels);
	intern_free(&c->rows);
}

static int both(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	struct content *c = ctx;
	struct image_phrase x = *(const struct image_phrase *)intern_get(&c->labels, a, NULL);
	const struct image_phrase *y = intern_get(&c->labels, b, NULL);
	int r;

	for (size_t k = 0; k < sizeof(x.rule) / sizeof(x.rule[0]); k++)
		if (y->rule[k] < x.rule[k])
			x.rule[k] = y->rule[k];
	r = intern_add(&c->labels, &x, sizeof(x), ret);
	return r < 0 ? r : 0;
}

static size_t count_phrases(const struct policy *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->content_count; i++)
		count += p->content[i].phrases.count;
	return count;
}

/* Lists the phrases of rules that are compared that way. */
static int list_phrases(struct content *c, const struct policy *p, uint32_t way,
			struct phrase *phrases, size_t *ret_count)
{
	struct rule_index ix;
	size_t count = 0;

	rule_index(p, &ix);
	for (size_t i = 0; i < p->content_count; i++) {
		const struct content_rule *rule = &p->content[i];
		struct image_phrase row;
		uint32_t label;

		if (content_way(rule) != way)
			continue;
		for (uint32_t k = 0; k < KIND_TEXTS; k++)
			row.rule[k] = rule->in >> k & 1 ? ix.content + (uint32_t)i : RULE_NONE;
		if (intern_add(&c->labels, &row, sizeof(row), &label) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < rule->phrases.count; k++)
			phrases[count++] = (struct phrase){
				.text = rule->phrases.items[k],
				.len = strlen(rule->phrases.items[k]),
				.label = label,
			};
	}
	*ret_count = count;
	return 0;
}

static int lower_way(struct lower *l, struct content *c, uint32_t way, struct phrase *phrases)
{
	_dfa_ struct dfa *d = NULL;
	size_t count;
	int r;

	r = list_phrases(c, l->policy, way, phrases, &count);
	if (!r)
		r = phrases_dfa(phrases, count, !(way & PHRASE_EXACT), both, c, PHRASE_STATES, &d);
	if (r < 0 || !d)
		return r;
	return lower_phrase_rows(l, d, &c->labels, &c->rows, sizeof(struct image_phrase),
				 &l->head.phrases[way]);
}

int lower_content(struct lower *l)
{
	__attribute__((cleanup(content_done))) struct content c = {};
	_free_ struct phrase *phrases = calloc(count_phrases(l->policy) + 1, sizeof(*phrases));
	int r = 0;

	if (!phrases)
		return -ENOMEM;
	for (uint32_t way = 0; way < PHRASE_WAYS && !r; way++)
		r = lower_way(l, &c, way, phrases);
	if (r < 0 || !c.rows.count)
		return r;
	for (size_t i = 0; i < l->policy->content_count; i++)
		l->head.phrase_kinds |= l->policy->content[i].in;
	l->head.phrase_row_count = c.rows.count;
	l->head.phrase_rows =
		blob_append(&l->blob, c.rows.bytes, c.rows.count * sizeof(struct image_phrase), 8);
	return 0;
}
