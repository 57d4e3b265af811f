/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NEAREST_MAX 64 /* longer words are not typing errors of names */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau-Levenshtein, no substring edited twice (optimal string alignment). */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= lb; j++)
		above[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = smaller(above[j], row[j - 1]) + 1;
			row[j] = smaller(row[j], above[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[lb];
}

static bool is_close(const char *word, size_t lw, const char *name, size_t ln, size_t d)
{
	size_t longer = lw > ln ? lw : ln;

	if (d <= (longer < 6 ? 1 : longer / 3))
		return longer > 1;
	return lw >= 3 && lw * 2 >= ln && d + lw == ln && same(word[0], name[0]);
}

const char *nearest(const char *word, const char *const *names, size_t n)
{
	size_t lw = strlen(word), best = NEAREST_MAX + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n && lw <= NEAREST_MAX; i++) {
		size_t ln = strlen(names[i]), d;

		if (ln > NEAREST_MAX)
			continue;
		d = distance(word, lw, names[i], ln);
		if (d < best && is_close(word, lw, names[i], ln, d)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
