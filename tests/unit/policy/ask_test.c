/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <errno.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audit/names.h"
#include "build.h"
#include "policy/ask.h"
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/reason.h"

/* ---- names ---- */

static void test_texts(void **state)
{
	static const struct {
		const char *activity;
		enum kind kind;
		const char *text;
		uint32_t flags;
	} cases[] = {
		{"exec:/usr/bin/nc", KIND_EXEC, "/usr/bin/nc", 0},
		{"exec:/usr/bin/[", KIND_EXEC, "/usr/bin/[", 0},
		{"exec:/tmp/a*\\b", KIND_EXEC, "/tmp/a*\\b", 0},
		{"exec:memfd:x y", KIND_EXEC, "memfd:x y", 0},
		{"exec:unknown", KIND_EXEC, "unknown", ACTIVITY_UNKNOWN},
		{"net:unix:/run/x.sock", KIND_NET, "/run/x.sock", 0},
		{"net:unix:@abstract", KIND_NET, "@abstract", 0},
		{"net:API.example.COM.:443", KIND_NET, "443:api.example.com", 0},
		{"net:db-1_x:0/udp", KIND_NET, "0:db-1_x", 0},
		{"http:POST api.example.com/v1/x", KIND_HTTP, "POST api.example.com/v1/x", 0},
		{"http:GET API.example.COM.", KIND_HTTP, "GET api.example.com/", 0},
		{"http:GET h/A b%41?c", KIND_HTTP, "GET h/A b%41?c", 0},
		{"http:GET [::1]/x", KIND_HTTP, "GET [::1]/x", 0},
		{"http:CONNECT Evil.test.", KIND_HTTP, "CONNECT evil.test", 0},
		{"http:OPTIONS Evil.test.*", KIND_HTTP, "OPTIONS evil.test*", 0},
		{"http:OPTIONS evil.test/*", KIND_HTTP, "OPTIONS evil.test/*", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		assert_int_equal(ask_parse(cases[i].activity, &ask, &complaint), 0);
		assert_int_equal(ask.name.kind, cases[i].kind);
		assert_int_equal(ask.flags, cases[i].flags);
		assert_int_equal(ask.len, strlen(cases[i].text));
		assert_memory_equal(ask.text, cases[i].text, ask.len);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *activity;
		uint8_t family;
		uint16_t port;
		enum image_proto proto;
		uint8_t addr[16];
	} cases[] = {
		{"net:203.0.113.7:443", AF_INET, 443, PROTO_TCP, {203, 0, 113, 7}},
		{"net:203.0.113.7:0/udp", AF_INET, 0, PROTO_UDP, {203, 0, 113, 7}},
		{"net:[2001:db8::1]:53/udp",
		 AF_INET6,
		 53,
		 PROTO_UDP,
		 {0x20, 1, 0x0d, 0xb8, [15] = 1}},
		{"net:[::ffff:10.1.2.3]:65535/tcp", AF_INET, 65535, PROTO_TCP, {10, 1, 2, 3}},
		{"net:listen:8080", AF_INET6, 8080, PROTO_TCP, {}},
		{"net:listen:*:8080/udp", AF_INET6, 8080, PROTO_UDP, {}},
		{"net:listen:127.0.0.1:0", AF_INET, 0, PROTO_TCP, {127, 0, 0, 1}},
		{"net:listen:[::ffff:0.0.0.0]:80", AF_INET, 80, PROTO_TCP, {}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		assert_int_equal(ask_parse(cases[i].activity, &ask, &complaint), 0);
		assert_int_equal(ask.name.kind,
				 strstr(cases[i].activity, ":listen:") ? KIND_LISTEN : KIND_NET);
		assert_null(ask.name.text);
		assert_int_equal(ask.name.family, cases[i].family);
		assert_int_equal(ask.name.port, cases[i].port);
		assert_int_equal(ask.name.proto, cases[i].proto);
		assert_memory_equal(ask.name.addr, cases[i].addr, 16);
	}
}

static void test_hosts(void **state)
{
	static const struct {
		const char *activity, *host;
		uint16_t port;
		enum image_proto proto;
	} cases[] = {
		{"net:API.example.com.:443", "api.example.com", 443, PROTO_TCP},
		{"net:a.b:53/udp", "a.b", 53, PROTO_UDP},
		{"net:a:65535/tcp", "a", 65535, PROTO_TCP},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		assert_int_equal(ask_parse(cases[i].activity, &ask, &complaint), 0);
		assert_null(ask.name.text);
		assert_int_equal(ask.name.family, 0);
		assert_string_equal(ask.name.host, cases[i].host);
		assert_int_equal(ask.name.port, cases[i].port);
		assert_int_equal(ask.name.proto, cases[i].proto);
		assert_false(ask.name.private);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *activity;
		const char *part;
	} cases[] = {
		{"", "KIND:NAME"},
		{"/usr/bin/nc", "KIND:NAME"},
		{"exce:/usr/bin/nc", "did you mean 'exec'"},
		{"model:openai/gpt-4o", "not supported yet"},
		{"exec:nc", "absolute path"},
		{"exec:", "absolute path"},
		{"exec:memfd:", "absolute path"},
		{"net:listen:*", "single place to listen at"},
		{"net:listen", "single place to listen at"},
		{"net:listen:10.0.0.0/8:80", "single place to listen at"},
		{"net:listen:127.0.0.1:*", "single place to listen at"},
		{"net:example.com", "single destination"},
		{"net:*.example.com:443", "single destination"},
		{"net:example.?om:443", "single destination"},
		{"net:1.2.3:443", "IPv4"},
		{"net:a..b:443", "empty label"},
		{"net:10.0.0.1", "single destination"},
		{"net:10.0.0.0/8:443", "single destination"},
		{"net:*:443", "single destination"},
		{"net:10.0.0.1:99999", "port"},
		{"net:unix", "single destination"},
		{"net:unix:run/x", "net:unix:/PATH"},
		{"http:GET", "METHOD HOST/PATH"},
		{"http:example.com/x", "METHOD HOST/PATH"},
		{"http:GET /x", "METHOD HOST/PATH"},
		{"http:GET a b/x", "METHOD HOST/PATH"},
		{"http:GET https://a/x", "scheme"},
		{"http:GET a:80/x", "port"},
		{"http:GET *.a/x", "METHOD HOST/PATH"},
		{"http:OPTIONS a*b", "METHOD HOST/PATH"},
		{"http:OPTIONS *", "METHOD HOST/PATH"},
		{"http:CONNECT a:443", "port"},
		{"http:CONNECT a/", "CONNECT has none"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		assert_int_equal(ask_parse(cases[i].activity, &ask, &complaint), -EINVAL);
		buf_add_char(&complaint, '\0');
		if (!strstr(complaint.data, cases[i].part))
			fail_msg("%s: %s", cases[i].activity, complaint.data);
	}
}

/* What is too long to be matched is unknown, whatever its kind; nothing runs over. */
static void test_too_long(void **state)
{
	static const char *const starts[] = {"exec:/", "net:unix:/", "http:GET a/", "http:GET ",
					     "http:"};
	size_t len = 40000;
	char *activity = malloc(len + 1);

	assert_non_null(activity);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		_buf_ struct buf complaint = {};
		struct ask ask;

		memset(activity, 'x', len);
		activity[len] = '\0';
		memcpy(activity, starts[i], strlen(starts[i]));
		if (!strcmp(starts[i], "http:"))
			memcpy(activity + len - 4, " a/b", 4);
		assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
		assert_int_equal(ask.flags, ACTIVITY_UNKNOWN);
		assert_int_equal(ask.len, 0);
	}
	free(activity);
}

/* ---- decisions ---- */

static const char yaml[] =
	"version: 1\n"
	"name: support\n"
	"deny:\n"
	"  - \"exec:/usr/bin/nc\"\n"
	"  - {match: \"exec:/usr/bin/kill*\", action: kill}\n"
	"  - {match: \"exec:*/python3*\", mode: audit, reason: \"INC-7\"}\n"
	"  - {id: inside, match: \"net:10.0.0.0/8\", except: "
	"[\"net:10.1.2.3:5432\"], reason: \"INC-42\"}\n"
	"  - \"http:DELETE *\"\n"
	"allow:\n"
	"  - \"exec:/usr/bin/*\"\n"
	"  - \"exec:*/python3\"\n"
	"  - \"net:*:5432\"\n"
	"content:\n"
	"  - {name: later, deny: [\"drop\"], in: [exec]}\n"
	"  - {name: destructive, deny: [\"DROP TABLE\", \"rm -rf\"], in: [exec, http]}\n"
	"  - {name: both, deny: [\"top secret\"], in: [exec]}\n"
	"  - {name: exact, deny: [\"Secret\"], in: [exec], case: exact}\n"
	"  - {name: any-blanks, deny: [\"delete from\"], in: [http], space: any}\n"
	"  - {name: exact-blanks, deny: [\"Grant All\"], in: [http], space: any, case: exact}\n";

static struct policy *load(const char *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("p.yaml", text, strlen(text), &policy, &diags);

	if (!r)
		r = policy_check(policy, &diags);
	if (r < 0)
		fail_msg("%s", diags.count ? diags.items[0].message : "no memory");
	diags_free(&diags);
	return policy;
}

/* The decision as "VERDICT LAYER RULE: REASON". */
static void decide_as_text(const void *img, const char *activity, const char *text, struct buf *out)
{
	_buf_ struct buf complaint = {};
	struct activity a;
	struct decision d;
	struct rule_view rule;
	struct ask ask;
	char *reason;

	assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
	ask_decide(img, &ask, text, text ? strlen(text) : 0, &a, &d);
	reason = decision_reason(img, &d, activity);
	assert_non_null(reason);
	buf_addf(out, "%s %s %s: %s", verdict_names[d.verdict], layer_names[d.layer],
		 ask_rule(img, d.rule, &rule) ? rule.id : "-", reason);
	buf_add_char(out, '\0');
	free(reason);
}

static void test_decisions(void **state)
{
	static const struct {
		const char *activity;
		const char *text;
		const char *want;
	} cases[] = {
		{"exec:/usr/bin/git", NULL, "allow allow allow[0]: "},
		{"exec:/usr/bin/nc", NULL, "deny deny deny[0]: denied by deny[0]"},
		{"exec:/usr/bin/killall", NULL, "kill deny deny[1]: killed by deny[1]"},
		{"exec:/usr/bin/python3", NULL,
		 "audit deny deny[2]: matches deny[2], which only records: INC-7"},
		{"exec:/tmp/nc", NULL,
		 "deny allow allow: no allow entry (exec is closed by p.yaml:9)"},
		{"exec:/opt/python3", NULL,
		 "audit deny deny[2]: matches deny[2], which only records: INC-7"},
		{"exec:memfd:/python3", NULL,
		 "deny allow allow: no allow entry (exec is closed by p.yaml:9)"},
		{"exec:unknown", NULL,
		 "deny allow allow: no allow entry (exec is closed by p.yaml:9)"},
		{"net:10.1.1.1:443", NULL, "deny deny inside: denied by inside: INC-42"},
		{"net:10.1.2.3:5432", NULL, "allow allow allow[2]: "},
		{"net:10.1.2.3:443", NULL, "deny deny inside: denied by inside: INC-42"},
		{"net:[2001:db8::1]:5432/udp", NULL, "allow allow allow[2]: "},
		{"net:[::ffff:10.9.9.9]:5432", NULL, "deny deny inside: denied by inside: INC-42"},
		{"net:unix:/run/x", NULL,
		 "deny allow allow: no allow entry (net is closed by p.yaml:9)"},
		{"http:GET a/x", NULL, "allow none -: "},
		{"http:DELETE a/x", NULL, "deny deny deny[4]: denied by deny[4]"},
		{"exec:/usr/bin/psql", "psql -c 'drop TABLE x'",
		 "deny content later: phrase of content rule 'later'"},
		{"exec:/usr/bin/sh", "a RM -RF b",
		 "deny content destructive: phrase of content rule 'destructive'"},
		/* The first in the text decides; of two that end together, the first rule. */
		{"exec:/usr/bin/sh", "rm -rf; drop",
		 "deny content destructive: phrase of content rule 'destructive'"},
		{"exec:/usr/bin/sh", "a Secret",
		 "deny content exact: phrase of content rule 'exact'"},
		{"exec:/usr/bin/sh", "xSecretEnd",
		 "deny content exact: phrase of content rule 'exact'"},
		{"exec:/usr/bin/sh", "top Secret",
		 "deny content both: phrase of content rule 'both'"},
		{"exec:/usr/bin/sh", "secret", "allow allow allow[0]: "},
		{"exec:/usr/bin/sh", "a Secret",
		 "deny content exact: phrase of content rule 'exact'"},
		{"http:POST a/x", "drop", "allow none -: "},
		{"http:POST a/x", "x drop table",
		 "deny content destructive: phrase of content rule 'destructive'"},
		{"http:POST a/x", "drop  table", "allow none -: "},
		{"http:POST a/x", "x Delete \t\n FROM y",
		 "deny content any-blanks: phrase of content rule 'any-blanks'"},
		{"http:POST a/x", "{\"q\": \"\\u0044ELETE\\n\\u0020FROM y\"}",
		 "deny content any-blanks: phrase of content rule 'any-blanks'"},
		{"http:POST a/x", "deletefrom \\\\u0044elete from", "allow none -: "},
		{"http:POST a/x", "\\u0047rant\\tAll",
		 "deny content exact-blanks: phrase of content rule 'exact-blanks'"},
		{"http:POST a/x", "grant All", "allow none -: "},
		/* What ends first decides. */
		{"http:POST a/x", "delete  from drop table",
		 "deny content any-blanks: phrase of content rule 'any-blanks'"},
		{"exec:/usr/bin/sh", "delete from", "allow allow allow[0]: "},
	};
	struct policy *p = load(yaml);
	struct image_block block = build_image(p);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		decide_as_text(block.data, cases[i].activity, cases[i].text, &got);
		if (strcmp(got.data, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].activity, got.data);
	}
	free(block.data);
	policy_free(&p);
}

/* The same policy in audit mode refuses nothing, and says what it would have refused. */
static void test_audit_mode(void **state)
{
	_buf_ struct buf text = {}, got = {};
	struct policy *p;
	struct image_block block;

	buf_addf(&text, "%smode: audit\n", yaml);
	buf_add_char(&text, '\0');
	p = load(text.data);
	block = build_image(p);
	decide_as_text(block.data, "exec:/usr/bin/killall", NULL, &got);
	assert_string_equal(got.data, "audit deny deny[1]: killed by deny[1]");
	free(block.data);
	policy_free(&p);
}

/* An entry that only watches decides where nothing else refuses, wherever it stands. */
static void test_audit_beside_enforce(void **state)
{
	static const char text[] = "version: 1\nname: x\ndeny:\n"
				   "  - {match: \"exec:/a*\", mode: audit}\n"
				   "  - \"exec:/ab\"\n"
				   "allow: [\"exec:/a\", \"exec:/ab\"]\n";
	static const char *const cases[][2] = {
		{"exec:/ab", "deny deny deny[1]: denied by deny[1]"},
		{"exec:/ac", "deny allow allow: no allow entry (exec is closed by p.yaml:6)"},
		{"exec:/a", "audit deny deny[0]: matches deny[0], which only records"},
	};
	struct policy *p = load(text);
	struct image_block block = build_image(p);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		decide_as_text(block.data, cases[i][0], NULL, &got);
		assert_string_equal(got.data, cases[i][1]);
	}
	free(block.data);
	policy_free(&p);
}

static void test_no_policy(void **state)
{
	_buf_ struct buf got = {};
	struct image_block block = build_image(NULL);

	decide_as_text(block.data, "exec:unknown", "rm -rf", &got);
	assert_string_equal(got.data, "allow none -: ");
	free(block.data);
}

/* ---- reasons that only a running workload brings about ---- */

static void check_reason(const void *img, uint32_t flags, const char *want)
{
	struct activity a;
	struct decision d;
	char *reason;

	activity_init(&a, KIND_NET);
	a.flags = flags;
	decide(img, &a, &d);
	reason = decision_reason(img, &d, "net:10.0.0.1:443");
	assert_string_equal(reason, want);
	free(reason);
}

static void test_reasons(void **state)
{
	struct activity a;
	struct decision d;
	char *reason;
	struct policy *p = build_policy();
	struct image_block block;

	p->opaque = CHOICE_DENY;
	p->opaque_place = (struct place){20, 1};
	build_rule(&p->deny, "deny", "net:unix:/x", NULL);
	block = build_image(p);
	check_reason(block.data, ACTIVITY_OPAQUE,
		     "its plaintext cannot be seen (opaque is deny: p.yaml:20)");
	check_reason(block.data, ACTIVITY_UNRECORDED, "the audit trail cannot be written");
	check_reason(block.data, ACTIVITY_UNKNOWN,
		     "it cannot be named, and there are rules for net");
	check_reason(block.data, 0, "");
	activity_init(&a, KIND_NET);
	a.flags = ACTIVITY_UNKNOWN;
	decide(block.data, &a, &d);
	reason = decision_reason(block.data, &d, "net:raw");
	assert_string_equal(reason, "no entry names it, and there are rules for net");
	free(reason);
	free(block.data);

	p->opaque = CHOICE_AUDIT;
	p->opaque_place = (struct place){};
	block = build_image(p);
	check_reason(block.data, ACTIVITY_OPAQUE,
		     "its plaintext cannot be seen (opaque is audit: default)");
	free(block.data);
	policy_free(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_texts),      cmocka_unit_test(test_addresses),
	cmocka_unit_test(test_hosts),      cmocka_unit_test(test_refused),
	cmocka_unit_test(test_too_long),   cmocka_unit_test(test_decisions),
	cmocka_unit_test(test_audit_mode), cmocka_unit_test(test_audit_beside_enforce),
	cmocka_unit_test(test_no_policy),  cmocka_unit_test(test_reasons),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
