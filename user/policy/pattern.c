/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/pattern_fields.h"
#include "policy/suggest.h"

static int say(const struct fields *f, enum diag_level level, const char *fmt, va_list ap)
{
	_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return diag_add(f->diags, level, f->place, "'%.80s' %s", f->source, text);
}

int fields_refuse(const struct fields *f, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = say(f, DIAG_ERROR, fmt, ap);
	va_end(ap);
	return r;
}

int fields_warn(const struct fields *f, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = say(f, DIAG_WARNING, fmt, ap);
	va_end(ap);
	return r;
}

int fields_glob(const struct fields *f, enum glob_field field, const char *glob, size_t len,
		char **ret_glob)
{
	const char *fault = glob_fault(field, glob, len);
	char *out = NULL;

	if (fault)
		return fields_refuse(f, "%s", fault);
	if (len != 1 || *glob != '*') {
		out = glob_canonical(glob, len);
		if (!out)
			return -ENOMEM;
	}
	*ret_glob = out;
	return 0;
}

static int fields_exec(const struct fields *f, struct pattern *pattern)
{
	size_t len = strlen(f->text);
	bool named = !strcmp(f->text, "unknown") || (!strncmp(f->text, "memfd:", 6) && len > 6);

	if (!len)
		return fields_refuse(f, "names no program: write exec:* for all");
	if (!named && !strchr("/*?", f->text[0]))
		return fields_refuse(f, "is not an absolute path: write exec:/PATH, exec:*/NAME, "
					"exec:memfd:NAME or exec:unknown");
	if (!named && f->text[len - 1] == '/')
		return fields_refuse(f, "ends in /: write %.80s* for all that is below", f->source);
	return fields_glob(f, GLOB_TEXT, f->text, len, &pattern->text);
}

/* Whether it names what a broker reads, which is all that it may name yet, is checked later. */
static int fields_file(const struct fields *f, struct pattern *pattern)
{
	const char *path = f->text + strlen("write ");

	if (strncmp(f->text, "write ", strlen("write ")) != 0)
		return fields_refuse(f, "is not supported yet: file:write PATH is, to open a broker");
	if (*path != '/' && *path != '*')
		return fields_refuse(f, "is not an absolute path: write file:write /PATH");
	return fields_glob(f, GLOB_TEXT, path, strlen(path), &pattern->text);
}

/* In the order of the contract. */
static const struct kind_row {
	const char *name;
	enum kind kind;
	int (*parse)(const struct fields *f, struct pattern *pattern); /* NULL: not yet */
} kinds[] = {
	{"exec", KIND_EXEC, fields_exec}, {"net", KIND_NET, fields_net},
	{"http", KIND_HTTP, fields_http}, {"model", KIND_COUNT, NULL},
	{"fn", KIND_COUNT, NULL},         {"mcp", KIND_COUNT, NULL},
	{"file", KIND_FILE, fields_file},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

bool pattern_has_kind(const char *source)
{
	return strchr(source, ':');
}

static int refuse_kind(const char *word, struct place place, struct diags *diags)
{
	const char *names[KINDS];

	for (size_t i = 0; i < KINDS; i++)
		names[i] = kinds[i].name;
	return diag_add(diags, DIAG_ERROR, place, "'%.80s' is not a kind of activity%s", word,
			suggest(diags, word, names, KINDS).text);
}

static int find_kind(const char *source, struct place place, struct diags *diags,
		     const struct kind_row **ret_row)
{
	_free_ char *word = strndup(source, strcspn(source, ":"));

	if (!word)
		return -ENOMEM;
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].name, word) != 0)
			continue;
		if (!kinds[i].parse)
			return diag_add(diags, DIAG_ERROR, place, "'%s:' is not supported yet",
					word);
		*ret_row = &kinds[i];
		return 0;
	}
	return refuse_kind(word, place, diags);
}

/* Names that have them are so rare that they are a slip, and then the rule would never decide. */
static int refuse_controls(const struct fields *f)
{
	size_t len = 0;

	while ((unsigned char)f->source[len] >= ' ' && f->source[len] != 0x7f)
		len++;
	if (!f->source[len])
		return 0;
	if (!strcmp(f->source + len, "\n"))
		return fields_refuse(f, "ends in a line break: begin its block with |- or >-, or "
					"write it in quotes");
	return fields_refuse(f, "has a control character: write ? for it, which is any one byte");
}

static int warn_of_blank(const struct fields *f)
{
	size_t len = strlen(f->source);

	if (len < 2 || f->source[len - 1] != ' ' || f->source[len - 2] == '\\')
		return 0;
	return fields_warn(f, "ends in a blank: write \\ before it if it is meant");
}

int pattern_parse(const char *source, struct place place, struct pattern *ret_pattern,
		  struct diags *diags)
{
	struct fields f = {.source = source, .place = place, .diags = diags};
	_cleanup_(pattern_done) struct pattern p = {.place = place, .port = PORT_ANY, .proto = -1};
	const struct kind_row *row = NULL;
	int r;

	if (strlen(source) > PATTERN_MAX_LEN)
		return diag_add(diags, DIAG_ERROR, place, "longer than %u bytes, as no name is",
				PATTERN_MAX_LEN);
	if (!pattern_has_kind(source))
		return diag_add(diags, DIAG_ERROR, place,
				"'%.80s' is not an activity: write KIND:NAME, as exec:/usr/bin/git",
				source);
	r = find_kind(source, place, diags, &row);
	if (r < 0)
		return r;
	p.kind = row->kind;
	p.source = strdup(source);
	if (!p.source)
		return -ENOMEM;
	f.text = source + strlen(row->name) + 1;
	r = refuse_controls(&f);
	if (r == 0)
		r = row->parse(&f, &p);
	if (r == 0)
		r = warn_of_blank(&f);
	if (r < 0)
		return r;
	*ret_pattern = p;
	p = (struct pattern){};
	return 0;
}

/* What a pattern owns. */
static const size_t strings[] = {
	offsetof(struct pattern, source), offsetof(struct pattern, tool),
	offsetof(struct pattern, text),   offsetof(struct pattern, method),
	offsetof(struct pattern, host),   offsetof(struct pattern, path),
};

static char **string_at(const struct pattern *p, size_t i)
{
	return (char **)((char *)p + strings[i]);
}

void pattern_done(struct pattern *pattern)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free(*string_at(pattern, i));
	*pattern = (struct pattern){};
}

int pattern_copy(const struct pattern *pattern, struct pattern *ret_pattern)
{
	_cleanup_(pattern_done) struct pattern p = *pattern;
	bool failed = false;

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!*string_at(pattern, i))
			continue;
		*string_at(&p, i) = strdup(*string_at(pattern, i));
		failed |= !*string_at(&p, i);
	}
	if (failed)
		return -ENOMEM;
	*ret_pattern = p;
	p = (struct pattern){};
	return 0;
}

int patterns_add(struct patterns *patterns, struct pattern *pattern)
{
	size_t n = patterns->count;
	struct pattern *items = patterns->items;

	if (!(n & (n - 1))) /* full: there is room for the next power of two */
		items = reallocarray(items, n ? 2 * n : 1, sizeof(*items));
	if (!items) {
		pattern_done(pattern);
		return -ENOMEM;
	}
	items[n] = *pattern;
	*pattern = (struct pattern){};
	patterns->items = items;
	patterns->count++;
	return 0;
}

void patterns_done(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		pattern_done(&patterns->items[i]);
	free(patterns->items);
	*patterns = (struct patterns){};
}
