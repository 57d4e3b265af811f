/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* How streams begin (bpf/rpc.h): what is JSON-RPC, and what is not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "rpc.h"

/* The state behind so many bytes; it does not change any more once it is decided. */
static uint32_t behind(const char *text, size_t len)
{
	uint32_t state = RPC_START;

	for (size_t i = 0; i < len; i++) {
		uint32_t before = state;

		state = rpc_next(state, (unsigned char)text[i]);
		if (rpc_head_of(before) >= RPC_YES)
			assert_int_equal(before, state);
	}
	return rpc_head_of(state);
}

static void messages_are_known(void **state)
{
	static const char *const texts[] = {
		"{\"jsonrpc\"",
		" \r\n\t\n{\"jsonrpc\"",
		"[{\"id\":1,\"jsonrpc\"",
		"{\"method\":\"a\",\"params\":{\"x\":\"\\\"jsonrpc\\\"\"},\"jsonrpc\"",
		"{\"json\":\"jsonrp\",\"\"jsonrpc\"",
		"{\"\"\"jsonrpc\"",
		"{\"jsonrpc \":1,\"jsonrpC\":2,\"jsonrpc\"",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strlen(texts[i]);

		/* By the last byte, and by none before. */
		assert_int_equal(behind(texts[i], len), RPC_YES);
		for (size_t n = 0; n < len; n++)
			assert_in_range(behind(texts[i], n), RPC_START, RPC_LINE);
	}
}

static void other_text_is_known(void **state)
{
	static const char *const texts[] = {
		"j", "\"", "\n\n<", "{\n", "{\"a\":1}\n", "[1,2,\n", "{\"jsonrpc\n", "\x80", "Content-Length: 4\r\n",
	};
	static const char zero[] = {'{', 0, '\n'};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(behind(texts[i], strlen(texts[i])), RPC_NO);
	assert_int_equal(behind(zero, 1), RPC_LINE);
	assert_int_equal(behind(zero, 3), RPC_NO);
	assert_int_equal(behind("", 0), RPC_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_known),
		cmocka_unit_test(other_text_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
