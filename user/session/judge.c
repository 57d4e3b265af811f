/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "audit/names.h"
#include "policy/ask.h"
#include "policy/reason.h"
#include "policy/rules.h"
#include "session/internal.h"

/* What the agent sees of a refusal, by the tier that enforced it; NULL: no error code. */
static const char *const tier_errors[TIER_COUNT] = {
	[TIER_LSM] = "EPERM",
	[TIER_CGROUP] = "EPERM",
	[TIER_CUT] = "ECONNABORTED",
};

/* The entry of the policy that a rule number stands for, or NULL. */
static const struct entry *entry_of(const struct policy *policy, uint32_t rule)
{
	struct rule_list lists[RULE_LISTS];

	rule_lists(policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++)
		if (rule >= lists[i].first && rule - lists[i].first < lists[i].entries->count)
			return &lists[i].entries->items[rule - lists[i].first];
	return NULL;
}

static const char *matched(const struct session *s, uint32_t rule, const struct activity_name *name)
{
	const struct entry *e = s->o.policy ? entry_of(s->o.policy, rule) : NULL;

	for (size_t i = 0; e && name && i < e->match.count; i++)
		if (pattern_matches(&e->match.items[i], name))
			return e->match.items[i].source;
	/* By none of its names: it is a file that one of them led to. */
	for (size_t i = 0; e && name && name->kind == KIND_EXEC && i < e->match.count; i++)
		if (e->match.items[i].known)
			return e->match.items[i].source;
	return NULL;
}

const char *tool_of(const struct session *s, const struct activity_name *name)
{
	const struct policy *p = s->o.policy;

	for (size_t i = 0; p && i < p->tool_count; i++)
		for (size_t j = 0; j < p->tools[i].match.count; j++)
			if (pattern_matches(&p->tools[i].match.items[j], name))
				return p->tools[i].name;
	return NULL;
}

void judge_count(struct session *s, const struct decision *d)
{
	if (d->verdict == VERDICT_DENY || d->verdict == VERDICT_KILL)
		s->counts.refused++;
	else if (d->verdict == VERDICT_AUDIT)
		s->counts.audited++;
}

void judge(const struct session *s, const struct decision *d, const struct activity_name *name,
	   const uint32_t *found, const char *activity, struct judgement *j,
	   struct audit_decision *ret)
{
	const struct image_header *h = s->o.image;
	struct rule_view rule;

	j->reason = NULL;
	*ret = (struct audit_decision){
		.verdict = d->verdict < VERDICT_COUNT ? verdict_names[d->verdict] : NULL,
		.layer = d->layer < LAYER_COUNT ? layer_names[d->layer] : NULL,
		.tier = d->tier < TIER_COUNT ? tier_names[d->tier] : NULL,
	};
	if (s->o.policy) {
		ret->policy = s->o.policy->name;
		ret->generation = KNOWN(h->generation);
	}
	if (ask_rule(s->o.image, d->rule, &rule)) {
		ret->rule = rule.id;
		if (rule.line) {
			snprintf(j->at, sizeof(j->at), "%s:%u:%u", rule.file, rule.line,
				 rule.column);
			ret->at = j->at;
		}
		ret->matched = found && d->layer == LAYER_CONTENT ? phrase_of(s, d->rule, found)
								  : matched(s, d->rule, name);
	}
	if (ret->verdict && ret->layer && d->verdict != VERDICT_ALLOW) {
		j->reason = decision_reason(s->o.image, d, activity);
		ret->reason = j->reason;
	}
	if ((d->verdict == VERDICT_DENY || d->verdict == VERDICT_KILL) && d->tier < TIER_COUNT)
		ret->error = tier_errors[d->tier];
}

void judgement_done(struct judgement *j)
{
	free(j->reason);
	j->reason = NULL;
}
