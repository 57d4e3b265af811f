/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/rules.h"

#include "policy/check.h"
#include "policy/pattern.h"

/* The number of a kind's closer: the one that an earlier kind has from the same key, or a new one.
 */
static uint32_t number_closer(const struct policy *policy, enum kind kind, struct rule_index *ix)
{
	struct closer mine = policy_closer(policy, kind);

	if (!mine.rule)
		return RULE_NONE;
	for (enum kind k = 0; k < kind; k++) {
		struct closer other = policy_closer(policy, k);

		if (other.rule && other.rule == mine.rule && other.place.line == mine.place.line &&
		    other.place.column == mine.place.column)
			return ix->closer[k];
	}
	return ix->count++;
}

void rule_index(const struct policy *policy, struct rule_index *ret)
{
	struct rule_list lists[RULE_LISTS];

	*ret = (struct rule_index){};
	rule_lists(policy, lists);
	ret->deny = lists[0].first;
	ret->allow = lists[1].first;
	ret->content = ret->allow + (uint32_t)policy->allow.count;
	ret->opaque_allow = lists[2].first;
	ret->brokers = lists[3].first;
	ret->resolvers = lists[4].first;
	ret->opaque = ret->resolvers + (uint32_t)policy->resolvers.count;
	ret->count = ret->opaque + 1;
	for (enum kind k = 0; k < KIND_COUNT; k++)
		ret->closer[k] = number_closer(policy, k, ret);
	ret->audit = ret->count++;
}

void rule_lists(const struct policy *policy, struct rule_list ret[RULE_LISTS])
{
	uint32_t content = (uint32_t)(policy->deny.count + policy->allow.count);
	uint32_t opaque = content + (uint32_t)policy->content_count;
	uint32_t brokers = opaque + (uint32_t)policy->opaque_allow.count;
	uint32_t resolvers = brokers + (uint32_t)policy->brokers.count;

	ret[0] = (struct rule_list){&policy->deny, 0, LAYER_DENY};
	ret[1] = (struct rule_list){&policy->allow, (uint32_t)policy->deny.count, LAYER_ALLOW};
	ret[2] = (struct rule_list){&policy->opaque_allow, opaque, LAYER_OPAQUE};
	ret[3] = (struct rule_list){&policy->brokers, brokers, LAYER_DENY};
	ret[4] = (struct rule_list){&policy->resolvers, resolvers, LAYER_ALLOW};
}

static bool name_hosts(const struct patterns *patterns, bool with_proto)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (pattern_is_host(&patterns->items[i]) &&
		    (!with_proto || patterns->items[i].proto >= 0))
			return true;
	return false;
}

bool rules_name_hosts(const struct policy *policy, bool with_proto)
{
	struct rule_list lists[RULE_LISTS];

	rule_lists(policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++)
		for (size_t k = 0; k < lists[i].entries->count; k++)
			if (name_hosts(&lists[i].entries->items[k].match, with_proto) ||
			    name_hosts(&lists[i].entries->items[k].except, with_proto))
				return true;
	return false;
}

struct image_row rule_row(const struct rule_list *list, size_t i)
{
	struct image_row row = ROW_EMPTY;
	uint32_t rule = list->first + (uint32_t)i;

	if (entry_is_conditional(&list->entries->items[i]))
		row.conds = 1ULL << list->entries->items[i].cond;
	else if (list->layer == LAYER_OPAQUE)
		row.opaque = rule;
	else if (list->layer == LAYER_ALLOW) {
		row.allow = rule;
		row.changed = list->entries->items[i].changed ? rule : RULE_NONE;
	} else if (list->entries->items[i].audit)
		row.audit = rule;
	else
		row.deny = rule;
	return row;
}

static const struct pattern *find_file(const struct patterns *patterns, const struct file_id *file)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const struct pattern *p = &patterns->items[i];

		if (p->known && p->file.ino == file->ino && p->file.dev == file->dev &&
		    p->file.generation == file->generation)
			return p;
	}
	return NULL;
}

const struct pattern *entry_file(const struct entry *entry, const struct file_id *file)
{
	return find_file(&entry->except, file) ? NULL : find_file(&entry->match, file);
}
