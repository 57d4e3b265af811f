/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "parsing.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void puts_tools_into_entries(void **state)
{
	struct policy *p =
		checked(HEAD "tools:\n"
			     "  search: {match: [\"net:10.1.2.3:443\", \"exec:/bin/grep\"]}\n"
			     "  list: {match: \"exec:/bin/ls\"}\n"
			     "deny:\n"
			     "- {match: \"exec:*\", except: [list, \"exec:/x\"]}\n"
			     "allow:\n"
			     "- search\n"
			     "- {match: [list, \"exec:/bin/cat\", search], id: many}\n",
			"");
	const struct entry *e = &p->deny.items[0];

	assert_int_equal(e->except.count, 2);
	assert_string_equal(e->except.items[0].source, "exec:/bin/ls");
	assert_string_equal(e->except.items[0].tool, "list");
	assert_null(e->except.items[1].tool);
	assert_null(e->tool);

	e = &p->allow.items[0];
	assert_string_equal(e->tool, "search");
	assert_int_equal(e->match.count, 2);
	assert_string_equal(e->match.items[0].source, "net:10.1.2.3:443");
	assert_string_equal(e->match.items[0].tool, "search");
	assert_int_equal(e->match.items[0].place.line, 4);
	assert_int_equal(e->place.line, 9);

	e = &p->allow.items[1];
	assert_null(e->tool);
	assert_int_equal(e->match.count, 4);
	assert_string_equal(e->match.items[1].source, "exec:/bin/cat");
	assert_null(e->match.items[1].tool);
	/* The tool itself stays as it was. */
	assert_int_equal(p->tools[0].match.count, 2);
	assert_null(p->tools[0].match.items[0].tool);
	policy_free(&p);
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"deny: [serch]\ntools: {search: {match: \"exec:/a\"}}\n",
		 "3:8: error: no tool is called 'serch'; did you mean 'search'?\n"
		 "4:9: warning: no rule uses the tool 'search'\n"},
		{"allow: [search]\n", "3:9: error: no tool is called 'search'\n"},
		{"deny: [{match: \"exec:*\", except: nothing}]\n",
		 "3:34: error: no tool is called 'nothing'\n"},
		{"deny: [/usr/bin/nc]\n",
		 "3:8: error: no tool is called '/usr/bin/nc'; did you mean 'exec:/usr/bin/nc'?\n"},
		{"deny: [{id: a, match: \"exec:/a\"}]\nallow: [{id: a, match: \"exec:/b\"}]\n",
		 "4:9: error: the rule at 3:8 is called 'a', too\n"},
		{"deny: [{id: \"deny[1]\", match: \"exec:/a\"}, \"exec:/b\"]\n",
		 "3:43: error: the rule at 3:8 is called 'deny[1]', too\n"},
		{"content: [{name: a, deny: x, in: exec}, {name: a, deny: y, in: exec}]\n",
		 "3:41: error: the rule at 3:11 is called 'a', too\n"},
		{"deny: [{id: a, match: \"exec:/a\"}]\ncontent: [{name: a, deny: x, in: exec}]\n",
		 "4:11: error: the rule at 3:8 is called 'a', too\n"},
		{"opaque: {allow: [\"exec:/a\"]}\n",
		 "3:18: error: 'exec:/a' in opaque.allow: only a destination, net:, can be opaque\n"},
		{"allow: [\"file:write /etc/cron.d/*\", \"file:write /etc/*\"]\n",
		 "3:37: error: 'file:write /etc/*' is not supported yet: file:write names what a broker reads, "
		 "as /etc/cron.d/*, and nothing else (see warden doctor)\n"},
		{"allow: [{match: [\"exec:/a\", \"net:*\"], args: {any: x}}]\n",
		 "3:29: error: 'net:*' in 'allow[0]', which has 'args': only exec: has such\n"},
		{"deny: [{match: t, env: {none: x}}]\ntools: {t: {match: \"http:*\"}}\n",
		 "4:20: error: 'http:*' in 'deny[0]', which has 'env': only exec: has such\n"},
		{"allow: [{match: [\"exec:/a\", \"net:*\"], changed: true}]\n",
		 "3:29: error: 'net:*' in 'allow[0]', which has 'changed': only exec: has such\n"},
		{"opaque: {allow: [{match: \"net:*\", args: {any: x}}]}\n",
		 "3:26: error: 'net:*' in 'opaque.allow[0]', which has 'args': only exec: has "
		 "such\n"},
		{"opaque: {allow: [t]}\ntools: {t: {match: \"http:*\"}}\n",
		 "4:20: error: 'http:*' in opaque.allow: only a destination, net:, can be opaque\n"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s", rows[i].text);
		assert_checked(text, rows[i].said);
	}
}

#define NOTHING ""

static void warns(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		/* tools */
		{"tools: {search: {match: \"exec:/a\"}}\n",
		 "3:9: warning: no rule uses the tool 'search'\n"},
		{"tools: {search: {match: \"exec:/a\"}}\ndeny: [search]\n", NOTHING},
		{"tools: {a: {match: \"exec:/a\"}}\ndeny: [{match: \"exec:*\", except: a}]\n",
		 NOTHING},
		/* blanks that nobody sees */
		{"deny: [\"exec:/a \"]\n",
		 "3:8: warning: 'exec:/a ' ends in a blank: write \\ before it if it is meant\n"},
		{"deny: [{id: \"x \", match: \"exec:/a\"}]\n",
		 "3:13: warning: the name 'x ' ends in a blank\n"},
		{"tools: {\" t\": {match: \"exec:/a\"}}\ndeny: [\" t\"]\n",
		 "3:9: warning: the name ' t' begins with a blank\n"},
		/* the same, written twice */
		{"deny: [\"exec:/a\", \"exec:/a\"]\n",
		 "3:19: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [\"net:10.0.0.0/8\", \"net:[::ffff:10.0.0.0/104]:*\"]\n",
		 "3:26: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [{match: [\"exec:/a\", \"exec:/a\"]}]\n",
		 "3:28: warning: 'exec:/a' is in 'deny[0]' (3:8) already\n"},
		{"deny: [\"exec:/a\", {match: [\"exec:/b\", \"exec:/a\"]}]\n",
		 "3:39: warning: 'exec:/a' is in 'deny[0]' (3:8) already\n"},
		{"allow: [\"exec:/a\", {id: x, match: [\"exec:/a\"]}]\n",
		 "3:20: warning: 'x' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"opaque: {allow: [\"net:*:22\", \"net:*:22\"]}\n",
		 "3:30: warning: 'opaque.allow[1]' never decides: 'opaque.allow[0]' (3:18) comes "
		 "before it\n"},
		{"deny: [\"exec:/a\"]\nopaque: {allow: [\"net:*:22\"]}\n", NOTHING},
		{"deny: [\"net:*:22\"]\nopaque: {allow: [\"net:*:22\"]}\n", NOTHING},
		/* behind one that asks for more than a name */
		{"deny: [{match: \"exec:/a\", args: {any: x}}, \"exec:/a\"]\n", NOTHING},
		{"deny: [{match: \"exec:*\", env: {none: x}}, \"exec:/a\"]\n", NOTHING},
		{"deny: [{match: \"exec:/*\", args: {any: x}}]\nallow: [\"exec:/a\"]\n", NOTHING},
		{"allow: [{match: \"exec:/a\", args: {any: x}}, {match: \"exec:/a\", args: {any: y}}]\n",
		 NOTHING},
		{"deny: [\"exec:/a\", {match: \"exec:/a\", args: {any: x}}]\n",
		 "3:19: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [{match: \"exec:/a\", args: {any: [ab, x], none: [a]}}]\n", NOTHING},
		{"allow: [\"exec:*\", {match: \"exec:/a\", changed: true}]\n", NOTHING},
		{"allow: [{match: \"exec:*\", changed: true}, \"exec:/a\"]\n",
		 "3:43: warning: 'allow[1]' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"deny: [\"exec:*\"]\nallow: [{match: \"exec:/a\", changed: true}]\n",
		 "4:9: warning: 'allow[0]' never admits anything: 'deny[0]' (3:8) denies it all\n"},
		{"allow: [{match: [\"exec:/a\", \"exec:memfd:x\"]}]\n", NOTHING},
		{"deny: [{match: \"exec:/a\", args: {any: [ab, xa], none: [a]}}]\n",
		 "3:27: warning: the condition of 'deny[0]' never holds: each phrase of "
		 "'args.any' has one of 'args.none' in it\n"},
		/* behind a rule for everything */
		{"deny: [\"exec:*\", \"exec:/a\", \"net:*:25\"]\n",
		 "3:18: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [\"exec:/a\", \"exec:*\"]\n", NOTHING},
		{"deny: [{match: \"exec:*\", except: \"exec:/b\"}, \"exec:/a\"]\n", NOTHING},
		{"allow: [\"exec:*\", \"exec:/a\"]\n",
		 "3:19: warning: 'allow[1]' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"allow: [\"exec:*\", \"exec:unknown\", \"exec:memfd:*\"]\n", NOTHING},
		{"deny: [\"exec:*\", \"exec:unknown\"]\n",
		 "3:18: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		/* enforcing comes before watching, whatever the order */
		{"deny: [{match: \"exec:/a\", mode: audit}, \"exec:/a\"]\n",
		 "3:8: warning: 'deny[0]' never decides: 'deny[1]' (3:41) comes before it\n"},
		{"deny: [\"exec:/a\", {match: \"exec:/a\", mode: audit}]\n",
		 "3:19: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [\"exec:/a\", {match: \"exec:/a\", action: kill}]\n",
		 "3:19: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [{match: \"exec:/a\", mode: audit}, {match: \"exec:/a\", mode: audit}]\n",
		 "3:41: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		/* exceptions leave something to decide */
		{"deny: [{match: \"exec:/a*\", except: \"exec:/ab\"}, \"exec:/a*\"]\n", NOTHING},
		{"deny: [\"exec:/a*\", {match: \"exec:/a*\", except: \"exec:/ab\"}]\n",
		 "3:20: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [{match: \"exec:/a*\", except: \"exec:/ab\"}, {match: \"exec:/a*\", "
		 "except: \"exec:/ab\"}]\n",
		 "3:49: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"},
		{"deny: [{match: \"exec:/a*\", except: \"exec:/ab\"}, \"exec:/a*\", \"exec:/a*\"]\n",
		 "3:61: warning: 'deny[2]' never decides: 'deny[1]' (3:49) comes before it\n"},
		{"deny: [{match: \"exec:/a*\", except: \"exec:/a*\"}]\n",
		 "3:8: warning: 'deny[0]' never decides: its 'except' takes all of its 'match' "
		 "away\n"},
		{"allow: [{match: [\"net:*:80\", \"net:*:81\"], except: [\"net:*\"]}]\n",
		 "3:9: warning: 'allow[0]' never decides: its 'except' takes all of its 'match' "
		 "away\n"},
		{"deny: [{match: \"exec:/a*\", except: [\"net:*:80\", \"exec:/ab\"]}]\n",
		 "3:37: warning: 'net:*:80' excepts nothing: 'match' has nothing of its kind\n"},
		/* allowed and denied */
		{"deny: [\"exec:/a\"]\nallow: [\"exec:/a\", \"exec:/b\"]\n",
		 "4:9: warning: 'allow[0]' never admits anything: 'deny[0]' (3:8) denies it all\n"},
		{"deny: [{match: \"exec:/a\", mode: audit}]\nallow: [\"exec:/a\"]\n", NOTHING},
		{"deny: [{match: \"exec:/a\", except: \"exec:/x\"}]\nallow: [\"exec:/a\"]\n",
		 NOTHING},
		{"deny: [\"exec:/a\"]\nallow: [{match: [\"exec:/a\", \"exec:/b\"]}]\n", NOTHING},
		{"deny: [\"net:*\"]\nallow: [\"net:10.0.0.1\", \"exec:/a\"]\n",
		 "4:9: warning: 'allow[0]' never admits anything: 'deny[0]' (3:8) denies it all\n"},
		/* tools may overlap */
		{"tools: {a: {match: [\"exec:/a\", \"exec:/b\"]}, c: {match: [\"exec:/b\", "
		 "\"exec:/c\"]}}\nallow: [a, c]\n",
		 NOTHING},
		{"tools: {a: {match: [\"exec:/a\"]}, c: {match: [\"exec:/a\"]}}\nallow: [a, c]\n",
		 "4:12: warning: 'allow[1]' never decides: 'allow[0]' (4:9) comes before it\n"},
		/* keys without effect */
		{"deny: [{match: \"exec:/a\", action: kill, mode: audit}]\n",
		 "3:8: warning: 'deny[0]' never kills: 'mode: audit' only watches\n"},
		{"allow: []\n",
		 "3:1: warning: an empty 'allow' closes nothing; 'default: deny' denies all\n"},
		{"deny: []\n", NOTHING},
		{"allow: [\"exec:/a\"]\ndefault: {exec: allow}\n",
		 "4:11: warning: 'default' does not open exec: 'allow' (3:1) closes it\n"},
		{"allow: [\"exec:/a\"]\ndefault: {exec: deny}\n", NOTHING},
		{"allow: [\"exec:/a\"]\ndefault: allow\n", NOTHING},
		{"allow: [\"http:GET\"]\ndefault: {http: allow}\n",
		 "4:11: warning: 'default' does not open http: 'allow' (3:1) closes it\n"},
		{"mode: audit\non_audit_failure: deny\n",
		 "4:1: warning: 'on_audit_failure: deny' never denies in 'mode: audit'\n"},
		{"opaque: {default: allow, allow: [\"net:*:22\"]}\n",
		 "3:26: warning: 'opaque.allow' decides nothing: all that is opaque is allowed\n"},
		/* requests without connections */
		{"deny: [\"http:POST\"]\ndefault: {net: deny}\n",
		 "3:8: warning: rules for http: decide nothing: net is closed (4:11) and no entry "
		 "of 'allow' opens any of it\n"},
		{"allow: [\"http:POST\"]\ndefault: deny\n",
		 "3:9: warning: rules for http: decide nothing: net is closed (4:1) and no entry "
		 "of 'allow' opens any of it\n"},
		{"allow: [\"http:POST\", \"net:*:443\"]\ndefault: deny\n", NOTHING},
		{"allow: [\"http:POST\"]\n", NOTHING},
		{"default: deny\n", NOTHING},
		/* phrases */
		{"content: [{name: a, deny: [x, x], in: exec}]\n",
		 "3:11: warning: the phrase 'x' is in 'a' (3:11) already\n"},
		{"content: [{name: a, deny: x, in: [exec, http]}, {name: b, deny: x, in: http, "
		 "case: exact}]\n",
		 "3:49: warning: the phrase 'x' is in 'a' (3:11) already\n"},
		{"content: [{name: a, deny: x, in: exec}, {name: b, deny: x, in: http}]\n",
		 NOTHING},
		{"content: [{name: a, deny: x, in: exec, case: exact}, {name: b, deny: x, in: "
		 "exec}]\n",
		 NOTHING},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s", rows[i].text);
		assert_checked(text, rows[i].said);
	}
}

static void says_nothing_of_a_good_policy(void **state)
{
	assert_checked(HEAD
		       "mode: enforce\n"
		       "tools: {fetch: {match: [\"exec:/usr/bin/curl\", \"net:*:443/tcp\"]}}\n"
		       "deny:\n"
		       "- {id: no-ten, match: \"net:10.0.0.0/8\", except: \"net:10.0.0.53:53\"}\n"
		       "- exec:/usr/bin/nc\n"
		       "- http:POST *.example.com/admin/*\n"
		       "allow: [fetch, \"exec:/usr/bin/git\", \"net:10.0.0.53:53\"]\n"
		       "default: {exec: deny}\n"
		       "opaque: {default: deny, allow: [\"net:*:22\"]}\n"
		       "content: [{name: sql, deny: [DROP, DELETE], in: [exec, http]}]\n",
		       NOTHING);
}

static void assert_closer(const struct policy *p, enum kind kind, const char *rule, uint32_t line,
			  uint32_t column)
{
	struct closer closer = policy_closer(p, kind);

	if (rule)
		assert_string_equal(closer.rule, rule);
	else
		assert_null(closer.rule);
	assert_int_equal(closer.place.line, line);
	assert_int_equal(closer.place.column, column);
}

static void knows_what_closes(void **state)
{
	struct policy *p = checked(HEAD "tools: {t: {match: \"net:unix\"}}\n"
					"deny: [\"http:*\"]\n"
					"allow: [\"exec:/a\", t]\n"
					"default: {exec: deny, http: deny}\n",
				   NOTHING);

	assert_closer(p, KIND_EXEC, "allow", 5, 1); /* allow comes before default */
	assert_closer(p, KIND_NET, "allow", 5, 1);
	assert_closer(p, KIND_HTTP, "default", 6, 23);
	policy_free(&p);

	p = checked(HEAD "default: allow\ndeny: [\"exec:*\"]\n", NOTHING);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		assert_closer(p, (enum kind)kind, NULL, 0, 0);
	policy_free(&p);
}

#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define HELD "', which has 'sha256': only the content of a file that has a path stays what it is\n"

/* Programs are files, and those that are admitted by their content must keep it. */
static void hashes_are_of_files(void **state)
{
	assert_checked(
		HEAD
		"deny: [{match: [\"exec:memfd:a\", \"exec:unknown\", \"exec:*\"], sha256: " HASH
		"}]\n",
		"");
	assert_checked(
		HEAD
		"allow: [{match: [\"exec:memfd:a\", \"exec:/a\", \"exec:unknown\"], sha256: " HASH
		"}]\n",
		"3:18: error: 'exec:memfd:a' in 'allow[0]" HELD
		"3:45: error: 'exec:unknown' in 'allow[0]" HELD);
	assert_checked(
		HEAD "deny: [{match: \"net:10.0.0.1\", sha256: " HASH "}]\n",
		"3:16: error: 'net:10.0.0.1' in 'deny[0]', which has 'sha256': only exec: has such\n");
}

/* Of entries with conditions there may be so many, and the first that is too much is named. */
static void bounds_conditions(void **state)
{
	for (unsigned int n = CONDS_MAX; n <= CONDS_MAX + 1; n++) {
		_buf_ struct buf text = {}, said = {};

		buf_add_str(&text, HEAD "deny:\n");
		for (unsigned int i = 0; i < n; i++)
			buf_addf(&text, "  - {match: \"exec:/%u\", args: {any: x}}\n", i);
		buf_add_char(&text, '\0');
		if (n > CONDS_MAX)
			buf_addf(&said,
				 "%u:5: error: 'deny[%u]' is one more entry with 'args', 'env' or "
				 "'sha256' than the %u that are possible: one entry may have any "
				 "number of programs, phrases and hashes\n",
				 n + 3, n - 1, CONDS_MAX);
		buf_add_char(&said, '\0');
		assert_checked(text.data, said.data);
	}
}

/* A small file must not become a large policy. */
static void bounds_copies(void **state)
{
	struct buf text = {};
	struct policy *policy = NULL;
	struct diags diags = {};

	buf_add_str(&text, HEAD "tools: {t: {match: [");
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "\"exec:/%d\",", i);
	buf_add_str(&text, "]}}\ndeny:\n");
	for (int i = 0; i < 201; i++)
		buf_add_str(&text, "- t\n");
	assert_int_equal(policy_parse("p", text.data, text.len, &policy, &diags), 0);
	assert_int_equal(policy_check(policy, &diags), -EINVAL);
	assert_said(&diags,
		    "205:3: error: the rules use tools of more than 200000 patterns in all\n",
		    "many copies");
	diags_free(&diags);
	policy_free(&policy);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_tools_into_entries),
		cmocka_unit_test(refuses),
		cmocka_unit_test(warns),
		cmocka_unit_test(says_nothing_of_a_good_policy),
		cmocka_unit_test(knows_what_closes),
		cmocka_unit_test(bounds_copies),
		cmocka_unit_test(hashes_are_of_files),
		cmocka_unit_test(bounds_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
