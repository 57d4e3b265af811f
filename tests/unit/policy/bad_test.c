/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parsing.h"

/*
 * Broken policies, as people write them, and what they are told first: NAME.yaml and NAME.out. Run
 * it in the top directory of the sources.
 */

#define POLICIES "tests/golden/policies/bad/*.yaml"

static char *first_line_of(const char *file)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(file, "r");

	if (!f || getline(&line, &size, f) < 0)
		fail_msg("%s cannot be read", file);
	fclose(f);
	return line;
}

/* What is said of a policy, with the name of its file alone. */
static char *first_line_about(const char *file)
{
	char *copy = strdup(file), *text = NULL;
	struct policy *policy = NULL;
	struct diags diags = {};
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	if (policy_load(file, &policy, &diags) != -EINVAL)
		fail_msg("%s is accepted", file);
	diags_print(&diags, basename(copy), f);
	fclose(f);
	strchr(text, '\n')[1] = '\0';
	free(copy);
	diags_free(&diags);
	return text;
}

static void tells_what_is_wrong(void **state)
{
	glob_t files;
	size_t failed = 0;

	assert_int_equal(glob(POLICIES, 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 40);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char expected_file[256];
		char *said_first, *expected;

		snprintf(expected_file, sizeof(expected_file), "%.*s.out",
			 (int)strlen(files.gl_pathv[i]) - 5, files.gl_pathv[i]);
		expected = first_line_of(expected_file);
		said_first = first_line_about(files.gl_pathv[i]);
		if (strcmp(said_first, expected) != 0) {
			print_error("--- said:\n%s--- expected:\n%s", said_first, expected);
			failed++;
		}
		free(said_first);
		free(expected);
	}
	globfree(&files);
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
