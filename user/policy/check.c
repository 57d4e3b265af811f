/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/brokers.h"
#include "policy/check_dead.h"
#include "policy/pattern.h"
#include "policy/suggest.h"

/* ---- tools ---- */

/* A tool of many patterns, used many times, could fill the memory from a small file. */
#define MAX_COPIES 200000

#define MAX_NEAR 256 /* tools among which one with a similar name is looked for */

/* Tools by name, so that a policy of many tools and entries is checked in no time. */
struct tool_index {
	const struct policy *policy;
	const struct tool **tools; /* sorted */
	bool *used;                /* by policy->tools */
	size_t copies;             /* of patterns of tools */
};

static int compare_tools(const void *a, const void *b)
{
	return strcmp((*(const struct tool *const *)a)->name,
		      (*(const struct tool *const *)b)->name);
}

static void tool_index_done(struct tool_index *index)
{
	free(index->tools);
	free(index->used);
}

static int index_tools(const struct policy *policy, struct tool_index *ret)
{
	ret->policy = policy;
	ret->tools = calloc(policy->tool_count + 1, sizeof(*ret->tools));
	ret->used = calloc(policy->tool_count + 1, sizeof(*ret->used));
	if (!ret->tools || !ret->used)
		return -ENOMEM;
	for (size_t i = 0; i < policy->tool_count; i++)
		ret->tools[i] = &policy->tools[i];
	qsort(ret->tools, policy->tool_count, sizeof(*ret->tools), compare_tools);
	return 0;
}

static const struct tool *find_tool(struct tool_index *index, const char *name)
{
	struct tool wanted = {.name = (char *)name};
	const struct tool *key = &wanted;
	const struct tool **found = bsearch(&key, index->tools, index->policy->tool_count,
					    sizeof(*index->tools), compare_tools);

	if (!found)
		return NULL;
	index->used[*found - index->policy->tools] = true;
	return *found;
}

static int refuse_tool(const struct tool_index *index, const struct pattern *named,
		       struct diags *diags)
{
	const char *names[MAX_NEAR];
	size_t n = 0;

	if (named->tool[0] == '/')
		return diag_add(diags, DIAG_ERROR, named->place,
				"no tool is called '%.80s'; did you mean 'exec:%.80s'?",
				named->tool, named->tool);
	for (; n < index->policy->tool_count && n < MAX_NEAR; n++)
		names[n] = index->policy->tools[n].name;
	return diag_add(diags, DIAG_ERROR, named->place, "no tool is called '%.80s'%s", named->tool,
			suggest(diags, named->tool, names, n).text);
}

/* Adds copies of the tool's patterns. Each remembers the tool, and its own place. */
static int add_tool(struct tool_index *index, const struct pattern *named, struct patterns *to,
		    struct diags *diags)
{
	const struct tool *tool = find_tool(index, named->tool);

	if (!tool)
		return refuse_tool(index, named, diags);
	index->copies += tool->match.count;
	if (index->copies > MAX_COPIES)
		return diag_add(diags, DIAG_ERROR, named->place,
				"the rules use tools of more than %d patterns in all", MAX_COPIES);
	for (size_t i = 0; i < tool->match.count; i++) {
		struct pattern copy;
		int r = pattern_copy(&tool->match.items[i], &copy);

		if (r < 0)
			return r;
		free(copy.tool);
		copy.tool = strdup(tool->name);
		if (!copy.tool) {
			pattern_done(&copy);
			return -ENOMEM;
		}
		r = patterns_add(to, &copy);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Puts patterns where tools are named. */
static int expand(struct tool_index *index, struct patterns *patterns, struct diags *diags)
{
	_cleanup_(patterns_done) struct patterns out = {};
	bool failed = false;
	int r;

	for (size_t i = 0; i < patterns->count; i++) {
		struct pattern *p = &patterns->items[i];

		r = p->kind == KIND_COUNT ? add_tool(index, p, &out, diags) : patterns_add(&out, p);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	patterns_done(patterns);
	*patterns = out;
	out = (struct patterns){};
	return failed ? -EINVAL : 0;
}

static int expand_entries(struct tool_index *index, struct entries *entries, struct diags *diags)
{
	bool failed = false;

	for (size_t i = 0; i < entries->count; i++) {
		struct patterns *const both[] = {&entries->items[i].match,
						 &entries->items[i].except};

		for (size_t j = 0; j < 2; j++) {
			int r = expand(index, both[j], diags);

			if (r == -ENOMEM)
				return r;
			failed |= r < 0;
		}
	}
	return failed ? -EINVAL : 0;
}

static int warn_of_unused(const struct tool_index *index, struct diags *diags)
{
	for (size_t i = 0; i < index->policy->tool_count; i++) {
		const struct tool *tool = &index->policy->tools[i];

		if (!index->used[i] && diag_add(diags, DIAG_WARNING, tool->place,
						"no rule uses the tool '%.80s'", tool->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int check_tools(struct policy *policy, struct diags *diags)
{
	struct entries *const lists[] = {&policy->deny, &policy->allow, &policy->opaque_allow};
	_cleanup_(tool_index_done) struct tool_index index = {};
	bool failed = false;
	int r = index_tools(policy, &index);

	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++) {
		r = expand_entries(&index, lists[i], diags);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	r = warn_of_unused(&index, diags);
	if (r < 0)
		return r;
	return failed ? -EINVAL : 0;
}

/* ---- names ---- */

struct named {
	const char *name;
	struct place place;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c)
		return c;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

/* One name, one rule: decisions, reports and users' scripts refer to rules by it. */
static int check_names(const struct policy *policy, struct diags *diags)
{
	const struct entries *const lists[] = {&policy->deny, &policy->allow,
					       &policy->opaque_allow};
	size_t n = 0, room = policy->content_count + 1;
	_free_ struct named *names = NULL;
	int r = 0;

	for (size_t i = 0; i < 3; i++)
		room += lists[i]->count;
	names = calloc(room, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			names[n++] =
				(struct named){lists[i]->items[j].id, lists[i]->items[j].place};
	for (size_t i = 0; i < policy->content_count; i++)
		names[n++] = (struct named){policy->content[i].name, policy->content[i].place};

	qsort(names, n, sizeof(*names), compare_named);
	for (size_t i = 1; i < n && r != -ENOMEM; i++)
		if (!strcmp(names[i].name, names[i - 1].name))
			r = diag_add(diags, DIAG_ERROR, names[i].place,
				     "the rule at %u:%u is called '%.80s', too",
				     names[i - 1].place.line, names[i - 1].place.column,
				     names[i].name);
	return r;
}

/* Plaintext is followed on connections: nothing else can be opaque. */
static int check_opaque(const struct policy *policy, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < policy->opaque_allow.count; i++) {
		const struct patterns *match = &policy->opaque_allow.items[i].match;

		for (size_t j = 0; j < match->count && r != -ENOMEM; j++)
			if (match->items[j].kind != KIND_NET)
				r = diag_add(diags, DIAG_ERROR, match->items[j].place,
					     "'%.80s' in opaque.allow: only a destination, net:, can be opaque",
					     match->items[j].source);
	}
	return r;
}

/* Rules for files are for later, but for those that open a broker. */
static int check_files_of(const struct patterns *patterns, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < patterns->count && r != -ENOMEM; i++)
		if (patterns->items[i].kind == KIND_FILE && !brokers_have_file(&patterns->items[i]))
			r = diag_add(diags, DIAG_ERROR, patterns->items[i].place,
				     "'%.80s' is not supported yet: file:write names what a broker reads, as "
				     "/etc/cron.d/*, and nothing else (see warden doctor)",
				     patterns->items[i].source);
	return r;
}

static int check_files(const struct policy *policy, struct diags *diags)
{
	const struct entries *lists[] = {&policy->deny, &policy->allow};
	size_t before = diags->errors;
	int r = 0;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < lists[i]->count && r != -ENOMEM; k++) {
			r = check_files_of(&lists[i]->items[k].match, diags);
			if (r != -ENOMEM)
				r = check_files_of(&lists[i]->items[k].except, diags);
		}
	return r == -ENOMEM || diags->errors == before ? r : -EINVAL;
}

static int check_mcp(const struct policy *policy, struct diags *diags)
{
	if (!policy->mcp_place.line || policy->capture != CAPTURE_OFF)
		return 0;
	return diag_add(diags, DIAG_WARNING, policy->mcp_place,
			"'mcp' has no effect with 'capture: off': no calls are recorded");
}

struct closer policy_closer(const struct policy *policy, enum kind kind)
{
	const struct policy_default *d = &policy->defaults[kind];

	if (kind == KIND_FILE) /* entries open brokers, and close nothing */
		return (struct closer){};
	for (size_t i = 0; i < policy->allow.count; i++)
		for (size_t j = 0; j < policy->allow.items[i].match.count; j++)
			if (policy->allow.items[i].match.items[j].kind == kind)
				return (struct closer){"allow", policy->allow.place};
	if (d->place.line && d->deny)
		return (struct closer){"default", d->place};
	return (struct closer){};
}

int policy_check(struct policy *policy, struct diags *diags)
{
	bool failed = false;
	int r = check_tools(policy, diags);

	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_names(policy, diags);
	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_opaque(policy, diags);
	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_files(policy, diags);
	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_mcp(policy, diags);
	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_hosts(policy, diags);
	if (r == -ENOMEM)
		return r;
	failed |= r < 0;
	r = check_conds(policy, diags);
	if (r == -ENOMEM || r < 0 || failed)
		return r < 0 ? r : -EINVAL;
	return check_dead(policy, diags);
}
