/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/compact.h"

static void test_lines(void **state)
{
	static const char *const cases[][2] = {
		{"{}", "- -     -              -\n"},
		{"{\"seq\":17,\"time\":\"2026-11-22T08:00:00.123456789Z\",\"type\":\"exec\","
		 "\"process\":{\"pid\":4711,\"exe\":\"/usr/bin/python3\"},"
		 "\"activity\":\"exec:/usr/bin/nc\","
		 "\"decision\":{\"verdict\":\"deny\",\"layer\":\"deny\",\"rule\":\"deny[0]\","
		 "\"reason\":\"not here\"},\"repeat\":40}",
		 "2026-11-22T08:00:00.123Z deny  exec           exec:/usr/bin/nc  4711 "
		 "/usr/bin/python3  not here  times 40  #17\n"},
		{"{\"type\":\"connect\",\"activity\":\"net:10.0.0.1:5432/tcp\","
		 "\"decision\":{\"verdict\":\"audit\",\"layer\":\"allow\",\"rule\":\"allow\"}}",
		 "- audit connect        net:10.0.0.1:5432/tcp  allow allow\n"},
		{"{\"type\":\"loss\",\"loss\":{\"reason\":\"torn_line\",\"records\":1,\"bytes\":20}}",
		 "- -     loss           -  torn_line records 1 bytes 20\n"},
		{"{\"type\":\"run.end\",\"run\":{\"name\":\"demo\"},"
		 "\"end\":{\"status\":\"ok\",\"exit\":0,\"violations\":2}}",
		 "- -     run.end        demo  ok  exit 0  violations 2\n"},
		{"{\"type\":\"exit\",\"run\":{\"name\":\"demo\"},"
		 "\"process\":{\"pid\":12,\"exe\":\"/bin/true\",\"comm\":\"true\"},"
		 "\"end\":{\"status\":\"killed\",\"exit\":137}}",
		 "- -     exit           /bin/true  12  killed  exit 137\n"},
		{"{\"type\":\"exit\",\"run\":{\"name\":\"demo\"},"
		 "\"process\":{\"pid\":12,\"comm\":\"true\"},\"end\":{\"status\":\"ok\",\"exit\":0}}",
		 "- -     exit           true  12  ok  exit 0\n"},
		{"{\"type\":\"http.response\",\"http\":{\"method\":\"GET\",\"host\":\"a.b\","
		 "\"path\":\"/c\",\"status\":404}}",
		 "- -     http.response  GET a.b/c  status 404\n"},
		{"{\"type\":\"connect\",\"net\":{\"addr\":\"10.0.0.1\",\"port\":53}}",
		 "- -     connect        10.0.0.1:53\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *event = cJSON_Parse(cases[i][0]);
		_buf_ struct buf out = {};

		assert_non_null(event);
		compact_line(&out, event);
		buf_add_char(&out, '\0');
		assert_string_equal(out.data, cases[i][1]);
		cJSON_Delete(event);
	}
}

/* What an agent named itself must not drive the terminal of whoever reads of it. */
static void test_hostile_text(void **state)
{
	cJSON *event = cJSON_Parse(
		"{\"time\":\"\\u001b[2J2026-11-22T08:00:00.1Z\","
		"\"type\":\"\\u001b]0;x\\u0007\",\"activity\":\"exec:/tmp/a\\nb\\u202e\","
		"\"process\":{\"pid\":\"\\u009b1m\",\"exe\":{}},\"decision\":[],"
		"\"end\":\"\\r\",\"run\":7}");
	_buf_ struct buf out = {};

	assert_non_null(event);
	compact_line(&out, event);
	buf_add_char(&out, '\0');
	assert_string_equal(out.data, "\\x1b[2J2026-11-22T08:00:00.1Z -     \\x1b]0;x\\x07   "
				      "exec:/tmp/a\\nb\\u202e  \\u009b1m\n");
	cJSON_Delete(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_hostile_text),
	};

	return cmocka_run_group_tests_name("audit/compact", tests, NULL, NULL);
}
