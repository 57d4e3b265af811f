/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <string.h>

static const char *const keys[COND_TEXTS] = {
	[COND_ARGS] = "args",
	[COND_ENV] = "env",
	[COND_HASH] = "sha256",
};

/* Only programs have arguments and an environment, and are files. */
static int check_kinds(const struct entry *e, struct diags *diags)
{
	const char *key = "changed";
	int r = 0;

	for (size_t t = COND_TEXTS; t--;)
		key = e->conds[t].place.line ? keys[t] : key;
	for (size_t i = 0; i < e->match.count && r != -ENOMEM; i++)
		if (e->match.items[i].kind != KIND_EXEC)
			r = diag_add(diags, DIAG_ERROR, e->match.items[i].place,
				     "'%.80s' in '%.80s', which has '%s': only exec: has such",
				     e->match.items[i].source, e->id, key);
	return r;
}

/* What is in memory can be written to while it runs; what has no name, anybody may serve. */
static int check_held(const struct entry *e, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < e->match.count && r != -ENOMEM; i++) {
		const char *text = e->match.items[i].text;

		if (text && !strchr("/*?", text[0]))
			r = diag_add(
				diags, DIAG_ERROR, e->match.items[i].place,
				"'%.80s' in '%.80s', which has 'sha256': only the content of a "
				"file that has a path stays what it is",
				e->match.items[i].source, e->id);
	}
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

static int check_entry(struct entry *e, bool admits, uint32_t *count, struct diags *diags)
{
	int r = entry_is_conditional(e) || e->changed ? check_kinds(e, diags) : 0;

	if (!r && admits && e->conds[COND_HASH].place.line)
		r = check_held(e, diags);
	if (r < 0 || !entry_is_conditional(e))
		return r;
	if (*count == CONDS_MAX)
		return diag_add(
			diags, DIAG_ERROR, e->place,
			"'%.80s' is one more entry with 'args', 'env' or 'sha256' than the %u "
			"that are possible: one entry may have any number of programs, phrases "
			"and hashes",
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
			int r = check_entry(&lists[i]->items[j], i > 0, &count, diags);

			if (r == -ENOMEM)
				return r;
			failed |= r < 0;
		}
	return failed ? -EINVAL : 0;
}
