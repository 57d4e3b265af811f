/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/parse_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/hash.h"
#include "policy/pattern.h"

#define AT(member) offsetof(struct entry, member)
#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

/* ---- activities ---- */

static int add_pattern(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	struct pattern pattern;
	int r = pattern_parse(item->text, item->place, &pattern, c->diags);

	return r < 0 ? r : patterns_add(to, &pattern);
}

static int add_tool_name(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	struct pattern pattern = {.kind = KIND_COUNT, .place = item->place};
	int r = keys_check_line(c, "the name of a tool", item, KEYS_MAX_NAME);

	if (r < 0)
		return r;
	pattern.source = strdup(item->text);
	pattern.tool = strdup(item->text);
	if (!pattern.source || !pattern.tool) {
		pattern_done(&pattern);
		return -ENOMEM;
	}
	return patterns_add(to, &pattern);
}

/* A pattern, or the name of a tool. */
static int add_activity(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	if (!item->len)
		return diag_add(c->diags, DIAG_ERROR, item->place,
				"an empty string names no activity");
	return (pattern_has_kind(item->text) ? add_pattern : add_tool_name)(c, item, to);
}

static int parse_match(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return keys_each(c, key, false, add_activity, (char *)c->object + row->at);
}

static int parse_except(const struct keys_ctx *c, const struct key *row,
			const struct yaml_node *key)
{
	return keys_each(c, key, true, add_activity, (char *)c->object + row->at);
}

/* ---- conditions ---- */

static const struct key condition_rows[] = {
	{.name = "any", .parse = parse_phrases, .at = offsetof(struct condition, any)},
	{.name = "none", .parse = parse_phrases, .at = offsetof(struct condition, none)},
};

static const struct key_table condition_table = {"a condition", ROWS(condition_rows)};

static int parse_condition(const struct keys_ctx *c, const struct key *row,
			   const struct yaml_node *key)
{
	struct condition *to = (struct condition *)((char *)c->object + row->at);
	struct keys_ctx inner = {.diags = c->diags, .policy = c->policy, .object = to};

	if (key->value->type != YAML_MAPPING)
		return keys_refuse_type(c, key, "a mapping, as {any: [...], none: [...]}");
	if (!key->value->first)
		return diag_add(c->diags, DIAG_ERROR, key->value->place, "'%s' is empty",
				row->name);
	to->place = key->place;
	return keys_parse(&inner, &condition_table, key->value);
}

/* ---- hashes ---- */

static int add_hash(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	char hash[HASH_TEXT + 1];

	if (!hash_parse(item->text, hash))
		return diag_add(c->diags, DIAG_ERROR, item->place,
				"'%.80s' is no SHA-256: write its %d hexadecimal digits",
				item->text, HASH_TEXT);
	return phrase_list_add(to, hash);
}

static int parse_hashes(const struct keys_ctx *c, const struct key *row,
			const struct yaml_node *key)
{
	struct condition *to = (struct condition *)((char *)c->object + row->at);

	to->place = key->place;
	return keys_each(c, key, false, add_hash, &to->any);
}

/* ---- deny, allow, opaque.allow ---- */

static const struct key_word actions[] = {{"deny", false}, {"kill", true}, {}};
static const struct key_word truths[] = {{"true", true}, {"false", false}, {}};
static const struct key_word modes[] = {{"enforce", false}, {"audit", true}, {}};

#define IS_KIND "is a kind of activity, not a key: write \"KIND:NAME\", quoted and without a blank"

/* clang-format off */
#define KIND_ROW(kind) {.name = kind, .refusal = IS_KIND}
#define LATER(key)     {.name = key}
#define ENTRY_ROWS                                                                                 \
	{.name = "id", .parse = key_name, .at = AT(id)},                                           \
	{.name = "match", .parse = parse_match, .at = AT(match), .required = ""},                  \
	{.name = "except", .parse = parse_except, .at = AT(except)},                               \
	{.name = "reason", .parse = key_line, .at = AT(reason)},                                   \
	{.name = "args", .parse = parse_condition, .at = AT(conds[COND_ARGS])},                    \
	{.name = "env", .parse = parse_condition, .at = AT(conds[COND_ENV])},                      \
	{.name = "sha256", .parse = parse_hashes, .at = AT(conds[COND_HASH])},                     \
	LATER("until"),                                                                            \
	KIND_ROW("exec"), KIND_ROW("net"), KIND_ROW("http"), KIND_ROW("model"),                    \
	KIND_ROW("fn"), KIND_ROW("mcp"), KIND_ROW("file")
/* clang-format on */

static const struct key deny_rows[] = {
	ENTRY_ROWS,
	{.name = "action", .parse = key_flag, .at = AT(kill), .words = actions},
	{.name = "mode", .parse = key_flag, .at = AT(audit), .words = modes},
	{.name = "changed", .refusal = "is for allow entries: a denied file stays so when changed"},
	{.name = "private", .refusal = "is for allow entries: a denied name is so at any address"},
};

static const struct key allow_rows[] = {
	ENTRY_ROWS,
	{.name = "changed", .parse = key_flag, .at = AT(changed), .words = truths},
	{.name = "private", .parse = key_flag, .at = AT(private), .words = truths},
	{.name = "action", .refusal = "is for deny entries: what an allow entry admits has none"},
	{.name = "mode",
	 .refusal = "is for deny entries: to try an allow list, use the policy's mode"},
};

static const struct key_table deny_table = {"a deny entry", ROWS(deny_rows)};
static const struct key_table allow_table = {"an allow entry", ROWS(allow_rows)};

static int parse_entry_node(const struct keys_ctx *c, const struct key_table *table,
			    const struct yaml_node *item, struct entry *e)
{
	struct keys_ctx inner = {.diags = c->diags, .policy = c->policy, .object = e};

	e->place = item->place;
	if (item->type == YAML_SCALAR)
		return add_activity(&inner, item, &e->match);
	if (item->type == YAML_MAPPING)
		return keys_parse(&inner, table, item);
	return diag_add(c->diags, DIAG_ERROR, item->place,
			"an entry is a string or a mapping, not a list");
}

static int parse_entry(const struct keys_ctx *c, const struct key_table *table, const char *prefix,
		       const struct yaml_node *item, struct entries *to)
{
	struct entry *e = &to->items[to->count++];
	int r = parse_entry_node(c, table, item, e);

	if (r < 0)
		return r;
	/* Written as one tool, it is that tool to reports, too. */
	if (e->match.count == 1 && e->match.items[0].tool) {
		e->tool = strdup(e->match.items[0].tool);
		if (!e->tool)
			return -ENOMEM;
	}
	if (!e->id && asprintf(&e->id, "%s[%zu]", prefix, to->count - 1) < 0) {
		e->id = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int parse_entries(const struct keys_ctx *c, const struct yaml_node *key,
			 const struct key_table *table, const char *prefix, struct entries *to)
{
	bool failed = false;

	if (key->value->type != YAML_SEQUENCE)
		return keys_refuse_type(c, key, KEYS_A_LIST);
	to->place = key->place;
	to->items = calloc(key->value->count + 1, sizeof(*to->items));
	if (!to->items)
		return -ENOMEM;
	for (const struct yaml_node *item = key->value->first; item; item = item->next) {
		int r = parse_entry(c, table, prefix, item, to);

		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}

int parse_deny(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return parse_entries(c, key, &deny_table, "deny", &c->policy->deny);
}

int parse_allow(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return parse_entries(c, key, &allow_table, "allow", &c->policy->allow);
}

int parse_opaque_allow(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return parse_entries(c, key, &allow_table, "opaque.allow", &c->policy->opaque_allow);
}

/* ---- tools ---- */

static int parse_tool_match(const struct keys_ctx *c, const struct key *row,
			    const struct yaml_node *key)
{
	return keys_each(c, key, false, add_pattern, (char *)c->object + row->at);
}

static const struct key tool_rows[] = {
	{.name = "match",
	 .parse = parse_tool_match,
	 .at = offsetof(struct tool, match),
	 .required = ""},
	{.name = "permission"},
	{.name = "region"},
};

static const struct key_table tool_table = {"a tool", ROWS(tool_rows)};

static int parse_tool(const struct keys_ctx *c, const struct yaml_node *key, struct tool *tool)
{
	struct keys_ctx inner = {.diags = c->diags, .policy = c->policy, .object = tool};
	int r;

	r = keys_check_line(c, "the name of a tool", key, KEYS_MAX_NAME);
	if (r < 0)
		return r;
	if (!key->len || strchr(key->text, ':'))
		return diag_add(c->diags, DIAG_ERROR, key->place,
				key->len ? "'%.80s' has a colon: names of tools have none"
					 : "the name of a tool is empty%.80s",
				key->text);
	r = keys_warn_of_blanks(c, key);
	if (r < 0)
		return r;
	tool->place = key->place;
	tool->name = strdup(key->text);
	if (!tool->name)
		return -ENOMEM;
	if (key->value->type != YAML_MAPPING)
		return keys_refuse_type(c, key, "a mapping, as {match: [...]}");
	return keys_parse(&inner, &tool_table, key->value);
}

int parse_tools(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	struct policy *p = c->policy;
	bool failed = false;

	if (key->value->type != YAML_MAPPING)
		return keys_refuse_type(c, key, "a mapping of names to tools ({} for none)");
	p->tools = calloc(key->value->count + 1, sizeof(*p->tools));
	if (!p->tools)
		return -ENOMEM;
	for (const struct yaml_node *name = key->value->first; name; name = name->next) {
		int r = parse_tool(c, name, &p->tools[p->tool_count++]);

		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}
