/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "policy/suggest.h"

#define MAX_NAMES 48 /* of the rows of a table, and of words */

static const struct key *find_row(const struct key_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

static int refuse_unknown(const struct keys_ctx *c, const struct key_table *table,
			  const struct yaml_node *key)
{
	const char *names[MAX_NAMES];
	size_t n = 0;

	while (n < table->count && n < MAX_NAMES) {
		names[n] = table->rows[n].name;
		n++;
	}
	return diag_add(c->diags, DIAG_ERROR, key->place, "unknown key '%.80s' in %s%s", key->text,
			table->what, suggest(c->diags, key->text, names, n).text);
}

static int parse_key(const struct keys_ctx *c, const struct key_table *table,
		     const struct yaml_node *key)
{
	const struct key *row = find_row(table, key->text);

	if (!row)
		return refuse_unknown(c, table, key);
	if (row->refusal)
		return diag_add(c->diags, DIAG_ERROR, key->place, "'%s' %s", row->name,
				row->refusal);
	if (!row->parse)
		return diag_add(c->diags, DIAG_ERROR, key->place, "'%s' is not supported yet",
				row->name);
	return row->parse(c, row, key);
}

static bool has_key(const struct yaml_node *mapping, const char *name)
{
	for (const struct yaml_node *key = mapping->first; key; key = key->next)
		if (!strcmp(key->text, name))
			return true;
	return false;
}

int keys_parse(const struct keys_ctx *c, const struct key_table *table,
	       const struct yaml_node *mapping)
{
	bool failed = false;

	for (const struct yaml_node *key = mapping->first; key; key = key->next) {
		int r = parse_key(c, table, key);

		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct key *row = &table->rows[i];

		if (!row->required || has_key(mapping, row->name))
			continue;
		failed = true;
		if (diag_add(c->diags, DIAG_ERROR, mapping->place, "'%s' is missing in %s%s",
			     row->name, table->what, row->required) == -ENOMEM)
			return -ENOMEM;
	}
	return failed ? -EINVAL : 0;
}

int keys_refuse_type(const struct keys_ctx *c, const struct yaml_node *key, const char *wanted)
{
	static const char *const types[] = {[YAML_SCALAR] = "a string",
					    [YAML_SEQUENCE] = "a list",
					    [YAML_MAPPING] = "a mapping"};

	if (yaml_is_null(key->value))
		return diag_add(c->diags, DIAG_ERROR, key->place, "'%.80s' has no value: write %s",
				key->text, wanted);
	return diag_add(c->diags, DIAG_ERROR, key->value->place, "'%.80s' must be %s, not %s",
			key->text, wanted, types[key->value->type]);
}

int keys_scalar(const struct keys_ctx *c, const struct yaml_node *key, const char **ret_text)
{
	if (key->value->type != YAML_SCALAR)
		return keys_refuse_type(c, key, "a string");
	*ret_text = key->value->text;
	return 0;
}

/* "allow, audit or deny", as far as the words are supported. */
static void list_words(const struct key_word *words, struct buf *out)
{
	const char *before = NULL;

	for (; words->name; words++) {
		if (words->value == KEY_LATER)
			continue;
		if (before)
			buf_addf(out, "%s%s", out->len ? ", " : "", before);
		before = words->name;
	}
	buf_addf(out, "%s%s", out->len ? " or " : "", before ? before : "");
	buf_add_char(out, '\0');
}

static int refuse_word(const struct keys_ctx *c, const char *what, const struct key_word *words,
		       const struct yaml_node *value)
{
	_buf_ struct buf list = {};
	const char *names[MAX_NAMES];
	size_t n = 0;

	for (; n < MAX_NAMES && words[n].name; n++)
		names[n] = words[n].name;
	list_words(words, &list);
	if (buf_error(&list) < 0)
		return -ENOMEM;
	return diag_add(c->diags, DIAG_ERROR, value->place, "'%s' must be %s, not '%.80s'%s", what,
			list.data, value->text, suggest(c->diags, value->text, names, n).text);
}

int keys_word(const struct keys_ctx *c, const char *what, const struct key_word *words,
	      const struct yaml_node *value, int *ret_value)
{
	const struct key_word *w = words;

	while (w->name && strcmp(w->name, value->text) != 0)
		w++;
	if (!w->name)
		return refuse_word(c, what, words, value);
	if (w->value == KEY_LATER)
		return diag_add(c->diags, DIAG_ERROR, value->place,
				"'%s' in '%s' is not supported yet", w->name, what);
	*ret_value = w->value;
	return 0;
}

static int read_word(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key,
		     int *ret_value)
{
	const char *text;
	int r = keys_scalar(c, key, &text);

	return r < 0 ? r : keys_word(c, row->name, row->words, key->value, ret_value);
}

int key_word(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return read_word(c, row, key, (int *)((char *)c->object + row->at));
}

int key_flag(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	int value = 0;
	int r = read_word(c, row, key, &value);

	if (r == 0)
		*(bool *)((char *)c->object + row->at) = value;
	return r;
}

int keys_check_line(const struct keys_ctx *c, const char *what, const struct yaml_node *text,
		    size_t max)
{
	_buf_ struct buf visible = {};

	if (text->len > max)
		return diag_add(c->diags, DIAG_ERROR, text->place, "%s is longer than %zu bytes",
				what, max);
	utf8_visible(&visible, text->text, text->len);
	if (buf_error(&visible) < 0)
		return -ENOMEM;
	if (visible.len != text->len || (text->len && memcmp(visible.data, text->text, text->len)))
		return diag_add(c->diags, DIAG_ERROR, text->place,
				"%s must be one line of printable text", what);
	return 0;
}

static int read_line(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key,
		     size_t max)
{
	struct yaml_node line = *key->value;
	char **to = (char **)((char *)c->object + row->at);
	char what[64];
	int r;

	if (line.type != YAML_SCALAR)
		return keys_refuse_type(c, key, "a string");
	/* A block scalar ends with a line break that nobody meant. */
	while (line.quoted && line.len && line.text[line.len - 1] == '\n')
		line.len--;
	snprintf(what, sizeof(what), "'%s'", row->name);
	r = keys_check_line(c, what, &line, max);
	if (r < 0)
		return r;
	free(*to);
	*to = strndup(line.text, line.len);
	return *to ? 0 : -ENOMEM;
}

int key_line(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	return read_line(c, row, key, KEYS_MAX_LINE);
}

int keys_warn_of_blanks(const struct keys_ctx *c, const struct yaml_node *name)
{
	bool first = name->len && name->text[0] == ' ';

	if (!first && (!name->len || name->text[name->len - 1] != ' '))
		return 0;
	return diag_add(c->diags, DIAG_WARNING, name->place, "the name '%.80s' %s a blank",
			name->text, first ? "begins with" : "ends in");
}

int key_name(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key)
{
	int r;

	if (key->value->type == YAML_SCALAR && !key->value->len)
		return diag_add(c->diags, DIAG_ERROR, key->value->place, "'%s' is empty",
				row->name);
	r = read_line(c, row, key, KEYS_MAX_NAME);
	return r < 0 ? r : keys_warn_of_blanks(c, key->value);
}

int keys_each(const struct keys_ctx *c, const struct yaml_node *key, bool may_be_empty,
	      keys_add add, void *to)
{
	const struct yaml_node *item = key->value;
	bool failed = false;

	if (item->type == YAML_MAPPING || yaml_is_null(item))
		return keys_refuse_type(c, key, "a string or a list of strings");
	if (item->type == YAML_SEQUENCE)
		item = item->first;
	if (!item && !may_be_empty)
		return diag_add(c->diags, DIAG_ERROR, key->value->place, "'%s' is empty",
				key->text);
	for (; item; item = item->next) {
		int r;

		if (item->type == YAML_SCALAR)
			r = add(c, item, to);
		else
			r = diag_add(c->diags, DIAG_ERROR, item->place,
				     "'%s' must be a list of strings", key->text);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	return failed ? -EINVAL : 0;
}
