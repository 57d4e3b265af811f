/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/suggest.h"

#include <stdio.h>

#include "base/nearest.h"

#define MAX_ERRORS 100 /* nobody reads further, and a file may be one error a line */

struct suggestion suggest(const struct diags *diags, const char *word, const char *const *names,
			  size_t n)
{
	struct suggestion s = {};
	const char *near = NULL;

	if (diags->errors < MAX_ERRORS)
		near = nearest(word, names, n);
	if (near)
		snprintf(s.text, sizeof(s.text), "; did you mean '%.80s'?", near);
	return s;
}
