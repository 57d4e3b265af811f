/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "parsing.h"
#include "policy/yaml.h"

/* A tree on one line: LINE:COL:TEXT, quoted texts with a ', [items], {key=value}. */
static void print_tree(struct buf *out, const struct yaml_node *n)
{
	static const char open[] = {[YAML_SEQUENCE] = '[', [YAML_MAPPING] = '{'};
	static const char close[] = {[YAML_SEQUENCE] = ']', [YAML_MAPPING] = '}'};

	buf_addf(out, "%u:%u:", n->place.line, n->place.column);
	if (n->type == YAML_SCALAR) {
		assert_int_equal(strlen(n->text), n->len);
		buf_addf(out, "%s%s", n->quoted ? "'" : "", n->text);
		return;
	}
	buf_add_char(out, open[n->type]);
	for (const struct yaml_node *i = n->first; i; i = i->next) {
		print_tree(out, i);
		if (n->type == YAML_MAPPING) {
			buf_add_char(out, '=');
			print_tree(out, i->value);
		}
		buf_add_str(out, i->next ? " " : "");
	}
	buf_add_char(out, close[n->type]);
}

static void loads_trees(void **state)
{
	static const struct {
		const char *text, *tree;
	} rows[] = {
		{"a: 1\n", "1:1:{1:1:a=1:4:1}"},
		{"a: NO\nb: 'NO'\nc: \"x\\ty\"\n",
		 "1:1:{1:1:a=1:4:NO 2:1:b=2:4:'NO 3:1:c=3:4:'x\ty}"},
		{"a:\n- b\n-  - c\n   - d\n", "1:1:{1:1:a=2:1:[2:3:b 3:4:[3:6:c 4:6:d]]}"},
		{"{\"a\":1,\"b\":[\"x\", {}]}", "1:1:{1:2:'a=1:6:1 1:8:'b=1:12:[1:13:'x 1:18:{}]}"},
		{"a: |\n  x\n  y\n", "1:1:{1:1:a=1:4:'x\ny\n}"},
		{"a: >-\n  x\n  y\n", "1:1:{1:1:a=1:4:'x y}"},
		{"a:\nb: ~\n", "1:1:{1:1:a=1:3: 2:1:b=2:4:~}"},
		{"- net:*:443\n- net:[::1]:80 # v6\n", "1:1:[1:3:net:*:443 2:3:net:[::1]:80]"},
		{"%YAML 1.2\n---\na: 1\n...\n", "3:1:{3:1:a=3:4:1}"},
		{"\xef\xbb\xbf"
		 "a: 1",
		 "1:1:{1:1:a=1:4:1}"},
		{"\xc3\xa4\xc3\xb6: \xe2\x82\xac\n", "1:1:{1:1:\xc3\xa4\xc3\xb6=1:5:\xe2\x82\xac}"},
		{"a: 1\r\nb: 2\r\n", "1:1:{1:1:a=1:4:1 2:1:b=2:4:2}"},
		{"\"a\\u202eb\"", "1:1:'a\xe2\x80\xae"
				  "b"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_doc *doc = NULL;
		struct diags diags = {};
		struct buf out = {};

		assert_int_equal(yaml_load(rows[i].text, strlen(rows[i].text), &doc, &diags), 0);
		print_tree(&out, yaml_root(doc));
		buf_add_char(&out, '\0');
		assert_string_equal(out.data, rows[i].tree);
		assert_int_equal(diags.count, 0);
		buf_free(&out);
		yaml_doc_free(&doc);
		assert_null(doc);
	}
}

static void assert_refused(const char *text, size_t len, const char *message)
{
	struct yaml_doc *doc = NULL;
	struct diags diags = {};

	assert_int_equal(yaml_load(text, len, &doc, &diags), -EINVAL);
	assert_null(doc);
	assert_said(&diags, message, len < 200 ? text : "(long)");
	diags_free(&diags);
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"", "1:1: error: it is empty\n"},
		{"# nothing\n\n", "1:1: error: it is empty\n"},
		{"a: *b\n", "1:4: error: a leading * is a YAML alias: quote it\n"},
		{"- *\n", "1:3: error: a leading * is a YAML alias: quote it\n"},
		{"x: [a, *.b]\n", "1:8: error: a leading * is a YAML alias: quote it\n"},
		{"a: &b c\n", "1:4: error: a leading & is a YAML anchor: quote it\n"},
		{"a: &b [c]\n", "1:4: error: a leading & is a YAML anchor: quote it\n"},
		{"&b {a: c}\n", "1:1: error: a leading & is a YAML anchor: quote it\n"},
		{"a: !b c\n", "1:4: error: a leading ! is a YAML tag: quote it\n"},
		{"a: !!str c\n", "1:4: error: a leading ! is a YAML tag: quote it\n"},
		{"a: !x!y c\n", "1:4: error: a leading ! is a YAML tag: quote it\n"},
		{"a: !<b\n", "1:4: error: a leading ! is a YAML tag: quote it\n"},
		{"%TAG ! tag:x:\n---\na: 1\n", "1:1: error: a %TAG directive has no use here\n"},
		{"a: 1\n...\n%TAG ! tag:x:\n", "3:1: error: a %TAG directive has no use here\n"},
		{"a: 1\nb: 2\na: 3\n", "3:1: error: 'a' is already set at 1:1\n"},
		{"x: {a: 1, 'a': 3}\n", "1:11: error: 'a' is already set at 1:5\n"},
		{"? [a]\n: b\n", "1:3: error: a key must be a word\n"},
		{"{a: 1}: b\n", "1:1: error: a key must be a word\n"},
		{"a: 1\n---\nb: 2\n",
		 "2:1: error: a second document begins here: one file is one policy\n"},
		{"a: 1\n...\n---\n",
		 "3:1: error: a second document begins here: one file is one policy\n"},
		{"a:\n\tb: 1\n", "2:1: error: a tab cannot indent: use blanks\n"},
		{"a: @b\n", "1:4: error: a value cannot begin with @: quote it\n"},
		{"a: `b`\n", "1:4: error: a value cannot begin with `: quote it\n"},
		{"\xc3\xa4: %\n", "1:4: error: a value cannot begin with %: quote it\n"},
		{"a: b: c\n", "1:5: error: a ':' is not expected here: quote the text, or mind "
			      "the indentation\n"},
		{"a: 1\n b: 2\n", "2:3: error: a ':' is not expected here: quote the text, or mind "
				  "the indentation\n"},
		{"a:\n  - b\n c: d\n",
		 "3:2: error: a key is expected here: mind the indentation\n"},
		{"a:\n  - b\n  c: d\n",
		 "3:3: error: '- ' is expected here: mind the indentation\n"},
		{"a: [b\nc: d\n", "2:2: error: ',' or ']' is expected here\n"},
		{"a: {b: 1\n", "2:1: error: ',' or '}' is expected here\n"},
		{"a: [net:[::1]]\n", "1:8: error: a ':' is not expected here: quote the text\n"},
		{"a: ]\n", "1:4: error: did not find expected node content while parsing a block "
			   "node that begins at 1:4\n"},
		{"a: 1\nb\nc: 2\n", "2:1: error: a key without its ':'\n"},
		{"a: 'b\n", "1:4: error: the quotes that begin here are not closed\n"},
		{"a: \"x\\0y\"\n",
		 "1:4: error: a NUL byte may not stand here: in a name, ? is any one byte\n"},
		{"a: \x01\n", "1:4: error: a control character may not stand here: write it as an "
			      "escape in \"...\"\n"},
		{"a: \x7f\n", "1:4: error: a control character may not stand here: write it as an "
			      "escape in \"...\"\n"},
		{"a: 1\nb: \xff\xfe\n", "2:4: error: byte 0xff is not UTF-8\n"},
		{"a: \xe2\x82\n", "1:4: error: byte 0xe2 is not UTF-8\n"},
		{"a: \xed\xa0\x80\n", "1:4: error: byte 0xed is not UTF-8\n"},
		{"# \xe2\x80\xae\n", "1:3: error: an invisible mark that turns the direction of "
				     "text may not stand here: write it as an escape in \"...\"\n"},
		{"# x\xe2\x80\xa8"
		 "deny: []\n",
		 "1:4: error: a line break that editors do not show (U+2028, U+2029) may not stand "
		 "here: write it as an escape in \"...\"\n"},
		{"# x\xc2\x85"
		 "deny: []\n",
		 "1:4: error: a line break that editors do not show (U+0085) may not stand here: "
		 "write it as an escape in \"...\"\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(rows[i].text, strlen(rows[i].text), rows[i].message);
	assert_refused("a: \0b\n", 6, "1:4: error: a NUL byte may not stand here\n");
}

static char *repeat(const char *text, size_t times, size_t *ret_len)
{
	size_t n = strlen(text);
	char *out = malloc(n * times + 1);

	assert_non_null(out);
	for (size_t i = 0; i < times; i++)
		memcpy(out + i * n, text, n);
	out[n * times] = '\0';
	*ret_len = n * times;
	return out;
}

static void assert_refused_many(const char *text, size_t times, const char *message)
{
	size_t len;
	char *many = repeat(text, times, &len);

	assert_refused(many, len, message);
	free(many);
}

static void is_bounded(void **state)
{
	struct yaml_doc *doc = NULL;
	struct diags diags = {};
	size_t len;
	char *text;

	assert_refused_many("# 10 MB\n", (10 << 20) / 8, "1:1: error: larger than 8 MiB\n");
	assert_refused_many("[", 65, "1:65: error: nested deeper than 64 levels\n");
	assert_refused_many("[", 8 << 20, "1:65: error: nested deeper than 64 levels\n");
	assert_refused_many("- a\n", 1000000, "1000000:3: error: more than 1000000 values\n");
	assert_refused_many("%TAG !a! tag:x:\n", 500000,
			    "1:1: error: a %TAG directive has no use here\n");

	/* Just within the bounds. */
	text = repeat("- a\n", 999999, &len);
	assert_int_equal(yaml_load(text, len, &doc, &diags), 0);
	assert_int_equal(yaml_root(doc)->count, 999999);
	yaml_doc_free(&doc);
	free(text);
	text = repeat("#234567\n", 1 << 20, &len);
	memcpy(text, "a: 1 #\n\n", 8);
	assert_int_equal(len, YAML_MAX_SIZE);
	assert_int_equal(yaml_load(text, len, &doc, &diags), 0);
	yaml_doc_free(&doc);
	free(text);
	assert_int_equal(
		yaml_load("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
			  "[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
			  "]",
			  128, &doc, &diags),
		0);
	yaml_doc_free(&doc);
	assert_int_equal(diags.count, 0);
}

static void knows_null(void **state)
{
	static const struct {
		const char *text;
		bool null;
	} rows[] = {{"--- \n", true}, {"~", true},      {"null", true},    {"NULL", true},
		    {"''", false},    {"\"~\"", false}, {"'null'", false}, {"nul", false},
		    {"[]", false},    {"{}", false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_doc *doc = NULL;
		struct diags diags = {};

		assert_int_equal(yaml_load(rows[i].text, strlen(rows[i].text), &doc, &diags), 0);
		assert_int_equal(yaml_is_null(yaml_root(doc)), rows[i].null);
		yaml_doc_free(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_trees),
		cmocka_unit_test(refuses),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(knows_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
