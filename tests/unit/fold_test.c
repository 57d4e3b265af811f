/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Text as phrases with `space: any` see it (bpf/fold.h). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "policy/fold_text.h"
#include "fold.h"

static void test_texts(void **state)
{
	static const struct {
		const char *text, *folded;
	} cases[] = {
		{"", ""},
		{"DROP TABLE", "DROP TABLE"},
		{"DROP \t\r\n\v\f TABLE ", "DROP TABLE "},
		{"\n\nDROP", " DROP"},
		{"\\u0044ROP\\u0020\\n TABLE", "DROP TABLE"},
		{"\\u0044\\u0052\\u004F\\u004f\\u0050", "DROOP"},
		{"a\\tb\\r\\n\\fc \\\"d\\\" \\/e \\b", "a b c \"d\" /e \b"},
		/* An escaped backslash is one, and begins nothing. */
		{"\\\\u0044ROP", "\\u0044ROP"},
		{"\\\\\\u0044ROP", "\\DROP"},
		{"\\u005cu0044", "\\u0044"},
		/* What is no escape. */
		{"C:\\x\\User\\uZ", "C:\\x\\User\\uZ"},
		{"\\u1z \\u12z \\u12Fz", "\\u1z \\u12z \\u12Fz"},
		{"\\u12\\u0044", "\\u12D"},
		{"\\u\\u0044 \\uu", "\\uD \\uu"},
		{"\\u12 \t x", "\\u12 x"},
		/* UTF-8 of 2, 3 and 4 bytes; halves of pairs. */
		{"\\u00e4\\u20AC\\ud83d\\ude00.", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80."},
		{"\\u007f\\u0080\\u07ff\\u0800\\uffff", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
		{"D\\ud800ROP \\ude00x", "DROP x"},
		{"\\ud83d\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
		{"\\ud83d-\\ude00", "-"},
		{"\\ud83d\\n\\ude00", " "},
		{"\\ud83d\\u00\\ude00", "\\u00"},
		/* What has not ended says nothing yet. */
		{"x\\", "x"},
		{"x\\u004", "x"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		fold_text(&got, cases[i].text, strlen(cases[i].text));
		buf_add_char(&got, '\0');
		assert_string_equal(got.data, cases[i].folded);
	}
}

static void test_nul(void **state)
{
	_buf_ struct buf got = {};

	fold_text(&got, "a\\u0000b\0c", 10);
	assert_int_equal(got.len, 5);
	assert_memory_equal(got.data, "a\0b\0c", 5);
}

/* Any bytes: never more than FOLD_MAX wait, and never more come out than went in. */
static void test_any_bytes(void **state)
{
	static const char letters[] = "\\u0dD8cf9nz \t\"";
	struct fold fold = {};
	size_t in = 0, out = 0, most = 0;

	srand(1);
	while (in < 1000000) {
		int letter = rand() % ((int)sizeof(letters) + 1);

		fold_next(&fold, letter < (int)sizeof(letters) - 1 ? (uint8_t)letters[letter]
								   : (uint8_t)rand());
		in++;
		if (fold.count > most)
			most = fold.count;
		for (; fold.count; out++)
			fold_take(&fold);
		assert_int_equal(fold.queue, 0);
		assert_true(out <= in);
	}
	assert_int_equal(most, FOLD_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
