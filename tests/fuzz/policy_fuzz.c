/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Any bytes as a policy: they are refused with at least one error that fits on one line, or become
 * a policy whose patterns mean what their text says and match what they name.
 */
#include "policy/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "policy/check.h"
#include "policy/glob.h"
#include "policy/pattern.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_diags(const struct diags *diags)
{
	size_t errors = 0;

	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->items[i];

		errors += d->level == DIAG_ERROR;
		check(d->message[0] && strlen(d->message) < 4096);
		check(!d->place.line == !d->place.column);
		check(utf8_valid(d->message, strlen(d->message)));
		for (const char *c = d->message; *c; c++)
			check((unsigned char)*c >= ' ');
	}
	check(diags->count == 100 || errors == diags->errors);
}

/* A pattern without a star names one thing, and matches it. */
static void check_literal(const struct pattern *p)
{
	char *text;
	struct activity_name n = {.kind = KIND_EXEC};

	if (p->kind != KIND_EXEC || !p->text || !glob_is_literal(p->text))
		return;
	text = glob_unescape(p->text);
	check(text);
	n.text = text;
	n.len = strlen(text);
	check(pattern_matches(p, &n) && pattern_admits(p, &n));
	free(text);
}

static void check_pattern(const struct pattern *p)
{
	struct pattern again;
	struct diags diags = {};

	check(p->kind < KIND_COUNT);
	check(p->place.line);
	check(pattern_parse(p->source, p->place, &again, &diags) == 0);
	check(pattern_compare(p, &again) == 0);
	check_literal(p);
	pattern_done(&again);
	diags_free(&diags);
}

static void check_entries(const struct entries *entries)
{
	check(!entries->count || entries->place.line);
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *e = &entries->items[i];

		check(e->id && e->id[0] && e->place.line && e->match.count);
		check(e->cond < CONDS_MAX);
		for (size_t t = 0; t < COND_TEXTS; t++)
			check(!e->conds[t].place.line ==
			      !(e->conds[t].any.count + e->conds[t].none.count));
		for (size_t j = 0; j < e->match.count; j++)
			check_pattern(&e->match.items[j]);
		for (size_t j = 0; j < e->except.count; j++)
			check_pattern(&e->except.items[j]);
	}
}

static void check_policy(const struct policy *p)
{
	check(p->name && p->name[0]);
	check_entries(&p->deny);
	check_entries(&p->allow);
	check_entries(&p->opaque_allow);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct closer closer = policy_closer(p, (enum kind)kind);

		check(!closer.rule == !closer.place.line);
	}
	for (size_t i = 0; i < p->content_count; i++)
		check(p->content[i].in && p->content[i].phrases.count && p->content[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("p.yaml", (const char *)data, size, &policy, &diags);

	check((r == 0) == (policy != NULL));
	if (r == 0)
		r = policy_check(policy, &diags);
	check((r < 0) == (diags.errors > 0));
	check_diags(&diags);
	if (r == 0)
		check_policy(policy);
	policy_free(&policy);
	diags_free(&diags);
	return 0;
}
