/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parsing.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HASH	 "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct policy *parsed(const char *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("dir/p.yaml", text, strlen(text), &policy, &diags);

	assert_said(&diags, "", text);
	assert_int_equal(r, 0);
	return policy;
}

static void assert_place(struct place place, uint32_t line, uint32_t column)
{
	assert_int_equal(place.line, line);
	assert_int_equal(place.column, column);
}

static void knows_the_defaults(void **state)
{
	struct policy *p = parsed(HEAD);

	assert_string_equal(p->file, "dir/p.yaml");
	assert_string_equal(p->name, "p");
	assert_int_equal(p->mode, MODE_ENFORCE);
	assert_int_equal(p->unsupported, UNSUPPORTED_REFUSE);
	assert_int_equal(p->on_audit_failure, CHOICE_DENY);
	assert_place(p->on_audit_failure_place, 0, 0);
	assert_int_equal(p->capture, CAPTURE_EVIDENCE);
	assert_int_equal(p->opaque, CHOICE_AUDIT);
	assert_place(p->opaque_place, 0, 0);
	assert_int_equal(p->deny.count, 0);
	assert_place(p->deny.place, 0, 0);
	assert_place(p->allow.place, 0, 0);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		assert_false(p->defaults[kind].deny);
		assert_place(p->defaults[kind].place, 0, 0);
	}
	policy_free(&p);
	assert_null(p);
	policy_free(&p);
}

static void reads_words(void **state)
{
	struct policy *p = parsed(HEAD "mode: audit\n");

	assert_int_equal(p->mode, MODE_AUDIT);
	assert_int_equal(p->on_audit_failure, CHOICE_ALLOW); /* it blocks nothing */
	policy_free(&p);

	p = parsed(HEAD "mode: audit\nunsupported: degrade\non_audit_failure: deny\n"
			"capture: \"off\"\nopaque: deny\ndefault: deny\n");
	assert_int_equal(p->on_audit_failure, CHOICE_DENY);
	assert_place(p->on_audit_failure_place, 5, 1);
	assert_int_equal(p->unsupported, UNSUPPORTED_DEGRADE);
	assert_int_equal(p->capture, CAPTURE_OFF);
	assert_int_equal(p->opaque, CHOICE_DENY);
	assert_place(p->opaque_place, 7, 1);
	for (int kind = 0; kind < KIND_LISTEN; kind++) {
		assert_true(p->defaults[kind].deny);
		assert_place(p->defaults[kind].place, 8, 1);
	}
	assert_false(p->defaults[KIND_LISTEN].deny); /* only by its name */
	policy_free(&p);

	p = parsed(HEAD "unsupported: audit\non_audit_failure: continue\ncapture: full\n"
			"default: {exec: deny,\n  http: allow}\n"
			"opaque: {default: allow,\n  allow: [\"net:*:22\"]}\n");
	assert_int_equal(p->on_audit_failure, CHOICE_ALLOW);
	assert_int_equal(p->unsupported, UNSUPPORTED_AUDIT);
	assert_int_equal(p->capture, CAPTURE_FULL);
	assert_true(p->defaults[KIND_EXEC].deny);
	assert_place(p->defaults[KIND_EXEC].place, 6, 11);
	assert_place(p->defaults[KIND_NET].place, 0, 0);
	assert_false(p->defaults[KIND_HTTP].deny);
	assert_place(p->defaults[KIND_HTTP].place, 7, 3);
	assert_int_equal(p->opaque, CHOICE_ALLOW);
	assert_place(p->opaque_place, 8, 10);
	assert_place(p->opaque_allow.place, 9, 3);
	assert_int_equal(p->opaque_allow.count, 1);
	assert_string_equal(p->opaque_allow.items[0].id, "opaque.allow[0]");
	policy_free(&p);
}

/* The key says what a value is: no Norway problem, no numbers, no nulls. */
static void takes_types_from_keys(void **state)
{
	static const char *const names[] = {"NO", "yes", "1.0", "0x10", "null", "~x", "2026-01-01"};

	for (size_t i = 0; i < COUNT(names); i++) {
		char text[64];
		struct policy *p;

		snprintf(text, sizeof(text), "version: '1'\nname: %s\n", names[i]);
		p = parsed(text);
		assert_string_equal(p->name, names[i]);
		policy_free(&p);
	}
}

static void reads_entries(void **state)
{
	struct policy *p = parsed(HEAD "deny:\n"
				       "  - exec:/usr/bin/nc\n"
				       "  - {id: no-ten, match: \"net:10.0.0.0/8\", except:\n"
				       "       [\"net:10.1.2.3\", \"net:10.1.2.4:*\"],\n"
				       "     action: kill, mode: audit, reason: 'INC-42: \"x\"'}\n"
				       "  - match: [net:*:25, search]\n"
				       "    action: deny\n"
				       "    mode: enforce\n"
				       "    except: net:unix\n"
				       "    reason: >\n      two\n      lines\n"
				       "allow:\n"
				       "- search\n"
				       "- {match: [exec:/bin/ls], except: []}\n");
	const struct entry *e = p->deny.items;

	assert_place(p->deny.place, 3, 1);
	assert_int_equal(p->deny.count, 3);
	assert_string_equal(e[0].id, "deny[0]");
	assert_place(e[0].place, 4, 5);
	assert_false(e[0].kill || e[0].audit);
	assert_null(e[0].reason);
	assert_null(e[0].tool);
	assert_int_equal(e[0].match.count, 1);
	assert_string_equal(e[0].match.items[0].source, "exec:/usr/bin/nc");

	assert_string_equal(e[1].id, "no-ten");
	assert_place(e[1].place, 5, 5);
	assert_true(e[1].kill && e[1].audit);
	assert_string_equal(e[1].reason, "INC-42: \"x\"");
	assert_int_equal(e[1].except.count, 2);
	assert_place(e[1].except.items[1].place, 6, 25);

	assert_string_equal(e[2].id, "deny[2]");
	assert_false(e[2].kill || e[2].audit);
	assert_string_equal(e[2].reason, "two lines");
	assert_int_equal(e[2].match.count, 2);
	assert_int_equal(e[2].match.items[0].port, 25);
	assert_int_equal(e[2].match.items[1].kind, KIND_COUNT); /* until the tool is looked up */
	assert_string_equal(e[2].match.items[1].tool, "search");
	assert_int_equal(e[2].except.count, 1);

	assert_int_equal(p->allow.count, 2);
	assert_string_equal(p->allow.items[0].id, "allow[0]");
	assert_string_equal(p->allow.items[0].tool, "search");
	assert_null(p->allow.items[1].tool);
	policy_free(&p);
}

static void reads_tools_and_content(void **state)
{
	struct policy *p =
		parsed(HEAD "tools:\n"
			    "  search: {match: [\"net:10.1.2.3:443\", \"exec:/bin/grep\"]}\n"
			    "  two words: {match: exec:/bin/ls}\n"
			    "content:\n"
			    "- {name: sql, deny: [\"DROP TABLE\", 'rm -rf'], in: [exec, http]}\n"
			    "- {name: x, deny: \"\\x01\\n\", in: http, case: exact, reason: r}\n");

	assert_int_equal(p->tool_count, 2);
	assert_string_equal(p->tools[0].name, "search");
	assert_place(p->tools[0].place, 4, 3);
	assert_int_equal(p->tools[0].match.count, 2);
	assert_string_equal(p->tools[1].name, "two words");

	assert_int_equal(p->content_count, 2);
	assert_string_equal(p->content[0].name, "sql");
	assert_place(p->content[0].place, 7, 3);
	assert_int_equal(p->content[0].phrases.count, 2);
	assert_string_equal(p->content[0].phrases.items[1], "rm -rf");
	assert_int_equal(p->content[0].in, 1U << KIND_EXEC | 1U << KIND_HTTP);
	assert_false(p->content[0].exact);
	assert_null(p->content[0].reason);
	assert_string_equal(p->content[1].phrases.items[0], "\x01\n");
	assert_int_equal(p->content[1].in, 1U << KIND_HTTP);
	assert_true(p->content[1].exact);
	assert_string_equal(p->content[1].reason, "r");
	policy_free(&p);
}

static void folds_phrases(void **state)
{
	struct policy *p = parsed(HEAD "content: [{name: n, deny: [' DROP \t TABLE', x], in: http, "
				       "space: any}, {name: m, deny: 'a  b', in: http}]\n");

	assert_true(p->content[0].folded);
	assert_string_equal(p->content[0].phrases.items[0], " DROP TABLE");
	assert_string_equal(p->content[0].phrases.items[1], "x");
	assert_false(p->content[1].folded);
	assert_string_equal(p->content[1].phrases.items[0], "a  b");
	policy_free(&p);
}

static void reads_json(void **state)
{
	struct policy *p =
		parsed("{\"version\": 1, \"name\": \"j\",\n"
		       "\t\"deny\": [\"exec:\\/bin\\/nc\", {\"match\": [\"net:*:25\"]}]}");

	assert_string_equal(p->deny.items[0].match.items[0].source, "exec:/bin/nc");
	assert_int_equal(p->deny.items[1].match.items[0].port, 25);
	policy_free(&p);
}

struct bad {
	const char *text, *message;
};

static void assert_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct policy *policy = NULL;
		struct diags diags = {};

		assert_int_equal(
			policy_parse("p.yaml", rows[i].text, strlen(rows[i].text), &policy, &diags),
			-EINVAL);
		assert_null(policy);
		assert_said(&diags, rows[i].message, rows[i].text);
		diags_free(&diags);
	}
}

static void refuses_bad_policies(void **state)
{
	static const struct bad rows[] = {
		{"- a\n", "1:1: error: a policy is a mapping: begin with 'version: 1'\n"},
		{"hello", "1:1: error: a policy is a mapping: begin with 'version: 1'\n"},
		{"{}", "1:1: error: 'version' is missing in a policy: write 'version: 1'\n"
		       "1:1: error: 'name' is missing in a policy\n"},
		{"name: p\n", "1:1: error: 'version' is missing in a policy: write 'version: 1'\n"},
		{"version: 1\n", "1:1: error: 'name' is missing in a policy\n"},
		{"version: 2\nname: p\n", "1:10: error: version '2' is not known: version 1 is\n"},
		{"version: 1.0\nname: p\n",
		 "1:10: error: version '1.0' is not known: version 1 is\n"},
		{"version: [1]\nname: p\n",
		 "1:10: error: 'version' must be a string, not a list\n"},
		{"version: 1\nname:\n", "2:6: error: 'name' is empty\n"},
		{"version: 1\nname: ''\n", "2:7: error: 'name' is empty\n"},
		{"version: 1\nname: {a: b}\n",
		 "2:7: error: 'name' must be a string, not a mapping\n"},
		{"version: 1\nname: \"a\\nb\"\n",
		 "2:7: error: 'name' must be one line of printable text\n"},
		{"version: 1\nname: \"a\\u202eb\"\n",
		 "2:7: error: 'name' must be one line of printable text\n"},
		{HEAD "alow: []\n",
		 "3:1: error: unknown key 'alow' in a policy; did you mean 'allow'?\n"},
		{HEAD "limit: []\n",
		 "3:1: error: unknown key 'limit' in a policy; did you mean 'limits'?\n"},
		{HEAD "zzzzzz: []\n", "3:1: error: unknown key 'zzzzzz' in a policy\n"},
		{HEAD "? ''\n: x\n", "3:3: error: unknown key '' in a policy\n"},
		{HEAD "<<: {a: 1}\n", "3:1: error: unknown key '<<' in a policy\n"},
		{HEAD "mode: enforced\n", "3:7: error: 'mode' must be enforce or audit, not "
					  "'enforced'; did you mean 'enforce'?\n"},
		{HEAD "mode: [audit]\n", "3:7: error: 'mode' must be a string, not a list\n"},
		{HEAD "mode:\n", "3:6: error: 'mode' must be enforce or audit, not ''\n"},
		{HEAD "unsupported: no\n",
		 "3:14: error: 'unsupported' must be refuse, degrade or audit, not 'no'\n"},
		{HEAD "on_audit_failure: allow\n",
		 "3:19: error: 'on_audit_failure' must be deny or continue, not 'allow'\n"},
		{HEAD "capture: meta\n",
		 "3:10: error: 'capture' must be off, metadata, evidence or "
		 "full, not 'meta'; did you mean 'metadata'?\n"},
		{HEAD "opaque: block\n",
		 "3:9: error: 'opaque' must be allow, audit or deny, not 'block'\n"},
		{HEAD "opaque: [deny]\n", "3:9: error: 'opaque' must be allow, audit, deny or a "
					  "mapping, not a list\n"},
		{HEAD "opaque:\n",
		 "3:1: error: 'opaque' has no value: write allow, audit, deny or a mapping\n"},
		{HEAD "opaque: {defualt: deny}\n",
		 "3:10: error: unknown key 'defualt' in opaque; did you mean 'default'?\n"},
		{HEAD "opaque: {default: denied}\n",
		 "3:19: error: 'default' must be allow, audit or deny, not 'denied'\n"},
		{HEAD "opaque: {allow: \"net:*\"}\n",
		 "3:17: error: 'allow' must be a list ([] for none), not a string\n"},
		{HEAD "default: audit\n",
		 "3:10: error: 'default' must be allow or deny, not 'audit'\n"},
		{HEAD "default: [exec]\n",
		 "3:10: error: 'default' must be allow, deny or a mapping "
		 "of kinds to these, not a list\n"},
		{HEAD "default: {exec: kill}\n",
		 "3:17: error: 'exec' must be allow or deny, not 'kill'\n"},
		{HEAD "default: {exe: deny}\n",
		 "3:11: error: unknown key 'exe' in default; did you mean 'exec'?\n"},
		{HEAD "default: {fn: deny}\n", "3:11: error: 'fn' is not supported yet\n"},
		{HEAD "deny:\n", "3:1: error: 'deny' has no value: write a list ([] for none)\n"},
		{HEAD "allow: null\n",
		 "3:1: error: 'allow' has no value: write a list ([] for none)\n"},
		{HEAD "deny: \"exec:/bin/nc\"\n",
		 "3:7: error: 'deny' must be a list ([] for none), not a string\n"},
		{HEAD "deny: {match: \"exec:/bin/nc\"}\n",
		 "3:7: error: 'deny' must be a list ([] for none), not a mapping\n"},
		{HEAD "deny: [[\"exec:/bin/nc\"]]\n",
		 "3:8: error: an entry is a string or a mapping, not a list\n"},
		{HEAD "deny:\n-\n- exec:/a\n", "4:2: error: an empty string names no activity\n"},
		{HEAD "deny:\n- exec: /bin/nc\n",
		 "4:3: error: 'exec' is a kind of activity, not a key: write \"KIND:NAME\", quoted "
		 "and without a blank\n4:3: error: 'match' is missing in a deny entry\n"},
		{HEAD "deny: [{}]\n", "3:8: error: 'match' is missing in a deny entry\n"},
		{HEAD "deny: [{match: []}]\n", "3:16: error: 'match' is empty\n"},
		{HEAD "deny: [{match: {a: b}}]\n", "3:16: error: 'match' must be a string or a "
						   "list of strings, not a mapping\n"},
		{HEAD "deny: [{match: [[a]]}]\n",
		 "3:17: error: 'match' must be a list of strings\n"},
		{HEAD "deny: [{match: }]\n",
		 "3:9: error: 'match' has no value: write a string or a "
		 "list of strings\n"},
		{HEAD "deny: [{mach: a}]\n",
		 "3:9: error: unknown key 'mach' in a deny entry; did you mean 'match'?\n"
		 "3:8: error: 'match' is missing in a deny entry\n"},
		{HEAD "deny: [{match: \"exec:/a\", action: stop}]\n",
		 "3:35: error: 'action' must be deny or kill, not 'stop'\n"},
		{HEAD "deny: [{match: \"exec:/a\", mode: off}]\n",
		 "3:33: error: 'mode' must be enforce or audit, not 'off'\n"},
		{HEAD "deny: [{match: \"exec:/a\", id: ''}]\n", "3:31: error: 'id' is empty\n"},
		{HEAD "deny: [{match: \"exec:/a\", reason: \"a\\nb\"}]\n",
		 "3:35: error: 'reason' must be one line of printable text\n"},
		{HEAD "deny: [{match: \"exec:/a\", until: x}]\n",
		 "3:27: error: 'until' is not supported yet\n"},
		{HEAD "allow: [{match: \"exec:/a\", action: kill}]\n",
		 "3:28: error: 'action' is for deny entries: what an allow entry admits has "
		 "none\n"},
		{HEAD "allow: [{match: \"exec:/a\", mode: audit}]\n",
		 "3:28: error: 'mode' is for deny entries: to try an allow list, use the policy's "
		 "mode\n"},
		{HEAD "deny: [{match: \"exec:/a\", changed: true}]\n",
		 "3:27: error: 'changed' is for allow entries: a denied file stays so when "
		 "changed\n"},
		{HEAD "allow: [{match: \"exec:/a\", sha256: x, args: x, env: x, changed: x, "
		      "private: x}]\n",
		 "3:36: error: 'x' is no SHA-256: write its 64 hexadecimal digits\n"
		 "3:45: error: 'args' must be a mapping, as {any: [...], none: [...]}, not a string\n"
		 "3:53: error: 'env' must be a mapping, as {any: [...], none: [...]}, not a string\n"
		 "3:65: error: 'changed' must be true or false, not 'x'\n"
		 "3:77: error: 'private' must be true or false, not 'x'\n"},
		{HEAD "deny: [{match: \"net:a.b\", private: true}]\n",
		 "3:27: error: 'private' is for allow entries: a denied name is so at any address\n"},
		{HEAD "deny: [{match: \"exec:/a\", sha256: []}, {match: \"exec:/a\", sha256: {}},\n"
		      "{match: \"exec:/a\", sha256: [" HASH ", " HASH "0, '" HASH " ', [" HASH "]]},\n"
		      "{match: \"exec:/a\", sha256: }]\n",
		 "3:35: error: 'sha256' is empty\n"
		 "3:67: error: 'sha256' must be a string or a list of strings, not a mapping\n"
		 "4:95: error: '" HASH "0' is no SHA-256: write its 64 hexadecimal digits\n"
		 "4:162: error: '" HASH " ' is no SHA-256: write its 64 hexadecimal digits\n"
		 "4:231: error: 'sha256' must be a list of strings\n"
		 "5:20: error: 'sha256' has no value: write a string or a list of strings\n"},
		{HEAD "allow: [{match: \"exec:/a\", args: {}}]\n",
		 "3:34: error: 'args' is empty\n"},
		{HEAD "allow: [{match: \"exec:/a\", args: , env: {any: [], none: ['', [x]]}}]\n",
		 "3:28: error: 'args' has no value: write a mapping, as {any: [...], none: "
		 "[...]}\n"
		 "3:47: error: 'any' is empty\n"
		 "3:58: error: an empty phrase would be in every text\n"
		 "3:62: error: 'none' must be a list of strings\n"},
		{HEAD "allow: [{match: \"exec:/a\", args: {all: x}}]\n",
		 "3:35: error: unknown key 'all' in a condition\n"},
		{HEAD "tools: []\n", "3:8: error: 'tools' must be a mapping of names to tools ({} "
				     "for none), not a list\n"},
		{HEAD "tools: {search: \"exec:/a\"}\n",
		 "3:17: error: 'search' must be a mapping, as {match: [...]}, not a string\n"},
		{HEAD "tools: {search: }\n", "3:9: error: 'search' has no value: write a mapping, "
					     "as {match: [...]}\n"},
		{HEAD "tools: {search: {}}\n", "3:17: error: 'match' is missing in a tool\n"},
		{HEAD "tools: {search: {match: \"exec:/a\", permission: read, region: eu}}\n",
		 "3:36: error: 'permission' is not supported yet\n"
		 "3:54: error: 'region' is not supported yet\n"},
		{HEAD "tools: {search: {match: grep}}\n",
		 "3:25: error: 'grep' is not an activity: "
		 "write KIND:NAME, as exec:/usr/bin/git\n"},
		{HEAD "tools: {\"a:b\": {match: \"exec:/a\"}}\n",
		 "3:9: error: 'a:b' has a colon: names of tools have none\n"},
		{HEAD "tools: {'': {match: \"exec:/a\"}}\n",
		 "3:9: error: the name of a tool is empty\n"},
		{HEAD "tools: {\"a\\tb\": {match: \"exec:/a\"}}\n",
		 "3:9: error: the name of a tool must be one line of printable text\n"},
		{HEAD "mcp: []\n", "3:6: error: 'mcp' must be a mapping of names to MCP servers ({} for none), "
				   "not a list\n"},
		{HEAD "mcp: {fs: /usr/bin/fs}\n",
		 "3:11: error: 'fs' must be a mapping, as {exec: /usr/bin/server}, not a string\n"},
		{HEAD "mcp: {fs: {}}\n", "3:11: error: 'exec' is missing in an MCP server: the path of the program "
					 "that it is started as\n"},
		{HEAD "mcp: {fs: {exec: /a, url: x}}\n", "3:22: error: 'url' is not supported yet\n"},
		{HEAD "mcp: {fs: {exec: fs}}\n", "3:18: error: 'fs' is no path: it begins with a slash\n"},
		{HEAD "mcp: {fs: {exec: [/a]}}\n", "3:18: error: 'exec' must be a string, not a list\n"},
		{HEAD "mcp: {a/b: {exec: /a}, '': {exec: /a}, unknown: {exec: /a}}\n",
		 "3:7: error: 'a/b' has a slash: names of MCP servers have none\n"
		 "3:24: error: the name of an MCP server is empty\n"
		 "3:40: error: 'unknown' is what MCP servers without a name are called\n"},
		{HEAD "content: {}\n",
		 "3:10: error: 'content' must be a list ([] for none), not a mapping\n"},
		{HEAD "content: [x]\n", "3:11: error: a content rule is a mapping\n"},
		{HEAD "content: [{}]\n",
		 "3:11: error: 'name' is missing in a content rule\n"
		 "3:11: error: 'deny' is missing in a content rule\n"
		 "3:11: error: 'in' is missing in a content rule: write [exec], [http] or both "
		 "(the default, [exec, fn, mcp], is not supported yet)\n"},
		{HEAD "content: [{name: n, deny: [x], in: [fn, http.request]}]\n",
		 "3:37: error: 'fn' in 'in' is not supported yet\n"
		 "3:41: error: 'http.request' in 'in' is not supported yet\n"},
		{HEAD "content: [{name: n, deny: [x], in: [net]}]\n",
		 "3:37: error: 'in' must be exec or http, not 'net'\n"},
		{HEAD "content: [{name: n, deny: [x], in: []}]\n", "3:36: error: 'in' is empty\n"},
		{HEAD "content: [{name: n, deny: [x, ''], in: exec}]\n",
		 "3:31: error: an empty phrase would be in every text\n"},
		{HEAD "content: [{name: n, deny: [], in: exec}]\n",
		 "3:27: error: 'deny' is empty\n"},
		{HEAD "content: [{name: n, deny: x, in: exec, case: ignore}]\n",
		 "3:46: error: 'case' must be exact, not 'ignore'\n"},
		{HEAD "content: [{name: n, deny: x, in: exec, space: one}]\n",
		 "3:47: error: 'space' must be any, not 'one'\n"},
		{HEAD "content: [{name: n, deny: 'a\\b', in: exec, space: any}]\n",
		 "3:11: error: with 'space: any' escapes are read as JSON has them, so a phrase has no "
		 "backslash\n"},
		{HEAD "deny: [\"net:10.0.0.1/8\"]\n",
		 "3:8: error: 'net:10.0.0.1/8' has bits set behind the prefix: the network is "
		 "10.0.0.0/8\n"},
		{HEAD "deny: [\"exce:/bin/sh\"]\n", "3:8: error: 'exce' is not a kind of activity; "
						    "did you mean 'exec'?\n"},
		{HEAD "deny: [\"a\\tb\"]\n",
		 "3:8: error: the name of a tool must be one line of printable text\n"},
		{HEAD "deny: [*.example.com]\n",
		 "3:8: error: a leading * is a YAML alias: quote it\n"},
	};

	assert_true(COUNT(rows) >= 60);
	assert_bad(rows, COUNT(rows));
}

static void reads_servers(void **state)
{
	struct policy *p = parsed(HEAD "mcp: {fs: {exec: /usr/bin/mcp-*}, x: {exec: \"/b\"}}\n");

	assert_int_equal(p->mcp_place.line, 3);
	assert_int_equal(p->server_count, 2);
	assert_string_equal(p->servers[0].name, "fs");
	assert_int_equal(p->servers[0].exec.count, 1);
	assert_int_equal(p->servers[0].exec.items[0].kind, KIND_EXEC);
	assert_string_equal(p->servers[0].exec.items[0].text, "/usr/bin/mcp-*");
	assert_string_equal(p->servers[1].name, "x");
	policy_free(&p);
	p = parsed(HEAD "mcp: {}\n");
	assert_int_equal(p->mcp_place.line, 3);
	assert_int_equal(p->server_count, 0);
	policy_free(&p);
	p = parsed(HEAD);
	assert_int_equal(p->mcp_place.line, 0);
	policy_free(&p);
}

/* Every key of the language that is not there yet is known by name. */
static void refuses_later_keys(void **state)
{
	static const char *const later[] = {
		"match",     "when",    "identity", "roles", "limits", "budgets",
		"residency", "regions", "breakers", "pii",   "order", "route",  "cache",
		"fallback",  "record",  "alerts",   "scope", "redis",
	};

	for (size_t i = 0; i < COUNT(later); i++) {
		char text[128], message[128];

		snprintf(text, sizeof(text), HEAD "%s: []\n", later[i]);
		snprintf(message, sizeof(message), "3:1: error: '%s' is not supported yet\n",
			 later[i]);
		assert_bad(&(struct bad){text, message}, 1);
	}
}

static void finds_all_errors(void **state)
{
	static const struct bad row = {
		"nmae: p\nmode: x\ndeny: [\"exec:a\", {match: \"net:x/y\"}]\nlimits: []\n",
		"1:1: error: unknown key 'nmae' in a policy; did you mean 'name'?\n"
		"2:7: error: 'mode' must be enforce or audit, not 'x'\n"
		"3:8: error: 'exec:a' is not an absolute path: write exec:/PATH, exec:*/NAME, "
		"exec:memfd:NAME or exec:unknown\n"
		"3:26: error: 'net:x/y' has '/y' behind the host: write :PORT or :PORT/PROTO\n"
		"4:1: error: 'limits' is not supported yet\n"
		"1:1: error: 'version' is missing in a policy: write 'version: 1'\n"
		"1:1: error: 'name' is missing in a policy\n"};

	assert_bad(&row, 1);
}

static void bounds_texts(void **state)
{
	static const struct {
		const char *before, *message;
		size_t max;
	} rows[] = {
		{"version: 1\nname: ", "2:7: error: 'name' is longer than 255 bytes\n", 255},
		{HEAD "deny:\n- match: exec:/a\n  id: ",
		 "5:7: error: 'id' is longer than 255 bytes\n", 255},
		{HEAD "deny:\n- match: exec:/a\n  reason: ",
		 "5:11: error: 'reason' is longer than 1024 bytes\n", 1024},
		{HEAD "content:\n- name: n\n  in: exec\n  deny: ",
		 "6:9: error: the phrase is longer than 1024 bytes\n", 1024},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[1200] = "";
		struct policy *p;

		strcpy(text, rows[i].before);
		memset(text + strlen(text), 'x', rows[i].max);
		p = parsed(text);
		policy_free(&p);
		text[strlen(text)] = 'x';
		assert_bad(&(struct bad){text, rows[i].message}, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_defaults),      cmocka_unit_test(reads_words),
		cmocka_unit_test(takes_types_from_keys),   cmocka_unit_test(reads_entries),
		cmocka_unit_test(reads_tools_and_content), cmocka_unit_test(folds_phrases),
		cmocka_unit_test(reads_json),
		cmocka_unit_test(refuses_bad_policies),    cmocka_unit_test(refuses_later_keys),
		cmocka_unit_test(reads_servers),
		cmocka_unit_test(finds_all_errors),        cmocka_unit_test(bounds_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
