/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runs.h"

#define ROUNDS 500

/* Begins runs, and leaves their end to their guardians. Returns whether one could not begin. */
static int begin_many(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct run_place p = RUN_PLACE_NONE;
		struct run_error error;
		char id[32];
		int status;
		pid_t pid;

		snprintf(id, sizeof(id), "unit-%d-%d", getpid(), i);
		pid = fork();
		if (!pid)
			_exit(run_place_begin(id, &p, &error) < 0);
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}

/* In a mount namespace of its own, with a /run of its own: other runs are none of this reaper's. */
static int begin_beside_a_reaper(void)
{
	pid_t reaper;
	int r;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, NULL))
		return 2;
	reaper = fork();
	while (!reaper)
		runs_reap();
	r = begin_many();
	kill(reaper, SIGKILL);
	waitpid(reaper, NULL, 0);
	return r;
}

static void a_reaper_does_not_hinder_a_start(void **state)
{
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	pid = fork();
	if (!pid)
		_exit(begin_beside_a_reaper());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reaper_does_not_hinder_a_start),
	};

	return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
