/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/pattern.h"

enum list {
	LIST_DENY,
	LIST_ALLOW,
	LIST_OPAQUE,
	LIST_COUNT,
};

/* A pattern of a rule, and what became of it. */
struct use {
	const struct pattern *pattern;
	const struct entry *entry;
	enum list list;
	size_t order;               /* in the file */
	const struct entry *by;     /* the rule of its list that decides all that it matches */
	const struct entry *shadow; /* allow: the deny rule that refuses all that it matches */
};

struct uses {
	struct use *items; /* sorted by pattern, then in the order of the file */
	size_t count;
	const struct use *any[LIST_COUNT][KIND_COUNT]; /* first rule for all of a kind */
};

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;
	int c = pattern_compare(x->pattern, y->pattern);

	if (c)
		return c;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* True when whatever `by` excepts, `of` excepts too: then `by` decides all that `of` would. */
static bool excepts_no_more(const struct entry *by, const struct entry *of)
{
	if (!by->except.count)
		return true;
	if (by->except.count != of->except.count)
		return false;
	for (size_t i = 0; i < by->except.count; i++)
		if (pattern_compare(&by->except.items[i], &of->except.items[i]) != 0)
			return false;
	return true;
}

/*
 * Of two rules of one list that match the same, the first decides; but a deny entry that enforces
 * comes before every one that only watches.
 */
static bool comes_first(const struct use *by, const struct use *of)
{
	if (by->entry->audit != of->entry->audit)
		return !by->entry->audit;
	return by->order < of->order;
}

/* exec:* admits paths only, so it does not decide what names unknown or memfd:. */
static bool any_reaches(const struct use *any, const struct use *of)
{
	const char *text = of->pattern->text;

	return any->list == LIST_DENY || any->pattern->kind != KIND_EXEC || !text ||
	       strchr("/*?", text[0]);
}

static void cover(struct use *u, const struct use *by)
{
	if (!by || by == u || !excepts_no_more(by->entry, u->entry))
		return;
	if (by->list == u->list && comes_first(by, u))
		u->by = by->entry;
	else if (by->list == LIST_DENY && u->list == LIST_ALLOW && !by->entry->audit)
		u->shadow = by->entry;
}

static void keep_first(const struct use **best, const struct use *u)
{
	if (!*best || comes_first(u, *best))
		*best = u;
}

/* Items i to end are written alike. */
static void cover_group(struct uses *uses, size_t i, size_t end)
{
	const struct use *first[LIST_COUNT] = {}, *plain[LIST_COUNT] = {};

	for (size_t j = i; j < end; j++) {
		const struct use *u = &uses->items[j];

		keep_first(&first[u->list], u);
		if (!u->entry->except.count)
			keep_first(&plain[u->list], u);
	}
	for (size_t j = i; j < end; j++) {
		struct use *u = &uses->items[j];

		cover(u, first[u->list]);
		cover(u, plain[u->list]);
		cover(u, first[LIST_DENY]);
		cover(u, plain[LIST_DENY]);
	}
}

static void cover_by_any(struct uses *uses, struct use *u)
{
	const struct use *own = uses->any[u->list][u->pattern->kind];
	const struct use *deny = uses->any[LIST_DENY][u->pattern->kind];

	if (own && any_reaches(own, u))
		cover(u, own);
	cover(u, deny);
}

static void note_any(struct uses *uses, const struct use *u)
{
	if (pattern_is_any(u->pattern) && !u->entry->except.count)
		keep_first(&uses->any[u->list][u->pattern->kind], u);
}

static void find_covered(struct uses *uses)
{
	for (size_t i = 0, end; i < uses->count; i = end) {
		for (end = i + 1; end < uses->count; end++)
			if (pattern_compare(uses->items[i].pattern, uses->items[end].pattern) != 0)
				break;
		cover_group(uses, i, end);
	}
	for (size_t i = 0; i < uses->count; i++)
		note_any(uses, &uses->items[i]);
	for (size_t i = 0; i < uses->count; i++)
		cover_by_any(uses, &uses->items[i]);
}

static int compare_order(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* The uses of one entry, all of them, in order. */
static int report_entry(const struct use *u, size_t n, struct diags *diags)
{
	const struct entry *e = u->entry;
	size_t covered = 0, shadowed = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		covered += u[i].by && u[i].by != e;
		shadowed += u[i].shadow != NULL;
	}
	if (covered == n)
		return diag_add(diags, DIAG_WARNING, e->place,
				"'%.80s' never decides: '%.80s' (%u:%u) comes before it", e->id,
				u->by->id, u->by->place.line, u->by->place.column);
	if (shadowed == n)
		return diag_add(diags, DIAG_WARNING, e->place,
				"'%.80s' never admits anything: '%.80s' (%u:%u) denies it all",
				e->id, u->shadow->id, u->shadow->place.line,
				u->shadow->place.column);
	/* Tools may overlap; what somebody wrote into a rule need not be there twice. */
	for (size_t i = 0; i < n && r == 0; i++)
		if (u[i].by && !u[i].pattern->tool)
			r = diag_add(diags, DIAG_WARNING, u[i].pattern->place,
				     "'%.80s' is in '%.80s' (%u:%u) already", u[i].pattern->source,
				     u[i].by->id, u[i].by->place.line, u[i].by->place.column);
	return r;
}

static size_t add_uses(const struct entries *entries, enum list list, struct use *to, size_t order)
{
	size_t n = 0;

	for (size_t i = 0; i < entries->count; i++)
		for (size_t j = 0; j < entries->items[i].match.count; j++, n++)
			if (to)
				to[n] = (struct use){.pattern = &entries->items[i].match.items[j],
						     .entry = &entries->items[i],
						     .list = list,
						     .order = order + n};
	return n;
}

int check_covered(const struct policy *policy, struct diags *diags)
{
	const struct entries *const lists[LIST_COUNT] = {&policy->deny, &policy->allow,
							 &policy->opaque_allow};
	_free_ struct use *items = NULL;
	struct uses uses = {};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < LIST_COUNT; i++)
		uses.count += add_uses(lists[i], (enum list)i, NULL, 0);
	uses.items = items = calloc(uses.count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < LIST_COUNT; i++)
		n += add_uses(lists[i], (enum list)i, items + n, n);

	qsort(items, n, sizeof(*items), compare_uses);
	find_covered(&uses);
	qsort(items, n, sizeof(*items), compare_order);
	for (size_t i = 0, end; i < n && r == 0; i = end) {
		for (end = i + 1; end < n && items[end].entry == items[i].entry; end++)
			;
		r = report_entry(&items[i], end - i, diags);
	}
	return r;
}
