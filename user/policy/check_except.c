/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/pattern.h"

static int compare_patterns(const void *a, const void *b)
{
	return pattern_compare(*(const struct pattern *const *)a,
			       *(const struct pattern *const *)b);
}

static void kinds_of_any(const struct patterns *patterns, bool *kinds)
{
	for (size_t i = 0; i < patterns->count; i++)
		kinds[patterns->items[i].kind] |= pattern_is_any(&patterns->items[i]);
}

/* True when one of the exceptions covers the pattern, as far as it takes no time to find out. */
static bool is_covered(const struct pattern *p, const struct patterns *except, uint64_t *work)
{
	for (size_t i = 0; i < except->count; i++) {
		*work += check_cost(&except->items[i], p);
		if (*work > CHECK_MAX_WORK)
			return false;
		if (!except->items[i].added && check_covers(&except->items[i], p))
			return true;
	}
	return false;
}

/* Exceptions in order, to be found at once. */
struct index {
	const struct pattern **items;
	size_t count;
};

/* Of what is written only, or of what it means here as well. Returns 0 or -ENOMEM. */
static int index_except(const struct patterns *except, bool added, struct index *ret)
{
	ret->items = calloc(except->count + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < except->count; i++)
		if (added || !except->items[i].added)
			ret->items[ret->count++] = &except->items[i];
	qsort(ret->items, ret->count, sizeof(*ret->items), compare_patterns);
	return 0;
}

static void index_done(struct index *index)
{
	free(index->items);
}

static bool has(const struct index *index, const struct pattern *p)
{
	return bsearch(&p, index->items, index->count, sizeof(*index->items), compare_patterns);
}

/* True when everything in `match` is in `except`. What a link means is not taken for written. */
static int is_taken_away(const struct patterns *match, const struct patterns *except)
{
	_cleanup_(index_done) struct index written = {}, all = {};
	bool all_of[KIND_COUNT] = {};
	uint64_t work = 0;

	if (index_except(except, false, &written) < 0 || index_except(except, true, &all) < 0)
		return -ENOMEM;
	kinds_of_any(except, all_of);
	for (size_t i = 0; i < match->count; i++) {
		const struct pattern *p = &match->items[i];

		/* What stands for many places to listen at is not excepted with one of them. */
		if (!all_of[p->kind] && p->kind == KIND_LISTEN)
			return false;
		if (!all_of[p->kind] && !has(p->added ? &all : &written, p) &&
		    !is_covered(p, except, &work))
			return false;
	}
	return true;
}

/* True when the exception, in every way that it is meant, has nothing to do with `match`. */
static bool takes_nothing(const struct entry *e, const struct pattern *exception, uint64_t *work)
{
	for (size_t i = 0; i < e->match.count; i++) {
		*work += check_cost(exception, &e->match.items[i]);
		if (*work > CHECK_MAX_WORK || !check_apart(exception, &e->match.items[i]))
			return false;
	}
	return true;
}

static int check_exception(const struct entry *e, size_t at, uint64_t *work, struct diags *diags)
{
	const struct pattern *p = &e->except.items[at];
	bool of_kind = false;

	if (p->tool || p->added)
		return 0;
	for (size_t i = at; i < e->except.count; i++)
		if ((i == at || (e->except.items[i].added &&
				 check_same_place(e->except.items[i].place, p->place))) &&
		    !takes_nothing(e, &e->except.items[i], work))
			return 0;
	for (size_t i = 0; i < e->match.count; i++)
		of_kind |= e->match.items[i].kind == p->kind;
	return diag_add(diags, DIAG_WARNING, p->place,
			"'%.80s' excepts nothing: 'match' has nothing %s", p->source,
			of_kind ? "of it" : "of its kind");
}

static int check_except(const struct entry *e, struct diags *diags)
{
	uint64_t work = 0;
	int r = 0;

	if (!e->except.count)
		return 0;
	r = is_taken_away(&e->match, &e->except);
	if (r < 0)
		return r;
	if (r)
		return diag_add(diags, DIAG_WARNING, e->place,
				"'%.80s' never decides: its 'except' takes all of its 'match' away",
				e->id);
	for (size_t i = 0; i < e->except.count && r == 0; i++)
		r = check_exception(e, i, &work, diags);
	return r;
}

int check_excepts(const struct policy *policy, struct diags *diags)
{
	const struct entries *const lists[] = {&policy->deny, &policy->allow,
					       &policy->opaque_allow};
	int r = 0;

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < lists[i]->count && r == 0; j++)
			r = check_except(&lists[i]->items[j], diags);
	return r;
}
