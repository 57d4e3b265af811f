/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <string.h>

static const char *const keys[COND_TEXTS] = {[COND_ARGS] = "args", [COND_ENV] = "env"};

/* Only programs have arguments and an environment, and are files. */
static int check_kinds(const struct entry *e, struct diags *diags)
{
	const char *key = e->conds[COND_ARGS].place.line  ? keys[COND_ARGS]
			  : e->conds[COND_ENV].place.line ? keys[COND_ENV]
							  : "changed";
	int r = 0;

	for (size_t i = 0; i < e->match.count && r != -ENOMEM; i++)
		if (e->match.items[i].kind != KIND_EXEC)
			r = diag_add(diags, DIAG_ERROR, e->match.items[i].place,
				     "'%.80s' in '%.80s', which has '%s': only exec: has such",
				     e->match.items[i].source, e->id, key);
	return r;
}

static bool has_part_in(const char *phrase, const struct phrase_list *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		if (strstr(phrase, parts->items[i]))
			return true;
	return false;
}

/* A text that has a phrase has its parts as well. */
static bool never_holds(const struct condition *c)
{
	size_t dead = 0;

	for (size_t i = 0; i < c->any.count; i++)
		dead += has_part_in(c->any.items[i], &c->none);
	return dead && dead == c->any.count;
}

static int warn_of_never(const struct entry *e, struct diags *diags)
{
	int r = 0;

	for (size_t t = 0; t < COND_TEXTS && r == 0; t++)
		if (never_holds(&e->conds[t]))
			r = diag_add(diags, DIAG_WARNING, e->conds[t].place,
				     "the condition of '%.80s' never holds: each phrase of "
				     "'%s.any' has one of '%s.none' in it",
				     e->id, keys[t], keys[t]);
	return r;
}

static int check_entry(struct entry *e, uint32_t *count, struct diags *diags)
{
	int r = entry_is_conditional(e) || e->changed ? check_kinds(e, diags) : 0;

	if (r < 0 || !entry_is_conditional(e))
		return r;
	if (*count == CONDS_MAX)
		return diag_add(
			diags, DIAG_ERROR, e->place,
			"'%.80s' is one more entry with 'args' or 'env' than the %u that "
			"are possible: one entry may have any number of programs and phrases",
			e->id, CONDS_MAX);
	e->cond = (*count)++;
	return warn_of_never(e, diags);
}

int check_conds(struct policy *policy, struct diags *diags)
{
	/* In the order of the rules: of two bits the lower one was written first. */
	struct entries *const lists[] = {&policy->deny, &policy->allow, &policy->opaque_allow};
	uint32_t count = 0;
	bool failed = false;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t j = 0; j < lists[i]->count; j++) {
			int r = check_entry(&lists[i]->items[j], &count, diags);

			if (r == -ENOMEM)
				return r;
			failed |= r < 0;
		}
	return failed ? -EINVAL : 0;
}
