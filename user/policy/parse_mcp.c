/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The key `mcp`: servers, by how they are started. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/parse_rules.h"
#include "policy/pattern.h"

/* A path, as behind exec: in activities. */
static int parse_exec(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	struct patterns *patterns = (struct patterns *)((char *)c->object + row->at);
	_free_ char *source = NULL;
	struct pattern pattern;
	const char *text;
	int r = keys_scalar(c, key, &text);

	if (r < 0)
		return r;
	if (*text != '/')
		return diag_add(c->diags, DIAG_ERROR, key->value->place,
				"'%.80s' is no path: it begins with a slash", text);
	if (asprintf(&source, "exec:%s", text) < 0) {
		source = NULL;
		return -ENOMEM;
	}
	r = pattern_parse(source, key->value->place, &pattern, c->diags);
	return r < 0 ? r : patterns_add(patterns, &pattern);
}

static const struct key server_rows[] = {
	{.name = "exec",
	 .parse = parse_exec,
	 .at = offsetof(struct mcp_server, exec),
	 .required = ": the path of the program that it is started as"},
	{.name = "url"},
};

static const struct key_table server_table = {"an MCP server", server_rows, 2};

/* It becomes a part of activities, mcp:NAME/TOOL. */
static int check_name(const struct keys_ctx *c, const struct yaml_node *key)
{
	int r = keys_check_line(c, "the name of an MCP server", key, KEYS_MAX_NAME);

	if (r < 0)
		return r;
	if (!key->len || strchr(key->text, '/'))
		return diag_add(c->diags, DIAG_ERROR, key->place,
				key->len ? "'%.80s' has a slash: names of MCP servers have none"
					 : "the name of an MCP server is empty%.80s",
				key->text);
	if (!strcmp(key->text, "unknown"))
		return diag_add(c->diags, DIAG_ERROR, key->place,
				"'unknown' is what MCP servers without a name are called");
	return keys_warn_of_blanks(c, key);
}

static int parse_server(const struct keys_ctx *c, const struct yaml_node *key, struct mcp_server *server)
{
	struct keys_ctx inner = {.diags = c->diags, .policy = c->policy, .object = server};
	int r = check_name(c, key);

	if (r < 0)
		return r;
	server->place = key->place;
	server->name = strdup(key->text);
	if (!server->name)
		return -ENOMEM;
	if (key->value->type != YAML_MAPPING)
		return keys_refuse_type(c, key, "a mapping, as {exec: /usr/bin/server}");
	return keys_parse(&inner, &server_table, key->value);
}

int parse_mcp(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	struct policy *p = c->policy;
	bool failed = false;

	if (key->value->type != YAML_MAPPING)
		return keys_refuse_type(c, key, "a mapping of names to MCP servers ({} for none)");
	p->mcp_place = key->place;
	p->servers = calloc(key->value->count + 1, sizeof(*p->servers));
	if (!p->servers)
		return -ENOMEM;
	for (const struct yaml_node *name = key->value->first; name; name = name->next) {
		int r = parse_server(c, name, &p->servers[p->server_count++]);

		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}
