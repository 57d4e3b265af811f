/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "audit/lines.h"
#include "testing.h"

static void assert_next(struct lines *l, const char *want)
{
	const char *line;
	size_t len;

	assert_int_equal(lines_next(l, &line, &len), 1);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(line, want, len);
}

static void assert_end(struct lines *l, size_t rest)
{
	const char *line;
	size_t len;

	assert_int_equal(lines_next(l, &line, &len), 0);
	assert_int_equal(lines_rest(l), rest);
}

static void test_pipe(void **state)
{
	int fds[2];
	struct lines l;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	l = (struct lines){.fd = fds[0]};
	assert_int_equal(write(fds[1], "one\n\ntw", 7), 7);
	assert_next(&l, "one");
	assert_next(&l, "");
	close(fds[1]);
	assert_end(&l, 2);
	close(fds[0]);
	lines_free(&l);
}

static void test_file_that_grows(void **state)
{
	int fd = open(in_dir("grow"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	int in = open(in_dir("grow"), O_RDONLY);
	struct lines l = {.fd = in};

	assert_end(&l, 0);
	assert_int_equal(write(fd, "o", 1), 1);
	assert_end(&l, 1);
	assert_int_equal(write(fd, "ne\ntwo", 6), 6);
	assert_next(&l, "one");
	assert_end(&l, 3);
	assert_int_equal(write(fd, "\n", 1), 1);
	assert_next(&l, "two");
	assert_end(&l, 0);
	assert_int_equal(l.number, 2);
	lines_free(&l);
	close(fd);
	close(in);
}

/* Lines of all lengths around the size of a block. */
static void test_lengths(void **state)
{
	static const size_t lengths[] = {0, 1, 65534, 65535, 65536, 65537, 200000, 3, 1 << 20, 0};
	const size_t n = sizeof(lengths) / sizeof(lengths[0]);
	_buf_ struct buf text = {};
	struct lines l = {};
	const char *line;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < lengths[i]; j++)
			buf_add_char(&text, (char)('a' + i));
		buf_add_char(&text, '\n');
	}
	write_file(in_dir("lengths"), text.data, text.len);
	l.fd = open(in_dir("lengths"), O_RDONLY);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(lines_next(&l, &line, &len), 1);
		assert_int_equal(len, lengths[i]);
		for (size_t j = 0; j < len; j++)
			assert_int_equal(line[j], 'a' + i);
	}
	assert_end(&l, 0);
	close(l.fd);
	lines_free(&l);
}

static void test_too_long(void **state)
{
	int fd = open(in_dir("long"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct lines l = {.fd = fd};
	const char *line;
	size_t len;

	/* A hole reads as NULs: a line without an end. */
	assert_int_equal(ftruncate(fd, (64 << 20) + 1), 0);
	assert_int_equal(lines_next(&l, &line, &len), -EMSGSIZE);
	close(fd);
	lines_free(&l);
}

static void test_unreadable(void **state)
{
	struct lines l = {.fd = open("/", O_RDONLY | O_DIRECTORY)};
	const char *line;
	size_t len;

	assert_int_equal(lines_next(&l, &line, &len), -EISDIR);
	close(l.fd);
	lines_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),       cmocka_unit_test(test_file_that_grows),
		cmocka_unit_test(test_lengths),    cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests_name("audit/lines", tests, make_dir, remove_dir);
}
