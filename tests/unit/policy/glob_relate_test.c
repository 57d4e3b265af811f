/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/random.h"
#include "policy/glob.h"

/* What is said of two globs, against what they match. */

struct relation {
	const char *a, *b;
	bool covers; /* a covers b */
	bool apart;
};

static void relates(enum glob_field field, const struct relation *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct relation *r = &rows[i];

		if (glob_covers(field, r->a, r->b) != r->covers)
			fail_msg("%s covers %s: not %d", r->a, r->b, r->covers);
		if (glob_disjoint(field, r->a, r->b) != r->apart ||
		    glob_disjoint(field, r->b, r->a) != r->apart)
			fail_msg("%s is apart from %s: not %d", r->a, r->b, r->apart);
	}
}

static void relates_texts(void **state)
{
	static const struct relation rows[] = {
		{NULL, NULL, true, false},
		{NULL, "a", true, false},
		{"a", NULL, false, false},
		{"a", "a", true, false},
		{"a", "b", false, true},
		{"/usr/bin/*", "/usr/bin/git", true, false},
		{"/usr/bin/*", "/usr/bin/g*", true, false},
		{"/usr/bin/*", "/usr/bin/*", true, false},
		{"/usr/bin/g*", "/usr/bin/*", false, false},
		{"/usr/bin/*", "/usr/lib/*", false, true},
		{"*/git", "/usr/*/git", true, false},
		{"*/git", "*/gut", false, true},
		{"*a*", "*", false, false},
		{"*", "", true, false},
		{"a?", "ab", true, false},
		{"a?", "a?", true, false},
		{"a?", "a*", false, false},
		{"a*", "a?", true, false},
		{"*?", "?*", false, false}, /* true, and not seen */
		{"a\\*", "a*", false, false},
		{"a*", "a\\*", true, false},
		{"a\\*", "a\\?", false, true},
		{"a\\*b", "acb", false, true},
	};

	relates(GLOB_TEXT, rows, COUNT(rows));
}

static void relates_hosts(void **state)
{
	static const struct relation rows[] = {
		{"*.b", "a.b", true, false},    {"*.b", "c.a.b", true, false},
		{"*.b", "b", false, true},      {"*.b", "*.a.b", true, false},
		{"*.a.b", "*.b", false, false}, {"*.b", "*.b", true, false},
		{"*.b", "a*.b", true, false},   {"*.b", "?.b", true, false},
		{"*.b", "x.*.b", false, false}, /* the star may be nothing, and that is no host */
		{"*.b", "x.a*.b", true, false}, {"a*.b", "*.b", false, false},
		{"a*", "ab", true, false},      {"a*", "a.b", false, true},
		{"*.a", "*.b", false, true},    {"a*.b", "a.c*.b", false, false},
	};

	relates(GLOB_HOST, rows, COUNT(rows));
}

static void random_word(char *out, const char *letters, uint32_t max)
{
	uint32_t len = pick(max + 1);

	for (uint32_t i = 0; i < len; i++)
		out[i] = letters[pick((uint32_t)strlen(letters))];
	out[len] = '\0';
}

/* Nothing that is said is ever wrong; and something is said. */
static void is_never_wrong(void **state)
{
	char globs[2][16], text[16];
	uint32_t said[2] = {};

	for (int i = 0; i < 60000; i++) {
		enum glob_field field = pick(2) ? GLOB_HOST : GLOB_TEXT;
		bool covers, apart;

		for (int k = 0; k < 2; k++)
			random_word(globs[k], "ab.*?", 6);
		covers = glob_covers(field, globs[0], globs[1]);
		apart = glob_disjoint(field, globs[0], globs[1]);
		said[0] += covers;
		said[1] += apart;
		for (int k = 0; (covers || apart) && k < 40; k++) {
			bool a, b;

			random_word(text, "ab.", 7);
			a = glob_match(field, globs[0], text, strlen(text));
			b = glob_match(field, globs[1], text, strlen(text));
			if ((covers && b && !a) || (apart && a && b))
				fail_msg("%s, %s (%s): covers %d, apart %d, but for %s", globs[0],
					 globs[1], field == GLOB_HOST ? "hosts" : "texts", covers,
					 apart, text);
		}
	}
	assert_true(said[0] > 1000 && said[1] > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relates_texts),
		cmocka_unit_test(relates_hosts),
		cmocka_unit_test(is_never_wrong),
	};

	random_start();
	print_message("WARDEN_SEED=%llu\n", (unsigned long long)random_given);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
