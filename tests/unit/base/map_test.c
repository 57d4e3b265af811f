/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/map.h"

#define KEYS 5000

static void behaves_like_an_array(void **state)
{
	static bool in[KEYS];
	static char values[KEYS];
	struct map m = {0};
	size_t count = 0;

	srand(1);
	for (int step = 0; step < 200000; step++) {
		uint64_t key = (uint64_t)rand() % KEYS;
		uint64_t spread = key << 40 | key; /* keys that differ in few bits */

		if (rand() % 2) {
			assert_int_equal(map_put(&m, spread, &values[key]), 0);
			count += !in[key];
			in[key] = true;
		} else {
			assert_ptr_equal(map_take(&m, spread), in[key] ? &values[key] : NULL);
			count -= in[key];
			in[key] = false;
		}
		assert_int_equal(m.count, count);
	}
	for (uint64_t key = 0; key < KEYS; key++)
		assert_ptr_equal(map_get(&m, key << 40 | key), in[key] ? &values[key] : NULL);
	map_free(&m);
}

static void goes_over_all_while_taking_out(void **state)
{
	static char values[100];
	struct map m = {0};
	size_t at = 0, n = 0;
	uint64_t key;
	char *value;

	for (uint64_t i = 0; i < 100; i++)
		map_put(&m, i, &values[i]);
	while ((value = map_next(&m, &at, &key))) {
		assert_ptr_equal(value, &values[key]);
		assert_ptr_equal(map_take(&m, key), value);
		n++;
	}
	assert_int_equal(n, 100);
	assert_int_equal(m.count, 0);
	map_free(&m);
}

static void empty_has_nothing(void **state)
{
	struct map m = {0};
	size_t at = 0;

	assert_null(map_get(&m, 1));
	assert_null(map_take(&m, 1));
	assert_null(map_next(&m, &at, NULL));
	map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behaves_like_an_array),
		cmocka_unit_test(goes_over_all_while_taking_out),
		cmocka_unit_test(empty_has_nothing),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
