/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_RULES_H
#define WARDEN_POLICY_RULES_H

#include "policy/policy.h"

/*
 * The numbers of a policy's rules in its image: deny entries, allow entries, content rules, entries
 * of opaque.allow, brokers, resolvers, opaque itself, the keys that close kinds, on_audit_failure. Within a
 * list they follow the file, so that the smaller of two numbers is the rule that was written first.
 */
struct rule_index {
	uint32_t deny; /* of the first deny entry; the others follow */
	uint32_t allow;
	uint32_t content;
	uint32_t opaque_allow;
	uint32_t brokers;
	uint32_t resolvers;
	uint32_t opaque;
	uint32_t closer[KIND_COUNT]; /* RULE_NONE: the kind is open; kinds may share one */
	uint32_t audit;
	uint32_t count;
};

/* For a policy that was checked. */
void rule_index(const struct policy *policy, struct rule_index *ret);

/* The lists of entries: deny, allow, opaque.allow, brokers, resolvers. */
#define RULE_LISTS 5

struct rule_list {
	const struct entries *entries;
	uint32_t first;   /* rule of the first entry */
	/* LAYER_DENY (brokers, too), LAYER_ALLOW (resolvers, too), LAYER_OPAQUE (opaque.allow) */
	enum layer layer;
};

void rule_lists(const struct policy *policy, struct rule_list ret[RULE_LISTS]);

/*
 * True when a rule, or an exception, is of a host name in net:; with a protocol behind it, if that is
 * asked. For a policy that was checked.
 */
bool rules_name_hosts(const struct policy *policy, bool with_proto);

/*
 * The pattern by which a deny entry names this file, whatever it is called, or NULL. It does not when
 * it excepts the same file under another name.
 */
const struct pattern *entry_file(const struct entry *entry, const struct file_id *file);

/* The row that hits just entry number `i` of the list. */
struct image_row rule_row(const struct rule_list *list, size_t i);

#endif
