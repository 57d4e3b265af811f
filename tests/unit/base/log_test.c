/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define PIPE_SIZE 8192

static int reader, saved;

/* Standard error is a small pipe from here on, to the end of the test. */
static int begin(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE) > 0);
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	return 0;
}

static int end(void **state)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(reader);
	log_patience = -1;
	alarm(0);
	return 0;
}

static void read_all(char *text, size_t size)
{
	ssize_t n;
	size_t len = 0;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while (len < size - 1 && (n = read(reader, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
}

static void writes_whole_lines(void **state)
{
	char text[2 * PIPE_SIZE];

	log_error("%d", 1);
	log_debug("2");
	log_notice("3");
	read_all(text, sizeof(text));
	assert_string_equal(text, "warden: 1\nwarden: 3\n");
}

static void goes_on_when_nobody_reads(void **state)
{
	char text[2 * PIPE_SIZE], pages[PIPE_SIZE];

	memset(pages, 'x', sizeof(pages));
	assert_int_equal(write(STDERR_FILENO, pages, sizeof(pages)), sizeof(pages));
	alarm(20); /* it would wait for ever */
	log_patience = 10;
	for (int i = 0; i < 1000; i++)
		log_error("nobody hears of this");
	read_all(text, sizeof(text));
	log_error("again");
	read_all(text, sizeof(text));
	assert_string_equal(text, "warden: 1000 lines were not printed: nobody read them\n"
				  "warden: again\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_whole_lines, begin, end),
		cmocka_unit_test_setup_teardown(goes_on_when_nobody_reads, begin, end),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
