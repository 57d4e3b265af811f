/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <fnmatch.h>
#include <locale.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/glob.h"

static void matches_texts(void **state)
{
	static const struct {
		const char *glob, *text;
		bool match;
	} rows[] = {
		{NULL, "", true},
		{NULL, "anything", true},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "/usr/bin/git", true},
		{"/usr/bin/git", "/usr/bin/git", true},
		{"/usr/bin/git", "/usr/bin/gi", false},
		{"/usr/bin/git", "/usr/bin/git2", false},
		{"/usr/bin/git", "/usr/bin/Git", false},
		{"/usr/*", "/usr/bin/git", true},
		{"/usr/*", "/usr/", true},
		{"/usr/*", "/usr", false},
		{"*/git", "/usr/bin/git", true},
		{"/usr/*/git", "/usr/bin/x/git", true},
		{"/usr/*/git", "/usr/git", false},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "aXcXb", false},
		{"a?c", "abc", true},
		{"a?c", "a/c", true},
		{"a?c", "ac", false},
		{"a?c",
		 "a\xc3\xa4"
		 "c",
		 false}, /* two bytes */
		{"a\\*c", "a*c", true},
		{"a\\*c", "abc", false},
		{"a\\?c", "abc", false},
		{"a\\\\c", "a\\c", true},
		{"a[b]c", "a[b]c", true}, /* as it is kept: nothing else is special */
		{"a[b]c", "abc", false},
		{"*a", "aaaaab", false},
		{"*\\*", "ab*", true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (glob_match(GLOB_TEXT, rows[i].glob, rows[i].text, strlen(rows[i].text)) !=
		    rows[i].match)
			fail_msg("%s %s %s", rows[i].glob, rows[i].match ? "!~" : "~",
				 rows[i].text);
	/* Only the length ends a text. */
	assert_true(glob_match(GLOB_TEXT, "a?b", "a\0b", 3));
	assert_true(glob_match(GLOB_TEXT, "a", "abc", 1));
}

static void matches_hosts(void **state)
{
	static const struct {
		const char *glob, *text;
		bool match;
	} rows[] = {
		{NULL, "a.b.c", true},
		{"example.com", "example.com", true},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.c.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", ".example.com", false},
		{"*.example.com", "a..example.com", false},
		{"*.example.com", "..example.com", false},
		{"*.example.com", "badexample.com", false},
		{"*.example.com", "a.example.com.evil.org", false},
		{"*.example.com", "example.com.example.com", true},
		{"*example.com", "badexample.com", true},
		{"*example.com", "a.example.com", false},
		{"api.*.com", "api.x.com", true},
		{"api.*.com", "api.x.y.com", false},
		{"api*.example.com", "api.example.com", true},
		{"api*.example.com", "api-7.example.com", true},
		{"api*.example.com", "api.7.example.com", false},
		{"api?.example.com", "api7.example.com", true},
		{"api?example.com", "api.example.com", false},
		{"*.*.com", "a.b.com", true},
		{"*.*.com", "a.com", false},
		{"*.*.com", "a.b.c.com", true},
		{"*.b", "", false},
		{"*.b", "b", false},
		{"*.b", ".b", false},
		{"\\*.b", "*.b", true},
		{"\\*.b", "a.b", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (glob_match(GLOB_HOST, rows[i].glob, rows[i].text, strlen(rows[i].text)) !=
		    rows[i].match)
			fail_msg("%s %s %s", rows[i].glob, rows[i].match ? "!~" : "~",
				 rows[i].text);
}

/* A text of these letters, of up to `max`. */
static void random_text(char *out, const char *letters, size_t max)
{
	size_t n = (size_t)random() % (max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = letters[(size_t)random() % strlen(letters)];
	out[n] = '\0';
}

/* In a path the C library's globs mean the same, as long as nobody writes brackets. */
static void agrees_with_fnmatch(void **state)
{
	size_t matches = 0;

	srandom(1);
	setlocale(LC_ALL, "C");
	for (size_t i = 0; i < 200000; i++) {
		char glob[16], text[16];
		size_t n;

		random_text(glob, "ab/*?\\", 7);
		n = strlen(glob);
		if (n && glob[n - 1] == '\\')
			continue; /* not a glob */
		random_text(text, "ab/*?\\", 8);
		if (glob_match(GLOB_TEXT, glob, text, strlen(text)) !=
		    (fnmatch(glob, text, 0) == 0))
			fail_msg("glob '%s' text '%s'", glob, text);
		matches += fnmatch(glob, text, 0) == 0;
	}
	assert_true(matches > 5000);
}

/* The rules of hosts, once more, as a regular expression. */
static void host_regex(const char *glob, char *out)
{
	strcpy(out, "^");
	if (!strncmp(glob, "*.", 2)) {
		strcat(out, "([^.]+[.])+");
		glob += 2;
	}
	for (; *glob; glob++) {
		const char piece[] = {'[', *glob, ']', '\0'};

		strcat(out, *glob == '*' ? "[^.]*" : *glob == '?' ? "[^.]" : piece);
	}
	strcat(out, "$");
}

static void agrees_with_regex(void **state)
{
	size_t matches = 0;

	srandom(2);
	for (size_t i = 0; i < 3000; i++) {
		char glob[16], expression[128], text[16];
		regex_t regex;

		random_text(glob, "ab..*?", 6);
		host_regex(glob, expression);
		assert_int_equal(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB), 0);
		for (size_t j = 0; j < 50; j++) {
			bool match;

			random_text(text, "ab.", 8);
			match = regexec(&regex, text, 0, NULL, 0) == 0;
			if (glob_match(GLOB_HOST, glob, text, strlen(text)) != match)
				fail_msg("glob '%s' text '%s'", glob, text);
			matches += match;
		}
		regfree(&regex);
	}
	assert_true(matches > 1000);
}

static void finds_faults(void **state)
{
	static const struct {
		enum glob_field field;
		const char *glob, *fault;
	} rows[] = {
		{GLOB_TEXT, "/a*b?\\[\\]\\{\\}\\*\\*\\\\", NULL},
		{GLOB_TEXT, "a**", "has **: one * is enough, it crosses / too"},
		{GLOB_HOST, "**.a",
		 "has **: one * is enough, and a leading *. is any number of labels"},
		{GLOB_TEXT, "a[b", "has [ or ], which are not special: write \\[ and \\]"},
		{GLOB_TEXT, "a]b", "has [ or ], which are not special: write \\[ and \\]"},
		{GLOB_TEXT, "a{b", "has { or }, which are not special: write \\{ and \\}"},
		{GLOB_TEXT, "a}b", "has { or }, which are not special: write \\{ and \\}"},
		{GLOB_TEXT, "a\\\\[", "has [ or ], which are not special: write \\[ and \\]"},
		{GLOB_TEXT, "a\\", "ends in a lone \\: write \\\\ for the character itself"},
		{GLOB_TEXT, "a\\\\\\", "ends in a lone \\: write \\\\ for the character itself"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *fault = glob_fault(rows[i].field, rows[i].glob, strlen(rows[i].glob));

		if (!rows[i].fault)
			assert_null(fault);
		else
			assert_string_equal(fault, rows[i].fault);
	}
}

static void keeps_what_it_means(void **state)
{
	srandom(3);
	for (size_t i = 0; i < 50000; i++) {
		char glob[16], text[16];
		char *canonical, *escaped, *plain;

		random_text(glob, "ab*?\\[", 7);
		random_text(text, "ab*?\\[", 6);
		escaped = glob_escape(text);
		assert_true(glob_is_literal(escaped));
		assert_true(glob_match(GLOB_TEXT, escaped, text, strlen(text)));
		plain = glob_unescape(escaped);
		assert_string_equal(plain, text);
		if (!*glob || glob[strlen(glob) - 1] != '\\') {
			canonical = glob_canonical(glob, strlen(glob));
			assert_int_equal(glob_match(GLOB_TEXT, glob, text, strlen(text)),
					 glob_match(GLOB_TEXT, canonical, text, strlen(text)));
			assert_int_equal(glob_is_literal(glob), glob_is_literal(canonical));
			free(canonical);
		}
		free(escaped);
		free(plain);
	}
}

static void drops_needless_escapes(void **state)
{
	char *canonical = glob_canonical("\\a\\*\\[\\\\\\?b", 11);

	assert_string_equal(canonical, "a\\*[\\\\\\?b");
	free(canonical);
	assert_false(glob_is_literal("a*"));
	assert_false(glob_is_literal("?"));
	assert_true(glob_is_literal(""));
	assert_true(glob_is_literal("\\*\\?"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_texts),          cmocka_unit_test(matches_hosts),
		cmocka_unit_test(agrees_with_fnmatch),    cmocka_unit_test(agrees_with_regex),
		cmocka_unit_test(finds_faults),           cmocka_unit_test(keeps_what_it_means),
		cmocka_unit_test(drops_needless_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
