/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tiers.h"

#define BIT(f) (1U << (f))

enum {
	BASE = BIT(FACILITY_CGROUP2) | BIT(FACILITY_MEMBERSHIP),
	ALL = BIT(FACILITY_COUNT) - 1,
	EXEC = BIT(FACILITY_EXEC_LSM) | BIT(FACILITY_EXEC_SIGNAL),
	NET = BIT(FACILITY_NET_LSM) | BIT(FACILITY_NET_CGROUP) | BIT(FACILITY_NET_UNIX),
	PLAINTEXT = BIT(FACILITY_PLAINTEXT_OVERRIDE) | BIT(FACILITY_PLAINTEXT_LSM) |
		    BIT(FACILITY_PLAINTEXT_CUT) | BIT(FACILITY_PLAINTEXT_SIGNAL),
	LSM = BIT(FACILITY_EXEC_LSM) | BIT(FACILITY_EXEC_HASH) | BIT(FACILITY_NET_LSM) |
	      BIT(FACILITY_PLAINTEXT_LSM) | BIT(FACILITY_GUARD),
};

static struct tiers with(uint32_t facilities)
{
	struct tiers t;

	memset(&t, 0xff, sizeof(t)); /* what was there before does not count */
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		t.facility[f].works = facilities & BIT(f);
	tiers_choose(&t);
	return t;
}

static void assert_chosen(uint32_t facilities, enum tier exec, enum tier net, enum tier plaintext)
{
	struct tiers t = with(facilities);

	assert_int_equal(t.exec, exec);
	assert_int_equal(t.net, net);
	assert_int_equal(t.plaintext, plaintext);
}

static void test_choose_the_best(void **state)
{
	uint32_t f = ALL;

	assert_chosen(f, TIER_LSM, TIER_LSM, TIER_OVERRIDE);
	f &= ~BIT(FACILITY_PLAINTEXT_OVERRIDE);
	assert_chosen(f, TIER_LSM, TIER_LSM, TIER_LSM);
	f &= ~LSM;
	assert_chosen(f, TIER_SIGNAL, TIER_CGROUP, TIER_CUT);
	f &= ~BIT(FACILITY_PLAINTEXT_CUT);
	assert_chosen(f, TIER_SIGNAL, TIER_CGROUP, TIER_SIGNAL);
	f &= ~BIT(FACILITY_PLAINTEXT_SIGNAL);
	assert_chosen(f, TIER_SIGNAL, TIER_CGROUP, TIER_NONE);
	f &= ~(EXEC | NET);
	assert_chosen(f, TIER_NONE, TIER_NONE, TIER_NONE);
}

static void test_one_is_no_help_for_another(void **state)
{
	assert_chosen(BASE | BIT(FACILITY_EXEC_LSM), TIER_LSM, TIER_NONE, TIER_NONE);
	assert_chosen(BASE | BIT(FACILITY_NET_CGROUP), TIER_NONE, TIER_CGROUP, TIER_NONE);
	assert_chosen(BASE | BIT(FACILITY_NET_UNIX), TIER_NONE, TIER_NONE, TIER_NONE);
}

/* Functions that cannot be made to return an error go by what comes behind override. */
static void test_socket(void **state)
{
	const struct {
		uint32_t without;
		enum tier plaintext, socket;
	} rows[] = {
		{0, TIER_OVERRIDE, TIER_LSM},
		{BIT(FACILITY_PLAINTEXT_LSM), TIER_OVERRIDE, TIER_CUT},
		{BIT(FACILITY_PLAINTEXT_LSM) | BIT(FACILITY_PLAINTEXT_CUT), TIER_OVERRIDE, TIER_SIGNAL},
		{PLAINTEXT & ~BIT(FACILITY_PLAINTEXT_OVERRIDE), TIER_OVERRIDE, TIER_SIGNAL},
		{BIT(FACILITY_PLAINTEXT_OVERRIDE) | BIT(FACILITY_PLAINTEXT_LSM), TIER_CUT, TIER_CUT},
		{PLAINTEXT, TIER_NONE, TIER_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tiers t = with(ALL & ~rows[i].without);

		assert_int_equal(t.plaintext, rows[i].plaintext);
		assert_int_equal(tiers_socket(&t), rows[i].socket);
	}
}

static void test_plaintext_takes_probes(void **state)
{
	assert_chosen(BASE | PLAINTEXT, TIER_NONE, TIER_NONE, TIER_NONE);
	assert_chosen(BASE | BIT(FACILITY_UPROBE), TIER_NONE, TIER_NONE, TIER_NONE);
}

static void test_all_takes_cgroups_and_membership(void **state)
{
	assert_chosen(ALL & ~BIT(FACILITY_CGROUP2), TIER_NONE, TIER_NONE, TIER_NONE);
	assert_chosen(ALL & ~BIT(FACILITY_MEMBERSHIP), TIER_NONE, TIER_NONE, TIER_NONE);
}

static uint32_t used(uint32_t facilities)
{
	struct tiers t = with(facilities);
	uint32_t mask = 0;

	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		if (tiers_use(&t, f))
			mask |= BIT(f);
	return mask;
}

static void test_use(void **state)
{
	assert_int_equal(used(ALL), BASE | BIT(FACILITY_EXEC_LSM) | BIT(FACILITY_EXEC_HASH) |
					    BIT(FACILITY_NET_LSM) | BIT(FACILITY_UPROBE) |
					    BIT(FACILITY_PLAINTEXT_OVERRIDE) |
					    BIT(FACILITY_GUARD) | BIT(FACILITY_SYSCTL) |
					    BIT(FACILITY_STDIO_HOOK) | BIT(FACILITY_STDIO_SYSCALL));
	assert_false(used(ALL & ~BIT(FACILITY_EXEC_LSM)) & BIT(FACILITY_EXEC_HASH));
	assert_int_equal(used(ALL & ~LSM & ~BIT(FACILITY_PLAINTEXT_OVERRIDE) & ~BIT(FACILITY_STDIO_HOOK)),
			 BASE | BIT(FACILITY_EXEC_SIGNAL) | BIT(FACILITY_NET_CGROUP) |
				 BIT(FACILITY_NET_UNIX) | BIT(FACILITY_UPROBE) |
				 BIT(FACILITY_PLAINTEXT_CUT) | BIT(FACILITY_PLAINTEXT_SIGNAL) |
				 BIT(FACILITY_SYSCTL) | BIT(FACILITY_STDIO_SYSCALL));
	assert_int_equal(used(ALL & ~BASE), 0);
	assert_int_equal(used(BASE), 0);
	assert_int_equal(used(BASE | BIT(FACILITY_GUARD)), 0);
	assert_int_equal(used(0), 0);
}

static bool limited(uint32_t facilities, const char *about)
{
	struct tiers t = with(facilities);
	const char *limits[TIERS_LIMITS];
	size_t n = tiers_limits(&t, limits);

	assert_true(n <= TIERS_LIMITS);
	for (size_t i = 0; i < n; i++)
		if (strstr(limits[i], about))
			return true;
	return false;
}

static void test_limits(void **state)
{
	const uint32_t low = ALL & ~LSM & ~BIT(FACILITY_PLAINTEXT_OVERRIDE);

	assert_true(limited(low, "#!"));
	assert_false(limited(ALL, "#!"));
	assert_true(limited(low, "SCM_RIGHTS"));
	assert_true(limited(low, "vsock"));
	assert_false(limited(ALL, "SCM_RIGHTS"));
	assert_false(limited(low, "unix sockets are not"));
	assert_true(limited(ALL, "every system call"));
	assert_false(limited(ALL, "io_uring"));
	assert_true(limited(ALL & ~BIT(FACILITY_STDIO_HOOK), "io_uring"));
	assert_false(limited(ALL, "waited for"));
	assert_true(limited(ALL & ~BIT(FACILITY_STDIO_SYSCALL), "waited for"));
	assert_false(limited(ALL, "over their standard streams cannot be seen"));
	assert_true(limited(ALL & ~BIT(FACILITY_STDIO_HOOK) & ~BIT(FACILITY_STDIO_SYSCALL),
			    "over their standard streams cannot be seen"));
	assert_true(limited(low & ~BIT(FACILITY_NET_UNIX), "unix sockets are not"));
	assert_false(limited(ALL & ~BIT(FACILITY_NET_UNIX), "unix sockets are not"));
	assert_true(limited(low, "brokers: one that is reached"));
	assert_false(limited(ALL, "brokers: one that is reached"));
	assert_true(limited(low & ~BIT(FACILITY_NET_UNIX), "brokers: none"));
	assert_false(limited(low, "brokers: none"));
	assert_false(limited(ALL & ~BIT(FACILITY_NET_UNIX), "brokers: none"));
	assert_true(limited(0, "brokers: none"));
	assert_true(limited(low, "crontabs"));
	assert_false(limited(ALL, "crontabs"));
	assert_true(limited(ALL, "over one that a broker reads"));
	assert_true(limited(low, "trace warden"));
	assert_false(limited(ALL, "trace warden"));
	assert_true(limited(ALL, "kernel modules"));
	assert_true(limited(ALL, "changes its own code"));
	assert_true(limited(low, "mapped after the start"));
	assert_false(limited(ALL, "mapped after the start"));
	assert_true(limited(low, "no answer"));
	assert_false(limited(ALL, "no answer"));
	assert_true(limited(0, "exec: no rule"));
	assert_true(limited(0, "net: no rule"));
	assert_false(limited(0, "changes its own code"));
}

static void test_names(void **state)
{
	for (enum facility f = 0; f < FACILITY_COUNT; f++) {
		assert_non_null(facility_names[f].name);
		assert_non_null(facility_names[f].activity);
		assert_non_null(facility_names[f].tier);
		for (enum facility other = 0; other < f; other++)
			assert_string_not_equal(facility_names[f].name, facility_names[other].name);
	}
}

/* In a child: what is given up cannot be had back. */
static int probe_as_nobody(void)
{
	struct tiers t = {.exec = TIER_CUT};

	if (geteuid() == 0 &&
	    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
		return 1;
	return tiers_probe(&t) == -EPERM && t.exec == TIER_CUT ? 0 : 2;
}

static void test_probing_takes_root(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(probe_as_nobody());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose_the_best),
		cmocka_unit_test(test_one_is_no_help_for_another),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_plaintext_takes_probes),
		cmocka_unit_test(test_all_takes_cgroups_and_membership),
		cmocka_unit_test(test_use),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_probing_takes_root),
	};

	return cmocka_run_group_tests_name("tiers", tests, NULL, NULL);
}
