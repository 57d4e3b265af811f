/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "build.h"
#include "match.h"
#include "mount_name.h"
#include "policy/print.h"

static struct policy *policy;
static struct image_block image;

static void name_file(struct entry *e, uint64_t ino, uint32_t dev, uint32_t generation)
{
	struct pattern *p = &e->match.items[0];

	p->known = true;
	p->file = (struct file_id){.ino = ino, .dev = dev, .generation = generation};
}

static void lower(void)
{
	struct diags diags = {};

	assert_int_equal(policy_lower(policy, 1, &image, &diags), 0);
	assert_int_equal(diags.count, 0);
}

static struct image_row hits(uint32_t dev, uint64_t ino, uint32_t generation)
{
	struct matcher m = {};

	matcher_init(&m);
	match_inode(image.data, dev, ino, generation, &m);
	return m.hit;
}

static void assert_hits(uint32_t dev, uint64_t ino, uint32_t generation, uint32_t deny,
			uint32_t audit)
{
	struct image_row row = hits(dev, ino, generation);

	assert_int_equal(row.deny, deny);
	assert_int_equal(row.audit, audit);
	assert_int_equal(row.allow, RULE_NONE);
}

static int begin(void **state)
{
	policy = build_policy();
	return 0;
}

static int end(void **state)
{
	policy_free(&policy);
	free(image.data);
	image = (struct image_block){};
	return 0;
}

static void finds_files_by_number(void **state)
{
	struct entry *e;

	name_file(build_rule(&policy->deny, "deny", "exec:/a", NULL), 12, 7, 0);
	name_file(build_rule(&policy->deny, "deny", "exec:/b", NULL), 12, 8, 99);
	e = build_rule(&policy->deny, "deny", "exec:/c", NULL);
	name_file(e, 1ULL << 40, 7, 0);
	e->audit = true;
	build_rule(&policy->deny, "deny", "exec:/d", NULL);
	lower();
	assert_hits(7, 12, 5, 0, RULE_NONE); /* a generation that is not known may be any */
	assert_hits(8, 12, 99, 1, RULE_NONE);
	assert_hits(8, 12, 98, RULE_NONE, RULE_NONE); /* another file has the number now */
	assert_hits(7, 1ULL << 40, 0, RULE_NONE, 2);
	assert_hits(9, 12, 0, RULE_NONE, RULE_NONE);
	assert_hits(7, 13, 0, RULE_NONE, RULE_NONE);
	assert_hits(7, 0, 0, RULE_NONE, RULE_NONE);
}

/* Entries that name one file are all hit, and each says so first that was written first. */
static void names_of_one_file_come_together(void **state)
{
	struct entry *e = build_rule(&policy->deny, "deny", "exec:/a", NULL);

	e->audit = true;
	name_file(e, 12, 7, 3);
	name_file(build_rule(&policy->deny, "deny", "exec:/b", NULL), 12, 7, 3);
	name_file(build_rule(&policy->deny, "deny", "exec:/c", NULL), 12, 7, 3);
	lower();
	assert_hits(7, 12, 3, 1, 0);
}

/* Who excepts another name of the same file means names. */
static void excepted_files(void **state)
{
	struct entry *e = build_rule(&policy->deny, "deny", "exec:/a", "exec:/b");

	name_file(e, 12, 7, 3);
	e->except.items[0].known = true;
	e->except.items[0].file = e->match.items[0].file;
	e = build_rule(&policy->deny, "deny", "exec:/a", "exec:/c");
	name_file(e, 12, 7, 3);
	lower();
	assert_hits(7, 12, 3, 1, RULE_NONE);
}

/* To be the same file as one that is allowed allows nothing. */
static void admits_nothing(void **state)
{
	name_file(build_rule(&policy->allow, "allow", "exec:/a", NULL), 12, 7, 0);
	lower();
	assert_hits(7, 12, 0, RULE_NONE, RULE_NONE);
}

static void thousands(void **state)
{
	for (uint32_t i = 0; i < 5000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "exec:/bin/%u", i);
		name_file(build_rule(&policy->deny, "deny", text, NULL), 1000 + i, 7 + i % 3, i);
	}
	lower();
	for (uint32_t i = 0; i < 5000; i++) {
		assert_hits(7 + i % 3, 1000 + i, i, i, RULE_NONE);
		assert_hits(7 + (i + 1) % 3, 1000 + i, i, RULE_NONE, RULE_NONE);
	}
}

static void prints_them(void **state)
{
	_buf_ struct buf out = {};

	name_file(build_rule(&policy->deny, "deny", "exec:/a", NULL), 12, MOUNT_DEV(259, 3), 5);
	lower();
	image_print(image.data, &out);
	buf_add_char(&out, '\0');
	assert_non_null(strstr(out.data,
			       "files\n  device 259:3 inode 12 generation 5: deny 0\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_files_by_number, begin, end),
		cmocka_unit_test_setup_teardown(names_of_one_file_come_together, begin, end),
		cmocka_unit_test_setup_teardown(excepted_files, begin, end),
		cmocka_unit_test_setup_teardown(admits_nothing, begin, end),
		cmocka_unit_test_setup_teardown(thousands, begin, end),
		cmocka_unit_test_setup_teardown(prints_them, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
