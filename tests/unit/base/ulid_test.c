/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/ulid.h"

static uint8_t fill_byte;
static int fail;
static int calls;

static int fixed(void *out, size_t len)
{
	calls++;
	memset(out, fill_byte, len);
	return fail;
}

static void test_form(void **state)
{
	struct ulid u = {.random = fixed};
	char id[ULID_TEXT];

	/* The specification's own time: 1469918176385 is 01ARYZ6S41. */
	fill_byte = 0;
	assert_int_equal(ulid_next(&u, 1469918176385, id), 0);
	assert_string_equal(id, "01ARYZ6S410000000000000000");
	fill_byte = 0xff;
	assert_int_equal(ulid_next(&u, (1ULL << 48) - 1, id), 0);
	assert_string_equal(id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	/* 0x0123456789abcdef0123 in fives: 00000 00100 10001 10100 01010 11001 11100 01001 ... */
	u = (struct ulid){.random = fixed,
			  .ms = 1,
			  .bytes = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x22}};
	assert_int_equal(ulid_next(&u, 1, id), 0);
	assert_string_equal(id, "000000000104HMASW9NF6YY093");
}

static void test_grows(void **state)
{
	static const uint64_t times[] = {1000, 1000, 1000, 999, 5, 1001, 1001};
	struct ulid u = {.random = fixed};
	char last[ULID_TEXT] = "", id[ULID_TEXT];

	fill_byte = 0x5a;
	calls = 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(ulid_next(&u, times[i], id), 0);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
	assert_int_equal(calls, 2);
}

static void test_random_part_overflows(void **state)
{
	struct ulid u = {.random = fixed};
	char first[ULID_TEXT], second[ULID_TEXT];

	fill_byte = 0xff;
	assert_int_equal(ulid_next(&u, 1000, first), 0);
	fill_byte = 0;
	assert_int_equal(ulid_next(&u, 1000, second), 0);
	assert_true(strcmp(second, first) > 0);
}

static void test_resume(void **state)
{
	static const char *const bad[] = {"",
					  "01ARYZ6S41",
					  "81ARYZ6S410000000000000000",
					  "01ARYZ6S41000000000000000U",
					  "01aryz6s410000000000000000",
					  "01ARYZ6S4100000000000000000"};
	struct ulid u = {.random = fixed};
	char id[ULID_TEXT], next[ULID_TEXT];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ulid_resume(&u, bad[i]), -EINVAL);
	assert_int_equal(ulid_resume(&u, "01ARYZ6S41TSV4RRFFQ69G5FAV"), 0);
	assert_int_equal(ulid_next(&u, 1, id), 0);
	assert_string_equal(id, "01ARYZ6S41TSV4RRFFQ69G5FAW");
	assert_int_equal(ulid_next(&u, 2, next), 0);
	assert_string_equal(next, "01ARYZ6S41TSV4RRFFQ69G5FAX");
}

static void test_no_random_numbers(void **state)
{
	struct ulid u = {.random = fixed};
	char id[ULID_TEXT] = "untouched";

	fail = -ENOSYS;
	assert_int_equal(ulid_next(&u, 1000, id), -ENOSYS);
	assert_string_equal(id, "untouched");
	fail = 0;
}

static void test_kernel_random(void **state)
{
	struct ulid a = ULID_INIT, b = ULID_INIT;
	char one[ULID_TEXT], two[ULID_TEXT];

	assert_int_equal(ulid_next(&a, 1000, one), 0);
	assert_int_equal(ulid_next(&b, 1000, two), 0);
	assert_string_not_equal(one, two);
	assert_memory_equal(one, two, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_random_part_overflows),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_no_random_numbers),
		cmocka_unit_test(test_kernel_random),
	};

	return cmocka_run_group_tests_name("base/ulid", tests, NULL, NULL);
}
