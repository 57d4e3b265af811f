/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/glob.h"

#include <stdlib.h>
#include <string.h>

/* One element of a glob: a byte as it is, '?' or '*'. Returns the bytes that it takes, 0 at the
 * end. */
static size_t element(const char *glob, bool *ret_special)
{
	if (!*glob)
		return 0;
	*ret_special = *glob == '*' || *glob == '?';
	return *glob == '\\' && glob[1] ? 2 : 1;
}

bool glob_is_literal(const char *glob)
{
	bool special = false;
	size_t n;

	for (; (n = element(glob, &special)); glob += n)
		if (special)
			return false;
	return true;
}

/*
 * Matches by keeping, for the part of the text that was read, the set of places in the glob where
 * the reading may have come to: `at[i]` says that the glob's first i bytes match it.
 */
static bool match_elements(const char *glob, bool labels, const char *text, size_t len)
{
	bool at[GLOB_MAX + 1], next[GLOB_MAX + 1];
	size_t size = strlen(glob) + 1;
	bool special, alive = true;
	size_t n;

	if (size > sizeof(at))
		return false;
	memset(at, 0, size);
	at[0] = true;
	for (size_t t = 0; alive; t++) {
		/* A star may stand for nothing. */
		for (size_t i = 0; (n = element(glob + i, &special)); i += n)
			if (at[i] && glob[i] == '*')
				at[i + 1] = true;
		if (t == len)
			return at[size - 1];

		alive = false;
		memset(next, 0, size);
		for (size_t i = 0; (n = element(glob + i, &special)); i += n) {
			bool fits = glob[i + n - 1] == text[t];

			if (special)
				fits = !labels || text[t] != '.';
			if (!at[i] || !fits)
				continue;
			next[glob[i] == '*' ? i : i + n] = true;
			alive = true;
		}
		memcpy(at, next, size);
	}
	return false;
}

/* A leading "*." in a host: tries every beginning that is whole labels, none of them empty. */
static bool match_host(const char *glob, const char *text, size_t len)
{
	if (strncmp(glob, "*.", 2) != 0)
		return match_elements(glob, true, text, len);
	for (size_t dot = 1; dot < len && text[0] != '.'; dot++) {
		if (text[dot] != '.')
			continue;
		if (text[dot - 1] == '.')
			return false;
		if (match_elements(glob + 2, true, text + dot + 1, len - dot - 1))
			return true;
	}
	return false;
}

bool glob_match(enum glob_field field, const char *glob, const char *text, size_t len)
{
	if (!glob)
		return true;
	if (field == GLOB_HOST)
		return match_host(glob, text, len);
	return match_elements(glob, false, text, len);
}

static const char *fault_of_stars(enum glob_field field)
{
	if (field == GLOB_HOST)
		return "has **: one * is enough, and a leading *. is any number of labels";
	return "has **: one * is enough, it crosses / too";
}

const char *glob_fault(enum glob_field field, const char *glob, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (glob[i] == '\\') {
			if (++i == len)
				return "ends in a lone \\: write \\\\ for the character itself";
			continue;
		}
		if (glob[i] == '*' && i + 1 < len && glob[i + 1] == '*')
			return fault_of_stars(field);
		if (strchr("[]", glob[i]))
			return "has [ or ], which are not special: write \\[ and \\]";
		if (strchr("{}", glob[i]))
			return "has { or }, which are not special: write \\{ and \\}";
	}
	return NULL;
}

char *glob_canonical(const char *glob, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (glob[i] != '\\')
			out[n++] = glob[i];
		else if (i + 1 < len) {
			i++;
			if (strchr("*?\\", glob[i]))
				out[n++] = '\\';
			out[n++] = glob[i];
		}
	out[n] = '\0';
	return out;
}

char *glob_unescape(const char *glob)
{
	char *out = malloc(strlen(glob) + 1);
	char *p = out;
	bool special;
	size_t n;

	if (!out)
		return NULL;
	for (; (n = element(glob, &special)); glob += n)
		*p++ = glob[n - 1];
	*p = '\0';
	return out;
}

char *glob_escape(const char *text)
{
	char *out = malloc(2 * strlen(text) + 1);
	char *p = out;

	if (!out)
		return NULL;
	for (; *text; text++) {
		if (strchr("*?\\", *text))
			*p++ = '\\';
		*p++ = *text;
	}
	*p = '\0';
	return out;
}
