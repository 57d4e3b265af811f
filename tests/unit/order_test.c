/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"

struct seen {
	uint64_t times[1000];
	uint64_t seqs[1000];
	size_t count;
};

static void note(void *ctx, const struct rec *r)
{
	struct seen *s = ctx;

	s->times[s->count] = r->time;
	s->seqs[s->count++] = r->seq;
}

static void check_bytes(void *ctx, const struct rec *r)
{
	struct seen *s = ctx;
	const unsigned char *tail = (const unsigned char *)(r + 1);

	assert_int_equal((uintptr_t)r % _Alignof(struct rec), 0);
	assert_int_equal(r->time, s->count);
	assert_int_equal(r->seq, 3 * s->count);
	assert_int_equal(r->size, sizeof(*r) + s->count % 101);
	for (size_t i = 0; i < s->count % 101; i++)
		assert_int_equal(tail[i], (unsigned char)s->count);
	s->count++;
}

static void put(struct order *o, uint64_t time, uint64_t seq)
{
	const struct rec r = {.size = sizeof(r), .time = time, .seq = seq};

	order_put(o, &r);
}

static void sorts_by_time(void **state)
{
	struct order o = {0};
	struct seen s = {.count = 0};

	srand(2);
	for (int i = 0; i < 1000; i++)
		put(&o, (uint64_t)rand() % 100000, 0);
	order_release(&o, UINT64_MAX, note, &s);
	assert_int_equal(s.count, 1000);
	for (size_t i = 1; i < s.count; i++)
		assert_true(s.times[i - 1] <= s.times[i]);
	assert_int_equal(o.count, 0);
	order_free(&o);
}

static void equal_times_stay_as_they_came(void **state)
{
	struct order o = {0};
	struct seen s = {.count = 0};

	for (uint64_t i = 0; i < 300; i++)
		put(&o, 7, i);
	order_release(&o, 7, note, &s);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(s.seqs[i], i);
	order_free(&o);
}

static void holds_back_what_is_behind_the_horizon(void **state)
{
	struct order o = {0};
	struct seen s = {.count = 0};

	put(&o, 30, 3);
	put(&o, 10, 1);
	order_release(&o, 20, note, &s);
	assert_int_equal(s.count, 1);
	put(&o, 25, 2); /* overtaken, and still before 30 */
	order_release(&o, 30, note, &s);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.seqs[1], 2);
	assert_int_equal(s.seqs[2], 3);
	order_free(&o);
}

/* Records of all sizes come out as they went in, whatever stayed meanwhile. */
static void keeps_every_byte(void **state)
{
	struct order o = {0};
	union {
		struct rec rec;
		char bytes[sizeof(struct rec) + 100];
	} r;
	struct seen s = {.count = 0};

	memset(&r, 0, sizeof(r));
	for (uint64_t i = 0; i < 900; i++) {
		r.rec.size = (uint32_t)(sizeof(struct rec) + i % 101);
		r.rec.time = i;
		r.rec.seq = 3 * i;
		memset(r.bytes + sizeof(struct rec), (int)i, i % 101);
		order_put(&o, &r.rec);
		if (i % 10 == 9)
			order_release(&o, i - 5, check_bytes, &s);
	}
	order_release(&o, UINT64_MAX, check_bytes, &s);
	assert_int_equal(s.count, 900);
	assert_int_equal(o.lost, 0);
	order_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_by_time),
		cmocka_unit_test(equal_times_stay_as_they_came),
		cmocka_unit_test(holds_back_what_is_behind_the_horizon),
		cmocka_unit_test(keeps_every_byte),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
