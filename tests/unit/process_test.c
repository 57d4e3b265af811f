/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "process.h"

/* A child with a name that is hard to read, and when it started, give or take. */
static pid_t start_child(uint64_t *ret_start)
{
	struct timespec now;
	pid_t pid;

	clock_gettime(CLOCK_BOOTTIME, &now);
	*ret_start = (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, ") R 1 (x");
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

/* The start is known to a tick or two. */
static int kill_about(pid_t pid, uint64_t start)
{
	int r = -ESRCH;

	for (int tick = 0; tick < 10 && r == -ESRCH; tick++)
		r = process_kill(pid, start + (uint64_t)tick * 10 * NS_PER_MS);
	return r;
}

static void kills_the_process_that_started_then(void **state)
{
	uint64_t start;
	pid_t pid = start_child(&start);
	int status;

	assert_int_equal(kill_about(pid, start), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void spares_another_one_with_its_number(void **state)
{
	uint64_t start;
	pid_t pid = start_child(&start);

	assert_int_equal(process_kill(pid, start - NS_PER_SEC), -ESRCH);
	assert_int_equal(process_kill(pid, start + NS_PER_SEC), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(kill_about(pid, start), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kills_the_process_that_started_then),
		cmocka_unit_test(spares_another_one_with_its_number),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
