/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/nearest.h"

static const char *const names[] = {
	"follow",           "run",     "type", "verdict", "user",  "since",
	"output",           "version", "mode", "deny",    "allow", "default",
	"on_audit_failure", "connect", "eu"};

static void assert_nearest(const char *word, const char *want)
{
	const char *got = nearest(word, names, sizeof(names) / sizeof(names[0]));

	if (want) {
		assert_non_null(got);
		assert_string_equal(got, want);
	} else {
		assert_null(got);
	}
}

static void test_close(void **state)
{
	assert_nearest("follow", "follow");
	assert_nearest("FOLLOW", "follow");
	assert_nearest("folow", "follow");
	assert_nearest("follwo", "follow"); /* neighbours swapped */
	assert_nearest("dney", "deny");
	assert_nearest("denied", NULL);
	assert_nearest("vertict", "verdict");
	assert_nearest("verison", "version");
	assert_nearest("foo", "follow"); /* letters left out */
	assert_nearest("vrsn", "version");
	assert_nearest("defaults", "default");
	assert_nearest("on-audit-failure", "on_audit_failure");
	assert_nearest("conect", "connect");
	assert_nearest("modes", "mode");
	assert_nearest("ue", "eu");
}

static void test_far(void **state)
{
	assert_nearest("", NULL);
	assert_nearest("x", NULL);
	assert_nearest("kubernetes", NULL);
	assert_nearest("zzzz", NULL);
	assert_nearest("banana", NULL);
	assert_nearest("ow", NULL);
	assert_null(nearest("run", names, 0));
}

static void test_long(void **state)
{
	char word[4096];

	memset(word, 'f', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_nearest(word, NULL);
	word[64] = '\0';
	assert_nearest(word, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
