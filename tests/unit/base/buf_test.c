/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"

static void assert_content(const struct buf *b, const char *want)
{
	assert_int_equal(buf_error(b), 0);
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->data, want, b->len);
}

static void test_grows(void **state)
{
	_buf_ struct buf b = {};
	char want[20001] = "";

	for (int i = 0; i < 2000; i++) {
		buf_addf(&b, "%d", i % 10);
		buf_add_str(&b, "abcdefgh");
		buf_add_char(&b, '\n');
		snprintf(want + i * 10, 11, "%dabcdefgh\n", i % 10);
	}
	assert_content(&b, want);
	buf_reset(&b);
	assert_content(&b, "");
}

static void test_numbers(void **state)
{
	static const uint64_t numbers[] = {0, 9, 10, 4294967296, UINT64_MAX, UINT64_MAX - 5};
	char want[32];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		_buf_ struct buf b = {};

		snprintf(want, sizeof(want), "%llu", (unsigned long long)numbers[i]);
		buf_add_u64(&b, numbers[i]);
		assert_content(&b, want);
	}
}

/* The examples of RFC 4648, section 10, and all bits. */
static void test_base64(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfd", "//79"},
		{"\xfb\xf0", "+/A="},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf b = {};

		buf_add_base64(&b, cases[i][0], strlen(cases[i][0]));
		assert_content(&b, cases[i][1]);
	}
}

static void test_out_of_memory_sticks(void **state)
{
	_buf_ struct buf b = {};

	buf_add_str(&b, "kept");
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	buf_add_str(&b, " dropped");
	buf_addf(&b, "%s", "dropped");
	buf_add_base64(&b, "dropped", 7);
	assert_int_equal(buf_error(&b), -ENOMEM);
	assert_int_equal(b.len, 4);
	buf_reset(&b);
	buf_add_str(&b, "again");
	assert_content(&b, "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_out_of_memory_sticks),
	};

	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
