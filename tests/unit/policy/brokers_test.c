/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "broker.h"
#include "build.h"
#include "policy/ask.h"
#include "policy/brokers.h"

/* The name of a built-in rule, which outlives the image that it was found in. */
static const char *broker_rule(const char *id)
{
	for (size_t i = 0; i < BROKERS; i++)
		if (!strcmp(brokers[i].rule, id))
			return brokers[i].rule;
	return "none";
}

/* Returns what the policy decides on a path; `ret` is the rule: a broker's, "mine", or "". */
static uint32_t decide_on(struct policy *p, enum kind kind, const char *path, const char **ret)
{
	static struct ask ask;
	_buf_ struct buf complaint = {};
	struct image_block image;
	struct rule_view rule;
	struct activity a;
	struct decision d;
	char name[256];

	snprintf(name, sizeof(name), "%s%s", kind == KIND_NET ? "net:unix:" : "file:write ", path);
	assert_int_equal(ask_parse(name, &ask, &complaint), 0);
	image = build_image(p);
	ask_decide(image.data, &ask, NULL, 0, &a, &d);
	*ret = "";
	if (ask_rule(image.data, d.rule, &rule))
		*ret = rule.line ? "mine" : broker_rule(rule.id);
	free(image.data);
	return d.verdict;
}

/* ---- plain paths ---- */

static void test_plain(void **state)
{
	static const struct {
		const char *path, *plain;
	} cases[] = {
		{"/run/x", "/run/x"},
		{"/", ""},
		{"//", ""},
		{"/.", ""},
		{"/..", ""},
		{"/../x", "/x"},
		{"/../../run/../x", "/x"},
		{"//run//x//", "/run/x"},
		{"/run/./x/.", "/run/x"},
		{"/run/y/../x", "/run/x"},
		{"/run/y/z/../../x", "/run/x"},
		{"/run/y/..", "/run"},
		{"/y/../run/z/.././x", "/run/x"},
		{"/run/..x", "/run/..x"},
		{"/run/.x", "/run/.x"},
		{"/run/x.", "/run/x."},
		{"/run/x..", "/run/x.."},
		{"/run/.../x", "/run/.../x"},
	};
	static uint8_t name[NAME_SIZE], out[PLAIN_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct matcher m = {};
		uint32_t len;

		memset(name, 'x', sizeof(name)); /* what is left behind a name does not matter */
		memcpy(name, cases[i].path, strlen(cases[i].path));
		len = broker_plain(name, (uint32_t)strlen(cases[i].path), out, &m);
		if (len != strlen(cases[i].plain) ||
		    memcmp(out + PLAIN_SIZE - len, cases[i].plain, len))
			fail_msg("%s became %.*s", cases[i].path, (int)len, out + PLAIN_SIZE - len);
	}
}

static void test_longest(void **state)
{
	static uint8_t name[NAME_SIZE], out[PLAIN_SIZE];
	struct matcher m = {};

	memset(name, 'a', sizeof(name));
	name[0] = '/';
	assert_int_equal(broker_plain(name, NAME_SIZE - 1, out, &m), NAME_SIZE - 1);
	assert_memory_equal(out + PLAIN_SIZE - (NAME_SIZE - 1), name, NAME_SIZE - 1);
}

/* ---- rules ---- */

/* Every path of the list, with something for each star, is denied by its rule. */
static void test_all(void **state)
{
	struct policy *p = build_policy();
	const char *rule;

	assert_int_equal(brokers_add(p), 0);
	for (size_t i = 0; i < BROKERS; i++) {
		assert_non_null(brokers[i].paths[0]);
		for (size_t k = 0; k < BROKER_PATHS && brokers[i].paths[k]; k++) {
			char path[128] = "";

			for (const char *c = brokers[i].paths[k]; *c; c++)
				strcat(path, *c != '*' ? (const char[2]){*c} : *path ? "1000" : "/1000");
			assert_int_equal(decide_on(p, brokers[i].kind, path, &rule), VERDICT_DENY);
			assert_string_equal(rule, brokers[i].rule);
		}
	}
	policy_free(&p);
}

static void test_others(void **state)
{
	static const char *const open[] = {"/run/user/1000/pulse/native", "/tmp/x/docker.sock",
					   "/tmp/.X11-unix/X0", "/run/systemd/notify", "/dev/log",
					   "/run/docker.sock.d/x", "@/tmp/.X11-unix/X0",
					   "/etc/cron.d/x"};
	static const char *const files[] = {"/etc/passwd", "/etc/cron", "/home/u/.config/x", "/run/docker.sock",
					    "/var/spool/mail/u", "/etc", "/proc/sys/kernel/hostname"};
	struct policy *p = build_policy();
	const char *rule;

	assert_int_equal(brokers_add(p), 0);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_int_equal(decide_on(p, KIND_NET, open[i], &rule), VERDICT_ALLOW);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(decide_on(p, KIND_FILE, files[i], &rule), VERDICT_ALLOW);
	policy_free(&p);
}

/* What an entry names is its own to decide on; patterns that match other sockets as well name none. */
static void test_named(void **state)
{
	static const struct {
		const char *allow, *audit, *deny, *path; /* of a file behind a > */
		uint32_t verdict;
		const char *rule;
	} cases[] = {
		{"net:*", NULL, NULL, "/run/docker.sock", VERDICT_DENY, "broker:docker"},
		{"net:unix:*", NULL, NULL, "/run/docker.sock", VERDICT_DENY, "broker:docker"},
		{"net:unix:/run/*", NULL, NULL, "/run/docker.sock", VERDICT_DENY, "broker:docker"},
		{"net:unix:/run/docker.sock", NULL, NULL, "/run/docker.sock", VERDICT_ALLOW, "mine"},
		{"net:unix:/run/docker.sock", NULL, NULL, "/run/crio/crio.sock", VERDICT_DENY,
		 "broker:crio"},
		{NULL, "net:unix:/run/docker.sock", NULL, "/run/docker.sock", VERDICT_AUDIT, "mine"},
		{NULL, "net:unix:/run/docker.sock", NULL, "/var/run/docker.sock", VERDICT_ALLOW, ""},
		{NULL, "net:unix:/var/run/docker.sock", NULL, "/run/docker.sock", VERDICT_ALLOW, ""},
		{NULL, "net:unix:*", NULL, "/run/docker.sock", VERDICT_DENY, "broker:docker"},
		{NULL, "net:unix:/run/*", NULL, "/run/docker.sock", VERDICT_DENY, "broker:docker"},
		{NULL, "net:unix:/tmp/tmux-1/*", NULL, "/tmp/tmux-1/x", VERDICT_AUDIT, "mine"},
		{NULL, "net:unix:/tmp/tmux-1/*", NULL, "/tmp/tmux-2/x", VERDICT_DENY, "broker:tmux"},
		{NULL, "net:unix:/tmp/tmux-*/*", NULL, "/tmp/tmux-2/x", VERDICT_AUDIT, "mine"},
		{NULL, "net:unix:/tmp/*", NULL, "/tmp/tmux-2/x", VERDICT_DENY, "broker:tmux"},
		{NULL, NULL, "net:unix:/run/docker.sock", "/run/docker.sock", VERDICT_DENY, "mine"},
		{NULL, NULL, "net:unix:/run/docker.sock", "/var/run/docker.sock", VERDICT_DENY,
		 "broker:docker"},
		{NULL, NULL, "net:192.0.2.1", "/run/../run/docker.sock", VERDICT_DENY,
		 "broker:docker"},
		{"file:write /etc/cron.d/*", NULL, NULL, ">/etc/cron.d/x", VERDICT_ALLOW, "mine"},
		{"file:write /etc/cron.d/*", NULL, NULL, ">/etc/cron.hourly/x", VERDICT_DENY, "broker:cron"},
		{"file:write /etc/cron.d/*", NULL, NULL, ">/etc/", VERDICT_DENY, "broker:cron"},
		{"exec:*", NULL, NULL, ">/etc/crontab", VERDICT_DENY, "broker:cron"},
		{NULL, "file:write /etc/cron.*/*", NULL, ">/etc/cron.d/x", VERDICT_AUDIT, "mine"},
		{NULL, "file:write /etc/*", NULL, ">/etc/cron.d/x", VERDICT_DENY, "broker:cron"},
		{NULL, "net:unix:/etc/cron.d/x", NULL, ">/etc/cron.d/x", VERDICT_DENY, "broker:cron"},
		{NULL, NULL, NULL, ">/var/spool/", VERDICT_DENY, "broker:cron"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *p = build_policy();
		enum kind kind = cases[i].path[0] == '>' ? KIND_FILE : KIND_NET;
		uint32_t verdict;
		const char *rule;

		if (cases[i].allow)
			build_rule(&p->allow, "allow", cases[i].allow, NULL);
		if (cases[i].audit)
			build_rule(&p->deny, "deny", cases[i].audit, NULL)->audit = true;
		if (cases[i].deny)
			build_rule(&p->deny, "deny", cases[i].deny, NULL);
		assert_int_equal(brokers_add(p), 0);
		verdict = decide_on(p, kind, cases[i].path + (kind == KIND_FILE), &rule);
		if (verdict != cases[i].verdict || strcmp(rule, cases[i].rule))
			fail_msg("case %zu: verdict %u, rule %s", i, verdict, rule);
		policy_free(&p);
	}
}

/* Rules that are in every policy make nothing unknown: only rules of its own do. */
static void test_other_families(void **state)
{
	struct policy *p = build_policy();
	struct image_block image;

	assert_int_equal(brokers_add(p), 0);
	image = build_image(p);
	assert_int_equal(image_header(image.data)->kinds[KIND_NET].ruled, 0);
	free(image.data);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	    cmocka_unit_test(test_longest),
		cmocka_unit_test(test_all),	    cmocka_unit_test(test_others),
		cmocka_unit_test(test_named),	    cmocka_unit_test(test_other_families),
	};

	return cmocka_run_group_tests_name("policy/brokers", tests, NULL, NULL);
}
