/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/time.h"

static void assert_format(uint64_t ns, const char *want)
{
	char text[TIME_TEXT];
	uint64_t back = 1;

	time_format(ns, text);
	assert_string_equal(text, want);
	assert_int_equal(time_parse(text, &back), 0);
	assert_true(back == ns);
}

static void test_format(void **state)
{
	assert_format(0, "1970-01-01T00:00:00.000000000Z");
	assert_format(1795334400ULL * NS_PER_SEC + 123456789, "2026-11-22T08:00:00.123456789Z");
	assert_format(951782400ULL * NS_PER_SEC, "2000-02-29T00:00:00.000000000Z");
	assert_format(4107542399ULL * NS_PER_SEC + 999999999, "2100-02-28T23:59:59.999999999Z");
	assert_format(18446744072ULL * NS_PER_SEC + 1, "2554-07-21T23:34:32.000000001Z");
}

static void test_now(void **state)
{
	uint64_t a = time_now(), b = time_now();

	assert_true(a > 1700000000ULL * NS_PER_SEC);
	assert_true(b >= a && b - a < 10 * NS_PER_SEC);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01t00:00:01z", NS_PER_SEC},
		{"2026-11-22T08:00:00Z", 1795334400ULL * NS_PER_SEC},
		{"2026-11-22T10:00:00+02:00", 1795334400ULL * NS_PER_SEC},
		{"2026-11-22T02:30:00-05:30", 1795334400ULL * NS_PER_SEC},
		{"1970-01-01T00:00:00.5Z", NS_PER_SEC / 2},
		{"1970-01-01T00:00:00.1234567899999Z", 123456789},
		{"2016-12-31T23:59:60Z", 1483228800ULL * NS_PER_SEC}, /* leap second */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 1;

		assert_int_equal(time_parse(cases[i].text, &ns), 0);
		assert_true(ns == cases[i].ns);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-22",
		"2026-11-22 08:00:00Z",
		"2026-11-22T08:00:00",
		"2026-11-22T08:00:00.Z",
		"2026-11-22T08:00Z",
		"2026-11-22T08:00:00Zx",
		"2026-13-22T08:00:00Z",
		"2026-00-22T08:00:00Z",
		"2026-02-29T08:00:00Z",
		"2026-11-31T08:00:00Z",
		"2026-11-00T08:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T08:60:00Z",
		"2026-11-22T08:00:61Z",
		"2026-02-29T23:59:60Z",
		"2026-11-22T08:00:00+2:00",
		"2026-11-22T08:00:00+24:00",
		"+026-11-22T08:00:00Z",
	};
	uint64_t ns = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(time_parse(bad[i], &ns), -EINVAL);
	assert_int_equal(time_parse("1969-12-31T23:59:59Z", &ns), -ERANGE);
	assert_int_equal(time_parse("2600-01-01T00:00:00Z", &ns), -ERANGE);
	assert_true(ns == 7);
}

static void test_duration(void **state)
{
	static const char *const bad[] = {"", "s", "10", "10x", "-1s", "1.5s", "1 s", "1h30m"};
	uint64_t ns = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(time_parse_duration(bad[i], &ns), -EINVAL);
	assert_int_equal(time_parse_duration("99999999999999999999s", &ns), -ERANGE);
	assert_int_equal(time_parse_duration("99999999999999999999x", &ns), -EINVAL);
	assert_int_equal(time_parse_duration("300000d", &ns), -ERANGE);
	assert_true(ns == 7);
	assert_int_equal(time_parse_duration("250ms", &ns), 0);
	assert_true(ns == 250 * NS_PER_MS);
	assert_int_equal(time_parse_duration("10s", &ns), 0);
	assert_true(ns == 10 * NS_PER_SEC);
	assert_int_equal(time_parse_duration("5m", &ns), 0);
	assert_true(ns == 300 * NS_PER_SEC);
	assert_int_equal(time_parse_duration("2h", &ns), 0);
	assert_true(ns == 7200 * NS_PER_SEC);
	assert_int_equal(time_parse_duration("1d", &ns), 0);
	assert_true(ns == 86400 * NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),   cmocka_unit_test(test_now),
		cmocka_unit_test(test_parse),    cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_duration),
	};

	return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
