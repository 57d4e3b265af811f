/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "stream.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Writes what a stream delivers, with "[from-to]" for a gap, and checks the offsets. */
struct out {
	char text[4096];
	size_t used;
	uint64_t next;
};

static void on_bytes(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct out *out = arg;

	assert_true(len > 0);
	assert_int_equal(offset, out->next);
	assert_true(out->used + len < sizeof(out->text));
	memcpy(out->text + out->used, data, len);
	out->used += len;
	out->text[out->used] = 0;
	out->next += len;
}

static void on_gap(void *arg, uint64_t from, uint64_t to)
{
	struct out *out = arg;

	assert_int_equal(from, out->next);
	assert_true(from < to);
	out->used += snprintf(out->text + out->used, sizeof(out->text) - out->used, "[%llu-%llu]",
			      (unsigned long long)from, (unsigned long long)to);
	out->next = to;
}

static const struct stream_ops ops = {on_bytes, on_gap};

enum verb { NONE, PUT, SKIP, FINISH };

struct act {
	enum verb verb;
	uint64_t offset;
	const char *text;
};

#define MAX_ACTS 8

/* The window is 64 bytes. */
static const struct {
	const char *name;
	struct act acts[MAX_ACTS];
	const char *want;
} cases[] = {
	{"in order", {{PUT, 0, "abc"}, {PUT, 3, "def"}}, "abcdef"},
	{"an empty record says nothing", {{PUT, 0, "a"}, {PUT, 900, ""}, {PUT, 1, "b"}}, "ab"},
	{"the same twice",
	 {{PUT, 0, "abc"}, {PUT, 0, "abc"}, {PUT, 3, "d"}, {PUT, 1, "bc"}},
	 "abcd"},
	{"overlap with what was delivered", {{PUT, 0, "abc"}, {PUT, 1, "XXdef"}}, "abcdef"},
	{"late", {{PUT, 3, "def"}, {PUT, 0, "abc"}}, "abcdef"},
	{"backwards",
	 {{PUT, 4, "e"}, {PUT, 3, "d"}, {PUT, 2, "c"}, {PUT, 1, "b"}, {PUT, 0, "a"}},
	 "abcde"},
	{"the first of two early ones counts",
	 {{PUT, 2, "cd"}, {PUT, 1, "XXXe"}, {PUT, 0, "a"}},
	 "aXcde"},
	{"a long one around early ones",
	 {{PUT, 1, "b"}, {PUT, 3, "d"}, {PUT, 0, "ABCDE"}},
	 "AbCdE"},
	{"kept but not reached", {{PUT, 0, "a"}, {PUT, 5, "f"}}, "a"},
	{"a gap at the end",
	 {{PUT, 0, "a"}, {PUT, 3, "d"}, {PUT, 6, "g"}, {FINISH, 0, ""}},
	 "a[1-3]d[4-6]g"},
	{"skipped", {{PUT, 3, "d"}, {SKIP, 3, ""}, {PUT, 0, "abc"}, {PUT, 4, "e"}}, "[0-3]de"},
	{"skipped within a hole", {{PUT, 4, "e"}, {SKIP, 2, ""}, {PUT, 2, "cd"}}, "[0-2]cde"},
	{"skipped over kept bytes",
	 {{PUT, 1, "b"}, {PUT, 3, "de"}, {SKIP, 4, ""}},
	 "[0-1]b[2-3]de"},
	{"skipped ahead of everything", {{SKIP, 1000, ""}, {PUT, 1000, "x"}}, "[0-1000]x"},
	{"skipped back", {{PUT, 0, "abc"}, {SKIP, 1, ""}}, "abc"},
	{"the window's last byte", {{PUT, 63, "x"}}, ""},
	{"the byte behind the window", {{PUT, 64, "x"}, {FINISH, 0, ""}}, "[0-1][1-64]x"},
	{"far ahead",
	 {{PUT, 2, "c"}, {PUT, 1000, "xy"}, {FINISH, 0, ""}},
	 "[0-2]c[3-938][938-1000]xy"},
	{"around the window's end",
	 {{PUT, 0, "0123456789"}, {PUT, 60, "abcdefgh"}, {SKIP, 60, ""}},
	 "0123456789[10-60]abcdefgh"},
	{"a record longer than the window",
	 {{PUT, 10, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"}},
	 "[0-10]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"},
	{"the last offsets",
	 {{SKIP, UINT64_MAX - 2, ""}, {PUT, UINT64_MAX - 1, "b"}, {PUT, UINT64_MAX - 2, "a"}},
	 "[0-18446744073709551613]ab"},
};

static void act(struct stream *stream, const struct act *act)
{
	if (act->verb == PUT)
		assert_int_equal(stream_put(stream, act->offset, act->text, strlen(act->text)), 0);
	if (act->verb == SKIP)
		stream_skip(stream, act->offset);
	if (act->verb == FINISH)
		stream_finish(stream);
}

static void cases_deliver_what_they_want(void **state)
{
	size_t i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(stream_cleanup) struct stream *stream = NULL;
		struct out out = {};

		assert_int_equal(stream_new(&stream, 64, &ops, &out), 0);
		for (j = 0; j < MAX_ACTS && cases[i].acts[j].verb; j++)
			act(stream, &cases[i].acts[j]);
		if (strcmp(out.text, cases[i].want) != 0)
			print_error("case: %s\n", cases[i].name);
		assert_string_equal(out.text, cases[i].want);
		assert_int_equal(stream_next(stream), out.next);
	}
}

static void bad_arguments_are_refused(void **state)
{
	_cleanup_(stream_cleanup) struct stream *stream = NULL;
	struct out out = {};

	assert_int_equal(stream_new(&stream, 0, &ops, &out), -EINVAL);
	assert_null(stream);
	assert_int_equal(stream_new(&stream, SIZE_MAX, &ops, &out), -EINVAL);
	assert_int_equal(stream_new(&stream, 1, &ops, &out), 0);
	assert_int_equal(stream_put(stream, UINT64_MAX, "ab", 2), -EINVAL);
	assert_int_equal(stream_next(stream), 0);
}

/* Lets the next test ask for more than there is under a sanitizer too. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Without memory for a window, what is early cannot wait. */
static void no_memory_is_a_gap(void **state)
{
	_cleanup_(stream_cleanup) struct stream *stream = NULL;
	struct out out = {};

	assert_int_equal(stream_new(&stream, SIZE_MAX / 2, &ops, &out), 0);
	assert_int_equal(stream_put(stream, 0, "a", 1), 0);
	assert_int_equal(stream_put(stream, 2, "c", 1), 0);
	assert_int_equal(stream_put(stream, 1, "b", 1), 0);
	assert_string_equal(out.text, "a[1-2]c");
}

struct piece {
	size_t at, len;
};

#define LENGTH 1000

static int cut_up(struct piece *pieces)
{
	size_t at, len;
	int n = 0;

	for (at = 0; at < LENGTH; at += len) {
		len = 1 + rand() % 90;
		if (len > LENGTH - at)
			len = LENGTH - at;
		pieces[n++] = (struct piece){at, len};
	}
	return n;
}

static void shuffle(struct piece *pieces, int n)
{
	for (; n > 1; n--) {
		int i = rand() % n;
		struct piece swap = pieces[i];

		pieces[i] = pieces[n - 1];
		pieces[n - 1] = swap;
	}
}

static void put_pieces(struct stream *stream, const char *text, const struct piece *pieces, int n)
{
	int i, times;

	for (i = 0; i < n; i++)
		for (times = rand() % 4 ? 1 : 2; times > 0; times--)
			assert_int_equal(stream_put(stream, pieces[i].at, text + pieces[i].at,
						    pieces[i].len),
					 0);
}

/* Pieces of a text in any order, some twice: nothing is missing but a lost one. */
static void random_order_is_restored(void **state)
{
	char text[LENGTH + 1] = "", want[2 * LENGTH];
	struct piece pieces[LENGTH], lost;
	int round, n, i;

	for (i = 0; i < LENGTH; i++)
		text[i] = 'a' + i % 23;
	for (round = 0; round < 2000; round++) {
		_cleanup_(stream_cleanup) struct stream *stream = NULL;
		struct out out = {};

		n = cut_up(pieces);
		strcpy(want, text);
		if (round % 3) {
			/* not the last piece: a missing end is no gap */
			i = rand() % (n - 1);
			lost = pieces[i];
			pieces[i] = pieces[--n];
			sprintf(want + lost.at, "[%zu-%zu]%s", lost.at, lost.at + lost.len,
				text + lost.at + lost.len);
		}
		shuffle(pieces, n);
		assert_int_equal(stream_new(&stream, 1024, &ops, &out), 0);
		put_pieces(stream, text, pieces, n);
		stream_finish(stream);
		assert_string_equal(out.text, want);
		assert_int_equal(stream_kept(stream), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_deliver_what_they_want),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(no_memory_is_a_gap),
		cmocka_unit_test(random_order_is_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
