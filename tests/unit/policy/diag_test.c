/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parsing.h"

static void returns_by_level(void **state)
{
	struct diags diags = {};
	struct place place = {3, 7};

	assert_int_equal(diag_add(&diags, DIAG_NOTE, place, "a %d", 1), 0);
	assert_int_equal(diag_add(&diags, DIAG_WARNING, place, "b"), 0);
	assert_int_equal(diag_add(&diags, DIAG_ERROR, (struct place){}, "c"), -EINVAL);
	assert_int_equal(diags.count, 3);
	assert_int_equal(diags.warnings, 1);
	assert_int_equal(diags.errors, 1);
	assert_said(&diags, "3:7: note: a 1\n3:7: warning: b\n1:1: error: c\n", "levels");
	diags_free(&diags);
	assert_int_equal(diags.count, 0);
	assert_null(diags.items);
}

/* Messages quote files of strangers, and are read on terminals. */
static void shows_what_hides(void **state)
{
	struct diags diags = {};

	diag_add(&diags, DIAG_NOTE, (struct place){1, 1}, "%s", "a\nb\x1b[2J\xe2\x80\xae\xff");
	assert_string_equal(diags.items[0].message, "a\\nb\\x1b[2J\\u202e\\xff");
	diags_free(&diags);
}

static void cuts_what_is_endless(void **state)
{
	struct diags diags = {};
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	diag_add(&diags, DIAG_NOTE, (struct place){1, 1}, "%s", text);
	assert_int_equal(strlen(diags.items[0].message), 603);
	assert_string_equal(diags.items[0].message + 598, "xx...");
	diags_free(&diags);
}

static void keeps_a_hundred(void **state)
{
	struct diags diags = {};
	char *text;

	for (unsigned int i = 1; i <= 130; i++) {
		diag_add(&diags, DIAG_WARNING, (struct place){i, 1}, "w");
		assert_int_equal(diag_add(&diags, DIAG_ERROR, (struct place){i, 2}, "e"), -EINVAL);
	}
	assert_int_equal(diags.count, 100);
	assert_int_equal(diags.errors, 130);
	assert_int_equal(diags.warnings, 130);
	text = said(&diags);
	assert_non_null(strstr(
		text, "50:2: error: e\n note: 160 more errors and warnings are not shown\n"));
	free(text);
	diags_free(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(returns_by_level),
		cmocka_unit_test(shows_what_hides),
		cmocka_unit_test(cuts_what_is_endless),
		cmocka_unit_test(keeps_a_hundred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
