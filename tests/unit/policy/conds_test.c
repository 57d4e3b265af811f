/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <setjmp.h>
#include <cmocka.h>

#include "build.h"
#include "policy/ask.h"
#include "policy/check.h"
#include "policy/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define GOOD  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define GOOD2 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a09"
#define BAD   "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define OTHER "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a07"

static const char yaml[] =
	"version: 1\n"
	"name: conditions\n"
	"deny:\n"
	"  - {id: known, match: \"exec:/*\", except: [\"exec:/ls\"], sha256: " BAD "}\n"
	"  - {id: force, match: \"exec:/git\", args: {any: [\"--force\", \"-f \"], none: [\"--dry\"]}}\n"
	"  - {id: preload, match: \"exec:/*\", except: [\"exec:/ok\"], env: {any: [\"LD_PRELOAD=\"]}}\n"
	"  - {id: seen, match: \"exec:/ls\", args: {any: [\"-R\"]}, mode: audit}\n"
	"  - {id: nc, match: \"exec:/nc\"}\n"
	"allow:\n"
	"  - {id: push, match: \"exec:/git\", args: {any: [\"push\"]}}\n"
	"  - {id: both, match: \"exec:/both\", args: {none: [\"bad\"]}, env: {any: [\"GOOD=\"]}}\n"
	"  - {id: git, match: \"exec:/git\", args: {none: [\"remote\"]}}\n"
	"  - {id: others, match: [\"exec:/ls\", \"exec:/ok\"]}\n"
	"  - {id: built, match: [\"exec:/ok\", \"exec:/new\"], changed: true}\n"
	"  - {id: new, match: [\"exec:/ls\", \"exec:/git\"], args: {any: [\"ok\"]}, changed: true}\n"
	"  - {id: pinned, match: [\"exec:/pin\", \"exec:/ls\"], sha256: [" GOOD2 ", " GOOD "]}\n"
	"  - {id: part, match: \"exec:/pin\", args: {any: [\"-v\"]}}\n";

static struct policy *policy;
static struct image_block image;

static int compile(void **state)
{
	struct diags diags = {};
	int r = policy_parse("p.yaml", yaml, strlen(yaml), &policy, &diags);

	if (!r)
		r = policy_check(policy, &diags);
	if (r < 0)
		fail_msg("%s", diags.count ? diags.items[0].message : "no memory");
	diags_free(&diags);
	image = build_image(policy);
	return 0;
}

static int done(void **state)
{
	policy_free(&policy);
	free(image.data);
	return 0;
}

struct question {
	const char *activity, *args, *env;
	uint32_t flags;
	const char *want; /* VERDICT-RULE */
};

static const char *rule_of(const struct decision *d)
{
	struct rule_view rule;

	return ask_rule(image.data, d->rule, &rule) ? rule.id : "-";
}

static void assert_answer(const struct question *q, const char *hash)
{
	static const char *const verdicts[] = {"allow", "audit", "deny", "kill"};
	_buf_ struct buf complaint = {};
	struct activity a;
	struct decision d;
	struct ask ask;
	char got[64];

	assert_int_equal(ask_parse(q->activity, &ask, &complaint), 0);
	ask.flags |= q->flags;
	ask.env = q->env;
	ask.env_len = q->env ? strlen(q->env) : 0;
	ask.hash = hash;
	ask_decide(image.data, &ask, q->args, q->args ? strlen(q->args) : 0, &a, &d);
	snprintf(got, sizeof(got), "%s %s", verdicts[d.verdict], rule_of(&d));
	if (strcmp(got, q->want) != 0)
		fail_msg("%s %s: %s, not %s", q->activity, q->args, got, q->want);
}

static void assert_answers(const struct question *q, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_answer(&q[i], NULL);
}

/* The first entry that holds, of several for one program; case counts; parts of phrases do not. */
static void test_holds(void **state)
{
	static const struct question rows[] = {
		{"exec:/git", "git push", NULL, 0, "allow push"},
		{"exec:/git", "git push remote", NULL, 0, "allow push"},
		{"exec:/git", "git PUSH remote", NULL, 0, "deny allow"},
		{"exec:/git", "git fetch", NULL, 0, "allow git"},
		{"exec:/git", "git fetch remote", NULL, 0, "deny allow"},
		{"exec:/git", "git fetch remot", NULL, 0, "allow git"},
		{"exec:/git", NULL, NULL, 0, "allow git"},
		{"exec:/git", "git push --force", NULL, 0, "deny force"},
		{"exec:/git", "git push --Force", NULL, 0, "allow push"},
		{"exec:/git", "git -f push", NULL, 0, "deny force"},
		{"exec:/git", "git -fpush", NULL, 0, "allow push"},
		{"exec:/git", "git push --force --dry", NULL, 0, "allow push"},
		{"exec:/git", "git --dry push --force", NULL, 0, "allow push"},
		{"exec:/git", "git push", "A=1\nLD_PRELOAD=x\n", 0, "deny preload"},
		{"exec:/git", "git push LD_PRELOAD=x", "A=1\nLD_PRELOAD\n=", 0, "allow push"},
		{"exec:/ok", "ok", "LD_PRELOAD=x", 0, "allow others"},
		{"exec:/ls", "ls -R", NULL, 0, "audit seen"},
		{"exec:/ls", "ls", NULL, 0, "allow others"},
		{"exec:/nc", "nc", NULL, 0, "deny nc"},
		{"exec:/nc", "nc", "LD_PRELOAD=", 0, "deny preload"},
		{"exec:/both", "x", "GOOD=1", 0, "allow both"},
		{"exec:/both", "x bad", "GOOD=1", 0, "deny allow"},
		{"exec:/both", "x", "GOD=1", 0, "deny allow"},
		{"exec:/both", "x", NULL, 0, "deny allow"},
	};

	assert_answers(rows, COUNT(rows));
}

/* What is not known counts against the program; while it will be known later, for it. */
static void test_unread(void **state)
{
	enum { ARGS = ACTIVITY_ARGS_UNREAD, ENV = ACTIVITY_ENV_UNREAD, LATER = ACTIVITY_LATER };
	static const struct question rows[] = {
		{"exec:/git", NULL, NULL, ARGS, "deny force"},
		{"exec:/git", "git push", NULL, ARGS, "deny force"},
		{"exec:/git", "git push", NULL, ENV, "deny preload"},
		{"exec:/ls", NULL, NULL, ARGS, "audit seen"},
		{"exec:/ok", NULL, NULL, ARGS | ENV, "allow others"},
		{"exec:/nc", NULL, NULL, ARGS, "deny nc"},
		{"exec:/both", "x", "GOOD=", ARGS, "deny allow"},
		{"exec:/git", NULL, NULL, ARGS | ENV | LATER, "allow push"},
		{"exec:/git", "git push", NULL, LATER, "allow push"},
		{"exec:/git", "git --force", NULL, ENV | LATER, "deny force"},
		{"exec:/git", NULL, "LD_PRELOAD=", ARGS | LATER, "deny preload"},
		{"exec:/git", "git remote", NULL, ENV | LATER, "deny allow"},
		{"exec:/ls", NULL, NULL, ARGS | LATER, "allow others"},
		{"exec:/both", "x", NULL, ENV | LATER, "allow both"},
		{"exec:/both", "bad", NULL, ENV | LATER, "deny allow"},
		{"exec:/both", NULL, "GOOD=", ARGS | LATER, "allow both"},
		{"exec:/both", NULL, NULL, ARGS | LATER, "deny allow"},
		{"exec:/nc", NULL, NULL, ARGS | ENV | LATER, "deny nc"},
	};

	assert_answers(rows, COUNT(rows));
}

/* Only what says so admits a changed file; what denies does so anyway. */
static void test_changed(void **state)
{
	static const struct question rows[] = {
		{"exec:/ok", NULL, NULL, 0, "allow others"},
		{"exec:/ok", NULL, NULL, ACTIVITY_CHANGED, "allow built"},
		{"exec:/new", NULL, NULL, 0, "allow built"},
		{"exec:/new", NULL, NULL, ACTIVITY_CHANGED, "allow built"},
		{"exec:/ls", NULL, NULL, ACTIVITY_CHANGED, "deny allow"},
		{"exec:/ls", "ok", NULL, ACTIVITY_CHANGED, "allow new"},
		{"exec:/git", "git push", NULL, ACTIVITY_CHANGED, "deny allow"},
		{"exec:/git", "git push ok", NULL, ACTIVITY_CHANGED, "allow new"},
		{"exec:/git", "git push ok", NULL, 0, "allow push"},
		{"exec:/git", "git --force", NULL, ACTIVITY_CHANGED, "deny force"},
		{"exec:/nc", "ok", NULL, ACTIVITY_CHANGED, "deny nc"},
	};

	assert_answers(rows, COUNT(rows));
}

/* What has one of the hashes, changed or not; what is not known is refused, now as later. */
static void test_hashes(void **state)
{
	enum { CHANGED = ACTIVITY_CHANGED, UNREAD = ACTIVITY_HASH_UNREAD, LATER = ACTIVITY_LATER };
	static const struct {
		struct question question;
		const char *hash;
	} rows[] = {
		{{"exec:/pin", NULL, NULL, 0, "allow pinned"}, GOOD},
		{{"exec:/pin", NULL, NULL, CHANGED, "allow pinned"}, GOOD2},
		{{"exec:/pin", NULL, NULL, LATER, "allow pinned"}, GOOD},
		{{"exec:/pin", NULL, NULL, 0, "deny allow"}, OTHER},
		{{"exec:/pin", NULL, NULL, LATER, "deny allow"}, OTHER},
		{{"exec:/pin", NULL, NULL, 0, "deny known"}, BAD},
		{{"exec:/pin", NULL, NULL, LATER, "deny known"}, BAD},
		{{"exec:/pin", "-v", NULL, 0, "allow part"}, OTHER},
		{{"exec:/pin", "-v", NULL, CHANGED, "deny allow"}, OTHER},
		{{"exec:/pin", "-v", NULL, 0, "allow pinned"}, GOOD},
		{{"exec:/pin", "-v", NULL, 0, "deny known"}, BAD},
		{{"exec:/pin", NULL, NULL, UNREAD, "deny known"}, NULL},
		{{"exec:/pin", NULL, NULL, UNREAD | LATER, "deny known"}, NULL},
		{{"exec:/ls", NULL, NULL, CHANGED | UNREAD, "deny allow"}, NULL},
		{{"exec:/ls", NULL, NULL, CHANGED | UNREAD | LATER, "deny allow"}, NULL},
		{{"exec:/ls", NULL, NULL, CHANGED, "allow pinned"}, GOOD},
		{{"exec:/ls", NULL, NULL, 0, "allow others"}, BAD},
		{{"exec:/copy", NULL, NULL, 0, "deny allow"}, GOOD},
		{{"exec:/copy", NULL, NULL, 0, "deny known"}, BAD},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_answer(&rows[i].question, rows[i].hash);
}

/* The highest number there is, and the order of rules among those that hold. */
static void test_numbers(void **state)
{
	_buf_ struct buf text = {};
	struct diags diags = {};

	done(state);
	buf_add_str(&text, "version: 1\nname: many\ndeny:\n");
	for (unsigned int i = 0; i < CONDS_MAX; i++)
		buf_addf(&text, "  - {match: \"exec:/git\", args: {any: \"<%u>\"}}\n", i);
	assert_int_equal(policy_parse("p.yaml", text.data, text.len, &policy, &diags), 0);
	assert_int_equal(policy_check(policy, &diags), 0);
	diags_free(&diags);
	image = build_image(policy);
	for (unsigned int i = 0; i < CONDS_MAX; i++) {
		char args[64], want[64];
		struct question q = {"exec:/git", args, NULL, 0, want};

		snprintf(args, sizeof(args), "<63><%u>", i);
		snprintf(want, sizeof(want), "deny deny[%u]", i);
		assert_answers(&q, 1);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_holds),
	cmocka_unit_test(test_unread),
	cmocka_unit_test(test_changed),
	cmocka_unit_test(test_hashes),
	cmocka_unit_test(test_numbers),
};

int main(void)
{
	return cmocka_run_group_tests(tests, compile, done);
}
