/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/utf8.h"

struct step_case {
	const char *bytes;
	int step;
};

static void test_step(void **state)
{
	static const struct step_case cases[] = {
		{"a", 1},
		{"\x7f", 1},
		{"\xc2\x80", 2}, /* the first of two */
		{"\xdf\xbf", 2},
		{"\xe0\xa0\x80", 3}, /* the first of three */
		{"\xed\x9f\xbf", 3}, /* before the surrogates */
		{"\xee\x80\x80", 3}, /* behind them */
		{"\xef\xbf\xbf", 3},
		{"\xf0\x90\x80\x80", 4}, /* the first of four */
		{"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
		{"\x80", -1},            /* continuation alone */
		{"\xc0\x80", -1},        /* overlong NUL */
		{"\xc1\xbf", -1},
		{"\xe0\x9f\xbf", -1}, /* overlong */
		{"\xed\xa0\x80", -1}, /* U+D800 */
		{"\xed\xbf\xbf", -1},
		{"\xf0\x8f\xbf\xbf", -1}, /* overlong */
		{"\xf4\x90\x80\x80", -1}, /* above U+10FFFF */
		{"\xf5\x80\x80\x80", -1},
		{"\xff", -1},
		{"\xc3", -1}, /* cut off */
		{"\xe2\x82", -2},
		{"\xe2\x82"
		 "a",
		 -2},
		{"\xf0\x9f\x98", -3},
		{"\xf0\x9f\x98"
		 "a",
		 -3},
		{"\xf0\x9f\xf0", -2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct step_case *c = &cases[i];

		assert_int_equal(utf8_step(c->bytes, strlen(c->bytes)), c->step);
		assert_int_equal(utf8_valid(c->bytes, strlen(c->bytes)), c->step > 0);
	}
}

/* Every code point, written by the definition, is valid; surrogates are not. */
static void test_all_code_points(void **state)
{
	for (uint32_t c = 0; c < 0x110000; c++) {
		char s[4];
		int n = 1;

		if (c < 0x80) {
			s[0] = (char)c;
		} else if (c < 0x800) {
			n = 2;
			s[0] = (char)(0xc0 | c >> 6);
		} else if (c < 0x10000) {
			n = 3;
			s[0] = (char)(0xe0 | c >> 12);
		} else {
			n = 4;
			s[0] = (char)(0xf0 | c >> 18);
		}
		for (int i = 1; i < n; i++)
			s[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		assert_int_equal(utf8_step(s, (size_t)n), c >= 0xd800 && c < 0xe000 ? -1 : n);
	}
}

static void test_valid_long(void **state)
{
	char text[64];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = '\x80';
		assert_false(utf8_valid(text, sizeof(text)));
		text[i] = 'a';
	}
	assert_true(utf8_valid(text, sizeof(text)));
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
}

static void test_whole(void **state)
{
	static const struct {
		const char *bytes;
		size_t whole;
	} cases[] = {
		{"", 0},
		{"abc", 3},
		{"ab\xc3", 2},
		{"ab\xc3\xa4", 4},
		{"ab\xe2\x82", 2},
		{"ab\xe2\x82\xac", 5},
		{"ab\xf0\x9f\x98", 2},
		{"ab\xf0\x9f\x98\x80", 6},
		{"\xf0", 0},
		{"ab\xff", 3},
		{"ab\xe0\x80", 4},
		{"a\x80\x80\x80", 4},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_whole(cases[i].bytes, strlen(cases[i].bytes)),
				 cases[i].whole);
}

/* Each byte at each place of texts of each length, with each other one behind it. */
static void test_plain(void **state)
{
	char text[20];

	for (int c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

		for (size_t len = 1; len <= sizeof(text); len++) {
			for (size_t at = 0; at < len; at++) {
				memset(text, ' ', sizeof(text));
				memset(text + at, c, len - at);
				assert_int_equal(utf8_plain(text, len), plain ? len : at);
				memset(text + at + 1, '!', len - at - 1);
				assert_int_equal(utf8_plain(text, len), plain ? len : at);
			}
		}
	}
	assert_int_equal(utf8_plain("", 0), 0);
}

static void assert_visible(const char *text, size_t len, const char *want)
{
	_buf_ struct buf b = {};

	utf8_visible(&b, text, len);
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, want);
}

static void test_visible(void **state)
{
	assert_visible("a b\\\xc3\xa4\xf0\x9f\x98\x80", 10, "a b\\\xc3\xa4\xf0\x9f\x98\x80");
	assert_visible("\x1b[31mred\n\t\r\x7f", 12, "\\x1b[31mred\\n\\t\\r\\x7f");
	assert_visible("a\0b", 3, "a\\x00b");
	assert_visible("\xc2\x9b", 2, "\\u009b");         /* CSI in one character */
	assert_visible("x\xe2\x80\xaey", 5, "x\\u202ey"); /* right-to-left override */
	assert_visible("\xff\xe2\x82", 3, "\\xff\\xe2\\x82");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step),       cmocka_unit_test(test_all_code_points),
		cmocka_unit_test(test_valid_long), cmocka_unit_test(test_whole),
		cmocka_unit_test(test_visible),    cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
