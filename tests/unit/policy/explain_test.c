/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <setjmp.h>
#include <cmocka.h>

#include "build.h"
#include "policy/check.h"
#include "policy/explain.h"
#include "policy/parse.h"

static const char yaml[] =
	"version: 1\n"
	"name: support\n"
	"allow:\n"
	"  - \"exec:/usr/bin/*\"\n"
	"  - db\n"
	"tools:\n"
	"  db: {match: [\"net:10.1.2.3:5432\", \"exec:/usr/bin/psql\"]}\n"
	"content:\n"
	"  - {name: destructive, deny: [\"DROP TABLE\", \"rm -rf\"], in: [exec]}\n"
	"deny:\n"
	"  - \"exec:/usr/bin/nc\"\n"
	"  - {id: inside, match: \"net:10.0.0.0/8\", except: [\"net:10.1.2.3:5432\"], reason: "
	"\"INC-42\"}\n"
	"  - {match: \"exec:*/python3*\", mode: audit}\n"
	"  - \"http:* *.evil.example\"\n";

static struct policy *load(const char *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("p.yaml", text, strlen(text), &policy, &diags);

	if (!r)
		r = policy_check(policy, &diags);
	if (r < 0)
		fail_msg("%s\n%s", diags.count ? diags.items[0].message : "no memory", text);
	diags_free(&diags);
	return policy;
}

static void explain_hash(const char *policy_text, const char *activity, const char *text,
			 const char *hash, uint32_t flags, struct buf *out)
{
	struct policy *p = load(policy_text);
	struct image_block block = build_image(p);
	_buf_ struct buf complaint = {};
	struct ask ask;
	struct explain e = {p, block.data, &ask, activity, text, text ? strlen(text) : 0};

	assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
	ask.flags |= flags;
	ask.hash = hash;
	explain(&e, out);
	buf_add_char(out, '\0');
	assert_int_equal(buf_error(out), 0);
	free(block.data);
	policy_free(&p);
}

static void explain_flags(const char *policy_text, const char *activity, const char *text,
			  uint32_t flags, struct buf *out)
{
	explain_hash(policy_text, activity, text, NULL, flags, out);
}

static void explain_text(const char *policy_text, const char *activity, const char *text,
			 struct buf *out)
{
	explain_flags(policy_text, activity, text, 0, out);
}

static void test_lines(void **state)
{
	static const struct {
		const char *activity;
		const char *text;
		const char *want;
	} cases[] = {
		{"exec:/usr/bin/git", NULL,
		 "allow allow allow[0] p.yaml:4:5\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:4:5) admits it by \"exec:/usr/bin/*\" (p.yaml:4:5)\n"
		 "content:  not looked at: no text was given\n"},
		{"exec:/tmp/x", "x",
		 "deny allow allow p.yaml:3:1\n"
		 "deny:     no entry matches\n"
		 "allow:    no entry admits it, and exec is closed by allow (p.yaml:3:1)\n"
		 "content:  no phrase matches\n"
		 "reason:   no allow entry (exec is closed by p.yaml:3)\n"
		 "to allow it, add to allow: - \"exec:/tmp/x\"\n"},
		{"net:10.1.2.3:5432", NULL,
		 "allow allow allow[1] p.yaml:5:5\n"
		 "deny:     inside (p.yaml:12:5) would match by \"net:10.0.0.0/8\" (p.yaml:12:25), but "
		 "excepts \"net:10.1.2.3:5432\" (p.yaml:12:52)\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[1] (p.yaml:5:5) admits it by \"net:10.1.2.3:5432\" (tool db, "
		 "p.yaml:7:16)\n"
		 "opaque:   audit, should its plaintext not be seen\n"
		 "content:  no rule for net\n"},
		{"http:GET a/x", NULL,
		 "allow none - -\n"
		 "deny:     no entry matches\n"
		 "allow:    http is open\n"
		 "content:  no rule for http\n"},
		{"exec:/usr/bin/psql", "drop table x; RM -RF",
		 "deny content destructive p.yaml:9:5\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:4:5) admits it by \"exec:/usr/bin/*\" (p.yaml:4:5)\n"
		 "allow:    allow[1] (p.yaml:5:5) admits it by \"exec:/usr/bin/psql\" (tool db, "
		 "p.yaml:7:37)\n"
		 "content:  destructive (p.yaml:9:5) has the phrase \"DROP TABLE\"\n"
		 "reason:   phrase of content rule 'destructive'\n"
		 "to allow it, remove \"DROP TABLE\" from destructive (p.yaml:9:5), or exec from its "
		 "in\n"},
		{"exec:/usr/bin/python3.11", NULL,
		 "audit deny deny[2] p.yaml:13:5\n"
		 "deny:     deny[2] (p.yaml:13:5) matches \"exec:*/python3*\" (p.yaml:13:13), and only "
		 "records (mode: audit)\n"
		 "allow:    allow[0] (p.yaml:4:5) admits it by \"exec:/usr/bin/*\" (p.yaml:4:5)\n"
		 "content:  not looked at: no text was given\n"
		 "reason:   matches deny[2], which only records\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		explain_text(yaml, cases[i].activity, cases[i].text, &got);
		assert_string_equal(got.data, cases[i].want);
	}
}

static void test_conditions(void **state)
{
	static const char text[] =
		"version: 1\n"
		"name: conditions\n"
		"deny:\n"
		"  - {match: \"exec:/git\", args: {any: [\"--force\", \"x\"]}}\n"
		"allow:\n"
		"  - {match: \"exec:/git\", args: {none: [\"remote\"]}, env: {any: [\"A=\"]}}\n"
		"  - {match: \"exec:/git\", args: {any: [\"push\"]}}\n";
	static const struct {
		const char *args;
		const char *want;
	} cases[] = {
		{"git push",
		 "allow allow allow[1] p.yaml:7:5\n"
		 "deny:     deny[0] (p.yaml:4:5) would match by \"exec:/git\" (p.yaml:4:13), but --args "
		 "has no phrase of its args.any\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:6:5) would match by \"exec:/git\" (p.yaml:6:13), but --env "
		 "has no phrase of its env.any\n"
		 "allow:    allow[1] (p.yaml:7:5) admits it by \"exec:/git\" (p.yaml:7:13)\n"
		 "content:  no rule for exec\n"},
		{"git remote --force",
		 "deny deny deny[0] p.yaml:4:5\n"
		 "deny:     deny[0] (p.yaml:4:5) matches \"exec:/git\" (p.yaml:4:13)\n"
		 "allow:    allow[0] (p.yaml:6:5) would match by \"exec:/git\" (p.yaml:6:13), but "
		 "--args has \"remote\" of its args.none\n"
		 "allow:    allow[1] (p.yaml:7:5) would match by \"exec:/git\" (p.yaml:7:13), but "
		 "--args has no phrase of its args.any\n"
		 "allow:    no entry admits it, and exec is closed by allow (p.yaml:5:1)\n"
		 "content:  no rule for exec\n"
		 "reason:   denied by deny[0]\n"
		 "to allow it, remove deny[0] (p.yaml:4:5), or add to its except: - \"exec:/git\"\n"
		 "to allow it, add to allow: - \"exec:/git\"\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		explain_text(text, "exec:/git", cases[i].args, &got);
		assert_string_equal(got.data, cases[i].want);
	}
}

#define HASH  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define OTHER "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"

/* A changed file is admitted by its content; without --sha256 no entry has it. */
static void test_hashes(void **state)
{
	static const char text[] = "version: 1\n"
				   "name: hashes\n"
				   "deny:\n"
				   "  - {match: \"exec:*\", sha256: [" OTHER "]}\n"
				   "allow:\n"
				   "  - {match: \"exec:/git\", sha256: " HASH "}\n";
	static const struct {
		const char *hash;
		const char *want;
	} cases[] = {
		{HASH,
		 "allow allow allow[0] p.yaml:6:5\n"
		 "deny:     deny[0] (p.yaml:4:5) would match by \"exec:*\" (p.yaml:4:13), but "
		 "--sha256 is none of its sha256\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:6:5) admits it by \"exec:/git\" (p.yaml:6:13)\n"
		 "content:  no rule for exec\n"},
		{OTHER,
		 "deny deny deny[0] p.yaml:4:5\n"
		 "deny:     deny[0] (p.yaml:4:5) matches \"exec:*\" (p.yaml:4:13)\n"
		 "allow:    allow[0] (p.yaml:6:5) would match by \"exec:/git\" (p.yaml:6:13), but "
		 "--sha256 is none of its sha256\n"
		 "allow:    no entry admits it, and exec is closed by allow (p.yaml:5:1)\n"
		 "content:  no rule for exec\n"
		 "reason:   denied by deny[0]\n"
		 "to allow it, remove deny[0] (p.yaml:4:5), or add to its except: - \"exec:/git\"\n"
		 "to allow it, add to allow: - {match: \"exec:/git\", changed: true}\n"},
		{NULL,
		 "deny allow allow p.yaml:5:1\n"
		 "deny:     deny[0] (p.yaml:4:5) would match by \"exec:*\" (p.yaml:4:13), but it "
		 "has a sha256, and no --sha256 was said\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:6:5) would match by \"exec:/git\" (p.yaml:6:13), but "
		 "it has a sha256, and no --sha256 was said\n"
		 "allow:    no entry admits it, and exec is closed by allow (p.yaml:5:1)\n"
		 "content:  no rule for exec\n"
		 "reason:   no allow entry (exec is closed by p.yaml:5)\n"
		 "to allow it, add to allow: - {match: \"exec:/git\", changed: true}\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_buf_ struct buf got = {};

		explain_hash(text, "exec:/git", NULL, cases[i].hash, ACTIVITY_CHANGED, &got);
		assert_string_equal(got.data, cases[i].want);
	}
}

static void test_changed(void **state)
{
	static const char text[] = "version: 1\n"
				   "name: changed\n"
				   "allow:\n"
				   "  - \"exec:/git\"\n"
				   "  - {match: \"exec:/go\", changed: true}\n";
	_buf_ struct buf refused = {}, admitted = {};

	explain_flags(text, "exec:/git", NULL, ACTIVITY_CHANGED, &refused);
	assert_string_equal(
		refused.data,
		"deny allow allow p.yaml:3:1\n"
		"deny:     no entry matches\n"
		"allow:    allow[0] (p.yaml:4:5) would match by \"exec:/git\" (p.yaml:4:5), but has no "
		"'changed: true', and --changed was said\n"
		"allow:    no entry admits it, and exec is closed by allow (p.yaml:3:1)\n"
		"content:  no rule for exec\n"
		"reason:   no allow entry (exec is closed by p.yaml:3)\n"
		"to allow it, add to allow: - {match: \"exec:/git\", changed: true}\n");
	explain_flags(text, "exec:/go", NULL, ACTIVITY_CHANGED, &admitted);
	assert_string_equal(
		admitted.data,
		"allow allow allow[1] p.yaml:5:5\n"
		"deny:     no entry matches\n"
		"allow:    allow[1] (p.yaml:5:5) admits it by \"exec:/go\" (p.yaml:5:13)\n"
		"content:  no rule for exec\n");
}

/* ---- remedies work ---- */

/* Puts what stands behind "add to allow: " and "except: " where the explanation says. */
static void apply(const char *explanation, struct buf *policy_text)
{
	static const char allow[] = "add to allow: ", except[] = "except: ";
	const char *at;

	buf_add_str(policy_text, "version: 1\nname: support\ncontent:\n"
				 "  - {name: c, deny: [\"rm\"], in: [exec]}\nallow:\n"
				 "  - \"exec:/usr/bin/*\"\n  - \"net:10.0.0.0/8:1\"\n  - \"net:listen:1\"\n");
	for (at = explanation; (at = strstr(at, allow)); at += sizeof(allow)) {
		at += sizeof(allow) - 1;
		buf_addf(policy_text, "  %.*s\n", (int)strcspn(at, "\n"), at);
	}
	buf_add_str(policy_text, "deny:\n  - match: [\"exec:/usr/bin/*c*\", \"net:10.0.0.0/8\", "
				 "\"http:* *\"]\n    except:\n      - \"exec:/none\"\n");
	for (at = explanation; (at = strstr(at, except)); at += sizeof(except)) {
		at += sizeof(except) - 1;
		buf_addf(policy_text, "      %.*s\n", (int)strcspn(at, "\n"), at);
	}
	buf_add_char(policy_text, '\0');
}

static void test_remedies(void **state)
{
	static const char *const activities[] = {
		"exec:/tmp/x",
		"exec:/usr/bin/nc",
		"exec:/usr/bin/c[",
		"exec:/tmp/a*b?{c}\\d\"e",
		"exec:/tmp/a\x01\n\xc3\xa4\xe2\x80\xae",
		"exec:/tmp/\xff\xc3/a",
		"exec:/tmp/a\x7f\t ",
		"exec:memfd:x y",
		"exec:unknown",
		"net:10.1.2.3:443",
		"net:192.0.2.1:53/udp",
		"net:[2001:db8::1]:443",
		"net:[::ffff:10.0.0.1]:443/tcp",
		"net:unix:/run/x*[.sock",
		"net:unix:@abs",
		"net:raw",
		"net:listen:8080",
		"net:listen:127.0.0.1:53/udp",
		"net:listen:[::]:0",
		"http:POST api.example.com/v1/x?y=*",
		"http:GET [::1]/",
		"http:GET HOST.",
		"http:CONNECT evil.test",
		"http:OPTIONS evil.test*",
	};

	for (size_t i = 0; i < sizeof(activities) / sizeof(activities[0]); i++) {
		_buf_ struct buf before = {}, first = {}, text = {}, second = {};

		apply("", &before);
		explain_text(before.data, activities[i], NULL, &first);
		assert_true(!strncmp(first.data, "deny ", 5));
		apply(first.data, &text);
		explain_text(text.data, activities[i], NULL, &second);
		if (strncmp(second.data, "allow ", 6) != 0)
			fail_msg("%s\n%s%s", first.data, text.data, second.data);
	}
}

/* A program without a name is refused where a rule speaks of programs, though exec is open. */
static void test_unknown(void **state)
{
	static const char start[] = "version: 1\nname: x\ndeny: [\"exec:/a\"]\n";
	_buf_ struct buf first = {}, text = {}, second = {}, other = {};

	explain_text(start, "exec:unknown", NULL, &first);
	assert_string_equal(
		first.data,
		"deny deny - -\n"
		"deny:     no entry matches\n"
		"deny:     what cannot be named is refused where there are rules for exec\n"
		"allow:    exec is open\n"
		"content:  no rule for exec\n"
		"reason:   it cannot be named, and there are rules for exec\n"
		"to allow it, add to allow: - \"exec:unknown\"\n"
		"and, as that closes exec, add to allow: - \"exec:*\"\n");
	buf_addf(&text, "%sallow: [\"exec:unknown\", \"exec:*\"]\n", start);
	buf_add_char(&text, '\0');
	explain_text(text.data, "exec:unknown", NULL, &second);
	assert_true(!strncmp(second.data, "allow allow allow[0]", 20));
	explain_text(text.data, "exec:/b", NULL, &other);
	assert_true(!strncmp(other.data, "allow allow allow[1]", 20));
}

static void test_too_long(void **state)
{
	char *activity = malloc(20000);
	_buf_ struct buf got = {};

	assert_non_null(activity);
	snprintf(activity, 20000, "exec:/%019000d", 0);
	explain_text(yaml, activity, NULL, &got);
	assert_non_null(strstr(got.data, "deny allow allow p.yaml:3:1\n"));
	assert_non_null(strstr(got.data, "no rule can allow it"));
	free(activity);
}

/* What a policy or an activity says is shown, not obeyed, by the terminal. */
static void test_visible(void **state)
{
	_buf_ struct buf got = {};

	explain_text("version: 1\nname: x\ndeny:\n  - \"exec:/a?(B\\u202e\"\n",
		     "exec:/a\x1b(B\xe2\x80\xae", NULL, &got);
	assert_true(!strncmp(got.data, "deny deny deny[0]", 17));
	assert_null(strchr(got.data, '\x1b'));
	assert_null(strstr(got.data, "\xe2\x80\xae"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_lines),   cmocka_unit_test(test_remedies),
	cmocka_unit_test(test_unknown), cmocka_unit_test(test_too_long),
	cmocka_unit_test(test_visible), cmocka_unit_test(test_conditions),
	cmocka_unit_test(test_hashes),  cmocka_unit_test(test_changed),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
