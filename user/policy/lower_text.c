/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * One table of texts. A pattern that is a literal, a prefix or a suffix goes to a hash table; every
 * other one, and every one with exceptions that could concern it, becomes an automaton, and those
 * are grouped.
 */

struct text_lower {
	struct lower *l;
	enum text text;
	struct shelf shelves[3]; /* by enum shape */
	struct image_row any;
	struct dfa **units;
	size_t unit_count;
	size_t unit_room;
	struct dfa *rooted; /* of texts that begin with '/' */
};

/* An entry while its patterns are gone through. */
struct text_entry {
	const struct entry *entry;
	struct image_row row;
	bool admits;
	struct dfa *except; /* what is taken out, or NULL */
};

static void text_lower_done(struct text_lower *t)
{
	for (size_t i = 0; i < 3; i++)
		shelf_done(&t->shelves[i]);
	for (size_t i = 0; i < t->unit_count; i++)
		dfa_free(&t->units[i]);
	free(t->units);
	dfa_free(&t->rooted);
}

static void text_entry_done(struct text_entry *e)
{
	dfa_free(&e->except);
}

/* ---- automata ---- */

static int add_unit(struct text_lower *t, struct dfa **unit)
{
	size_t room = t->unit_room ? t->unit_room * 2 : 32;
	void *units;

	if (t->unit_count == t->unit_room) {
		units = reallocarray(t->units, room, sizeof(*t->units));
		if (!units)
			return -ENOMEM;
		t->units = units;
		t->unit_room = room;
	}
	t->units[t->unit_count++] = TAKE_PTR(*unit);
	return 0;
}

static int pattern_dfa(const struct text_lower *t, const struct pattern *p, uint32_t label,
		       struct dfa **ret)
{
	_nfa_ struct nfa n = {};

	pattern_nfa(p, t->text, &n);
	return nfa_dfa(&n, label, DFA_BUDGET, ret);
}

static int replace_dfa(struct dfa **d, const struct dfa *other, dfa_combine combine)
{
	_dfa_ struct dfa *product = NULL;
	int r = dfa_product(*d, other, combine, NULL, DFA_BUDGET, &product);

	if (r < 0)
		return r;
	dfa_free(d);
	*d = TAKE_PTR(product);
	return 0;
}

/* Either matches; the labels of exceptions are all 0. */
static int either(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	*ret = a == LABEL_NONE ? b : a;
	return 0;
}

/* One automaton of all exceptions that could concern this text, if there are any. */
static int except_dfa(const struct text_lower *t, const struct patterns *except, struct dfa **ret)
{
	_free_ struct dfa **all = calloc(except->count + 1, sizeof(struct dfa *));
	size_t count = 0;
	int r = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < except->count && !r; i++)
		if (pattern_speaks(&except->items[i], t->text))
			r = pattern_dfa(t, &except->items[i], 0, &all[count++]);
	if (!r)
		r = dfa_group(all, &count, either, NULL, DFA_BUDGET);
	if (!r && count > 1)
		r = -E2BIG;
	if (!r && count)
		*ret = TAKE_PTR(all[0]);
	for (size_t i = 0; i < except->count; i++)
		dfa_free(&all[i]);
	return r;
}

/*
 * A pattern for programs admits what has no path (memfd:NAME, unknown) only if it says so: one that
 * begins with a wildcard admits paths only.
 */
static bool paths_only(const struct text_lower *t, const struct text_entry *e,
		       const struct pattern *p)
{
	return t->text == TEXT_EXEC && e->admits &&
	       (!p->text || p->text[0] == '*' || p->text[0] == '?');
}

static int add_glob(struct text_lower *t, const struct text_entry *e, const struct pattern *p)
{
	_dfa_ struct dfa *d = NULL;
	uint32_t label;
	int r;

	r = lower_label(t->l, &e->row, &label);
	if (r < 0)
		return r;
	r = pattern_dfa(t, p, label, &d);
	if (!r && paths_only(t, e, p))
		r = replace_dfa(&d, t->rooted, dfa_and);
	if (!r && e->except)
		r = replace_dfa(&d, e->except, dfa_minus);
	return r < 0 ? r : add_unit(t, &d);
}

/* ---- entries ---- */

/* A text of its own is asked about its exceptions here and now. */
static bool is_excepted(const struct text_entry *e, const char *bytes)
{
	return e->except && dfa_run(e->except, bytes, strlen(bytes)) != LABEL_NONE;
}

static int add_pattern(struct text_lower *t, const struct text_entry *e, const struct pattern *p)
{
	_free_ char *bytes = NULL;
	enum shape shape;
	int r;

	r = pattern_shape(p, t->text, &shape, &bytes);
	if (r < 0)
		return r;
	if (shape == SHAPE_LITERAL)
		return is_excepted(e, bytes) ? 0 : shelf_add(&t->shelves[shape], bytes, &e->row);
	if (shape == SHAPE_ANY && paths_only(t, e, p) && !e->except)
		return shelf_add(&t->shelves[SHAPE_PREFIX], "/", &e->row);
	if (shape == SHAPE_GLOB || e->except || paths_only(t, e, p)) {
		r = add_glob(t, e, p);
		return r == -E2BIG ? lower_too_many_states(t->l, e->entry->place, e->entry->id,
							   p->source)
				   : r;
	}
	if (shape == SHAPE_ANY) {
		row_add(&t->any, &e->row);
		return 0;
	}
	if (shape == SHAPE_HOST)
		return shelves_add_host(&t->shelves[SHAPE_LITERAL], &t->shelves[SHAPE_PREFIX],
					bytes, &e->row);
	return shelf_add(&t->shelves[shape], bytes, &e->row);
}

static int add_entry(struct text_lower *t, const struct rule_list *list, size_t i)
{
	const struct entry *entry = &list->entries->items[i];
	__attribute__((cleanup(text_entry_done))) struct text_entry e = {
		.entry = entry,
		.admits = list->layer != LAYER_DENY,
		.row = rule_row(list, i),
	};
	int r;

	/* The same field, of which other entries are: programs have no host names. */
	if (text_is_host(t->text))
		e.row.changed = entry->private ? e.row.allow : RULE_NONE;
	r = except_dfa(t, &entry->except, &e.except);
	if (r == -E2BIG)
		return lower_too_many_states(t->l, entry->place, entry->id, "except");
	for (size_t k = 0; k < entry->match.count && !r; k++)
		if (pattern_speaks(&entry->match.items[k], t->text))
			r = add_pattern(t, &e, &entry->match.items[k]);
	return r;
}

static int add_entries(struct text_lower *t)
{
	struct rule_list lists[RULE_LISTS];
	int r = 0;

	rule_lists(t->l->policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++) {
		bool brokers = lists[i].entries == &t->l->policy->brokers;

		/* A table of their own has those that are sockets; the one of files has all there is. */
		if (brokers != (t->text == TEXT_BROKER) && t->text != TEXT_FILE)
			continue;
		for (size_t k = 0; k < lists[i].entries->count && !r; k++)
			r = add_entry(t, &lists[i], k);
	}
	return r;
}

/* ---- the table ---- */

static int write_group(struct lower *l, const struct dfa *d, uint32_t at)
{
	_free_ uint32_t *accept = calloc(d->states, sizeof(*accept));
	struct image_dfa out = {};
	struct image_row row;

	if (!accept)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->states; i++) {
		accept[i] = ROW_NONE;
		if (d->labels[i] == LABEL_NONE)
			continue;
		row = *(const struct image_row *)intern_get(&l->labels, d->labels[i], NULL);
		if (lower_row(l, &row, &accept[i]) < 0)
			return -ENOMEM;
	}
	lower_dfa(l, d, accept, &out);
	if (!l->blob.error)
		memcpy(blob_at(&l->blob, at), &out, sizeof(out));
	return 0;
}

static int write_groups(struct text_lower *t, struct image_text *ret)
{
	struct lower *l = t->l;
	int r;

	r = dfa_group(t->units, &t->unit_count, lower_both, l, DFA_BUDGET);
	if (r < 0)
		return r;
	if (t->unit_count > DFA_GROUPS)
		return diag_add(
			l->diags, DIAG_ERROR, (struct place){},
			"the globs of this policy need %zu automata for one kind of name, %u "
			"are possible: use fewer patterns with several '*' or '?'",
			t->unit_count, DFA_GROUPS);
	if (!t->unit_count)
		return 0;
	ret->dfas = (uint32_t)t->unit_count;
	ret->dfa = blob_reserve(&l->blob, t->unit_count * sizeof(struct image_dfa), 8);
	for (uint32_t i = 0; i < ret->dfas && !r; i++)
		r = write_group(l, t->units[i], ret->dfa + i * (uint32_t)sizeof(struct image_dfa));
	return r;
}

static int write_text(struct text_lower *t, struct image_text *ret)
{
	int r;

	r = shelf_write(&t->shelves[SHAPE_LITERAL], t->l, false, &ret->literals);
	if (!r)
		r = shelf_write(&t->shelves[SHAPE_PREFIX], t->l, false, &ret->prefixes);
	if (!r)
		r = shelf_write(&t->shelves[SHAPE_SUFFIX], t->l, true, &ret->suffixes);
	if (r < 0)
		return r;
	ret->prefix_ends = shelf_write_ends(&t->shelves[SHAPE_PREFIX], t->l, false);
	ret->suffix_ends = shelf_write_ends(&t->shelves[SHAPE_SUFFIX], t->l, true);
	r = lower_row(t->l, &t->any, &ret->any);
	return r < 0 ? r : write_groups(t, ret);
}

int lower_text(struct lower *l, enum text text)
{
	__attribute__((cleanup(text_lower_done))) struct text_lower t = {
		.l = l,
		.text = text,
		.any = ROW_EMPTY,
	};
	_nfa_ struct nfa rooted = {};
	int r;

	nfa_glob(&rooted, "/*", byteset_but(NULL), byteset_but(NULL));
	r = nfa_dfa(&rooted, 0, DFA_BUDGET, &t.rooted);
	if (!r)
		r = add_entries(&t);
	return r < 0 ? r : write_text(&t, &l->head.text[text]);
}
