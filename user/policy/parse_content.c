/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/parse_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/fold_text.h"

static const struct key_word cases[] = {{"exact", true}, {}};
static const struct key_word spaces[] = {{"any", true}, {}};

static const struct key_word places[] = {
	{"exec", KIND_EXEC},
	{"http", KIND_HTTP},
	{"fn", KEY_LATER},
	{"mcp", KEY_LATER},
	{"model", KEY_LATER},
	{"http.request", KEY_LATER},
	{"http.response", KEY_LATER},
	{"model.request", KEY_LATER},
	{"model.response", KEY_LATER},
	{},
};

static int add_place(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	uint32_t *in = to;
	int kind = 0;
	int r = keys_word(c, "in", places, item, &kind);

	if (r == 0)
		*in |= 1U << kind;
	return r;
}

static int parse_in(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return keys_each(c, key, false, add_place, (char *)c->object + row->at);
}

int phrase_list_add(struct phrase_list *list, const char *text)
{
	size_t n = list->count;

	if (!(n & (n - 1))) { /* full: there is room for the next power of two */
		char **items = reallocarray(list->items, n ? 2 * n : 1, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
	}
	list->items[n] = strdup(text);
	if (!list->items[n])
		return -ENOMEM;
	list->count++;
	return 0;
}

static int add_phrase(const struct keys_ctx *c, const struct yaml_node *item, void *to)
{
	if (!item->len)
		return diag_add(c->diags, DIAG_ERROR, item->place,
				"an empty phrase would be in every text");
	if (item->len > KEYS_MAX_LINE)
		return diag_add(c->diags, DIAG_ERROR, item->place,
				"the phrase is longer than %d bytes", KEYS_MAX_LINE);
	return phrase_list_add(to, item->text);
}

int parse_phrases(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return keys_each(c, key, false, add_phrase, (char *)c->object + row->at);
}

static const struct key content_rows[] = {
	{.name = "name",
	 .parse = key_name,
	 .at = offsetof(struct content_rule, name),
	 .required = ""},
	{.name = "deny",
	 .parse = parse_phrases,
	 .at = offsetof(struct content_rule, phrases),
	 .required = ""},
	{.name = "in",
	 .parse = parse_in,
	 .at = offsetof(struct content_rule, in),
	 .required = ": write [exec], [http] or both (the default, [exec, fn, mcp], is not "
		     "supported yet)"},
	{.name = "case",
	 .parse = key_flag,
	 .at = offsetof(struct content_rule, exact),
	 .words = cases},
	{.name = "reason", .parse = key_line, .at = offsetof(struct content_rule, reason)},
	{.name = "space",
	 .parse = key_flag,
	 .at = offsetof(struct content_rule, folded),
	 .words = spaces},
};

/*
 * The phrases of a rule with `space: any`, as text is when it is held against them. A phrase with a backslash
 * would not be found where that is the beginning of an escape.
 */
static int fold_phrases(const struct keys_ctx *c, struct content_rule *rule)
{
	for (size_t i = 0; i < rule->phrases.count; i++) {
		_buf_ struct buf folded = {};
		char *text = rule->phrases.items[i];

		if (strchr(text, '\\'))
			return diag_add(c->diags, DIAG_ERROR, rule->place,
					"with 'space: any' escapes are read as JSON has them, so a phrase "
					"has no backslash");
		fold_text(&folded, text, strlen(text));
		if (folded.failed)
			return -ENOMEM;
		memcpy(text, folded.data, folded.len);
		text[folded.len] = '\0';
	}
	return 0;
}

static const struct key_table content_table = {"a content rule", content_rows,
					       sizeof(content_rows) / sizeof(content_rows[0])};

int parse_content(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	struct policy *p = c->policy;
	struct keys_ctx inner = {.diags = c->diags, .policy = p};
	bool failed = false;
	int r;

	if (key->value->type != YAML_SEQUENCE)
		return keys_refuse_type(c, key, KEYS_A_LIST);
	p->content = calloc(key->value->count + 1, sizeof(*p->content));
	if (!p->content)
		return -ENOMEM;
	for (const struct yaml_node *item = key->value->first; item; item = item->next) {
		if (item->type == YAML_MAPPING) {
			struct content_rule *rule = &p->content[p->content_count++];

			inner.object = rule;
			rule->place = item->place;
			r = keys_parse(&inner, &content_table, item);
			if (r == 0 && rule->folded)
				r = fold_phrases(c, rule);
		} else {
			r = diag_add(c->diags, DIAG_ERROR, item->place,
				     "a content rule is a mapping");
		}
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}
