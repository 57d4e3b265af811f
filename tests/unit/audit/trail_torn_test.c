/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "testing.h"

/* The line is torn at every byte; what was there before holds, and the loss is said. */
static void test_torn(void **state)
{
	const char *path = in_dir("torn");
	struct buf text;
	uint64_t whole;

	assert_int_equal(append_samples(path, 0, 2), 0);
	whole = size_of(path);
	assert_int_equal(append_samples(path, 2, 1), 0);
	text = read_file(path);
	for (size_t len = whole + 1; len < text.len - 1; len++) {
		char want[96];
		_free_ char *line = NULL;

		write_file(path, text.data, len);
		assert_int_equal(append_samples(path, 5, 1), 0);
		assert_verifies(path, 4);
		line = get_line(path, 3);
		snprintf(want, sizeof(want),
			 ",\"loss\":{\"reason\":\"torn_line\",\"records\":1,\"bytes\":%zu},",
			 len - whole);
		assert_non_null(strstr(line, want));
		assert_non_null(strstr(line, "\"type\":\"loss\",\"severity\":\"critical\""));
	}
	/* Only the newline is missing: nothing is lost. */
	write_file(path, text.data, text.len - 1);
	assert_int_equal(append_samples(path, 5, 1), 0);
	assert_verifies(path, 4);
	buf_free(&text);
}

/* The very first line was torn; and the zeros that file systems leave after a power failure. */
static void test_torn_first_line_and_zeros(void **state)
{
	const char *path = in_dir("torn-first");
	static const char zeros[4096];
	int fd;

	write_file(path, "{\"v\":1,\"seq\":1,\"id\"", 20);
	assert_int_equal(append_samples(path, 0, 1), 0);
	assert_verifies(path, 2);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
	assert_int_equal(append_samples(path, 1, 1), 0);
	assert_verifies(path, 4);
}

static void test_foreign_files_are_left_alone(void **state)
{
	static const char *const contents[] = {
		"root:x:0:0:root:/root:/bin/bash\n",
		"no newline",
		"{}",
		"{\"v\":1}\n",
		"\n",
		"{\"v\":1,\"sequence\":",
	};
	const char *path = in_dir("foreign");

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct buf text;

		write_file(path, contents[i], strlen(contents[i]));
		assert_int_equal(try_open(path), -EBADMSG);
		text = read_file(path);
		assert_string_equal(text.data, contents[i]);
		buf_free(&text);
	}
}

static void test_changed_end_is_not_continued(void **state)
{
	const char *path = in_dir("changed");
	struct buf text;

	assert_int_equal(append_samples(path, 0, 2), 0);
	text = read_file(path);
	text.data[text.len - 5] = text.data[text.len - 5] == '0' ? '1' : '0';
	write_file(path, text.data, text.len);
	assert_int_equal(try_open(path), -EBADMSG);
	buf_free(&text);
}

/* A whole line that does not follow, without its newline: no crash leaves that. */
static void test_misplaced_end_is_not_continued(void **state)
{
	const char *path = in_dir("misplaced");
	_buf_ struct buf text = {};
	char *first;
	int fd;

	assert_int_equal(append_samples(path, 0, 2), 0);
	first = get_line(path, 1);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, first, strlen(first)), strlen(first));
	close(fd);
	free(first);
	text = read_file(path);
	assert_int_equal(try_open(path), -EBADMSG);
	assert_int_equal(size_of(path), text.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_torn_first_line_and_zeros),
		cmocka_unit_test(test_foreign_files_are_left_alone),
		cmocka_unit_test(test_changed_end_is_not_continued),
		cmocka_unit_test(test_misplaced_end_is_not_continued),
	};

	return cmocka_run_group_tests_name("audit/trail_torn", tests, make_dir, remove_dir);
}
