/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fileset.h"

static struct file_key key(uint64_t i)
{
	return (struct file_key){i % 7, 1 + i / 7, i % 3 ? i * i : 0};
}

static void test_many(void **state)
{
	struct fileset s = {};

	for (uint64_t i = 0; i < 10000; i++) {
		struct file_key k = key(i);

		assert_false(fileset_has(&s, &k));
		assert_int_equal(fileset_add(&s, &k), 0);
		assert_int_equal(fileset_add(&s, &k), -EEXIST);
	}
	assert_int_equal(s.count, 10000);
	for (uint64_t i = 0; i < 20000; i++) {
		struct file_key k = key(i);

		assert_int_equal(fileset_has(&s, &k), i < 10000);
	}
	fileset_free(&s);
	assert_int_equal(s.count, 0);
}

static void test_parts(void **state)
{
	struct fileset s = {};

	assert_int_equal(fileset_add(&s, &(struct file_key){1, 2, 3}), 0);
	assert_true(fileset_has(&s, &(struct file_key){1, 2, 3}));
	assert_false(fileset_has(&s, &(struct file_key){9, 2, 3}));
	assert_false(fileset_has(&s, &(struct file_key){1, 9, 3}));
	assert_false(fileset_has(&s, &(struct file_key){1, 2, 9}));
	assert_int_equal(fileset_add(&s, &(struct file_key){1, 0, 3}), -EINVAL);
	assert_false(fileset_has(&s, &(struct file_key){1, 0, 3}));
	fileset_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests_name("fileset", tests, NULL, NULL);
}
