/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_POLICY_PARSING_H
#define TESTS_POLICY_PARSING_H

/* Policies for tests, from their text, and what is said about them. Include behind cmocka.h. */

#include <stdlib.h>
#include <string.h>

#include "policy/check.h"
#include "policy/load.h"
#include "policy/parse.h"

#define UNUSED __attribute__((unused))

/* What every policy begins with; it has two lines. */
#define HEAD "version: 1\nname: p\n"

/* "LINE:COL: LEVEL: MESSAGE\n" for each; the caller frees it. */
static UNUSED char *said(const struct diags *diags)
{
	char *text = NULL, *out, *to;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	diags_print(diags, "", f);
	fclose(f);
	/* Without the name of a file each line begins with its colon: take that out. */
	out = to = malloc(len + 1);
	assert_non_null(out);
	for (size_t i = 0; i < len; i++)
		if (text[i] != ':' || (i && text[i - 1] != '\n'))
			*to++ = text[i];
	*to = '\0';
	free(text);
	return out;
}

static UNUSED void assert_said(const struct diags *diags, const char *expected, const char *about)
{
	char *text = said(diags);

	if (strcmp(text, expected) != 0)
		fail_msg("%s\n--- said:\n%s--- expected:\n%s", about, text, expected);
	free(text);
}

/* Parses and checks a policy that has to say just `expected`; frees nothing. */
static UNUSED struct policy *checked(const char *text, const char *expected)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("p.yaml", text, strlen(text), &policy, &diags);

	if (r == 0)
		r = policy_check(policy, &diags);
	if (r == 0)
		r = policy_check_reach(policy, &diags);
	assert_said(&diags, expected, text);
	assert_int_equal(r, diags.errors ? -EINVAL : 0);
	diags_free(&diags);
	return policy;
}

/* The same for one that nobody needs afterwards. */
static UNUSED void assert_checked(const char *text, const char *expected)
{
	struct policy *policy = checked(text, expected);

	policy_free(&policy);
}

#endif
