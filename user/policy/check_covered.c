/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/pattern.h"

#define MAX_EXCEPT 100 /* exceptions of one entry that are looked at one by one */

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

static int compare_order(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* True when `of` excepts it, too. */
static bool is_excepted(const struct pattern *p, const struct entry *of)
{
	for (size_t i = 0; i < of->except.count; i++)
		if (!pattern_compare(p, &of->except.items[i]))
			return true;
	return false;
}

/*
 * True when whatever `by` excepts of what the use matches, the use's own entry excepts, too: then
 * `by` decides all that the use would.
 */
static bool excepts_no_more(const struct entry *by, const struct use *u)
{
	if (by->except.count > MAX_EXCEPT || u->entry->except.count > MAX_EXCEPT)
		return !by->except.count;
	for (size_t i = 0; i < by->except.count; i++)
		if (!is_excepted(&by->except.items[i], u->entry) &&
		    !check_apart(&by->except.items[i], u->pattern))
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

/*
 * In allow, exec:* and what else begins with a wildcard admits paths only: no unknown, no memfd:. And
 * net:raw is admitted by its name only.
 */
static bool admits_as_much(const struct use *by, const struct use *of)
{
	const char *text = of->pattern->text;
	bool paths_only = !by->pattern->text || strchr("*?", by->pattern->text[0]);

	if (of->pattern->kind == KIND_NET && of->pattern->form == NET_RAW)
		return by->list == LIST_DENY || by->pattern->form == NET_RAW;
	return by->list == LIST_DENY || by->pattern->kind != KIND_EXEC || !paths_only || !text ||
	       strchr("/*?", text[0]);
}

/* An entry that asks for more than names leaves what it matches to others, too. */
static bool decides_all(const struct use *by, const struct use *u)
{
	bool changed =
		by->list == LIST_DENY || by->entry->changed || !entry_admits_changed(u->entry);
	bool private = by->list == LIST_DENY || by->entry->private || !u->entry->private ||
		       !pattern_is_host(by->pattern);

	return by->entry == u->entry || (!entry_is_conditional(by->entry) && changed && private);
}

static void cover(struct use *u, const struct use *by)
{
	bool shadows = by && by->list == LIST_DENY && u->list == LIST_ALLOW && !by->entry->audit;
	bool covers = by && by->list == u->list && by != u && comes_first(by, u);

	if ((!shadows && !covers) || !decides_all(by, u) || !admits_as_much(by, u) ||
	    !excepts_no_more(by->entry, u))
		return;
	if (covers && !u->by)
		u->by = by->entry;
	else if (shadows && !u->shadow)
		u->shadow = by->entry;
}

static void keep_first(const struct use **best, const struct use *u)
{
	if (!*best || comes_first(u, *best))
		*best = u;
}

/* The first rules of each list, of all and of those without exceptions. */
struct firsts {
	const struct use *any[LIST_COUNT], *plain[LIST_COUNT];
};

static void note_first(struct firsts *f, const struct use *u)
{
	keep_first(&f->any[u->list], u);
	if (!u->entry->except.count && !entry_is_conditional(u->entry))
		keep_first(&f->plain[u->list], u);
}

/*
 * Items i to end match the same. What is written is not covered by what a link means: the policy
 * may be for machines without that link, too.
 */
static void cover_group(struct uses *uses, size_t i, size_t end)
{
	struct firsts written = {}, all = {};

	for (size_t j = i; j < end; j++) {
		note_first(&all, &uses->items[j]);
		if (!uses->items[j].pattern->added)
			note_first(&written, &uses->items[j]);
	}
	for (size_t j = i; j < end; j++) {
		struct use *u = &uses->items[j];
		const struct firsts *f = u->pattern->added ? &all : &written;

		cover(u, f->any[u->list]);
		cover(u, f->plain[u->list]);
		cover(u, f->any[LIST_DENY]);
		cover(u, f->plain[LIST_DENY]);
	}
}

static void cover_by_any(struct uses *uses, struct use *u)
{
	cover(u, uses->any[u->list][u->pattern->kind]);
	cover(u, uses->any[LIST_DENY][u->pattern->kind]);
}

/*
 * By patterns that are written otherwise and match more. Every two would have to be looked at: a
 * large policy is compared as far as that takes no time to speak of.
 */
static void cover_by_wider(struct uses *uses, const struct use *by, uint64_t *work)
{
	if (*work > CHECK_MAX_WORK || by->pattern->added || check_is_single(by->pattern))
		return;
	for (size_t i = 0; i < uses->count; i++) {
		struct use *u = &uses->items[i];

		if (u->pattern->kind != by->pattern->kind || (u->by && u->shadow) || u == by)
			continue;
		*work += check_cost(by->pattern, u->pattern);
		if (*work > CHECK_MAX_WORK)
			return;
		if (check_covers(by->pattern, u->pattern))
			cover(u, by);
	}
}

static void note_any(struct uses *uses, const struct use *u)
{
	if (pattern_is_any(u->pattern) && !u->entry->except.count &&
	    !entry_is_conditional(u->entry))
		keep_first(&uses->any[u->list][u->pattern->kind], u);
}

static void find_covered(struct uses *uses)
{
	uint64_t work = 0;

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
	qsort(uses->items, uses->count, sizeof(*uses->items), compare_order);
	for (size_t i = 0; i < uses->count; i++)
		cover_by_wider(uses, &uses->items[i], &work);
}

/* True when neither what is written there, nor what it means on this machine, ever decides. */
static bool is_idle(const struct use *u, size_t n, size_t at)
{
	if (!u[at].by) /* as with most, so that entries with thousands take no time */
		return false;
	for (size_t i = 0; i < n; i++)
		if (check_same_place(u[i].pattern->place, u[at].pattern->place) && !u[i].by)
			return false;
	return true;
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
		if (!u[i].pattern->tool && !u[i].pattern->added && is_idle(u, n, i))
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
	for (size_t i = 0, end; i < n && r == 0; i = end) {
		for (end = i + 1; end < n && items[end].entry == items[i].entry; end++)
			;
		r = report_entry(&items[i], end - i, diags);
	}
	return r;
}
