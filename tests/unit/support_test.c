/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

static struct tiers full(void)
{
	struct tiers t = {.exec = TIER_SIGNAL, .net = TIER_CGROUP, .plaintext = TIER_CUT};

	for (size_t i = 0; i < FACILITY_COUNT; i++)
		t.facility[i].works = true;
	return t;
}

static struct tiers none(void)
{
	struct tiers t = {.exec = TIER_NONE};

	for (size_t i = 0; i < FACILITY_COUNT; i++)
		snprintf(t.facility[i].reason, sizeof(t.facility[i].reason), "because");
	return t;
}

static int check(const struct policy *p, const struct tiers *t, size_t *ret_len)
{
	_buf_ struct buf notes = {0};
	int r = support_check(p, t, &notes);

	*ret_len = notes.len;
	return r;
}

static void refuses_what_no_tier_enforces(void **state)
{
	struct pattern exec = {.kind = KIND_EXEC};
	struct entry deny = {.match = {&exec, 1}};
	struct policy p = {.deny = {.items = &deny, .count = 1}};
	struct tiers with = full(), without = none();
	size_t len;

	assert_int_equal(check(&p, &with, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(check(&p, &without, &len), -EOPNOTSUPP);
	assert_true(len > 0);
}

static void only_asks_for_what_rules_name(void **state)
{
	struct policy empty = {.opaque = CHOICE_AUDIT};
	struct tiers without = none();
	size_t len;

	assert_int_equal(check(&empty, &without, &len), 0);
	assert_int_equal(check(NULL, &without, &len), 0);
	empty.opaque = CHOICE_DENY;
	assert_int_equal(check(&empty, &without, &len), -EOPNOTSUPP);
}

static void watching_needs_no_tier(void **state)
{
	struct policy p = {.opaque = CHOICE_DENY, .mode = MODE_AUDIT};
	struct tiers without = none();
	size_t len;

	assert_int_equal(check(&p, &without, &len), 0);
}

static void audit_says_so_and_goes_on(void **state)
{
	struct policy p = {.opaque = CHOICE_DENY, .unsupported = UNSUPPORTED_AUDIT};
	struct tiers without = none();
	size_t len;

	assert_int_equal(check(&p, &without, &len), 0);
	assert_true(len > 0);
	p.unsupported = UNSUPPORTED_DEGRADE; /* and there is nothing lower */
	assert_int_equal(check(&p, &without, &len), -EOPNOTSUPP);
}

static void closing_net_closes_unix_sockets(void **state)
{
	struct policy p = {.defaults = {[KIND_NET] = {.deny = true}}};
	struct tiers t = full();
	size_t len;

	assert_int_equal(check(&p, &t, &len), 0);
	t.facility[FACILITY_NET_UNIX].works = false;
	assert_int_equal(check(&p, &t, &len), -EOPNOTSUPP);
	t.net = TIER_LSM;
	assert_int_equal(check(&p, &t, &len), 0);
}

/* Whichever way there is will do. */
static void recording_needs_hooks(void **state)
{
	struct policy p = {.mcp_place = {3, 1}, .capture = CAPTURE_METADATA};
	struct tiers t = full();
	size_t len;

	assert_int_equal(check(&p, &t, &len), 0);
	t.facility[FACILITY_STDIO_HOOK].works = false;
	assert_int_equal(check(&p, &t, &len), 0);
	t.facility[FACILITY_STDIO_SYSCALL].works = false;
	assert_int_equal(check(&p, &t, &len), -EOPNOTSUPP);
	p.capture = CAPTURE_OFF;
	assert_int_equal(check(&p, &t, &len), 0);
}

/* Whether they close it, or only take a place out. */
static void listening_needs_lsm(void **state)
{
	static struct pattern door = {.kind = KIND_LISTEN, .port = 8080, .proto = -1};
	struct entry entry = {.match = {.items = &door, .count = 1}};
	struct policy deny = {.deny = {.items = &entry, .count = 1}};
	struct policy allow = {.allow = {.items = &entry, .count = 1}};
	struct tiers t = full();
	size_t len;

	t.net = TIER_CGROUP;
	assert_int_equal(check(&deny, &t, &len), -EOPNOTSUPP);
	assert_int_equal(check(&allow, &t, &len), -EOPNOTSUPP);
	t.net = TIER_LSM;
	assert_int_equal(check(&deny, &t, &len), 0);
	assert_int_equal(check(&allow, &t, &len), 0);
}

/* Allowing one asks for nothing, nor does what only records: it opens what is not held then anyway. */
static void files_need_lsm(void **state)
{
	static struct pattern file = {.kind = KIND_FILE};
	struct entry entry = {.match = {.items = &file, .count = 1}};
	struct policy deny = {.deny = {.items = &entry, .count = 1}};
	struct policy allow = {.allow = {.items = &entry, .count = 1}};
	struct tiers t = full();
	size_t len;

	assert_int_equal(check(&deny, &t, &len), 0);
	t.facility[FACILITY_GUARD].works = false;
	assert_int_equal(check(&deny, &t, &len), -EOPNOTSUPP);
	assert_int_equal(check(&allow, &t, &len), 0);
	entry.audit = true;
	assert_int_equal(check(&deny, &t, &len), 0);
}

/* Whether it admits or refuses; where programs are only killed, or the kernel hashes otherwise. */
static void hashes_need_lsm(void **state)
{
	static struct pattern program = {.kind = KIND_EXEC};
	struct entry entry = {.match = {.items = &program, .count = 1}};
	struct policy deny = {.deny = {.items = &entry, .count = 1}};
	struct policy allow = {.allow = {.items = &entry, .count = 1}};
	struct tiers t = full();
	size_t len;

	t.exec = TIER_SIGNAL;
	assert_int_equal(check(&deny, &t, &len), 0);
	entry.conds[COND_HASH].place.line = 1;
	assert_int_equal(check(&deny, &t, &len), -EOPNOTSUPP);
	assert_int_equal(check(&allow, &t, &len), -EOPNOTSUPP);
	t.exec = TIER_LSM;
	assert_int_equal(check(&deny, &t, &len), 0);
	assert_int_equal(check(&allow, &t, &len), 0);
	t.facility[FACILITY_EXEC_HASH].works = false;
	assert_int_equal(check(&deny, &t, &len), -EOPNOTSUPP);
	assert_int_equal(check(&allow, &t, &len), -EOPNOTSUPP);
}

/* A packet socket is made without LSM. Allowing one asks for nothing. */
static void raw_sockets_need_lsm(void **state)
{
	static struct pattern raw = {.kind = KIND_NET, .form = NET_RAW};
	struct entry entry = {.match = {.items = &raw, .count = 1}};
	struct policy p = {.deny = {.items = &entry, .count = 1}};
	struct tiers t = full();
	size_t len;

	t.net = TIER_CGROUP;
	assert_int_equal(check(&p, &t, &len), -EOPNOTSUPP);
	t.net = TIER_LSM;
	assert_int_equal(check(&p, &t, &len), 0);
	p.allow = p.deny;
	p.deny = (struct entries){};
	t.net = TIER_CGROUP;
	assert_int_equal(check(&p, &t, &len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_no_tier_enforces),
		cmocka_unit_test(only_asks_for_what_rules_name),
		cmocka_unit_test(watching_needs_no_tier),
		cmocka_unit_test(audit_says_so_and_goes_on),
		cmocka_unit_test(recording_needs_hooks),
		cmocka_unit_test(closing_net_closes_unix_sockets),
		cmocka_unit_test(raw_sockets_need_lsm),
		cmocka_unit_test(files_need_lsm),
		cmocka_unit_test(hashes_need_lsm),
		cmocka_unit_test(listening_needs_lsm),
	};

	return cmocka_run_group_tests_name("support", tests, NULL, NULL);
}
