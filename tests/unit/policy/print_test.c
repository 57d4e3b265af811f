/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "build.h"
#include "policy/print.h"

/* Whole images are compared by golden_test; here is what their files do not have in them. */

static void print_policy(const struct policy *p, struct buf *out)
{
	struct image_block block = build_image(p);

	image_print(block.data, out);
	buf_add_char(out, '\0');
	assert_int_equal(buf_error(out), 0);
	free(block.data);
}

static void test_no_policy(void **state)
{
	_buf_ struct buf out = {};

	print_policy(NULL, &out);
	assert_string_equal(out.data, "image 1 generation 1\n"
				      "policy \"\" file \"\"\n"
				      "mode audit\n"
				      "on_audit_failure allow\n"
				      "opaque allow\n"
				      "capture evidence\n"
				      "kind exec open\n"
				      "kind net open\n"
				      "kind http open\n");
}

/* Texts stay on their line, whatever bytes they have. */
static void test_quotes(void **state)
{
	struct policy *p = build_policy();
	_buf_ struct buf out = {};

	build_rule(&p->deny, "deny", "exec:/a\"b\\\\\x80\xc3\xa4", NULL)->reason = strdup("x\ny");
	print_policy(p, &out);
	assert_non_null(strstr(out.data, " \"deny[0]\" reason \"x\\x0ay\"\n"));
	assert_non_null(strstr(out.data, "  literal \"/a\\\"b\\\\\\x80\\xc3\\xa4\": deny 0\n"));
	policy_free(&p);
}

/* Transitions that fewer bytes take are listed, as ranges; the others are `else`. */
static void test_transitions(void **state)
{
	struct policy *p = build_policy();
	struct content_rule *c = build_content(p, "c", 1 << KIND_EXEC | 1 << KIND_HTTP, false);
	_buf_ struct buf out = {};

	build_phrase(c, "a-");
	print_policy(p, &out);
	assert_non_null(strstr(out.data, "phrases ignoring case states 3 classes 3 start 0\n"
					 "    0: A,a>1 else>0\n"
					 "    1: \\x2d>2 A,a>1 else>0\n"
					 "    2 (exec 0 http 0): A,a>1 else>0\n"));
	policy_free(&p);

	out.len = 0;
	p = build_policy();
	build_rule(&p->deny, "deny", "http:?ET a?", NULL);
	print_policy(p, &out);
	assert_non_null(strstr(out.data, "    0: \\x20>2 else>1\n"));
	policy_free(&p);
}

/* Rows list every list that a name hits; an excepted port hits nothing. */
static void test_rows(void **state)
{
	struct policy *p = build_policy();
	_buf_ struct buf out = {};

	build_rule(&p->deny, "deny", "exec:/a", NULL);
	build_rule(&p->deny, "deny", "exec:/a", NULL)->audit = true;
	build_rule(&p->allow, "allow", "exec:/a", NULL);
	print_policy(p, &out);
	assert_non_null(strstr(out.data, "  literal \"/a\": deny 0 audit 1 allow 2\n"));
	policy_free(&p);
}

static void test_nothing(void **state)
{
	struct policy *p = build_policy();
	_buf_ struct buf out = {};

	build_rule(&p->deny, "deny", "net:*", "net:*:80/tcp");
	print_policy(p, &out);
	assert_non_null(strstr(out.data, "addresses v4\n  from 0.0.0.0: class 0\n"
					 "addresses v6\n  from ::: class 0\n"
					 "destinations\n"
					 "  class 0 port 80 tcp: nothing\n"
					 "  class 0 any port tcp: deny 0\n"));
	policy_free(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_no_policy),   cmocka_unit_test(test_quotes),
	cmocka_unit_test(test_transitions), cmocka_unit_test(test_rows),
	cmocka_unit_test(test_nothing),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
