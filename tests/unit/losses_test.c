/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "losses.h"

static char said[1024];

static void on_loss(void *ctx, struct audit_event *ev)
{
	size_t len = strlen(said);

	len += (size_t)snprintf(said + len, sizeof(said) - len, "%s %llu", ev->loss.reason,
				(unsigned long long)ev->loss.records.value);
	if (ev->loss.bytes.known)
		len += (size_t)snprintf(said + len, sizeof(said) - len, " of %llu",
					(unsigned long long)ev->loss.bytes.value);
	snprintf(said + len, sizeof(said) - len, "\n");
}

static void assert_said(const char *want)
{
	assert_string_equal(said, want);
	said[0] = 0;
}

static void test_each_loss_once(void **state)
{
	struct losses l = {.put = on_loss};
	struct loss_count now[LOSS_COUNT] = {0};

	losses_look(&l, now, 0);
	assert_said("");
	now[LOSS_BYTES_RING] = (struct loss_count){2, 300};
	now[LOSS_SCRATCH].records = 1;
	losses_look(&l, now, 5);
	assert_said("bytes_ring_full 2 of 300\nscratch_exhausted 1\nunusable 5\n");
	losses_look(&l, now, 5);
	assert_said("");
	now[LOSS_BYTES_RING] = (struct loss_count){3, 310};
	losses_look(&l, now, 6);
	assert_said("bytes_ring_full 1 of 10\nunusable 1\n");
}

static void test_every_reason_has_a_name(void **state)
{
	struct losses l = {.put = on_loss};

	for (size_t i = 0; i < LOSS_COUNT; i++) {
		struct loss_count now[LOSS_COUNT] = {0};

		memset(l.seen, 0, sizeof(l.seen));
		now[i].records = 1;
		losses_look(&l, now, 0);
		assert_true(strlen(said) > strlen(" 1\n"));
		assert_null(strstr(said, "(null)"));
		said[0] = 0;
	}
}

static void test_nothing_lost(void **state)
{
	struct losses l = {.put = on_loss};

	losses_put(&l, "out_of_memory", 0, 0);
	assert_said("");
	losses_put(&l, "out_of_memory", 7, 0);
	assert_said("out_of_memory 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_loss_once),
		cmocka_unit_test(test_every_reason_has_a_name),
		cmocka_unit_test(test_nothing_lost),
	};

	log_level = LOG_ERROR;
	return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
