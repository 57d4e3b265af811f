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

static uint64_t put(struct recorder *r)
{
	const struct audit_event ev = {.type = AUDIT_HEARTBEAT, .time = 1};

	return recorder_put(r, &ev);
}

/* A full disk, played by a limit on the file's size. */
static void counts_what_it_cannot_write_and_says_so_later(void **state)
{
	char path[] = "/tmp/recorder_test_XXXXXX";
	char text[8192] = "";
	struct changes c = {0};
	struct recorder r = {.changed = changed, .ctx = &c};
	const struct trail_options o = {.path = path};
	int fd = mkstemp(path);
	FILE *f;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(trail_open(&r.trail, &o), 0);
	assert_int_equal(put(&r), 1);
	recorder_flush(&r);
	assert_int_equal(put(&r), 2);
	assert_int_equal(put(&r), 3);
	set_limit((rlim_t)lseek(fd, 0, SEEK_END) + 300); /* room for one line */
	recorder_flush(&r);
	assert_int_equal(r.error, -EFBIG);
	assert_int_equal(c.failed, 1);
	assert_int_equal(r.unwritten, 1);
	assert_int_equal(trail_seq(r.trail), 2);
	recorder_flush(&r); /* nothing waits: that is no success */
	assert_int_equal(r.error, -EFBIG);
	assert_int_equal(put(&r), 0); /* tried at once, with the loss before it */
	assert_int_equal(put(&r), 0);
	assert_int_equal(r.unwritten, 3);
	set_limit(RLIM_INFINITY);
	assert_int_equal(put(&r), 4); /* the loss is line 3 */
	assert_int_equal(c.mended, 1);
	assert_int_equal(c.failed, 1);
	assert_int_equal(r.unwritten, 0);
	trail_close(&r.trail);

	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "\"loss\":{\"reason\":\"audit_write_failed\",\"records\":3}"));
	close(fd);
	unlink(path);
}

/* The loss found room, the event behind it did not: one is missing from then on. */
static void counts_anew_once_it_has_said(void **state)
{
	char path[] = "/tmp/recorder_test_XXXXXX";
	struct recorder r = {0};
	const struct trail_options o = {.path = path};
	int fd = mkstemp(path);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(trail_open(&r.trail, &o), 0);
	set_limit(10);
	for (int i = 0; i < 5; i++)
		assert_int_equal(put(&r), i + 1); /* they only wait */
	recorder_flush(&r);
	assert_int_equal(r.unwritten, 5);
	set_limit(400); /* a loss has about 320 bytes */
	assert_int_equal(put(&r), 0);
	assert_int_equal(trail_seq(r.trail), 1);
	assert_int_equal(r.unwritten, 1);
	set_limit(RLIM_INFINITY);
	trail_close(&r.trail);
	close(fd);
	unlink(path);
}

/* A batch does not grow for ever. */
static void writes_when_much_waits(void **state)
{
	char path[] = "/tmp/recorder_test_XXXXXX";
	struct recorder r = {0};
	const struct trail_options o = {.path = path};
	int fd = mkstemp(path);
	size_t most = 0;

	assert_int_equal(trail_open(&r.trail, &o), 0);
	for (int i = 0; i < 3000; i++) {
		put(&r);
		if (trail_waiting(r.trail) > most)
			most = trail_waiting(r.trail);
	}
	assert_in_range(most, RECORDER_BATCH - 1024, RECORDER_BATCH);
	assert_true(lseek(fd, 0, SEEK_END) >= (off_t)RECORDER_BATCH);
	trail_close(&r.trail);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_what_it_cannot_write_and_says_so_later),
		cmocka_unit_test(counts_anew_once_it_has_said),
		cmocka_unit_test(writes_when_much_waits),
	};

	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
