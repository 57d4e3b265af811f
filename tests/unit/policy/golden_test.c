/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "build.h"
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/print.h"

/*
 * Golden tests of the compiler: tests/golden/policies/NAME.yaml must compile to what
 * NAME.image.txt says. Run it in the top directory, as `make unit` does. When the compiler or the
 * printer was changed on purpose:
 *
 *	WARDEN_GOLDEN=write build/unit/policy/golden_test
 *
 * writes the expected texts anew, for the diff to be read. Programs are not resolved here: what
 * links there are depends on the machine.
 */

#define WHERE    "tests/golden/policies/"
#define AT_LEAST 9 /* policies; fewer means that they were not found */

static void read_file(const char *path, struct buf *out)
{
	_fclose_ FILE *f = fopen(path, "r");
	char piece[4096];
	size_t n;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), f)))
		buf_add(out, piece, n);
	buf_add_char(out, '\0');
}

static void write_file(const char *path, const char *text)
{
	_fclose_ FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

/* The image of a policy file, printed. */
static void compile(const char *path, struct buf *out)
{
	_buf_ struct buf text = {};
	struct policy *policy = NULL;
	struct image_block block;
	struct diags diags = {};
	int r;

	read_file(path, &text);
	r = policy_parse(strrchr(path, '/') + 1, text.data, text.len - 1, &policy, &diags);
	if (!r)
		r = policy_check(policy, &diags);
	if (r < 0)
		fail_msg("%s: %s", path, diags.count ? diags.items[0].message : "no memory");
	diags_free(&diags);
	block = build_image(policy);
	image_print(block.data, out);
	buf_add_char(out, '\0');
	assert_int_equal(buf_error(out), 0);
	free(block.data);
	policy_free(&policy);
}

/* The number of the first line in which two texts differ. */
static int first_difference(const char *a, const char *b)
{
	int line = 1;

	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	return line;
}

static void compare(const char *path, bool write)
{
	_buf_ struct buf got = {}, want = {};
	char expected[512];

	snprintf(expected, sizeof(expected), "%.*s.image.txt", (int)(strlen(path) - 5), path);
	compile(path, &got);
	if (write) {
		write_file(expected, got.data);
		return;
	}
	read_file(expected, &want);
	if (strcmp(got.data, want.data) != 0)
		fail_msg("%s compiles to something else than %s, from line %d on:\n%s", path,
			 expected, first_difference(got.data, want.data), got.data);
}

static void test_policies(void **state)
{
	const char *mode = getenv("WARDEN_GOLDEN");
	glob_t found = {};

	assert_int_equal(glob(WHERE "*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= AT_LEAST);
	for (size_t i = 0; i < found.gl_pathc; i++)
		compare(found.gl_pathv[i], mode && !strcmp(mode, "write"));
	globfree(&found);
}

/* What is compared has to be the same every time, and to differ where policies do. */
static void test_stable(void **state)
{
	_buf_ struct buf one = {}, two = {}, other = {};

	compile(WHERE "net.yaml", &one);
	compile(WHERE "net.yaml", &two);
	compile(WHERE "exec.yaml", &other);
	assert_string_equal(one.data, two.data);
	assert_string_not_equal(one.data, other.data);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_policies),
	cmocka_unit_test(test_stable),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
