/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "resolvers.h"

/* What is read, as addresses with a blank between. */
static void expect(const char *text, const char *want)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	char got[RESOLVERS * INET6_ADDRSTRLEN] = "", addr[INET6_ADDRSTRLEN];
	struct resolvers r;

	assert_non_null(f);
	assert_int_equal(resolvers_read(f, &r), 0);
	fclose(f);
	for (size_t i = 0; i < r.count; i++) {
		inet_ntop(AF_INET6, r.addr[i], addr, sizeof(addr));
		strcat(got, i ? " " : "");
		strcat(got, addr);
	}
	assert_string_equal(got, want);
}

static void addresses(void **state)
{
	expect("nameserver 192.0.2.1\nnameserver\t2001:db8::1\n", "::ffff:192.0.2.1 2001:db8::1");
	expect("search example.com\n nameserver 192.0.2.9\nnameserver   192.0.2.2  # first\n"
	       "nameserver fe80::1%eth0\nnameserver 192.0.2.2;\n",
	       "::ffff:192.0.2.2 fe80::1");
	expect("nameserver 192.0.2.3", "::ffff:192.0.2.3");
	expect("nameserver 192.0.2.3\r\n", "::ffff:192.0.2.3");
}

static void none(void **state)
{
	expect("# nothing\n", "::ffff:127.0.0.1");
	expect("nameserver\nnameserver name.example\nnameservers 192.0.2.1\n", "::ffff:127.0.0.1");
}

static void more_than_there_is_room_for(void **state)
{
	expect("nameserver ::1\nnameserver ::2\nnameserver ::3\nnameserver ::4\nnameserver ::5\n"
	       "nameserver ::6\nnameserver ::7\nnameserver ::8\nnameserver ::9\n",
	       "::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8");
}

static void this_machine(void **state)
{
	struct resolvers r;

	assert_int_equal(resolvers_look(&r), 0);
	assert_true(r.count > 0);
	assert_true(r.netns > 0);
	assert_true(r.interfaces >= if_nametoindex("lo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(none),
		cmocka_unit_test(more_than_there_is_room_for),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests_name("resolvers", tests, NULL, NULL);
}
