/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recorder.h"

struct changes {
	int failed;
	int mended;
};

static void changed(void *ctx, const struct recorder *r)
{
	struct changes *c = ctx;

	c->failed += r->error != 0;
	c->mended += r->error == 0;
}

static void set_limit(rlim_t bytes)
{
	const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

	setrlimit(RLIMIT_FSIZE, &limit);
}

/* A full disk, played by a limit on the file's size. */
static void counts_what_it_cannot_write_and_says_so_later(void **state)
{
	char path[] = "/tmp/recorder_test_XXXXXX";
	char text[8192] = "";
	struct changes c = {0};
	struct recorder r = {.changed = changed, .ctx = &c};
	const struct trail_options o = {.path = path};
	const struct audit_event ev = {.type = AUDIT_HEARTBEAT, .time = 1};
	int fd = mkstemp(path);
	FILE *f;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(trail_open(&r.trail, &o), 0);
	assert_int_equal(recorder_put(&r, &ev), 1);
	set_limit((rlim_t)lseek(fd, 0, SEEK_END) + 10);
	assert_int_equal(recorder_put(&r, &ev), 0);
	assert_int_equal(recorder_put(&r, &ev), 0);
	assert_int_equal(r.error, -EFBIG);
	assert_int_equal(c.failed, 1);
	set_limit(RLIM_INFINITY);
	assert_int_equal(recorder_put(&r, &ev), 3); /* the loss is line 2 */
	assert_int_equal(c.mended, 1);
	assert_int_equal(r.unwritten, 0);
	trail_close(&r.trail);

	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "\"loss\":{\"reason\":\"audit_write_failed\",\"records\":2}"));
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_what_it_cannot_write_and_says_so_later),
	};

	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
