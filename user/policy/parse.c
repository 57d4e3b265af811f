/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/keys.h"
#include "policy/parse_rules.h"

static const struct key_word modes[] = {{"enforce", MODE_ENFORCE}, {"audit", MODE_AUDIT}, {}};

static const struct key_word unsupporteds[] = {{"refuse", UNSUPPORTED_REFUSE},
					       {"degrade", UNSUPPORTED_DEGRADE},
					       {"audit", UNSUPPORTED_AUDIT},
					       {}};

static const struct key_word captures[] = {{"off", CAPTURE_OFF},
					   {"metadata", CAPTURE_METADATA},
					   {"evidence", CAPTURE_EVIDENCE},
					   {"full", CAPTURE_FULL},
					   {}};

static const struct key_word failures[] = {{"deny", CHOICE_DENY}, {"continue", CHOICE_ALLOW}, {}};

static const struct key_word opaques[] = {
	{"allow", CHOICE_ALLOW}, {"audit", CHOICE_AUDIT}, {"deny", CHOICE_DENY}, {}};

static const struct key_word defaults[] = {{"allow", false}, {"deny", true}, {}};

static int parse_version(const struct keys_ctx *c, const struct key *row,
			 const struct yaml_node *key)
{
	const char *text;
	int r = keys_scalar(c, key, &text);

	if (r < 0)
		return r;
	if (strcmp(text, "1") != 0)
		return diag_add(c->diags, DIAG_ERROR, key->value->place,
				"version '%.80s' is not known: version 1 is", text);
	return 0;
}

static int parse_on_audit_failure(const struct keys_ctx *c, const struct key *row,
				  const struct yaml_node *key)
{
	c->policy->on_audit_failure_place = key->place;
	return key_word(c, row, key);
}

static int parse_opaque_default(const struct keys_ctx *c, const struct key *row,
				const struct yaml_node *key)
{
	c->policy->opaque_place = key->place;
	return key_word(c, row, key);
}

static const struct key opaque_rows[] = {
	{.name = "default",
	 .parse = parse_opaque_default,
	 .at = offsetof(struct policy, opaque),
	 .words = opaques},
	{.name = "allow", .parse = parse_opaque_allow},
};

static const struct key_table opaque_table = {"opaque", opaque_rows, 2};

static int parse_opaque(const struct keys_ctx *c, const struct key *row,
			const struct yaml_node *key)
{
	if (key->value->type == YAML_MAPPING)
		return keys_parse(c, &opaque_table, key->value);
	if (key->value->type == YAML_SEQUENCE || yaml_is_null(key->value))
		return keys_refuse_type(c, key, "allow, audit, deny or a mapping");
	return parse_opaque_default(c, row, key);
}

static int parse_default_of(const struct keys_ctx *c, const struct key *row,
			    const struct yaml_node *key)
{
	struct policy_default *d = &c->policy->defaults[row->at];
	int deny = false;
	int r;

	if (key->value->type != YAML_SCALAR)
		return keys_refuse_type(c, key, "allow or deny");
	r = keys_word(c, row->name, defaults, key->value, &deny);
	if (r == 0)
		*d = (struct policy_default){.deny = deny, .place = key->place};
	return r;
}

static const struct key default_rows[] = {
	{.name = "exec", .parse = parse_default_of, .at = KIND_EXEC},
	{.name = "net", .parse = parse_default_of, .at = KIND_NET},
	{.name = "http", .parse = parse_default_of, .at = KIND_HTTP},
	{.name = "model"},
	{.name = "fn"},
	{.name = "mcp"},
	{.name = "file"},
};

static const struct key_table default_table = {"default", default_rows, 7};

static int parse_default(const struct keys_ctx *c, const struct key *row,
			 const struct yaml_node *key)
{
	int deny = false;
	int r;

	if (key->value->type == YAML_MAPPING)
		return keys_parse(c, &default_table, key->value);
	if (key->value->type == YAML_SEQUENCE || yaml_is_null(key->value))
		return keys_refuse_type(c, key, "allow, deny or a mapping of kinds to these");
	r = keys_word(c, row->name, defaults, key->value, &deny);
	for (size_t kind = 0; r == 0 && kind < KIND_LISTEN; kind++)
		c->policy->defaults[kind] =
			(struct policy_default){.deny = deny, .place = key->place};
	return r;
}

#define AT(member) offsetof(struct policy, member)

/* In the order of the contract. */
static const struct key policy_rows[] = {
	{.name = "version", .parse = parse_version, .required = ": write 'version: 1'"},
	{.name = "name", .parse = key_name, .at = AT(name), .required = ""},
	{.name = "mode", .parse = key_word, .at = AT(mode), .words = modes},
	{.name = "unsupported", .parse = key_word, .at = AT(unsupported), .words = unsupporteds},
	{.name = "on_audit_failure",
	 .parse = parse_on_audit_failure,
	 .at = AT(on_audit_failure),
	 .words = failures},
	{.name = "capture", .parse = key_word, .at = AT(capture), .words = captures},
	{.name = "match"},
	{.name = "when"},
	{.name = "identity"},
	{.name = "tools", .parse = parse_tools},
	{.name = "mcp", .parse = parse_mcp},
	{.name = "deny", .parse = parse_deny},
	{.name = "allow", .parse = parse_allow},
	{.name = "default", .parse = parse_default},
	{.name = "opaque", .parse = parse_opaque, .at = AT(opaque), .words = opaques},
	{.name = "roles"},
	{.name = "limits"},
	{.name = "budgets"},
	{.name = "content", .parse = parse_content},
	{.name = "residency"},
	{.name = "regions"},
	{.name = "breakers"},
	{.name = "pii"},
	{.name = "order"},
	{.name = "route"},
	{.name = "cache"},
	{.name = "fallback"},
	{.name = "record"},
	{.name = "alerts"},
	{.name = "scope"},
	{.name = "redis"},
};

static const struct key_table policy_table = {"a policy", policy_rows,
					      sizeof(policy_rows) / sizeof(policy_rows[0])};

static int parse_root(struct policy *policy, const struct yaml_node *root, struct diags *diags)
{
	struct keys_ctx c = {.diags = diags, .policy = policy, .object = policy};
	int r;

	if (root->type != YAML_MAPPING)
		return diag_add(diags, DIAG_ERROR, root->place,
				"a policy is a mapping: begin with 'version: 1'");
	r = keys_parse(&c, &policy_table, root);
	if (r < 0)
		return r;
	/* What only watches must not block when it cannot write either. */
	if (!policy->on_audit_failure_place.line && policy->mode == MODE_AUDIT)
		policy->on_audit_failure = CHOICE_ALLOW;
	return 0;
}

int policy_parse(const char *file, const char *text, size_t len, struct policy **ret_policy,
		 struct diags *diags)
{
	_cleanup_(policy_free) struct policy *policy = calloc(1, sizeof(*policy));
	_cleanup_(yaml_doc_free) struct yaml_doc *doc = NULL;
	int r;

	if (!policy)
		return -ENOMEM;
	policy->capture = CAPTURE_EVIDENCE;
	policy->on_audit_failure = CHOICE_DENY;
	policy->opaque = CHOICE_AUDIT;
	policy->file = strdup(file);
	if (!policy->file)
		return -ENOMEM;
	r = yaml_load(text, len, &doc, diags);
	if (r < 0)
		return r;
	r = parse_root(policy, yaml_root(doc), diags);
	if (r < 0)
		return r;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}
