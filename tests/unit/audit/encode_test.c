/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/encode.h"
#include "audit/names.h"
#include "base/time.h"
#include "base/utf8.h"

#define TIME (1795334400ULL * NS_PER_SEC + 123456789)
#define HEAD(type, severity)                                                                       \
	"{\"v\":1,\"seq\":17,\"id\":\"01ARYZ6S410000000000000000\","                               \
	"\"time\":\"2026-11-22T08:00:00.123456789Z\",\"type\":\"" type                             \
	"\",\"severity\":\"" severity "\""
#define TAIL ",\"prev\":\"" CHAIN_FIRST "\""

static const struct audit_stamp stamp = {
	.seq = 17, .id = "01ARYZ6S410000000000000000", .prev = CHAIN_FIRST};

static void assert_line(const struct audit_event *ev, const char *want)
{
	_buf_ struct buf b = {};

	assert_int_equal(audit_encode(&b, ev, &stamp), 0);
	buf_add_char(&b, '\0');
	assert_string_equal(b.data, want);
}

static void test_nothing_known(void **state)
{
	const struct audit_event ev = {.type = AUDIT_HEARTBEAT, .time = TIME};

	assert_line(&ev, HEAD("heartbeat", "info") TAIL);
}

static const struct audit_also also[] = {{"org", "deny", "deny[2]"}, {"team", NULL, NULL}};

static const struct audit_event full = {
	.type = AUDIT_EXEC,
	.time = TIME,
	.run = {"01RUN", "agents"},
	.identity = {"alice", "s1", "acme", "viewer", "eu"},
	.process = {.pid = KNOWN(4711),
		    .start = KNOWN(9007199254740993),
		    .tid = KNOWN(4712),
		    .ppid = KNOWN(4700),
		    .parent_start = KNOWN(UINT64_MAX),
		    .uid = KNOWN(0),
		    .exe = "/usr/bin/python3.11",
		    .comm = "python3"},
	.container.cgroup = "/warden/01RUN",
	.activity = "exec:/usr/bin/nc",
	.tool = "netcat",
	.flow = "f12",
	.decision = {.verdict = "deny",
		     .layer = "deny",
		     .rule = "deny[0]",
		     .reason = "no",
		     .policy = "agents",
		     .generation = KNOWN(3),
		     .at = "a.yaml:3:5",
		     .matched = "exec:/usr/bin/n*",
		     .tier = "lsm",
		     .error = "EPERM",
		     .also = also,
		     .also_count = 2},
	.exec = {"/usr/bin/nc", "nc\0-l\0", 6, true, "/home/dev"},
	.net = {"tcp", "203.0.113.7", KNOWN(443), "api.openai.com"},
	.http = {"POST", "api.openai.com", "/v1/x", KNOWN(200)},
	.content = {.request = {"q", 1, false, KNOWN(1), "aa"},
		    .response = {"r", 1, true, KNOWN(9), "bb"}},
	.opaque = {KNOWN(217), "0123abcd", "Java"},
	.loss = {"events_ring_full", KNOWN(3), KNOWN(49152)},
	.end = {"failed", KNOWN(1), KNOWN(7), KNOWN(0), KNOWN(2), KNOWN(1)},
	.repeat = KNOWN(40),
};

static void test_everything_known(void **state)
{
	struct audit_stamp all = stamp;
	_buf_ struct buf b = {};

	all.host = "node-7";
	all.boot_id = "b-1";
	assert_int_equal(audit_encode(&b, &full, &all), 0);
	buf_add_char(&b, '\0');
	assert_string_equal(
		b.data,
		HEAD("exec",
		     "high") ",\"host\":\"node-7\",\"boot_id\":\"b-1\","
			     "\"run\":{\"id\":\"01RUN\",\"name\":\"agents\"},"
			     "\"identity\":{\"user\":\"alice\",\"session\":\"s1\",\"tenant\":\"acme\","
			     "\"role\":\"viewer\",\"region\":\"eu\"},"
			     "\"process\":{\"id\":\"4711:9007199254740993\","
			     "\"parent_id\":\"4700:18446744073709551615\",\"pid\":4711,\"tid\":4712,"
			     "\"ppid\":4700,\"exe\":\"/usr/bin/python3.11\",\"comm\":\"python3\",\"uid\":0},"
			     "\"container\":{\"cgroup\":\"/warden/01RUN\"},"
			     "\"activity\":\"exec:/usr/bin/nc\",\"tool\":\"netcat\",\"flow\":\"f12\","
			     "\"decision\":{\"verdict\":\"deny\",\"layer\":\"deny\",\"rule\":\"deny[0]\","
			     "\"reason\":\"no\",\"policy\":\"agents\",\"generation\":3,\"at\":\"a.yaml:3:5\","
			     "\"matched\":\"exec:/usr/bin/n*\",\"tier\":\"lsm\",\"errno\":\"EPERM\","
			     "\"also\":[{\"policy\":\"org\",\"layer\":\"deny\",\"rule\":\"deny[2]\"},"
			     "{\"policy\":\"team\"}]},"
			     "\"exec\":{\"path\":\"/usr/bin/nc\",\"args\":[\"nc\",\"-l\"],"
			     "\"args_truncated\":true,\"cwd\":\"/home/dev\"},"
			     "\"net\":{\"proto\":\"tcp\",\"addr\":\"203.0.113.7\",\"port\":443,"
			     "\"host\":\"api.openai.com\"},"
			     "\"http\":{\"method\":\"POST\",\"host\":\"api.openai.com\",\"path\":\"/v1/x\","
			     "\"status\":200},"
			     "\"content\":{\"request\":\"q\",\"response\":\"r\",\"truncated\":true,"
			     "\"request_bytes\":1,\"request_sha256\":\"aa\",\"response_bytes\":9,"
			     "\"response_sha256\":\"bb\"},"
			     "\"opaque\":{\"bytes\":217,\"build_id\":\"0123abcd\",\"stack\":\"Java\"},"
			     "\"loss\":{\"reason\":\"events_ring_full\",\"records\":3,\"bytes\":49152},"
			     "\"end\":{\"status\":\"failed\",\"exit\":1,\"duration_ms\":7,\"tool_calls\":0,"
			     "\"model_calls\":2,\"violations\":1},\"repeat\":40" TAIL);
}

/* Half of a process id is none; a known zero is written, an unknown number is not. */
static void test_partly_known(void **state)
{
	struct audit_event ev = {.type = AUDIT_RUN_END,
				 .time = TIME,
				 .process = {.pid = KNOWN(1), .parent_start = KNOWN(2)},
				 .end = {.exit = KNOWN(0)}};

	assert_line(&ev,
		    HEAD("run.end", "info") ",\"process\":{\"pid\":1},\"end\":{\"exit\":0}" TAIL);
}

static void test_args(void **state)
{
	static const struct {
		const char *args;
		size_t len;
		const char *want;
	} cases[] = {
		{NULL, 0, ""},
		{"", 0, ",\"exec\":{\"args\":[]}"},
		{"", 1, ",\"exec\":{\"args\":[\"\"]}"},
		{"a\0\0b\0", 5, ",\"exec\":{\"args\":[\"a\",\"\",\"b\"]}"},
		{"a\0bc", 4, ",\"exec\":{\"args\":[\"a\",\"bc\"]}"},
		{"\xff/\xe2\x82\0\"\n\x1b\0", 8,
		 ",\"exec\":{\"args\":[\"" UTF8_REPLACEMENT "/" UTF8_REPLACEMENT
		 "\",\"\\\"\\n\\u001b\"]}"},
	};
	char want[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct audit_event ev = {
			.type = AUDIT_EXEC,
			.time = TIME,
			.exec = {.args = cases[i].args, .args_len = cases[i].len}};

		snprintf(want, sizeof(want), "%s%s%s", HEAD("exec", "info"), cases[i].want, TAIL);
		assert_line(&ev, want);
	}
}

struct body_case {
	const char *name;
	struct audit_body request, response;
	const char *want;
};

static void test_bodies(void **state)
{
	static const struct body_case cases[] = {
		{"metadata only: no text, so nothing is truncated",
		 {.bytes = KNOWN(20), .sha256 = "aa"},
		 {},
		 ",\"content\":{\"request_bytes\":20,\"request_sha256\":\"aa\"}"},
		{"an empty body is text",
		 {.text = "", .bytes = KNOWN(0)},
		 {},
		 ",\"content\":{\"request\":\"\",\"truncated\":false,\"request_bytes\":0}"},
		{"text as it is",
		 {.text = "{\"a\":\"\xc3\xa4\"}", .len = 10},
		 {},
		 ",\"content\":{\"request\":\"{\\\"a\\\":\\\"\xc3\xa4\\\"}\",\"truncated\":false}"},
		{"not UTF-8",
		 {.text = "a\xff", .len = 2},
		 {},
		 ",\"content\":{\"request\":\"Yf8=\",\"encoding\":\"base64\",\"truncated\":false}"},
		{"with NUL",
		 {},
		 {.text = "a\0", .len = 2},
		 ",\"content\":{\"response\":\"YQA=\",\"encoding\":\"base64\",\"truncated\":false}"},
		{"one encoding for both",
		 {.text = "foo", .len = 3},
		 {.text = "\xff", .len = 1},
		 ",\"content\":{\"request\":\"Zm9v\",\"response\":\"/w==\","
		 "\"encoding\":\"base64\",\"truncated\":false}"},
		{"a character cut by truncation is left out",
		 {.text = "ab\xe2\x82", .len = 4, .truncated = true},
		 {},
		 ",\"content\":{\"request\":\"ab\",\"truncated\":true}"},
		{"not by truncation: not text",
		 {.text = "ab\xe2\x82", .len = 4},
		 {},
		 ",\"content\":{\"request\":\"YWLigg==\",\"encoding\":\"base64\","
		 "\"truncated\":false}"},
		{"some control characters are text",
		 {.text = "\x1b[1m\r\n\t", .len = 7},
		 {},
		 ",\"content\":{\"request\":\"\\u001b[1m\\r\\n\\t\",\"truncated\":false}"},
		{"many are not",
		 {.text = "\x1b\x01\x02\x03", .len = 4},
		 {},
		 ",\"content\":{\"request\":\"GwECAw==\",\"encoding\":\"base64\","
		 "\"truncated\":false}"},
	};
	char want[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct audit_event ev = {.type = AUDIT_HTTP_REQUEST,
					       .time = TIME,
					       .content = {cases[i].request, cases[i].response}};

		snprintf(want, sizeof(want), "%s%s%s", HEAD("http.request", "info"), cases[i].want,
			 TAIL);
		assert_line(&ev, want);
	}
}

static void test_severity(void **state)
{
	assert_string_equal(audit_severity(AUDIT_EXEC, NULL), "info");
	assert_string_equal(audit_severity(AUDIT_EXEC, "allow"), "info");
	assert_string_equal(audit_severity(AUDIT_EXEC, "audit"), "medium");
	assert_string_equal(audit_severity(AUDIT_CONNECT, "deny"), "high");
	assert_string_equal(audit_severity(AUDIT_CONNECT, "kill"), "high");
	assert_string_equal(audit_severity(AUDIT_LOSS, NULL), "critical");
	assert_string_equal(audit_severity(AUDIT_TAMPER, "kill"), "critical");
	assert_null(audit_severity(AUDIT_EXEC, "maybe"));
	assert_null(audit_severity(AUDIT_TYPES, NULL));
}

static void test_every_name_is_there(void **state)
{
	for (size_t i = 0; i < AUDIT_TYPES; i++)
		assert_non_null(audit_type_names[i]);
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		assert_non_null(verdict_names[i]);
	for (size_t i = 0; i < LAYER_COUNT; i++)
		assert_non_null(layer_names[i]);
	for (size_t i = 0; i < TIER_COUNT; i++)
		assert_non_null(tier_names[i]);
}

static void test_unknown_words_are_refused(void **state)
{
	struct audit_event ev = {.type = AUDIT_EXEC, .time = TIME, .decision.verdict = "maybe"};
	_buf_ struct buf b = {};

	assert_int_equal(audit_encode(&b, &ev, &stamp), -EINVAL);
	ev = (struct audit_event){.type = AUDIT_TYPES, .time = TIME};
	assert_int_equal(audit_encode(&b, &ev, &stamp), -EINVAL);
	assert_int_equal(b.len, 0);
}

/* Whatever bytes an agent puts into names, the line is JSON and valid UTF-8. */
static void test_hostile_strings(void **state)
{
	srandom(3);
	for (int round = 0; round < 3000; round++) {
		char s[64];
		struct audit_event ev = {.type = AUDIT_EXEC, .time = TIME};
		_buf_ struct buf b = {};
		cJSON *read;

		for (size_t i = 0; i < sizeof(s); i++)
			s[i] = (char)random();
		s[sizeof(s) - 1] = '\0';
		ev.activity = ev.exec.path = ev.process.comm = ev.decision.reason = s;
		ev.exec.args = s;
		ev.exec.args_len = sizeof(s);
		ev.content.request = (struct audit_body){.text = s, .len = (size_t)random() % 64};
		assert_int_equal(audit_encode(&b, &ev, &stamp), 0);
		buf_add_char(&b, '}');
		assert_true(utf8_valid(b.data, b.len));
		assert_null(memchr(b.data, '\n', b.len));
		read = cJSON_ParseWithLength(b.data, b.len);
		assert_non_null(read);
		cJSON_Delete(read);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_everything_known),
		cmocka_unit_test(test_partly_known),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_severity),
		cmocka_unit_test(test_every_name_is_there),
		cmocka_unit_test(test_unknown_words_are_refused),
		cmocka_unit_test(test_hostile_strings),
	};

	return cmocka_run_group_tests_name("audit/encode", tests, NULL, NULL);
}
