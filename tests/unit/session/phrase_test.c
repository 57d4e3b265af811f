/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "../policy/build.h"
#include "match.h"
#include "policy/rules.h"
#include "session/internal.h"

static struct session session;
static struct image_block image;
static struct policy *policy;

static int build(void **state)
{
	static const char *const folding[] = {"DROP TABLE", "Table X", "rm -rf"};
	struct content_rule *c;

	policy = build_policy();
	c = build_content(policy, "first", 1 << KIND_HTTP, false);
	for (size_t i = 0; i < sizeof(folding) / sizeof(folding[0]); i++)
		build_phrase(c, folding[i]);
	c = build_content(policy, "exact", 1 << KIND_HTTP, true);
	build_phrase(c, "Sudo");
	build_phrase(c, "\xff\xfe");
	c = build_content(policy, "second", 1 << KIND_HTTP, false);
	build_phrase(c, "secret");
	/* One begins with what another one ends in, and holds a shorter one of another rule. */
	build_phrase(c, "my drop table now");
	c = build_content(policy, "programs", 1 << KIND_EXEC, false);
	build_phrase(c, "drop");
	c = build_content(policy, "folded", 1 << KIND_HTTP, false);
	c->folded = true;
	build_phrase(c, "rm \xc3\xa4");
	image = build_image(policy);
	session.o.policy = policy;
	session.o.image = image.data;
	return 0;
}

static int drop(void **state)
{
	policy_free(&policy);
	free(image.data);
	return 0;
}

/* Reads the text as the kernel does, up to the first phrase that counts; returns its rule. */
static uint32_t scan(enum kind kind, const char *text, uint32_t found[PHRASE_WAYS])
{
	const struct image_header *h = image_header(image.data);
	struct activity a;
	uint32_t rule = RULE_NONE;

	activity_init(&a, kind);
	for (uint32_t n = 0; n < PHRASE_WAYS; n++)
		found[n] = h->phrases[n].start;
	for (; *text && rule == RULE_NONE; text++) {
		for (uint32_t n = 0; n < PHRASE_WAYS; n++) {
			const struct image_dfa *d = &h->phrases[n];
			uint32_t class = image_u8(h, (uint64_t)d->classes + (uint8_t)*text);
			uint32_t at = (uint32_t)((const char *)d - (const char *)h);

			if (!d->trans)
				continue;
			found[n] = image_u32(
				h, d->trans + (uint64_t)((found[n] & DFA_STATE) + class) * 4);
			if (!(found[n] & DFA_ACCEPT))
				continue;
			a.phrase = match_dfa_accept(h, at, found[n]);
			if (decide_content(h, &a) < rule)
				rule = decide_content(h, &a);
		}
	}
	return rule;
}

static void test_named(void **state)
{
	static const struct {
		enum kind kind;
		const char *text;
		const char *phrase;
	} cases[] = {
		{KIND_HTTP, "please drop TABLE users", "DROP TABLE"},
		{KIND_HTTP, "a tABLE x", "Table X"},
		{KIND_HTTP, "rm -rm -rf", "rm -rf"},
		{KIND_HTTP, "pSudo", "Sudo"},
		{KIND_HTTP, "\xff\xff\xfe", "\xff\xfe"},
		{KIND_HTTP, "the Secret", "secret"},
		{KIND_HTTP, "in my drop table now", "DROP TABLE"},
		{KIND_EXEC, "in my drop table now", "drop"},
		{KIND_HTTP, "RM \xc3\xa4", "rm \xc3\xa4"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t found[PHRASE_WAYS];
		uint32_t rule = scan(cases[i].kind, cases[i].text, found);

		assert_int_not_equal(rule, RULE_NONE);
		assert_non_null(phrase_of(&session, rule, found));
		assert_string_equal(phrase_of(&session, rule, found), cases[i].phrase);
	}
}

/* Records are read with suspicion, and not every decision by content has a phrase. */
static void test_not_named(void **state)
{
	struct rule_index ix;
	uint32_t found[PHRASE_WAYS];

	rule_index(policy, &ix);
	assert_int_equal(scan(KIND_HTTP, "sudo, table, rm", found), RULE_NONE);
	assert_null(phrase_of(&session, RULE_NONE, found));
	assert_null(phrase_of(&session, ix.content + (uint32_t)policy->content_count, found));
	for (uint32_t state_of = 0; state_of < 4096; state_of++) {
		for (uint32_t n = 0; n < PHRASE_WAYS; n++)
			found[n] = state_of * 0x9e3779b1U;
		for (uint32_t rule = 0; rule < ix.count; rule++)
			phrase_of(&session, rule, found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_not_named),
	};

	return cmocka_run_group_tests_name("session/phrase", tests, build, drop);
}
