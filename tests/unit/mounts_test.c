/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounts.h"

static int find(const char *text, bool (*usable)(const char *), char *ret, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(f);
	r = mounts_find(f, "cgroup2", usable, ret, size);
	fclose(f);
	return r;
}

static void assert_found(const char *text, const char *want)
{
	char path[64] = "untouched";
	int r = find(text, NULL, path, sizeof(path));

	assert_int_equal(r, want ? 0 : -ENOENT);
	assert_string_equal(path, want ? want : "untouched");
}

static void test_pure(void **state)
{
	assert_found("22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"
		     "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
		     "/sys/fs/cgroup");
}

static void test_hybrid(void **state)
{
	assert_found("30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		     "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		     "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
		     "/sys/fs/cgroup/unified");
}

static void test_none(void **state)
{
	assert_found("31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", NULL);
	assert_found("31 30 0:28 / /cgroup2 rw shared:1 - ext4 cgroup2 rw\n", NULL);
	assert_found("\n", NULL);
}

/* A part of the hierarchy shown elsewhere is only second best. */
static void test_whole_before_part(void **state)
{
	assert_found("40 30 0:37 /a /mnt/part rw - cgroup2 none rw\n"
		     "41 30 0:37 / /mnt/whole rw - cgroup2 none rw\n"
		     "42 30 0:37 / /mnt/later rw - cgroup2 none rw\n",
		     "/mnt/whole");
	assert_found("40 30 0:37 /a /mnt/part rw - cgroup2 none rw\n"
		     "41 30 0:37 /b /mnt/other rw - cgroup2 none rw\n",
		     "/mnt/part");
}

static void test_escapes(void **state)
{
	assert_found("40 30 0:37 / /mnt/a\\040b\\134c\\011 rw - cgroup2 none rw\n",
		     "/mnt/a b\\c\t");
	assert_found("40 30 0:37 / /mnt/\\04 rw - cgroup2 none rw\n", "/mnt/\\04");
}

static void test_broken_lines(void **state)
{
	assert_found("40 30\n40 30 0:37 / /mnt\n40 30 0:37 / /mnt rw cgroup2\n"
		     "41 30 0:37 / /good rw - cgroup2",
		     "/good");
}

static bool is_second(const char *path)
{
	return !strcmp(path, "/second");
}

static void test_usable(void **state)
{
	char path[64];

	assert_int_equal(find("40 30 0:37 / /first rw - cgroup2 none rw\n"
			      "41 30 0:37 /a /second rw - cgroup2 none rw\n",
			      is_second, path, sizeof(path)),
			 0);
	assert_string_equal(path, "/second");
}

static void test_size(void **state)
{
	const char *text = "40 30 0:37 / /four rw - cgroup2 none rw\n";
	char path[6] = "x";

	assert_int_equal(find(text, NULL, path, 5), -ENAMETOOLONG);
	assert_string_equal(path, "x");
	assert_int_equal(find(text, NULL, path, 6), 0);
	assert_string_equal(path, "/four");
}

/* ---- making ---- */

/* Returns how many of several that start at once fail. */
static int mount_together(volatile int *go)
{
	char path[64];
	int failed = 0, status;

	*go = 0;
	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		while (!*go)
			;
		_exit(mounts_bpffs(path, sizeof(path)) < 0);
	}
	usleep(2000);
	*go = 1;
	while (wait(&status) > 0)
		failed += status != 0;
	return failed;
}

static int mounts_of_all_rounds(volatile int *go)
{
	for (int round = 0; round < 50; round++) {
		int mounts = 0;

		if (mount_together(go))
			return 1;
		while (!umount2(MOUNTS_BPFFS, MNT_DETACH))
			mounts++;
		if (mounts != 1)
			return 1;
	}
	return 0;
}

/* In a mount namespace of its own, with a /run of its own. */
static void test_several_at_once(void **state)
{
	volatile int *go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	assert_true(go != MAP_FAILED);
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/run", "tmpfs", 0, NULL))
			_exit(2);
		_exit(mounts_of_all_rounds(go));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap((void *)go, sizeof(*go));
}

static int count_mount(void *ctx, const struct mount_entry *m)
{
	size_t *count = ctx;

	if (!strcmp(m->point, "/stop"))
		return 7;
	assert_int_equal(m->id, 31 + *count);
	assert_int_equal(m->dev, *count ? 259U << 20 | 300 : 28);
	assert_string_equal(m->root, *count ? "/a b" : "/");
	assert_string_equal(m->point, *count ? "/mnt/c" : "/");
	assert_string_equal(m->type, *count ? "ext4" : "tmpfs");
	++*count;
	return 0;
}

static void test_each(void **state)
{
	static const char lines[] = "31 30 0:28 / / rw - tmpfs x rw\n"
				    "no line at all\n"
				    "33 30 x:1 / / rw - tmpfs x rw\n"
				    "32 31 259:300 /a\\040b /mnt/c rw shared:5 master:1 - ext4 y rw\n"
				    "34 31 0:1 / /stop rw - tmpfs x rw\n"
				    "35 31 0:1 / /never rw - tmpfs x rw\n";
	FILE *f = fmemopen((void *)(uintptr_t)lines, strlen(lines), "r");
	size_t count = 0;

	assert_non_null(f);
	assert_int_equal(mounts_each(f, count_mount, &count), 7);
	assert_int_equal(count, 2);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pure),    cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_none),    cmocka_unit_test(test_whole_before_part),
		cmocka_unit_test(test_escapes), cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_usable),  cmocka_unit_test(test_size),
		cmocka_unit_test(test_several_at_once), cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests_name("mounts", tests, NULL, NULL);
}
