/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bpf/random.h"
#include "build.h"
#include "policy/ask.h"

/* Hosts that are IPv6 addresses: rules are about the address, however a client writes it. */

#define GROUPS 8

static bool hits(const void *img, const char *activity)
{
	_buf_ struct buf complaint = {};
	struct activity a;
	struct decision d;
	struct ask ask;

	assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
	ask_decide(img, &ask, NULL, 0, &a, &d);
	return a.hit.deny == 0;
}

static void matches_every_spelling(void **state)
{
	static const struct {
		const char *host;
		bool match;
	} rows[] = {
		{"[::1]", true},
		{"[0:0:0:0:0:0:0:1]", true},
		{"[0000:0000:0000:0000:0000:0000:0000:0001]", true},
		{"[::0:1]", true},
		{"[0::1]", true},
		{"[0::0:0:01]", true},
		{"[::0.0.0.1]", true},
		{"[0:0:0:0:0:0:0.0.0.1]", true},
		{"[0:0:0:0:0:0:0::1]", false},
		{"[::]", false},
		{"[::10]", false},
		{"[1::1]", false},
		{"[::00001]", false},
		{"[0:0:0:0:0:0:0:0:1]", false},
		{"[0:0:0:0:0:0:1]", false},
		{"[::1.0.0.1]", false},
		{"[::0.0.1]", false},
		{"[::1", false},
		{"[]", false},
		{"::1", false},
	};
	struct policy *p = build_policy();
	struct image_block block;
	char activity[128];

	build_rule(&p->deny, "deny", "http:* [0:0::0:1]/x*", NULL);
	assert_string_equal(p->deny.items[0].match.items[0].host, "[::1]");
	block = build_image(p);
	for (size_t i = 0; i < COUNT(rows); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		snprintf(activity, sizeof(activity), "http:GET %s/x", rows[i].host);
		if (!ask_parse(activity, &ask, &complaint) &&
		    hits(block.data, activity) != rows[i].match)
			fail_msg("%s: want %d", rows[i].host, rows[i].match);
	}
	free(block.data);
	policy_free(&p);
}

/* Groups with zeros in front, one run of zeros left out, an IPv4 address at the end. */
static void spell(const uint8_t addr[16], char *out)
{
	uint32_t from = pick(GROUPS + 1), to = pick(GROUPS + 1), dotted = pick(3);

	*out = '\0';
	for (uint32_t i = 0; i < GROUPS; i++) {
		char *end = out + strlen(out);
		unsigned int group = addr[2 * i] << 8U | addr[2 * i + 1];

		if (i == from && from < to) {
			strcpy(end, "::");
			i = to - 1;
			continue;
		}
		if (i && end[-1] != ':')
			*end++ = ':';
		if (!dotted && i == GROUPS - 2) {
			sprintf(end, "%u.%u.%u.%u", addr[12], addr[13], addr[14], addr[15]);
			return;
		}
		sprintf(end, "%0*x", (int)(1 + pick(4)), group);
	}
}

static void random_address(uint8_t addr[16])
{
	static const uint16_t groups[] = {0, 0, 0, 0, 1, 0x10, 0xabc, 0xffff};

	for (int i = 0; i < GROUPS; i++) {
		uint16_t group = groups[pick(COUNT(groups))];

		addr[2 * i] = (uint8_t)(group >> 8);
		addr[2 * i + 1] = (uint8_t)group;
	}
}

/* The automaton against inet_pton(): right and wrong spellings of many addresses. */
static void agrees_with_inet_pton(void **state)
{
	uint32_t matched = 0, others = 0;

	for (int i = 0; i < 150; i++) {
		char text[64], activity[128], pattern[128];
		struct policy *p = build_policy();
		struct image_block block;
		uint8_t addr[16], got[16];

		random_address(addr);
		snprintf(pattern, sizeof(pattern), "http:GET [%s]",
			 inet_ntop(AF_INET6, addr, text, sizeof(text)));
		build_rule(&p->deny, "deny", pattern, NULL);
		block = build_image(p);
		for (int k = 0; k < 300; k++) {
			bool want;

			spell(addr, text);
			if (once_in(4))
				text[pick((uint32_t)strlen(text))] = "0:1."[pick(4)];
			want = inet_pton(AF_INET6, text, got) == 1 && !memcmp(addr, got, 16);
			snprintf(activity, sizeof(activity), "http:GET [%s]/x", text);
			if (hits(block.data, activity) != want)
				fail_msg("%s on %s: want %d, WARDEN_SEED=%llu", pattern, activity,
					 want, (unsigned long long)random_given);
			matched += want;
			others += !want;
		}
		free(block.data);
		policy_free(&p);
	}
	print_message("%u spellings matched, %u others\n", matched, others);
	assert_true(matched > 5000 && others > 5000);
}

/* Many of them fit into one policy. */
static void many_fit(void **state)
{
	struct policy *p = build_policy();
	struct image_block block;
	char pattern[64];

	for (int i = 0; i < 300; i++) {
		snprintf(pattern, sizeof(pattern), "http:* [2001:db8:%x::%x]/v1/*", i, i);
		build_rule(&p->deny, "deny", pattern, NULL);
	}
	block = build_image(p);
	print_message("300 IPv6 hosts: %u automata, %u KiB\n",
		      image_header(block.data)->text[TEXT_HTTP].dfas,
		      image_header(block.data)->size >> 10);
	assert_true(hits(block.data, "http:GET [2001:db8:0::0:0]/v1/x"));
	free(block.data);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_every_spelling),
		cmocka_unit_test(agrees_with_inet_pton),
		cmocka_unit_test(many_fit),
	};

	random_start();
	print_message("WARDEN_SEED=%llu\n", (unsigned long long)random_given);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
