/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "jsonrpc.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"

/* What the reader tells, as short lines. */
struct out {
	char text[8192];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) say(struct out *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	out->len += (size_t)vsnprintf(out->text + out->len, sizeof(out->text) - out->len, fmt, ap);
	va_end(ap);
	assert_true(out->len < sizeof(out->text));
}

static void say_text(struct out *out, const char *what, const struct jsonrpc_text *t)
{
	if (t->at)
		say(out, " %s=%.*s", what, (int)t->len, t->at);
}

static void on_message(void *arg, const struct jsonrpc_message *m)
{
	static const char *const kinds[] = {"request", "notification", "result", "error"};
	struct out *out = arg;

	say(out, "%s", kinds[m->kind]);
	if (m->method)
		say(out, " %s", m->method);
	say_text(out, "id", &m->id);
	say_text(out, "params", &m->params);
	say_text(out, "result", &m->result);
	if (m->tool)
		say(out, " tool=%s", m->tool);
	say_text(out, "arguments", &m->arguments);
	say(out, "%s\n", m->failed ? " failed" : "");
}

static void on_unread(void *arg, enum jsonrpc_why why, uint64_t bytes)
{
	static const char *const whys[] = {"long", "broken", "gap"};

	say(arg, "%s %llu\n", whys[why], (unsigned long long)bytes);
}

static const struct jsonrpc_handler handler = {on_message, on_unread};

struct fixture {
	struct out out;
	size_t held;
	struct jsonrpc *reader;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){.held = 0};
	assert_int_equal(jsonrpc_new(&f->reader, &handler, &f->held, &f->out), 0);
}

static void end(struct fixture *f, const char *expected)
{
	jsonrpc_end(f->reader);
	assert_string_equal(f->out.text, expected);
	assert_int_equal(f->held, 0);
	jsonrpc_free(f->reader);
}

static void feed(struct fixture *f, const char *text)
{
	jsonrpc_feed(f->reader, text, strlen(text));
}

/* ---- messages ---- */

#define CALL "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"a\\u0062\",\"arguments\":{\"x\":[1]}}}"
#define CALL_SAID                                                                                                \
	"request tools/call id=7 params={\"name\":\"a\\u0062\",\"arguments\":{\"x\":[1]}} tool=ab "              \
	"arguments={\"x\":[1]}\n"

static const struct {
	const char *text, *said;
} lines[] = {
	{CALL "\n", CALL_SAID},
	{CALL, CALL_SAID}, /* the last one */
	{" \t" CALL " \r\n", CALL_SAID},
	{"{\"id\":\"x\",\"result\":{\"isError\":false},\"jsonrpc\":\"2.0\"}\n", "result id=\"x\" result={\"isError\":false}\n"},
	{"{\"id\":1,\"result\":{\"isError\":true}}\n", "result id=1 result={\"isError\":true} failed\n"},
	{"{\"id\":1,\"result\":null}\n", "result id=1 result=null\n"},
	{"{\"id\":1,\"result\":[\"isError\",true]}\n", "result id=1 result=[\"isError\",true]\n"},
	{"{\"id\":1,\"error\":{\"code\":-1}}\n", "error id=1 result={\"code\":-1} failed\n"},
	{"{\"id\":1,\"error\":null,\"result\":2}\n", "result id=1 result=2\n"},
	{"{\"method\":\"notifications/x\",\"params\":{}}\n", "notification notifications/x params={}\n"},
	{"{\"method\":\"tools/call\",\"params\":{\"name\":\"n\"}}\n",
	 "notification tools/call params={\"name\":\"n\"}\n"},
	{"{\"id\":1,\"method\":\"tools/call\"}\n", "request tools/call id=1\n"},
	{"{\"id\":1,\"method\":\"tools/call\",\"params\":[\"name\"]}\n", "request tools/call id=1 params=[\"name\"]\n"},
	{"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":5}}\n",
	 "request tools/call id=1 params={\"name\":5}\n"},
	/* the last one counts, and escapes do not hide anything */
	{"{\"id\":1,\"method\":\"x\",\"m\\u0065thod\":\"tools\\/call\",\"params\":{\"name\":\"a\",\"n\\u0061me\":\"b\"}}\n",
	 "request tools/call id=1 params={\"name\":\"a\",\"n\\u0061me\":\"b\"} tool=b\n"},
	{"[" CALL ",{\"method\":\"n\"}, {\"id\":2,\"result\":\"],}\\\"\"} ]\n",
	 CALL_SAID "notification n\nresult id=2 result=\"],}\\\"\"\n"},
	{"[]\n", ""},
	{"{}\n{\"id\":1}\n{\"result\":1}\n\n  \n", ""},
	{"text\n1\n\"{\"\n", ""},
	{"{\"id\":1\n", "broken 7\n"},
	{"{\"id\":1,}\n" CALL "\n", "broken 9\n" CALL_SAID},
	{"{\"id\":\"\xff\"}\n", "broken 10\n"},
	{"[" CALL ",1]\n", CALL_SAID "broken 100\n"},
	{"[" CALL ",,{\"method\":\"n\"}]\n", CALL_SAID "broken 114\n"},
	{"[" CALL "\n", "broken 97\n"},
	{"[" CALL "]]\n", CALL_SAID "broken 99\n"},
};

static void reads_lines(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct fixture f;

		begin(&f);
		feed(&f, lines[i].text);
		end(&f, lines[i].said);
	}
}

/* All of them, cut in three at every two places near each other, and byte by byte. */
static void pieces_do_not_matter(void **state)
{
	char text[8192] = "", said[8192] = "";
	size_t len;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		len = strlen(lines[i].text);
		strcat(strcat(text, lines[i].text), lines[i].text[len - 1] == '\n' ? "" : "\n");
		strcat(said, lines[i].said);
	}
	len = strlen(text);
	for (size_t at = 0; at <= len; at++)
		for (size_t next = at; next <= len && next < at + 3; next++) {
			struct fixture f;

			begin(&f);
			jsonrpc_feed(f.reader, text, at);
			jsonrpc_feed(f.reader, text + at, next - at);
			jsonrpc_feed(f.reader, text + next, len - next);
			end(&f, said);
		}
	for (size_t size = 1; size < 40; size++) {
		struct fixture f;

		begin(&f);
		for (size_t at = 0; at < len; at += size)
			jsonrpc_feed(f.reader, text + at, len - at < size ? len - at : size);
		end(&f, said);
	}
}

/* ---- what is not read ---- */

static void what_is_missing_ends_with_its_line(void **state)
{
	struct fixture f;

	begin(&f);
	feed(&f, CALL "\n{\"id\":");
	jsonrpc_gap(f.reader, 100);
	feed(&f, "1}}\n" CALL "\n");
	jsonrpc_gap(f.reader, 5); /* even if a line begins behind it */
	feed(&f, CALL "\n" CALL "\n");
	jsonrpc_gap(f.reader, 1);
	jsonrpc_gap(f.reader, 2);
	end(&f, CALL_SAID "gap 109\n" CALL_SAID "gap 101\n" CALL_SAID "gap 3\n");
}

static void long_lines_are_skipped(void **state)
{
	static char text[RPC_LINE_MAX];
	struct fixture f;

	memset(text, 'x', sizeof(text));
	begin(&f);
	feed(&f, "{");
	jsonrpc_feed(f.reader, text, sizeof(text) - 1);
	assert_int_equal(f.held, sizeof(text));
	feed(&f, "x");
	assert_int_equal(f.held, 0);
	feed(&f, "xyz\n" CALL "\n");
	text[0] = '{';
	text[sizeof(text) - 1] = '\n';
	jsonrpc_feed(f.reader, text, sizeof(text)); /* fits, in one piece */
	end(&f, "long 8388612\n" CALL_SAID "broken 8388607\n");
}

static void all_readers_hold_so_much(void **state)
{
	static char text[RPC_LINE_MAX];
	struct fixture f;

	memset(text, 'x', sizeof(text));
	begin(&f);
	f.held = JSONRPC_HELD_MAX - 10; /* others do */
	feed(&f, "{234567890");
	feed(&f, "1");
	assert_int_equal(f.held, JSONRPC_HELD_MAX - 10);
	feed(&f, "\n");
	feed(&f, CALL "\n"); /* is not kept */
	f.held = 0;
	end(&f, "long 11\n" CALL_SAID);
}

static void what_was_no_message_is_forgotten(void **state)
{
	struct fixture f;

	begin(&f);
	feed(&f, "{\"a\":");
	jsonrpc_forget(f.reader);
	assert_int_equal(f.held, 0);
	feed(&f, CALL);
	end(&f, CALL_SAID);
}

static void plain_texts(void **state)
{
	static const char *const rows[][2] = {
		{"\"a\\n\"", "a\n"}, {"12", "12"}, {"null", "null"}, {"1.50", "1.50"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jsonrpc_text t = {rows[i][0], strlen(rows[i][0])};
		char *plain = jsonrpc_plain(&t);

		assert_string_equal(plain, rows[i][1]);
		free(plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(what_is_missing_ends_with_its_line),
		cmocka_unit_test(long_lines_are_skipped),
		cmocka_unit_test(all_readers_hold_so_much),
		cmocka_unit_test(what_was_no_message_is_forgotten),
		cmocka_unit_test(plain_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
