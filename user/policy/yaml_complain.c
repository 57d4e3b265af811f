/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/yaml_text.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define ALIAS  "a leading * is a YAML alias: quote it"
#define ANCHOR "a leading & is a YAML anchor: quote it"
#define TAG    "a leading ! is a YAML tag: quote it"

/* Where libyaml's own words would tell the writer of a policy too little. */
static const struct complaint {
	const char *context, *problem; /* parts of libyaml's; NULL: any */
	const char *ours;
	bool at_problem; /* else where its context begins, if it has one */
} complaints[] = {
	{.context = "scanning an alias", .ours = ALIAS},
	{.context = "scanning an anchor", .ours = ANCHOR},
	{.context = "scanning a tag", .ours = TAG},
	{.context = "parsing a tag", .ours = TAG},
	{.problem = "undefined tag handle", .ours = TAG},
	{.problem = "mapping values are not allowed",
	 .ours = "a ':' is not expected here: quote the text, or mind the indentation"},
	{.problem = "could not find expected ':'", .ours = "a key without its ':'"},
	{.context = "quoted scalar",
	 .problem = "unexpected end of stream",
	 .ours = "the quotes that begin here are not closed"},
	{.problem = "unexpected ':'",
	 .ours = "a ':' is not expected here: quote the text",
	 .at_problem = true},
	{.problem = "expected ',' or ']'",
	 .ours = "',' or ']' is expected here",
	 .at_problem = true},
	{.problem = "expected ',' or '}'",
	 .ours = "',' or '}' is expected here",
	 .at_problem = true},
	{.context = "block mapping",
	 .problem = "expected key",
	 .ours = "a key is expected here: mind the indentation",
	 .at_problem = true},
	{.context = "block collection",
	 .problem = "expected '-'",
	 .ours = "'- ' is expected here: mind the indentation",
	 .at_problem = true},
};

static bool has_part(const char *text, const char *part)
{
	return !part || (text && strstr(text, part));
}

/* The byte at a place that libyaml counts in characters, or 0 behind the end. */
static char byte_at(const char *text, size_t len, size_t index)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && index-- == 0)
			return text[i];
	return '\0';
}

static struct place place_of(yaml_mark_t mark)
{
	return (struct place){.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

/* "found character that cannot start any token": says which. */
static int complain_of_start(const yaml_parser_t *parser, const char *text, size_t len,
			     struct diags *diags)
{
	char c = byte_at(text, len, parser->problem_mark.index);
	struct place place = place_of(parser->problem_mark);

	if (c == '\t')
		return diag_add(diags, DIAG_ERROR, place, "a tab cannot indent: use blanks");
	return diag_add(diags, DIAG_ERROR, place, "a value cannot begin with %c: quote it", c);
}

int yaml_complain(const yaml_parser_t *parser, const char *text, size_t len, struct diags *diags)
{
	struct place at = place_of(parser->problem_mark);
	struct place from = place_of(parser->context_mark);

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return diag_add(diags, DIAG_ERROR,
				yaml_text_place(text, len, parser->problem_offset), "%s",
				parser->problem);
	if (has_part(parser->problem, "cannot start any token"))
		return complain_of_start(parser, text, len, diags);
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		if (has_part(parser->context, complaints[i].context) &&
		    has_part(parser->problem, complaints[i].problem))
			return diag_add(diags, DIAG_ERROR,
					complaints[i].at_problem || !parser->context ? at : from,
					"%s", complaints[i].ours);
	if (!parser->context)
		return diag_add(diags, DIAG_ERROR, at, "%s", parser->problem);
	return diag_add(diags, DIAG_ERROR, at, "%s %s that begins at %u:%u", parser->problem,
			parser->context, from.line, from.column);
}
