/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "testing.h"

static void test_full_device(void **state)
{
	struct trail *t = open_trail("/dev/full");

	for (int i = 0; i < 3; i++) {
		assert_int_equal(append(t, i), -ENOSPC);
		assert_int_equal(trail_seq(t), 0);
	}
	assert_int_equal(trail_close(&t), 0);
}

static void limit_files(uint64_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size ? size : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit at every place of the third line: it is taken back, and fits when there is room. */
static void test_no_room_for_the_whole_line(void **state)
{
	const char *path = in_dir("limit");
	struct trail *t = open_trail(path);
	uint64_t two;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(append(t, 0), 0);
	assert_int_equal(append(t, 1), 0);
	two = size_of(path);
	for (uint64_t room = 0; room < 250; room += 7) {
		limit_files(two + room);
		assert_int_equal(append(t, 2), -EFBIG);
		assert_true(size_of(path) == two);
		assert_int_equal(trail_seq(t), 2);
		assert_verifies(path, 2);
	}
	limit_files(0);
	assert_int_equal(append(t, 2), 0);
	trail_close(&t);
	assert_verifies(path, 3);
}

static void add(struct trail *t, int i, uint64_t want_seq)
{
	struct audit_event ev = sample(i);
	uint64_t seq;

	assert_int_equal(trail_add(t, &ev, &seq), 0);
	assert_int_equal(seq, want_seq);
}

/*
 * Many lines in one write, with room for all, none or some of them, down to a piece of one: those
 * that were written whole stay, the rest is counted, and the chain goes on behind them.
 */
static void test_no_room_for_all_lines(void **state)
{
	const char *path = in_dir("batch");
	uint64_t lines = 1, lost, whole, one;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(append_samples(path, 0, 1), 0);
	one = size_of(path);
	for (uint64_t room = 0; room < 6 * one; room += 61) {
		struct trail *t = open_trail(path);
		int r;

		for (int i = 0; i < 4; i++)
			add(t, i, lines + 1 + (uint64_t)i);
		assert_true(trail_waiting(t) > 3 * one);
		assert_int_equal(trail_seq(t), lines);
		limit_files(size_of(path) + room);
		r = trail_flush(t, &lost);
		limit_files(0);
		assert_int_equal(r, lost ? -EFBIG : 0);
		whole = 4 - lost;
		assert_true(whole <= room / (one - 60) && (lost == 0 || room < 5 * one));
		lines += whole;
		assert_int_equal(trail_seq(t), lines);
		assert_int_equal(trail_waiting(t), 0);
		assert_int_equal(append(t, 5), 0);
		lines++;
		trail_close(&t);
		assert_verifies(path, lines);
	}
}

static bool set_append_only(const char *path, bool on)
{
	_close_ int fd = open(path, O_RDONLY);
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return false;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	return !ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* chattr +a: nothing can be cut off, so the rest of the line comes first when there is room. */
static void test_append_only(void **state)
{
	const char *path = in_dir("append-only");
	struct trail *t;
	struct verify v;
	uint64_t one;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(append_samples(path, 0, 1), 0);
	if (!set_append_only(path, true))
		skip(); /* not root, or a file system without it */
	t = open_trail(path);
	one = size_of(path);
	limit_files(one + 30);
	assert_int_equal(append(t, 1), -EFBIG);
	assert_true(size_of(path) == one + 30);
	assert_int_equal(trail_seq(t), 1);
	assert_int_equal(append(t, 2), -EFBIG);
	limit_files(one + 50);
	assert_int_equal(append(t, 2), -EFBIG);
	assert_true(size_of(path) == one + 50);
	limit_files(0);
	assert_int_equal(append(t, 3), 0);
	assert_int_equal(trail_seq(t), 3);
	assert_verifies(path, 3);

	/* Left torn, it stays so: the next writer says it, and verify too. */
	limit_files(size_of(path) + 30);
	assert_int_equal(append(t, 4), -EFBIG);
	assert_int_equal(trail_close(&t), -EFBIG);
	limit_files(0);
	assert_int_equal(append_samples(path, 5, 1), 0);
	assert_int_equal(verify_path(path, &v), -EBADMSG);
	assert_int_equal(v.lines, 3);
	assert_int_equal(try_open(path), 0);
}

/* Also after a failure: the file could not be removed, nor the next test write. */
static int end_append_only(void **state)
{
	limit_files(0);
	set_append_only(in_dir("append-only"), false);
	return 0;
}

/* A disk that is really full: a small tmpfs, in a mount namespace of our own. */
static void test_full_disk(void **state)
{
	const char *path;
	static const char block[4096];
	struct trail *t;
	int fd, r = 0, n = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mkdir(in_dir("disk"), 0700) < 0 ||
	    mount("tmpfs", in_dir("disk"), "tmpfs", 0, "size=64k") < 0)
		skip(); /* not root */
	fd = open(in_dir("disk/filler"), O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 12; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	close(fd);
	path = in_dir("disk/trail");
	t = open_trail(path);
	while (!(r = append(t, n)) && n < 1000)
		n++;
	assert_int_equal(r, -ENOSPC);
	assert_true(n > 20);
	assert_int_equal(append(t, n), -ENOSPC);
	assert_int_equal(trail_seq(t), n);
	assert_verifies(in_dir("disk/trail"), (uint64_t)n);
	assert_int_equal(unlink(in_dir("disk/filler")), 0);
	assert_int_equal(append(t, n), 0);
	trail_close(&t);
	assert_verifies(in_dir("disk/trail"), (uint64_t)n + 1);
	assert_int_equal(umount(in_dir("disk")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_no_room_for_the_whole_line),
		cmocka_unit_test(test_no_room_for_all_lines),
		cmocka_unit_test_teardown(test_append_only, end_append_only),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests_name("audit/trail_full", tests, make_dir, remove_dir);
}
