/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "tiers_memory.h"
#include "tool.h"

/* What is remembered, in a file of the test's own. */
static char path[256];

static int begin(void **state)
{
	char *directory = tool_directory();

	snprintf(path, sizeof(path), "%s/tiers", directory);
	*state = directory;
	return geteuid() ? -1 : 0;
}

static int end(void **state)
{
	tool_directory_remove(*state);
	return 0;
}

static struct tiers some(void)
{
	struct tiers t = {.lasting = true};

	for (enum facility f = 0; f < FACILITY_COUNT; f++) {
		t.facility[f].works = f != FACILITY_EXEC_LSM && f != FACILITY_NET_LSM;
		if (!t.facility[f].works)
			strcpy(t.facility[f].reason, "works on weekdays only (%s)");
	}
	tiers_choose(&t);
	return t;
}

static void is_recalled(void **state)
{
	struct tiers before = some(), after;

	assert_int_equal(tiers_recall(path, &after), -ENOENT);
	tiers_remember(path, &before);
	assert_int_equal(tiers_recall(path, &after), 0);
	assert_memory_equal(&after, &before, sizeof(after));
	assert_int_equal(after.exec, TIER_SIGNAL);
	assert_int_equal(after.net, TIER_CGROUP);
	tiers_remember(path, &before);
	assert_int_equal(tiers_recall(path, &after), 0);
}

/* What was not seen to the end is tried again, and takes away what was known before. */
static void only_what_lasts(void **state)
{
	struct tiers t = some(), after;

	tiers_remember(path, &t);
	t.lasting = false;
	tiers_remember(path, &t);
	assert_int_equal(tiers_recall(path, &after), -ESTALE);
	assert_int_equal(access(path, F_OK), 0);
}

/* In another namespace other things may be possible. */
static void only_here(void **state)
{
	struct tiers t = some(), after;

	tiers_remember(path, &t);
	if (unshare(CLONE_NEWUTS | CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(tiers_recall(path, &after), -ESTALE);
	tiers_remember(path, &t);
	assert_int_equal(tiers_recall(path, &after), 0);
}

/* Cut at every place, with every byte changed: never anything but the same, or nothing. */
static void damaged(void **state)
{
	struct tiers t = some(), after;
	char text[16384];
	ssize_t n;
	int fd;

	tiers_remember(path, &t);
	fd = open(path, O_RDWR);
	n = read(fd, text, sizeof(text));
	assert_in_range(n, 100, sizeof(text) - 1);
	for (ssize_t cut = 0; cut < n; cut++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, (size_t)cut, 0), cut);
		assert_true(tiers_recall(path, &after) < 0);
	}
	assert_int_equal(pwrite(fd, text, (size_t)n, 0), n);
	assert_int_equal(pwrite(fd, "x", 1, n), 1); /* more than there is to say */
	assert_int_equal(tiers_recall(path, &after), -EBADMSG);
	assert_int_equal(ftruncate(fd, n), 0);
	assert_int_equal(tiers_recall(path, &after), 0);
	close(fd);
}

static void somebody_elses(void **state)
{
	struct tiers t = some(), after;

	tiers_remember(path, &t);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(tiers_recall(path, &after), -EBADMSG);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(tiers_recall(path, &after), 0);
	assert_int_equal(chown(path, 65534, 0), 0);
	assert_int_equal(tiers_recall(path, &after), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* and nobody writes */
	assert_int_equal(tiers_recall(path, &after), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(tiers_recall(path, &after), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_recalled, begin, end),
		cmocka_unit_test_setup_teardown(only_what_lasts, begin, end),
		cmocka_unit_test_setup_teardown(damaged, begin, end),
		cmocka_unit_test_setup_teardown(somebody_elses, begin, end),
		cmocka_unit_test_setup_teardown(only_here, begin, end),
	};

	return cmocka_run_group_tests_name("tiers_memory", tests, NULL, NULL);
}
