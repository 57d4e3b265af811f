/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fileid.h"
#include "mount_name.h"
#include "unit/tool.h"

static char *dir;
static int at = -1;
static struct file_ids ids;

static void add_file(const char *name)
{
	int fd = openat(at, name, O_CREAT | O_WRONLY | O_EXCL, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int begin(void **state)
{
	dir = tool_directory();
	at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? -1 : file_ids_read(&ids);
}

static int end(void **state)
{
	file_ids_done(&ids);
	close(at);
	tool_directory_remove(dir);
	return 0;
}

static struct file_id id_of(const char *path)
{
	struct file_id id = {};

	assert_int_equal(file_id(&ids, at, path, &id), 0);
	return id;
}

static void assert_same_file(const struct file_id *a, const struct file_id *b, int same)
{
	assert_int_equal(a->ino == b->ino && a->dev == b->dev, same);
	if (same)
		assert_int_equal(a->generation, b->generation);
}

/* A second name is the same file; a copy, and a link to it, are others. */
static void names_of_one_file(void **state)
{
	struct file_id one, two;

	add_file("one");
	add_file("two");
	assert_int_equal(linkat(at, "one", at, "again", 0), 0);
	assert_int_equal(symlinkat("one", at, "link"), 0);
	one = id_of("one");
	two = id_of("again");
	assert_same_file(&one, &two, 1);
	two = id_of("two");
	assert_same_file(&one, &two, 0);
	two = id_of("link");
	assert_same_file(&one, &two, 0);
}

/* Where stat(2) shows the numbers of the file system itself, they are the same. */
static void agrees_with_stat(void **state)
{
	struct file_id proc = id_of("/proc/version");
	struct stat st;

	assert_int_equal(stat("/proc/version", &st), 0);
	assert_int_equal(proc.ino, st.st_ino);
	assert_int_equal(proc.dev, MOUNT_DEV(major(st.st_dev), minor(st.st_dev)));
	assert_int_equal(proc.generation, 0);
}

static void what_cannot_be_found(void **state)
{
	struct file_ids none = {};
	struct file_id id;

	assert_int_equal(file_id(&ids, at, "gone", &id), -ENOENT);
	assert_int_equal(file_id(&ids, -1, "gone", &id), -EBADF);
	assert_int_equal(file_id(&none, at, "/proc/version", &id), -EXDEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_one_file),
		cmocka_unit_test(agrees_with_stat),
		cmocka_unit_test(what_cannot_be_found),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
