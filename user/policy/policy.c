/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/policy.h"

#include <stdlib.h>

#include "policy/pattern.h"

static void phrases_done(struct phrase_list *phrases)
{
	for (size_t i = 0; i < phrases->count; i++)
		free(phrases->items[i]);
	free(phrases->items);
}

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		struct entry *e = &entries->items[i];

		free(e->id);
		free(e->reason);
		free(e->tool);
		patterns_done(&e->match);
		patterns_done(&e->except);
		for (size_t t = 0; t < COND_TEXTS; t++) {
			phrases_done(&e->conds[t].any);
			phrases_done(&e->conds[t].none);
		}
	}
	free(entries->items);
}

static void tool_done(struct tool *tool)
{
	free(tool->name);
	patterns_done(&tool->match);
}

static void server_done(struct mcp_server *server)
{
	free(server->name);
	patterns_done(&server->exec);
}

static void content_done(struct content_rule *rule)
{
	phrases_done(&rule->phrases);
	free(rule->name);
	free(rule->reason);
}

void policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	*policy = NULL;
	if (!p)
		return;
	for (size_t i = 0; i < p->tool_count; i++)
		tool_done(&p->tools[i]);
	for (size_t i = 0; i < p->server_count; i++)
		server_done(&p->servers[i]);
	for (size_t i = 0; i < p->content_count; i++)
		content_done(&p->content[i]);
	entries_done(&p->deny);
	entries_done(&p->allow);
	entries_done(&p->brokers);
	entries_done(&p->resolvers);
	entries_done(&p->opaque_allow);
	free(p->tools);
	free(p->servers);
	free(p->content);
	free(p->file);
	free(p->name);
	free(p);
}
