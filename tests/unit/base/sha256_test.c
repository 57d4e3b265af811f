/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/sha256.h"

/* The examples of FIPS 180-2. */
static void test_examples(void **state)
{
	static const struct {
		const char *text;
		const char *digest;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	struct sha256 sha = {};
	char digest[SHA256_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(sha256_start(&sha), 0);
		for (const char *p = cases[i].text; *p; p++)
			assert_int_equal(sha256_add(&sha, p, 1), 0);
		assert_int_equal(sha256_finish(&sha, digest), 0);
		assert_string_equal(digest, cases[i].digest);
	}
	sha256_free(&sha);
}

static void test_not_begun(void **state)
{
	struct sha256 sha = {};
	char digest[SHA256_TEXT];

	assert_int_equal(sha256_add(&sha, "a", 1), -EIO);
	assert_int_equal(sha256_finish(&sha, digest), -EIO);
	sha256_free(&sha);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_not_begun),
	};

	return cmocka_run_group_tests_name("base/sha256", tests, NULL, NULL);
}
