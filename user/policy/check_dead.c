/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/check.h"
#include "policy/pattern.h"

/* ---- keys that have nothing to say ---- */

static int check_deny(const struct policy *policy, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < policy->deny.count && r == 0; i++) {
		const struct entry *e = &policy->deny.items[i];

		if (e->kill && e->audit)
			r = diag_add(diags, DIAG_WARNING, e->place,
				     "'%.80s' never kills: 'mode: audit' only watches", e->id);
	}
	return r;
}

static int check_allow(const struct policy *policy, struct diags *diags)
{
	if (policy->allow.place.line && !policy->allow.count)
		return diag_add(diags, DIAG_WARNING, policy->allow.place,
				"an empty 'allow' closes nothing; 'default: deny' denies all");
	return 0;
}

/* A word for all kinds is for what allow leaves open; a kind that is named was meant. */
static int check_default(const struct policy *policy, struct diags *diags)
{
	static const char *const names[KIND_LISTEN] = {"exec", "net", "http"};
	const struct policy_default *d = policy->defaults;
	int r = 0;

	if (d[KIND_EXEC].place.line && check_same_place(d[KIND_EXEC].place, d[KIND_NET].place))
		return 0;
	for (int kind = 0; kind < KIND_LISTEN && r == 0; kind++) {
		struct closer closer = policy_closer(policy, (enum kind)kind);

		if (d[kind].place.line && !d[kind].deny && closer.rule)
			r = diag_add(diags, DIAG_WARNING, d[kind].place,
				     "'default' does not open %s: 'allow' (%u:%u) closes it",
				     names[kind], closer.place.line, closer.place.column);
	}
	return r;
}

static int check_modes(const struct policy *policy, struct diags *diags)
{
	int r = 0;

	if (policy->mode == MODE_AUDIT && policy->on_audit_failure_place.line &&
	    policy->on_audit_failure == CHOICE_DENY)
		r = diag_add(diags, DIAG_WARNING, policy->on_audit_failure_place,
			     "'on_audit_failure: deny' never denies in 'mode: audit'");
	if (r == 0 && policy->opaque == CHOICE_ALLOW && policy->opaque_allow.count)
		r = diag_add(diags, DIAG_WARNING, policy->opaque_allow.place,
			     "'opaque.allow' decides nothing: all that is opaque is allowed");
	return r;
}

/* ---- http without net ---- */

static bool has_kind(const struct entries *entries, enum kind kind, struct place *ret_place)
{
	for (size_t i = 0; i < entries->count; i++)
		for (size_t j = 0; j < entries->items[i].match.count; j++)
			if (entries->items[i].match.items[j].kind == kind) {
				*ret_place = entries->items[i].place;
				return true;
			}
	return false;
}

/* A request needs a connection: when none is admitted, no rule for requests is ever asked. */
static int check_http(const struct policy *policy, struct diags *diags)
{
	struct closer net = policy_closer(policy, KIND_NET);
	struct place place = {};

	if (!net.rule || has_kind(&policy->allow, KIND_NET, &place))
		return 0;
	if (!has_kind(&policy->deny, KIND_HTTP, &place) &&
	    !has_kind(&policy->allow, KIND_HTTP, &place))
		return 0;
	return diag_add(diags, DIAG_WARNING, place,
			"rules for http: decide nothing: net is closed (%u:%u) and no entry of "
			"'allow' opens any of it",
			net.place.line, net.place.column);
}

/* ---- content ---- */

struct phrase {
	const char *text;
	const struct content_rule *rule;
	size_t order;
};

static int compare_phrases(const void *a, const void *b)
{
	const struct phrase *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	if (c)
		return c;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool phrase_covers(const struct phrase *first, const struct phrase *later)
{
	bool everywhere = (later->rule->in & ~first->rule->in) == 0;

	return !strcmp(first->text, later->text) && everywhere &&
	       first->rule->folded == later->rule->folded &&
	       (!first->rule->exact || later->rule->exact);
}

static int check_content(const struct policy *policy, struct diags *diags)
{
	_free_ struct phrase *phrases = NULL;
	size_t n = 0, room = 1;
	int r = 0;

	for (size_t i = 0; i < policy->content_count; i++)
		room += policy->content[i].phrases.count;
	phrases = calloc(room, sizeof(*phrases));
	if (!phrases)
		return -ENOMEM;
	for (size_t i = 0; i < policy->content_count; i++)
		for (size_t j = 0; j < policy->content[i].phrases.count; j++, n++)
			phrases[n] = (struct phrase){policy->content[i].phrases.items[j],
						     &policy->content[i], n};
	qsort(phrases, n, sizeof(*phrases), compare_phrases);
	for (size_t i = 1; i < n && r == 0; i++)
		if (phrase_covers(&phrases[i - 1], &phrases[i]))
			r = diag_add(diags, DIAG_WARNING, phrases[i].rule->place,
				     "the phrase '%.80s' is in '%.80s' (%u:%u) already",
				     phrases[i].text, phrases[i - 1].rule->name,
				     phrases[i - 1].rule->place.line,
				     phrases[i - 1].rule->place.column);
	return r;
}

int policy_check_reach(const struct policy *policy, struct diags *diags)
{
	int r = check_covered(policy, diags);

	return r < 0 ? r : check_excepts(policy, diags);
}

int check_dead(const struct policy *policy, struct diags *diags)
{
	static int (*const checks[])(const struct policy *policy, struct diags *diags) = {
		check_deny, check_allow,   check_default,      check_modes,
		check_http, check_content, check_denied_hosts,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && r == 0; i++)
		r = checks[i](policy, diags);
	return r;
}
