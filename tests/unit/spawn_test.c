/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "spawn.h"

/* ---- the user ---- */

static void finds_users_by_name_and_by_number(void **state)
{
	static const char *const names[] = {"root", "0", "00"};
	struct spawn_user u;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(spawn_user_find(names[i], &u), 0);
		assert_true(u.change);
		assert_int_equal(u.uid, 0);
		assert_string_equal(u.name, "root");
		spawn_user_done(&u);
	}
}

/* None of them may turn into root: a variable that was not set, numbers that wrap around to 0. */
static void takes_nothing_else_for_a_user(void **state)
{
	static const char *const names[] = {"",	  " ",		  "-0",		   "+0",
					    " 0", "4294967296", "-4294967296", "18446744073709551616",
					    "0x0", "4294967295"};
	struct spawn_user u;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(spawn_user_find(names[i], &u), -ENOENT);
}

static void takes_a_number_without_an_account(void **state)
{
	struct spawn_user u;

	assert_int_equal(spawn_user_find("4294967294", &u), 0);
	assert_true(u.change);
	assert_int_equal(u.uid, 4294967294);
	assert_int_equal(u.gid, 4294967294);
	assert_null(u.name);
	assert_string_equal(u.home, "/");
	spawn_user_done(&u);
	setenv("SUDO_UID", "4294967294", 1);
	assert_int_equal(spawn_user_find(NULL, &u), -ENOENT);
	unsetenv("SUDO_UID");
}

static void without_a_name_asks_sudo(void **state)
{
	struct spawn_user u;

	setenv("SUDO_UID", "0", 1);
	assert_int_equal(spawn_user_find(NULL, &u), 0);
	assert_true(u.change);
	spawn_user_done(&u);
	unsetenv("SUDO_UID");
	assert_int_equal(spawn_user_find(NULL, &u), 0);
	assert_false(u.change);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_users_by_name_and_by_number),
		cmocka_unit_test(takes_nothing_else_for_a_user),
		cmocka_unit_test(takes_a_number_without_an_account),
		cmocka_unit_test(without_a_name_asks_sudo),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
