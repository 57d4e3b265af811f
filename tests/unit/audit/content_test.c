/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audit/content.h"

#define ABC     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* A body of `text` in pieces of one byte. */
static struct audit_body feed(struct body *b, size_t limit, const char *text)
{
	struct audit_body result;

	assert_int_equal(body_init(b, limit), 0);
	for (; *text; text++)
		body_feed(b, text, 1);
	body_finish(b, &result);
	return result;
}

static void test_whole(void **state)
{
	struct body b;
	struct audit_body r = feed(&b, 3, "abc");

	assert_int_equal(r.len, 3);
	assert_memory_equal(r.text, "abc", 3);
	assert_false(r.truncated);
	assert_true(r.bytes.known && r.bytes.value == 3);
	assert_string_equal(r.sha256, ABC);
	body_free(&b);
}

static void test_truncated(void **state)
{
	struct body b;
	struct audit_body r = feed(&b, 2, "abc");

	assert_int_equal(r.len, 2);
	assert_memory_equal(r.text, "ab", 2);
	assert_true(r.truncated);
	assert_true(r.bytes.known && r.bytes.value == 3);
	assert_string_equal(r.sha256, ABC);
	body_free(&b);
}

static void test_metadata(void **state)
{
	struct body b;
	struct audit_body r = feed(&b, CONTENT_METADATA, "abc");

	assert_null(r.text);
	assert_true(r.bytes.known && r.bytes.value == 3);
	assert_string_equal(r.sha256, ABC);
	body_free(&b);
}

static void test_empty(void **state)
{
	struct body b;
	struct audit_body r = feed(&b, CONTENT_EVIDENCE, "");

	assert_non_null(r.text);
	assert_int_equal(r.len, 0);
	assert_false(r.truncated);
	assert_true(r.bytes.known && r.bytes.value == 0);
	assert_string_equal(r.sha256, NOTHING);
	body_free(&b);
}

static void test_pieces_across_the_limit(void **state)
{
	size_t size = CONTENT_EVIDENCE + 1000;
	char *data = malloc(size);
	struct audit_body r;
	struct body b;

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7);
	assert_int_equal(body_init(&b, CONTENT_EVIDENCE), 0);
	for (size_t at = 0; at < size; at += 999)
		body_feed(&b, data + at, size - at < 999 ? size - at : 999);
	body_finish(&b, &r);
	assert_int_equal(r.len, CONTENT_EVIDENCE);
	assert_memory_equal(r.text, data, CONTENT_EVIDENCE);
	assert_true(r.truncated);
	assert_true(r.bytes.value == size);
	body_free(&b);
	free(data);
}

/* Behind a gap nothing is spliced on, and the hash of the whole is not known. */
static void test_gap(void **state)
{
	struct audit_body r;
	struct body b;

	assert_int_equal(body_init(&b, 100), 0);
	body_feed(&b, "ab", 2);
	body_gap(&b, 5);
	body_feed(&b, "cd", 2);
	body_finish(&b, &r);
	assert_int_equal(r.len, 2);
	assert_memory_equal(r.text, "ab", 2);
	assert_true(r.truncated);
	assert_true(r.bytes.known && r.bytes.value == 9);
	assert_null(r.sha256);
	body_free(&b);

	assert_int_equal(body_init(&b, 0), 0);
	body_gap(&b, 0);
	body_finish(&b, &r);
	assert_false(r.bytes.known);
	body_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_pieces_across_the_limit),
		cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests_name("audit/content", tests, NULL, NULL);
}
