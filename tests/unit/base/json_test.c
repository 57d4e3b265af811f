/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

static const char *text_of(struct buf *b)
{
	buf_add_char(b, '\0');
	assert_int_equal(buf_error(b), 0);
	return b->data;
}

static void test_write(void **state)
{
	_buf_ struct buf b = {};
	size_t mark;

	json_open(&b, NULL, '{');
	json_u64(&b, "max", UINT64_MAX);
	json_u64(&b, "odd", 9007199254740993); /* 2^53 + 1: no double */
	json_str(&b, "absent", NULL);
	json_str(&b, "text", "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f");
	mark = json_open(&b, "empty", '{');
	json_str(&b, "absent", NULL);
	json_close_or_drop(&b, mark, '}');
	mark = json_open(&b, "some", '{');
	json_bool(&b, "yes", true);
	json_bool(&b, "no", false);
	json_close_or_drop(&b, mark, '}');
	json_open(&b, "list", '[');
	json_str(&b, NULL, "{");
	json_u64(&b, NULL, 0);
	json_open(&b, NULL, '[');
	json_close(&b, ']');
	json_close(&b, ']');
	json_base64(&b, "b", "\0\xff", 2);
	json_close(&b, '}');
	assert_string_equal(text_of(&b),
			    "{\"max\":18446744073709551615,\"odd\":9007199254740993,"
			    "\"text\":\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\","
			    "\"some\":{\"yes\":true,\"no\":false},\"list\":[\"{\",0,[]],"
			    "\"b\":\"AP8=\"}");
}

static void test_invalid_utf8_is_replaced(void **state)
{
	_buf_ struct buf b = {};

	json_text(&b, NULL, "a\xff\xe2\x82z\xc3\xa4\xed\xa0\x80\0", 11);
	assert_string_equal(text_of(&b),
			    "\"a" UTF8_REPLACEMENT UTF8_REPLACEMENT
			    "z\xc3\xa4" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT
			    "\\u0000\"");
}

static int count(void *arg, const char *key, size_t key_len, const char *value, size_t value_len)
{
	(*(int *)arg)++;
	return 0;
}

static bool accepts(const char *text, size_t len)
{
	size_t at = SIZE_MAX;
	int members = 0;
	int r = json_scan(text, len, count, &members, &at);

	assert_true(r == 0 || (r == -EBADMSG && at <= len));
	return !r;
}

/* Whatever bytes a string has, what is written reads back, and as the same valid UTF-8. */
static void test_any_bytes(void **state)
{
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		_buf_ struct buf b = {};
		char bytes[24];
		size_t len = (size_t)random() % sizeof(bytes);
		cJSON *read;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(random() % 4 ? random() % 255 + 1 : 0xe2 + random() % 16);
		bytes[len] = '\0';
		json_open(&b, NULL, '{');
		json_text(&b, "s", bytes, len);
		json_close(&b, '}');
		assert_true(accepts(b.data, b.len));
		assert_true(utf8_valid(b.data, b.len));
		read = cJSON_ParseWithLength(b.data, b.len);
		assert_non_null(read);
		if (utf8_valid(bytes, len))
			assert_string_equal(cJSON_GetObjectItem(read, "s")->valuestring, bytes);
		cJSON_Delete(read);
	}
}

static void test_scan_accepts(void **state)
{
	static const char *const good[] = {
		"{}",
		" \t\r\n{ } ",
		"{\"a\":1}",
		"{\"\":\"\"}",
		"{\"a\":[],\"b\":{},\"c\":[1,[2,{\"d\":null}]]}",
		"{\"a\":-0.5e+10,\"b\":0,\"c\":10E-2,\"d\":1e5}",
		"{\"a\":true,\"b\":false,\"c\":null}",
		"{ \"a\" : [ 1 , 2 ] , \"b\" : \"\\u00e4\\\"\\\\\\/\\b\\f\\n\\r\\t\" }",
		"{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\x7f\"}",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(accepts(good[i], strlen(good[i])));
}

static void test_scan_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"1",
		"\"a\"",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,}",
		"{\"a\":1,,\"b\":2}",
		"{,}",
		"{a:1}",
		"{'a':1}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":+1}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":1e}",
		"{\"a\":1e+}",
		"{\"a\":0x10}",
		"{\"a\":NaN}",
		"{\"a\":tru}",
		"{\"a\":[1,]}",
		"{\"a\":[1",
		"{\"a\":[1}",
		"{\"a\":{]}",
		"{\"a\":1}}",
		"{\"a\":1} x",
		"{\"a\":\"\n\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\u12",
		"{\"a\":\"b}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xed\xa0\x80\"}",
		"\xef\xbb\xbf{}",
		"{\"a\":1}\x0c",
		"{1:2}",
		"{\"a\":\"\\",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(accepts(bad[i], strlen(bad[i])));
	assert_false(accepts("{\"a\":1}\0", 8));
	assert_false(accepts("{\"a\":\"\0\"}", 9));
}

static void test_scan_depth(void **state)
{
	char text[2 * JSON_DEPTH + 16] = "{\"a\":";
	size_t at = 5;

	memset(text + at, '[', JSON_DEPTH - 1);
	memset(text + at + JSON_DEPTH - 1, ']', JSON_DEPTH - 1);
	strcpy(text + at + 2 * (JSON_DEPTH - 1), "}");
	assert_true(accepts(text, strlen(text)));
	memset(text + at, '[', JSON_DEPTH);
	memset(text + at + JSON_DEPTH, ']', JSON_DEPTH);
	strcpy(text + at + 2 * JSON_DEPTH, "}");
	assert_false(accepts(text, strlen(text)));
}

struct seen {
	char text[128];
	int stop;
};

static int on_member(void *arg, const char *key, size_t key_len, const char *value,
		     size_t value_len)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%.*s=%.*s;", (int)key_len, key,
		 (int)value_len, value);
	return seen->stop;
}

static void test_scan_members(void **state)
{
	static const char text[] =
		"{ \"a\" : 18446744073709551615 , \"b\":{\"a\":[ 1 ]},\"c\":\"}\"}";
	struct seen seen = {};
	size_t at;

	assert_int_equal(json_scan(text, strlen(text), on_member, &seen, &at), 0);
	assert_string_equal(seen.text, "a=18446744073709551615;b={\"a\":[ 1 ]};c=\"}\";");
	seen = (struct seen){.stop = -ECANCELED};
	assert_int_equal(json_scan(text, strlen(text), on_member, &seen, &at), -ECANCELED);
	assert_string_equal(seen.text, "a=18446744073709551615;");
}

static void test_scan_says_where(void **state)
{
	struct seen seen = {};
	size_t at = 0;

	assert_int_equal(json_scan("{\"a\":1,\"b\":?}", 13, on_member, &seen, &at), -EBADMSG);
	assert_int_equal(at, 11);
}

/* Damaged text: never read out of bounds (sanitizers watch), never more lenient than cJSON. */
static void test_scan_damaged(void **state)
{
	static const char text[] =
		"{\"v\":1,\"a\":[true,{\"b\":-1.5e3}],\"c\":\"\\u00e4\\n\xc3\xa4\"}";

	srandom(2);
	for (int round = 0; round < 50000; round++) {
		size_t len = (size_t)random() % sizeof(text);
		char *copy = malloc(len + 1); /* exact, for the sanitizers */
		cJSON *read;

		memcpy(copy, text, len);
		for (long n = random() % 3; n > 0 && len; n--)
			copy[(size_t)random() % len] = "{}[]\",:\\u0e-.1\n\xff\xc3"[random() % 17];
		if (accepts(copy, len)) {
			read = cJSON_ParseWithLength(copy, len);
			assert_non_null(read);
			cJSON_Delete(read);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_invalid_utf8_is_replaced),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_scan_accepts),
		cmocka_unit_test(test_scan_refuses),
		cmocka_unit_test(test_scan_depth),
		cmocka_unit_test(test_scan_members),
		cmocka_unit_test(test_scan_says_where),
		cmocka_unit_test(test_scan_damaged),
	};

	return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
