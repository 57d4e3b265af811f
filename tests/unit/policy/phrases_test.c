/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "policy/phrases.h"

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) % n);
}

static size_t random_word(char *out, const char *alphabet, uint32_t min, uint32_t max)
{
	uint32_t len = min + pick(max - min + 1);

	for (uint32_t i = 0; i < len; i++)
		out[i] = alphabet[pick((uint32_t)strlen(alphabet))];
	out[len] = '\0';
	return len;
}

/* Labels are sets of phrases, as bits. */
static int both_bits(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	*ret = a | b;
	return 0;
}

/* The phrases that end at `end` in the text. */
static uint32_t ending_at(const struct phrase *phrases, size_t count, bool fold, const char *text,
			  size_t end)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < count; i++) {
		const char *at = text + end - phrases[i].len;

		if (phrases[i].len > end || !phrases[i].len)
			continue;
		if (fold ? !strncasecmp(at, phrases[i].text, phrases[i].len)
			 : !memcmp(at, phrases[i].text, phrases[i].len))
			bits |= phrases[i].label;
	}
	return bits;
}

/* Goes through a text byte by byte and compares what every prefix ends in. */
static int walk(const struct dfa *d, const struct phrase *phrases, size_t count, bool fold,
		const char *text, size_t len)
{
	uint32_t state = d->start, want;
	int hits = 0;

	for (size_t i = 0; i < len; i++) {
		state = d->next[(size_t)state * d->stride + d->classes[(uint8_t)text[i]]];
		want = ending_at(phrases, count, fold, text, i + 1);
		hits += want != 0;
		if (d->labels[state] != (want ? want : LABEL_NONE))
			fail_msg("%.*s: %x, want %x", (int)i + 1, text, d->labels[state], want);
	}
	return hits;
}

static void check_random(bool fold, int *ret_hits)
{
	char words[12][8], text[64];
	struct phrase phrases[12];
	_dfa_ struct dfa *d = NULL;
	size_t count = 1 + pick(12);

	for (size_t i = 0; i < count; i++) {
		size_t len = random_word(words[i], "aAbBc-", 1, 6);

		phrases[i] = (struct phrase){words[i], len, 1U << i};
	}
	assert_int_equal(phrases_dfa(phrases, count, fold, both_bits, NULL, 4096, &d), 0);
	for (int k = 0; k < 30; k++) {
		size_t len = random_word(text, "aAbBcC-x", 0, 60);

		*ret_hits += walk(d, phrases, count, fold, text, len);
	}
}

static void test_random(void **state)
{
	int hits = 0;

	for (int i = 0; i < 1000; i++)
		check_random(i & 1, &hits);
	assert_true(hits > 10000);
}

/* Only ASCII letters have two cases: bytes of other alphabets are themselves. */
static void test_fold(void **state)
{
	struct phrase phrases[] = {{"[Drop]\xc3\xa4", 8, 1}};
	_dfa_ struct dfa *d = NULL;

	assert_int_equal(phrases_dfa(phrases, 1, true, both_bits, NULL, 64, &d), 0);
	assert_int_equal(dfa_run(d, "[dROP]\xc3\xa4", 8), 1);
	assert_int_equal(dfa_run(d, "{drop]\xc3\xa4", 8), LABEL_NONE);
	assert_int_equal(dfa_run(d, "[drop]\xc3\x84", 8), LABEL_NONE);
	assert_int_equal(dfa_run(d, "x[drop]\xc3\xa4", 9), 1);
	assert_int_equal(dfa_run(d, "[drop]\xc3\xa4x", 9), LABEL_NONE);
}

static void test_every_byte(void **state)
{
	char all[256];
	struct phrase phrases[] = {{all, 256, 1}};
	_dfa_ struct dfa *d = NULL;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_int_equal(phrases_dfa(phrases, 1, false, both_bits, NULL, 4096, &d), 0);
	assert_int_equal(d->stride, 256);
	assert_int_equal(walk(d, phrases, 1, false, all, 256), 1);
}

static void test_none(void **state)
{
	struct phrase empty = {"", 0, 1};
	struct dfa *d = (struct dfa *)&empty;

	assert_int_equal(phrases_dfa(NULL, 0, true, both_bits, NULL, 64, &d), 0);
	assert_null(d);
	d = (struct dfa *)&empty;
	assert_int_equal(phrases_dfa(&empty, 1, true, both_bits, NULL, 64, &d), 0);
	assert_null(d);
}

static void test_budget(void **state)
{
	struct phrase phrases[] = {{"abcdef", 6, 1}, {"xyz", 3, 2}};
	struct dfa *d = NULL;

	assert_int_equal(phrases_dfa(phrases, 2, true, both_bits, NULL, 9, &d), -E2BIG);
	assert_null(d);
	assert_int_equal(phrases_dfa(phrases, 2, true, both_bits, NULL, 10, &d), 0);
	dfa_free(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_random),     cmocka_unit_test(test_fold),
	cmocka_unit_test(test_every_byte), cmocka_unit_test(test_none),
	cmocka_unit_test(test_budget),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
