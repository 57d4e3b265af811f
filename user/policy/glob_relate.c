/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* What two globs have to do with each other. */

/* An element of a glob: what it is, and the bytes that it takes; len 0 at the end. */
struct element {
	char byte; /* of a literal */
	bool star, one;
	size_t len;
};

static struct element element_at(const char *glob)
{
	struct element e = {.byte = *glob, .star = *glob == '*', .one = *glob == '?', .len = 1};

	if (!*glob)
		return (struct element){};
	if (*glob == '\\' && glob[1])
		return (struct element){.byte = glob[1], .len = 2};
	return e;
}

/* True when `a`, one element, takes all that `b` does: of a star of b, what it stands for. */
static bool takes(struct element a, struct element b, bool labels)
{
	bool dot = labels && !b.star && !b.one && b.byte == '.';

	if (a.star)
		return !dot;
	if (a.one)
		return !b.star && !dot;
	return !b.star && !b.one && a.byte == b.byte;
}

/*
 * Reads `b` as glob_match() reads a text: `at[i]` says that the first i bytes of `a` take all that
 * the part of b that was read stands for. Stars of b can be taken by stars only.
 */
static bool covers_elements(const char *a, const char *b, bool labels)
{
	bool at[GLOB_MAX + 1], next[GLOB_MAX + 1];
	size_t size = strlen(a) + 1;
	struct element e, of_b;
	bool alive = true;

	if (size > sizeof(at))
		return false;
	memset(at, 0, size);
	at[0] = true;
	for (; alive; b += of_b.len) {
		for (size_t i = 0; (e = element_at(a + i)).len; i += e.len)
			if (at[i] && e.star)
				at[i + 1] = true;
		of_b = element_at(b);
		if (!of_b.len)
			return at[size - 1];

		alive = false;
		memset(next, 0, size);
		for (size_t i = 0; (e = element_at(a + i)).len; i += e.len) {
			if (!at[i] || !takes(e, of_b, labels))
				continue;
			next[e.star ? i : i + e.len] = true;
			alive = true;
		}
		memcpy(at, next, size);
	}
	return false;
}

static bool leads_with_labels(const char *host)
{
	return host[0] == '*' && host[1] == '.';
}

/* "*.REST" against a host: tries every beginning that is sure to be whole labels. */
static bool labels_cover(const char *rest, const char *b)
{
	bool filled = false; /* the label at work is not empty, whatever its stars stand for */
	struct element e;

	if (leads_with_labels(b)) {
		b += 2;
		if (covers_elements(rest, b, true))
			return true;
	}
	for (; (e = element_at(b)).len; b += e.len) {
		if (e.byte != '.' || e.one || e.star) {
			filled |= !e.star;
			continue;
		}
		if (!filled)
			return false;
		if (covers_elements(rest, b + 1, true))
			return true;
		filled = false;
	}
	return false;
}

bool glob_covers(enum glob_field field, const char *a, const char *b)
{
	if (!a || !b)
		return !a;
	if (field != GLOB_HOST)
		return covers_elements(a, b, false);
	if (leads_with_labels(a))
		return labels_cover(a + 2, b);
	return !leads_with_labels(b) && covers_elements(a, b, true);
}

static bool matches_literal(enum glob_field field, const char *glob, const char *literal)
{
	_free_ char *text = glob_unescape(literal);

	return !text || glob_match(field, glob, text, strlen(text));
}

/* The literal bytes in which it ends; NULL when there is no memory. */
static char *tail_of(const char *glob)
{
	const char *tail = glob;
	struct element e;

	for (; (e = element_at(glob)).len; glob += e.len)
		if (e.star || e.one)
			tail = glob + e.len;
	return glob_unescape(tail);
}

static bool beginnings_differ(const char *a, const char *b)
{
	for (;;) {
		struct element x = element_at(a), y = element_at(b);

		if (!x.len || !y.len || x.star || x.one || y.star || y.one)
			return false;
		if (x.byte != y.byte)
			return true;
		a += x.len;
		b += y.len;
	}
}

static bool ends_differ(const char *a, const char *b)
{
	_free_ char *x = tail_of(a);
	_free_ char *y = tail_of(b);
	size_t n, m;

	if (!x || !y)
		return false;
	for (n = strlen(x), m = strlen(y); n && m; n--, m--)
		if (x[n - 1] != y[m - 1])
			return true;
	return false;
}

bool glob_disjoint(enum glob_field field, const char *a, const char *b)
{
	if (!a || !b)
		return false;
	if (glob_is_literal(a))
		return !matches_literal(field, b, a);
	if (glob_is_literal(b))
		return !matches_literal(field, a, b);
	return beginnings_differ(a, b) || ends_differ(a, b);
}
