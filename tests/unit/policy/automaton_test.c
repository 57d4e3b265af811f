/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "policy/automaton.h"
#include "policy/glob.h"

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) % n);
}

/* A random word over an alphabet, at most `max` long. */
static void random_word(char *out, const char *alphabet, uint32_t max)
{
	uint32_t len = pick(max + 1);

	for (uint32_t i = 0; i < len; i++)
		out[i] = alphabet[pick((uint32_t)strlen(alphabet))];
	out[len] = '\0';
}

static struct dfa *glob_dfa(const char *glob, uint32_t label)
{
	_nfa_ struct nfa n = {};
	struct dfa *d = NULL;

	nfa_glob(&n, glob, byteset_but(NULL), byteset_but(NULL));
	assert_int_equal(nfa_dfa(&n, label, DFA_BUDGET, &d), 0);
	return d;
}

static bool same_dfa(const struct dfa *a, const struct dfa *b)
{
	return a->states == b->states && a->stride == b->stride && a->start == b->start &&
	       !memcmp(a->classes, b->classes, sizeof(a->classes)) &&
	       !memcmp(a->next, b->next, (size_t)a->states * a->stride * sizeof(*a->next)) &&
	       !memcmp(a->labels, b->labels, a->states * sizeof(*a->labels));
}

static void test_globs(void **state)
{
	char glob[16], text[24];
	int hits = 0;

	for (int i = 0; i < 3000; i++) {
		random_word(glob, "ab*?c\\", 8);
		_dfa_ struct dfa *d = glob_dfa(glob, 7);

		for (int k = 0; k < 60; k++) {
			bool want;

			random_word(text, "abc*\\", 12);
			want = glob_match(GLOB_TEXT, glob, text, strlen(text));
			hits += want;
			if ((dfa_run(d, text, strlen(text)) == 7) != want)
				fail_msg("%s on %s: want %d", glob, text, want);
		}
	}
	assert_true(hits > 5000);
}

static void test_back(void **state)
{
	_nfa_ struct nfa n = {};
	_dfa_ struct dfa *d = NULL;
	struct byteset label = byteset_but(".");

	/* One or more whole labels, then "x". */
	nfa_step(&n, STEP_ONE, label);
	nfa_step(&n, STEP_MANY, label);
	nfa_step(&n, STEP_ONE, byteset_of('.'));
	nfa_back(&n, 0);
	nfa_text(&n, "x");
	assert_int_equal(nfa_dfa(&n, 1, DFA_BUDGET, &d), 0);
	assert_int_equal(dfa_run(d, "a.x", 3), 1);
	assert_int_equal(dfa_run(d, "a.bb.c.x", 8), 1);
	assert_int_equal(dfa_run(d, "x", 1), LABEL_NONE);
	assert_int_equal(dfa_run(d, ".x", 2), LABEL_NONE);
	assert_int_equal(dfa_run(d, "a..x", 4), LABEL_NONE);
	assert_int_equal(dfa_run(d, "a.b.y", 5), LABEL_NONE);
}

static void test_skip(void **state)
{
	_nfa_ struct nfa n = {};
	_dfa_ struct dfa *d = NULL;

	/* "x", and then nothing or a slash or star with anything behind. */
	nfa_text(&n, "x");
	nfa_skip(&n, 2);
	nfa_step(&n, STEP_ONE, byteset_in("/*"));
	nfa_step(&n, STEP_MANY, byteset_but(NULL));
	assert_int_equal(nfa_dfa(&n, 1, DFA_BUDGET, &d), 0);
	assert_int_equal(dfa_run(d, "x", 1), 1);
	assert_int_equal(dfa_run(d, "x/", 2), 1);
	assert_int_equal(dfa_run(d, "x*", 2), 1);
	assert_int_equal(dfa_run(d, "x/ab", 4), 1);
	assert_int_equal(dfa_run(d, "xa", 2), LABEL_NONE);
	assert_int_equal(dfa_run(d, "", 0), LABEL_NONE);
}

/* A star that something leads past does not stand for what is before it. */
static void test_skip_star(void **state)
{
	_nfa_ struct nfa n = {};
	_dfa_ struct dfa *d = NULL;

	/* Any number of "x", then "b", or anything that ends in "ab". */
	nfa_step(&n, STEP_MANY, byteset_of('x'));
	nfa_skip(&n, 2);
	nfa_step(&n, STEP_MANY, byteset_but(NULL));
	nfa_text(&n, "ab");
	assert_int_equal(nfa_dfa(&n, 1, DFA_BUDGET, &d), 0);
	assert_int_equal(dfa_run(d, "b", 1), 1);
	assert_int_equal(dfa_run(d, "xxb", 3), 1);
	assert_int_equal(dfa_run(d, "xyab", 4), 1);
	assert_int_equal(dfa_run(d, "xyb", 3), LABEL_NONE);
}

/* How far a long part has got is of no interest behind it: stars add states, and do not multiply.
 */
static void test_long_part(void **state)
{
	_dfa_ struct dfa *d = NULL;
	char glob[4020] = "";

	glob[0] = '*';
	memset(glob + 1, 'a', 4000);
	strcpy(glob + 4000, "b*x*y*");
	d = glob_dfa(glob, 1);
	assert_in_range(d->states, 4000, 4010);
	assert_int_equal(dfa_run(d, glob, strlen(glob)), 1);
	assert_int_equal(dfa_run(d, glob, strlen(glob) - 2), LABEL_NONE);
}

static void test_minimal(void **state)
{
	_dfa_ struct dfa *star = glob_dfa("*", 1);
	_dfa_ struct dfa *word = glob_dfa("abc", 1);
	_dfa_ struct dfa *stars = glob_dfa("a*b*", 1);
	_dfa_ struct dfa *more = glob_dfa("a**b***", 1);

	assert_int_equal(star->states, 1);
	assert_int_equal(star->stride, 1);
	assert_int_equal(word->states, 5); /* four places and the dead state */
	assert_int_equal(word->stride, 4);
	assert_true(same_dfa(stars, more));
}

/*
 * True when every two states differ: by label, or because some byte leads them to two that differ.
 * `differ` is a table of states * states, filled in until nothing changes.
 */
static bool all_differ(const struct dfa *d)
{
	_free_ bool *differ = calloc((size_t)d->states * d->states, sizeof(*differ));
	bool changed = true;
	size_t pairs = 0;

	assert_non_null(differ);
	while (changed) {
		changed = false;
		for (uint32_t a = 0; a < d->states; a++)
			for (uint32_t b = 0; b < d->states; b++) {
				bool now = d->labels[a] != d->labels[b];

				for (uint32_t c = 0; c < d->stride; c++)
					now |= differ[d->next[a * d->stride + c] * d->states +
						      d->next[b * d->stride + c]];
				changed |= now && !differ[a * d->states + b];
				differ[a * d->states + b] |= now;
			}
	}
	for (size_t i = 0; i < (size_t)d->states * d->states; i++)
		pairs += differ[i];
	return pairs == (size_t)d->states * (d->states - 1);
}

/* No two states can be one, and minimising again changes nothing. */
static void test_minimise_again(void **state)
{
	char glob[16];

	for (int i = 0; i < 300; i++) {
		random_word(glob, "ab*?", 8);
		_dfa_ struct dfa *a = glob_dfa(glob, 1);
		_dfa_ struct dfa *b = glob_dfa(glob, 1);

		assert_true(all_differ(a));
		assert_int_equal(dfa_minimise(b), 0);
		assert_true(same_dfa(a, b));
	}
}

/* Labels are sets of patterns here, as bits. */
static int both_bits(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	a = a == LABEL_NONE ? 0 : a;
	b = b == LABEL_NONE ? 0 : b;
	*ret = (a | b) ? a | b : LABEL_NONE;
	return 0;
}

static void test_products(void **state)
{
	char one[16], two[16], text[24];

	for (int i = 0; i < 1000; i++) {
		random_word(one, "ab*?", 6);
		random_word(two, "ab*?", 6);
		_dfa_ struct dfa *a = glob_dfa(one, 1);
		_dfa_ struct dfa *b = glob_dfa(two, 2);
		_dfa_ struct dfa *both = NULL, *minus = NULL, *and = NULL;

		assert_int_equal(dfa_product(a, b, both_bits, NULL, DFA_BUDGET, &both), 0);
		assert_int_equal(dfa_product(a, b, dfa_minus, NULL, DFA_BUDGET, &minus), 0);
		assert_int_equal(dfa_product(a, b, dfa_and, NULL, DFA_BUDGET, &and), 0);
		for (int k = 0; k < 40; k++) {
			bool in_a, in_b;
			size_t len;

			random_word(text, "abc", 10);
			len = strlen(text);
			in_a = glob_match(GLOB_TEXT, one, text, len);
			in_b = glob_match(GLOB_TEXT, two, text, len);
			assert_int_equal(dfa_run(both, text, len),
					 in_a || in_b ? in_a + 2U * in_b : LABEL_NONE);
			assert_int_equal(dfa_run(minus, text, len), in_a && !in_b ? 1 : LABEL_NONE);
			assert_int_equal(dfa_run(and, text, len), in_a && in_b ? 1 : LABEL_NONE);
		}
	}
}

static void test_budget(void **state)
{
	_nfa_ struct nfa n = {};
	struct dfa *d = NULL;

	/* Whether there was an "a" twelve bytes ago takes a bit a byte: 2^13 states. */
	nfa_glob(&n, "*a????????????", byteset_but(NULL), byteset_but(NULL));
	assert_int_equal(nfa_dfa(&n, 1, 4096, &d), -E2BIG);
	assert_null(d);
	assert_int_equal(nfa_dfa(&n, 1, 8192, &d), 0);
	assert_int_equal(d->states, 8192);
	dfa_free(&d);
}

static void test_groups(void **state)
{
	enum { COUNT = 20 };
	char globs[COUNT][32], text[64];
	struct dfa *dfas[COUNT];
	size_t count = COUNT;
	int hits = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(globs[i], sizeof(globs[i]), "*%c%c*%c*", 'a' + i % 5, 'a' + i / 5,
			 'a' + i % 7);
		dfas[i] = glob_dfa(globs[i], 1U << i);
	}
	assert_int_equal(dfa_group(dfas, &count, both_bits, NULL, 256), 0);
	assert_in_range(count, 2, COUNT - 1);
	for (size_t g = 0; g < count; g++)
		assert_in_range(dfas[g]->states, 2, 256);
	for (int k = 0; k < 3000; k++) {
		uint32_t want = 0, got = 0;

		random_word(text, "abcdefg", 12);
		for (uint32_t i = 0; i < COUNT; i++)
			want |= glob_match(GLOB_TEXT, globs[i], text, strlen(text)) ? 1U << i : 0;
		for (size_t g = 0; g < count; g++) {
			uint32_t label = dfa_run(dfas[g], text, strlen(text));

			got |= label == LABEL_NONE ? 0 : label;
		}
		assert_int_equal(got, want);
		hits += want != 0;
	}
	assert_true(hits > 300);
	for (size_t g = 0; g < count; g++)
		dfa_free(&dfas[g]);
}

static void test_group_of_none(void **state)
{
	size_t count = 0;

	assert_int_equal(dfa_group(NULL, &count, both_bits, NULL, 256), 0);
	assert_int_equal(count, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_globs),          cmocka_unit_test(test_back),
	cmocka_unit_test(test_skip),           cmocka_unit_test(test_skip_star),
	cmocka_unit_test(test_long_part),      cmocka_unit_test(test_minimal),
	cmocka_unit_test(test_minimise_again), cmocka_unit_test(test_products),
	cmocka_unit_test(test_budget),         cmocka_unit_test(test_groups),
	cmocka_unit_test(test_group_of_none),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
