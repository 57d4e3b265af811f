/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * One decision function, compiled twice: for random policies and random activities the program in
 * the kernel and the command line must give the same answer in every field. A program that loads
 * may still run wrongly (kernel 6.1), so nothing less shows it.
 *
 * WARDEN_SEED repeats a run. Needs root.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "answers.h"
#include "base/cleanup.h"
#include "policy/brokers.h"
#include "policy/check.h"
#include "policy/parse.h"
#include "random_policy.h"
#include "random_question.h"
#include "tally.h"

#define POLICIES             250
#define DAMAGED_POLICIES     40
#define LARGE_POLICIES       10
#define QUESTIONS_PER_POLICY 250

static struct policy *read_policy(const struct buf *text)
{
	struct policy *policy = NULL;
	struct diags diags = {};
	int r = policy_parse("random.yaml", text->data, text->len, &policy, &diags);

	if (r == 0)
		r = policy_check(policy, &diags);
	for (size_t i = 0; r < 0 && i < diags.count; i++)
		if (diags.items[i].level == DIAG_ERROR)
			fail_msg("%u: %s\n%.*s", diags.items[i].place.line, diags.items[i].message,
				 (int)text->len, text->data);
	assert_int_equal(r, 0);
	assert_int_equal(brokers_add(policy), 0);
	diags_free(&diags);
	return policy;
}

static void set_activity(struct asked *a, const char *activity)
{
	buf_reset(&a->activity);
	buf_add(&a->activity, activity, strlen(activity) + 1);
	a->activity.len--;
}

/* Returns false when the activity is none. */
static bool parse_asked(struct asked *a)
{
	_buf_ struct buf complaint = {};

	return ask_parse(a->activity.data, &a->ask, &complaint) == 0;
}

/* The address that a name is of: the kernel finds out by itself whether it is private. */
static void set_address(struct asked *a)
{
	static const uint32_t v4[] = {0xcb007107, 0x0a010203, 0x7f000001, 0xac1fffff, 0xac200000,
				      0xa9fea9fe, 0xc6130001, 0xdfffffff, 0xe0000001};
	static const uint64_t v6[][2] = {{0x20010db800000000, 1},
					 {0, 1},
					 {0xfd000ec200000000, 0x254},
					 {0x2a00145000000000, 9},
					 {0, 0xffff0a010203},
					 {0, 0xffffcb007107},
					 {0x0064ff9b00000000, 0xcb007107},
					 {0x0064ff9b00000000, 0x7f000001},
					 {0xfe80000000000000, 2}};
	struct activity_name *n = &a->ask.name;
	uint32_t i = pick(COUNT(v6));

	if (n->kind != KIND_NET || !n->host)
		return;
	a->host_family = pick(2) ? AF_INET : AF_INET6;
	a->host_addr[0] = a->host_family == AF_INET ? 0 : v6[i][0];
	a->host_addr[1] = a->host_family == AF_INET ? v4[pick(COUNT(v4))] : v6[i][1];
	n->private = a->host_family == AF_INET
			     ? match_is_private4((uint32_t)a->host_addr[1])
			     : match_is_private6(a->host_addr[0], a->host_addr[1]);
}

static void random_asked(struct asked *a, const struct policy *policy)
{
	do {
		buf_reset(&a->activity);
		random_activity(&a->activity, policy);
		buf_add_char(&a->activity, '\0');
		a->activity.len--;
	} while (!parse_asked(a));
	buf_reset(&a->text);
	a->cut = 0;
	if (a->ask.name.kind != KIND_NET && pick(2))
		random_text(&a->text, policy, QUESTION_TEXT, &a->cut);
	buf_reset(&a->env);
	a->env_cut = 0;
	if (pick(2))
		random_text(&a->env, policy, QUESTION_ENV, &a->env_cut);
	random_hash(a->hash, policy);
	a->ask.flags |= !*a->hash || once_in(16) ? ACTIVITY_HASH_UNREAD : 0;
	a->ask.flags |= once_in(8) ? ACTIVITY_ARGS_UNREAD : 0;
	a->ask.flags |= once_in(8) ? ACTIVITY_ENV_UNREAD : 0;
	a->ask.flags |= once_in(3) ? ACTIVITY_LATER : 0;
	a->ask.flags |= once_in(4) ? ACTIVITY_CHANGED : 0;
	a->ask.flags |= once_in(3) ? ACTIVITY_OPAQUE : 0;
	a->ask.flags |= once_in(50) ? ACTIVITY_UNKNOWN : 0;
	a->mapped = a->ask.name.family == AF_INET && once_in(4);
	set_address(a);
	a->audit_failed = once_in(12);
}

static void compare(struct kernel_side *side, const struct image_block *image,
		    const struct buf *policy, const struct asked *a)
{
	struct answer kernel, command;

	answer_by_kernel(side, a, &kernel);
	answer_by_command(image->data, a, &command);
	assert_same(policy, a, &kernel, &command);
	count_answer(a, &command);
}

/* Asks many random questions about one policy. Returns false when it is too large to compile. */
static bool compare_policy(const struct buf *text)
{
	_cleanup_(policy_free) struct policy *policy = read_policy(text);
	_cleanup_(asked_done) struct asked a = {};
	struct image_block image = {};
	struct diags diags = {};
	struct kernel_side *side;
	int r = policy_lower(policy, 1, &image, &diags);

	diags_free(&diags);
	if (r == -EINVAL)
		return false;
	assert_int_equal(r, 0);
	count_image(&image);
	side = kernel_publish(&image);
	for (int i = 0; i < QUESTIONS_PER_POLICY; i++) {
		random_asked(&a, policy);
		compare(side, &image, text, &a);
	}
	free(image.data);
	return true;
}

static void compare_random(int policies, uint32_t entries)
{
	_buf_ struct buf text = {};

	while (policies > 0) {
		buf_reset(&text);
		random_policy(&text, entries);
		if (compare_policy(&text))
			policies--;
		else
			tally.refused_policies++;
		assert_true(tally.refused_policies < POLICIES / 10);
	}
}

static void test_random(void **state)
{
	compare_random(POLICIES, 8);
	compare_random(LARGE_POLICIES, 150);
	print_tally();
	/* A test whose questions never get to a layer proves nothing about it. */
	for (size_t v = 0; v < VERDICT_COUNT; v++) {
		uint32_t sum = 0;

		for (size_t l = 0; l < LAYER_COUNT; l++)
			sum += tally.by[v][l];
		assert_true(sum > tally.questions / 200);
	}
	for (size_t l = 0; l < LAYER_COUNT; l++) {
		uint32_t sum = 0;

		for (size_t v = 0; v < VERDICT_COUNT; v++)
			sum += tally.by[v][l];
		assert_true(sum > tally.questions / 200);
	}
	assert_true(tally.unknown && tally.cut_phrases > 100);
	assert_true(tally.kinds[KIND_LISTEN] > tally.questions / 40);
	assert_true(tally.kinds[KIND_FILE] > tally.questions / 40);
	for (size_t i = 0; i <= 2 * COND_HASH; i++)
		assert_true(tally.conds[i] > 100);
	assert_true(tally.changed_admitted > 20 && tally.changed_refused > 20);
	for (size_t i = 0; i < 4; i++)
		assert_true(tally.hosts[i / 2][i % 2] > 10);
	assert_true(tally.entries_held > 200 && tally.entries_failed > 200);
}

/* ---- what is rare among random questions ---- */

/* A policy of a test's own, published, with one question to ask about it. */
struct fixture {
	const struct buf *text;
	struct policy *policy;
	struct image_block image;
	struct kernel_side *side;
	struct asked asked;
};

static void fixture_done(struct fixture *f)
{
	asked_done(&f->asked);
	policy_free(&f->policy);
	free(f->image.data);
}

static void fixture_open(struct fixture *f, const struct buf *text)
{
	struct diags diags = {};

	f->text = text;
	f->policy = read_policy(text);
	if (policy_lower(f->policy, 1, &f->image, &diags) < 0)
		fail_msg("%s", diags.count ? diags.items[0].message : "no memory");
	diags_free(&diags);
	f->side = kernel_publish(&f->image);
}

static uint32_t fixture_compare(struct fixture *f)
{
	struct answer command;

	compare(f->side, &f->image, f->text, &f->asked);
	answer_by_command(f->image.data, &f->asked, &command);
	return command.decision.verdict;
}

/* "/XFFFF...L" of that length, behind `kind`. */
static void set_long_name(struct asked *a, const char *kind, const char *head, size_t len,
			  char last)
{
	_buf_ struct buf name = {};

	buf_add_str(&name, kind);
	buf_add_str(&name, head);
	while (name.len < strlen(kind) + len)
		buf_add_char(&name, '0');
	name.len = strlen(kind) + len;
	name.data[name.len - 1] = last;
	buf_add_char(&name, '\0');
	set_activity(a, name.data);
	assert_true(parse_asked(a));
}

static void ask_lengths(struct fixture *f, const char *kind, const char *head, char last)
{
	static const size_t lengths[] = {2,    3,    255,  256,  4095, 4096, 4097, 4602, 4603, 4604,
					 4605, 4607, 4608, 4609, 4610, 8191, 8192, 8193, 9000};

	_Static_assert(NAME_MAX_LEN == 4608, "the lengths around it");
	for (size_t i = 0; i < COUNT(lengths); i++) {
		if (lengths[i] < strlen(head) + 1)
			continue;
		set_long_name(&f->asked, kind, head, lengths[i], last);
		assert_int_equal(!!(f->asked.ask.flags & ACTIVITY_UNKNOWN),
				 lengths[i] > NAME_MAX_LEN);
		fixture_compare(f);
	}
}

/* Names as long as names may be, and longer; prefixes, suffixes, automata and literals of each. */
static void test_long_names(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {};

	buf_addf(&text,
		 "version: 1\nname: long\ndeny:\n"
		 "  - \"exec:/%04602d\"\n  - \"exec:/%04601d*\"\n  - \"exec:*%04602d\"\n"
		 "  - \"exec:/%01000d*%01000d*\"\n"
		 "  - \"exec:/1*\"\n  - {match: \"exec:*2\", mode: audit}\n"
		 "  - {match: \"exec:/3*0*y\", action: kill}\n"
		 "  - \"net:unix:/1*\"\n  - \"net:unix:*2\"\n  - \"net:unix:/3*0*y\"\n"
		 "  - \"http:GET a.b/1*\"\n  - \"http:* a.b/*2\"\n",
		 0, 0, 2, 0, 0);
	fixture_open(&f, &text);
	for (const char *last = "02y"; *last; last++) {
		ask_lengths(&f, "exec:", "/", *last);
		ask_lengths(&f, "exec:", "/1", *last);
		ask_lengths(&f, "exec:", "/3", *last);
		ask_lengths(&f, "net:unix:", "/1", *last);
		ask_lengths(&f, "net:unix:", "/3", *last);
		ask_lengths(&f, "http:", "GET a.b/1", *last);
		ask_lengths(&f, "http:", "PUT a.b/", *last);
	}
}

/* Kernel only: a hook that could not read a name asks with none. */
static void test_empty_names(void **state)
{
	static const struct {
		enum kind kind;
		const char *prefix;
	} kinds[] = {{KIND_EXEC, "exec:"}, {KIND_NET, "net:unix:"}, {KIND_HTTP, "http:"}};
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {};

	buf_add_str(&text, "version: 1\nname: empty\n"
			   "deny: [\"exec:/a\", {match: \"net:unix:*\", mode: audit}]\n"
			   "allow: [\"http:*\"]\n");
	fixture_open(&f, &text);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		set_activity(&f.asked, kinds[i].prefix);
		f.asked.ask = (struct ask){.flags = ACTIVITY_UNKNOWN};
		f.asked.ask.name.kind = kinds[i].kind;
		f.asked.ask.name.text = "";
		assert_int_equal(fixture_compare(&f), VERDICT_DENY);
	}
}

/* Names of hosts by every shape of pattern, at ports and protocols that patterns name, and others.
 */
static void test_hosts(void **state)
{
	static const char *const hosts[] = {"a.test",     "b.test",   "x.a.test", "y.x.a.test",
					    "db1.test",   "x.c.test", "c.test",   "x.d.test",
					    "bad.d.test", "ab.test"};
	static const char *const ports[] = {"443", "80", "44", "4430"};
	static const char *const protos[] = {"", "/udp"};
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {}, activity = {};
	uint32_t admitted[2] = {}, refused[2] = {};

	buf_add_str(&text,
		    "version: 1\nname: hosts\nopaque: {allow: [\"net:a.test:80\"]}\n"
		    "deny: [\"net:bad.d.test\", {match: \"net:*.a.test:80\", mode: audit}]\n"
		    "allow:\n  - \"net:a.test:443\"\n  - {match: \"net:a.test\", private: true}\n"
		    "  - \"net:*.a.test\"\n  - {match: \"net:db?.test:443\", private: true}\n"
		    "  - {match: \"net:*.c.test:443/udp\", private: true}\n"
		    "  - {match: \"net:*.d.test\", except: \"net:*.d.test:44\", private: true}\n");
	fixture_open(&f, &text);
	for (int i = 0; i < 4000; i++) {
		buf_reset(&activity);
		buf_add_str(&activity, "net:");
		ADD_WORD(&activity, hosts);
		buf_add_char(&activity, ':');
		ADD_WORD(&activity, ports);
		ADD_WORD(&activity, protos);
		buf_add_char(&activity, '\0');
		set_activity(&f.asked, activity.data);
		assert_true(parse_asked(&f.asked));
		set_address(&f.asked);
		if (fixture_compare(&f) == VERDICT_DENY)
			refused[f.asked.ask.name.private]++;
		else
			admitted[f.asked.ask.name.private]++;
	}
	print_message("public: %u admitted, %u refused; private: %u, %u\n", admitted[0], refused[0],
		      admitted[1], refused[1]);
	assert_true(admitted[0] > 300 && admitted[1] > 300 && refused[0] > 300 && refused[1] > 300);
}

/* Every phrase, cut in two at every place. */
static void test_cut_phrases(void **state)
{
	static const char *const activities[] = {"exec:/a", "http:GET a.b/"};
	static const char *const ways[PHRASE_WAYS] = {"", ", case: exact", ", space: any",
						       ", case: exact, space: any"};
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {};

	buf_add_str(&text, "version: 1\nname: cut\ncontent:\n");
	for (size_t i = 0; i < COUNT(phrase_words); i++)
		buf_addf(&text, "  - {name: w%zu, in: [exec, http], deny: [\"%s\"]%s}\n", i,
			 phrase_words[i], ways[i % PHRASE_WAYS]);
	fixture_open(&f, &text);
	for (size_t i = 0; i < COUNT(phrase_words); i++) {
		buf_reset(&f.asked.text);
		buf_addf(&f.asked.text, "ab%sb ", phrase_words[i]);
		set_activity(&f.asked, activities[i % 2]);
		assert_true(parse_asked(&f.asked));
		for (f.asked.cut = 0; f.asked.cut <= f.asked.text.len; f.asked.cut++)
			assert_int_equal(fixture_compare(&f), VERDICT_DENY);
	}
}

/* A rule of each shape in turn, so that every table gets long. */
static void add_rule(struct buf *b, uint32_t i)
{
	static const char *const shapes[] = {
		"exec:/opt/tools/%u/bin/tool", "exec:/opt/%u/*",        "exec:*/bin/tool-%u",
		"net:unix:/run/%u/socket",     "http:POST a.b/item/%u", "http:* api%u.b/v1/*",
		"net:unix:*/%u.sock",          "exec:/usr/bin/%u",      "exec:/srv/%u/*",
	};

	buf_add_str(b, "  - {match: \"");
	if (i % 10 == 9)
		buf_addf(b, "net:%u.%u.%u.0/24%s", 10 + i % 100, i / 250 % 250, i % 250,
			 i % 3 ? ":443" : "");
	else if (i % 100 == 1)
		buf_addf(b, "exec:/home/*/p%u/*", i);
	else
		buf_addf(b, shapes[i % COUNT(shapes)], i);
	buf_addf(b, "\"%s%s}\n", i % 7 == 3 ? ", mode: audit" : "",
		 i % 11 == 5 ? ", action: kill" : "");
}

static void test_10000_rules(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {}, title = {};
	uint32_t hits = 0;

	buf_add_str(&text, "version: 1\nname: large\ndeny:\n");
	for (uint32_t i = 0; i < 10000; i++)
		add_rule(&text, i);
	fixture_open(&f, &text);
	assert_true(f.policy->deny.count == 10000);
	buf_add_str(&title, "the 10,000 rules of test_10000_rules()\n");
	f.text = &title;
	for (int i = 0; i < 2000; i++) {
		random_asked(&f.asked, f.policy);
		hits += fixture_compare(&f) != VERDICT_ALLOW;
	}
	print_message("image of %zu KiB, %u of 2000 hit\n",
		      (size_t)((struct image_header *)f.image.data)->size >> 10, hits);
	assert_in_range(hits, 500, 1999);
}

/* Wrong bytes behind the header. Those that stand for no state and no size are as good as any. */
static void damage(struct image_block *image, uint32_t times)
{
	const struct image_header *h = image->data;
	uint8_t *bytes = image->data;

	while (times--)
		bytes[sizeof(*h) + pick(h->size - (uint32_t)sizeof(*h))] = (uint8_t)pick(256);
}

/*
 * Images that no compiler made: both sides stay within the block, and still agree. Only so are
 * there texts of equal hash and different bytes.
 */
static void test_damaged_images(void **state)
{
	_buf_ struct buf text = {}, title = {};

	buf_add_str(&title, "a damaged image of a random policy\n");
	for (int i = 0; i < DAMAGED_POLICIES; i++) {
		_cleanup_(fixture_done) struct fixture f = {};

		buf_reset(&text);
		random_policy(&text, 8);
		fixture_open(&f, &text);
		f.text = &title;
		damage(&f.image, ((struct image_header *)f.image.data)->size >> (4 + pick(8)));
		f.side = kernel_publish(&f.image);
		for (int n = 0; n < QUESTIONS_PER_POLICY; n++) {
			random_asked(&f.asked, f.policy);
			fixture_compare(&f);
		}
	}
}

/* A policy that is replaced between two parts of one decision: what was asked is refused, whatever it is. */
static void test_replaced_policy(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};
	_buf_ struct buf text = {};
	struct answer answer;

	buf_add_str(&text, "version: 1\nname: replaced\nallow: [\"exec:/usr/bin/git\"]\n");
	fixture_open(&f, &text);
	set_activity(&f.asked, "exec:/usr/bin/git");
	assert_true(parse_asked(&f.asked));
	assert_int_equal(fixture_compare(&f), VERDICT_ALLOW);
	f.side->question->replaced = 1;
	answer_by_kernel(f.side, &f.asked, &answer);
	f.side->question->replaced = 0;
	assert_int_equal(answer.decision.verdict, VERDICT_DENY);
	assert_int_equal(answer.decision.rule, RULE_NONE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_long_names),     cmocka_unit_test(test_empty_names),
	cmocka_unit_test(test_cut_phrases),    cmocka_unit_test(test_10000_rules),
	cmocka_unit_test(test_hosts),          cmocka_unit_test(test_random),
	cmocka_unit_test(test_damaged_images), cmocka_unit_test(test_replaced_policy),
};

int main(void)
{
	const char *why = kernel_refusal();
	int failed;

	if (why) {
		printf("skip kernel and command line decide alike # no BPF here: %s\n", why);
		return 0;
	}
	random_start();
	printf("WARDEN_SEED=%llu\n", (unsigned long long)random_given);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_unload();
	return failed;
}
