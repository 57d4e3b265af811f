/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/random_policy.h"
#include "bpf/random_question.h"
#include "build.h"
#include "parsing.h"
#include "policy/ask.h"
#include "policy/resolve.h"
#include "unit/tool.h"

/* Warnings of rules that never decide: none is missing that is easy to see, and none is wrong. */

static char *dir;
static int root = -1;

static void add_file(const char *path)
{
	int fd = openat(root, path, O_CREAT | O_WRONLY, 0755);

	assert_true(fd >= 0);
	close(fd);
}

/* Three programs, one of them linked to from elsewhere, and one that means another. */
static int make_root(void **state)
{
	dir = tool_directory();
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "bin", 0755), 0);
	assert_int_equal(mkdirat(root, "opt", 0755), 0);
	add_file("bin/git");
	add_file("bin/ls");
	add_file("opt/cat");
	assert_int_equal(symlinkat("../opt/cat", root, "bin/cat"), 0);
	assert_int_equal(symlinkat("git", root, "bin/got"), 0);
	return 0;
}

static int remove_root(void **state)
{
	close(root);
	tool_directory_remove(dir);
	return 0;
}

/* Only warnings are compared: notes about programs are resolve_test.c's. */
static void assert_warned(const char *text, const char *expected)
{
	struct diags diags = {}, warnings = {};
	struct policy *policy = NULL;
	char whole[1024];

	snprintf(whole, sizeof(whole), HEAD "%s", text);
	assert_int_equal(policy_parse("p", whole, strlen(whole), &policy, &diags), 0);
	assert_int_equal(policy_check(policy, &diags), 0);
	assert_int_equal(policy_resolve(policy, root, &diags), 0);
	assert_int_equal(policy_check_reach(policy, &diags), 0);
	for (size_t i = 0; i < diags.count; i++)
		if (diags.items[i].level != DIAG_NOTE)
			diag_add(&warnings, diags.items[i].level, diags.items[i].place, "%s",
				 diags.items[i].message);
	assert_said(&warnings, expected, text);
	diags_free(&diags);
	diags_free(&warnings);
	policy_free(&policy);
}

#define NOTHING ""
#define HASH    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define SECOND_OF(list, place, first)                                                              \
	place ": warning: '" list "[1]' never decides: '" list "[0]' (" first ") comes before "    \
	      "it\n"

static void warns(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		/* wider, and before */
		{"deny: [\"net:10.0.0.0/8\", \"net:10.1.0.0/16\"]\n",
		 SECOND_OF("deny", "3:26", "3:8")},
		{"deny: [\"net:10.0.0.0/8:443\", \"net:10.1.0.0/16\"]\n", NOTHING},
		{"deny: [\"net:10.0.0.0/8\", \"net:10.1.0.0/16:443/udp\"]\n",
		 SECOND_OF("deny", "3:26", "3:8")},
		{"deny: [\"net:*:443\", \"net:[::1]:443\"]\n", SECOND_OF("deny", "3:21", "3:8")},
		{"deny: [\"net:*:443\", \"net:unix:/x\"]\n", NOTHING},
		{"deny: [\"net:10.1.0.0/16\", \"net:10.0.0.0/8\"]\n", NOTHING},
		{"deny: [\"net:*\", \"net:raw\"]\n", SECOND_OF("deny", "3:17", "3:8")},
		{"deny: [\"net:*:80\", \"net:unix\", \"net:raw\"]\n", NOTHING},
		/* which net:* does not admit */
		{"allow: [\"net:*\", \"net:raw\"]\n", NOTHING},
		{"deny: [\"exec:/bin/*\", \"exec:/bin/git\"]\n", SECOND_OF("deny", "3:23", "3:8")},
		{"deny: [\"exec:/bin/*\", \"exec:/bin/g*t\"]\n", SECOND_OF("deny", "3:23", "3:8")},
		{"deny: [\"net:unix:/run/*\", \"net:unix:/run/x\"]\n",
		 SECOND_OF("deny", "3:27", "3:8")},
		{"deny: [\"http:* *.test\", \"http:GET a.test/x\"]\n",
		 SECOND_OF("deny", "3:25", "3:8")},
		{"deny: [\"http:* a.test/*\", \"http:GET a.test\"]\n", NOTHING},
		{"allow: [\"exec:/bin/*\", \"exec:/bin/git\"]\n",
		 SECOND_OF("allow", "3:24", "3:9")},
		/* which admits it when it was changed, too */
		{"allow: [\"exec:/bin/*\", {match: \"exec:/bin/git\", sha256: " HASH "}]\n",
		 NOTHING},
		{"allow: [{match: \"exec:/bin/*\", changed: true}, {match: \"exec:/bin/git\", sha256: " HASH
		 "}]\n",
		 SECOND_OF("allow", "3:48", "3:9")},
		{"deny: [{match: \"exec:/bin/*\", sha256: " HASH "}, \"exec:/bin/git\"]\n",
		 NOTHING},
		/* of one entry */
		{"deny: [{match: [\"net:10.0.0.0/8\", \"net:10.1.0.0/16\"]}]\n",
		 "3:35: warning: 'net:10.1.0.0/16' is in 'deny[0]' (3:8) already\n"},
		/* what a program is a link to is not covered, and what is not here may be a link */
		{"deny: [\"exec:/bin/*\", \"exec:/bin/cat\"]\n", NOTHING},
		{"deny: [\"exec:/bin/*\", \"exec:/bin/gone\"]\n", NOTHING},
		{"deny: [\"exec:/bin/*\", {match: [\"exec:/bin/cat\", \"exec:/bin/ls\"]}]\n",
		 "3:49: warning: 'exec:/bin/ls' is in 'deny[0]' (3:8) already\n"},
		{"deny: [\"exec:/bin/*\", \"exec:/bin/got\"]\n", SECOND_OF("deny", "3:23", "3:8")},
		/* written for machines where it is no link */
		{"deny: [\"exec:/bin/cat\", \"exec:/opt/cat\"]\n", NOTHING},
		{"deny: [\"exec:/bin/cat\", \"exec:/bin/cat\"]\n",
		 SECOND_OF("deny", "3:25", "3:8")},
		{"deny: [{match: \"exec:/bin/cat\", except: \"exec:/bin/cat\"}]\n",
		 "3:8: warning: 'deny[0]' never decides: its 'except' takes all of its 'match' "
		 "away\n"},
		{"allow: [\"exec:*t\", \"exec:memfd:t\"]\n", NOTHING},
		{"deny: [\"exec:*t\", \"exec:memfd:t\"]\n", SECOND_OF("deny", "3:19", "3:8")},
		/* another reason or action changes nothing: the first decides */
		{"deny: [\"exec:/bin/*\", {match: \"exec:/bin/g*\", action: kill, reason: r}]\n",
		 SECOND_OF("deny", "3:23", "3:8")},
		{"deny: [{match: \"exec:/bin/*\", action: kill}, \"exec:/bin/g*\"]\n",
		 SECOND_OF("deny", "3:46", "3:8")},
		/* what only watches never stands in the way of what enforces */
		{"deny: [{match: \"exec:/bin/*\", mode: audit}, \"exec:/bin/g*\"]\n", NOTHING},
		{"deny: [{match: \"exec:/bin/g*\", mode: audit}, \"exec:/bin/*\"]\n",
		 "3:8: warning: 'deny[0]' never decides: 'deny[1]' (3:46) comes before it\n"},
		{"deny: [{match: \"exec:/bin/*\", mode: audit}, {match: \"exec:/bin/g*\", mode: "
		 "audit}]\n",
		 SECOND_OF("deny", "3:45", "3:8")},
		/* exceptions */
		{"deny: [{match: \"net:10.0.0.0/8\", except: \"net:10.9.0.0/16\"}, "
		 "\"net:10.1.0.0/16\"]\n",
		 SECOND_OF("deny", "3:62", "3:8")},
		{"deny: [{match: \"net:10.0.0.0/8\", except: \"net:10.1.2.0/24\"}, "
		 "\"net:10.1.0.0/16\"]\n",
		 NOTHING},
		{"deny: [{match: \"exec:/bin/*\", except: \"exec:/bin/gone\"}, \"exec:/bin/g*t\"]\n",
		 NOTHING},
		{"deny: [{match: \"exec:/bin/ls\", except: \"exec:/bin/git\"}]\n",
		 "3:40: warning: 'exec:/bin/git' excepts nothing: 'match' has nothing of it\n"},
		{"deny: [{match: \"exec:/opt/cat\", except: \"exec:/bin/cat\"}]\n", NOTHING},
		{"deny: [{match: \"exec:/bin/ls\", except: \"exec:/bin/gone\"}]\n", NOTHING},
		{"deny: [{match: \"net:10.0.0.0/8\", except: \"net:192.168.0.1\"}]\n",
		 "3:42: warning: 'net:192.168.0.1' excepts nothing: 'match' has nothing of it\n"},
		{"deny: [{match: \"net:10.0.0.0/8:443\", except: [\"net:*:80\", \"net:*:*/udp\"]}]\n",
		 "3:47: warning: 'net:*:80' excepts nothing: 'match' has nothing of it\n"},
		{"deny: [{match: [\"net:*:22\", \"net:*:23\"], except: \"net:*:23\"}]\n", NOTHING},
		{"deny: [{match: \"http:* a.test\", except: \"http:* b.test\"}]\n",
		 "3:41: warning: 'http:* b.test' excepts nothing: 'match' has nothing of it\n"},
		{"deny: [{match: \"exec:/bin/git\", except: \"exec:/bin/*\"}]\n",
		 "3:8: warning: 'deny[0]' never decides: its 'except' takes all of its 'match' "
		 "away\n"},
		/* denied before it is asked for */
		{"deny: [\"net:10.0.0.0/8\"]\nallow: [\"net:10.1.2.3:443\"]\n",
		 "4:9: warning: 'allow[0]' never admits anything: 'deny[0]' (3:8) denies it all\n"},
		{"deny: [{match: \"net:10.0.0.0/8\", mode: audit}]\nallow: [\"net:10.1.2.3:443\"]\n",
		 NOTHING},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_warned(rows[i].text, rows[i].said);
}

/* ---- random policies ---- */

static struct policy *read_policy(const struct buf *text, struct diags *diags)
{
	struct entries *lists[3];
	struct policy *p = NULL;

	assert_int_equal(policy_parse("p", text->data, text->len, &p, diags), 0);
	assert_int_equal(policy_check(p, diags), 0);
	/* A machine that has every program, none of them a link. */
	lists[0] = &p->deny;
	lists[1] = &p->allow;
	lists[2] = &p->opaque_allow;
	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			struct entry *e = &lists[l]->items[i];

			for (size_t k = 0; k < e->match.count; k++)
				e->match.items[k].found = true;
			for (size_t k = 0; k < e->except.count; k++)
				e->except.items[k].found = true;
		}
	assert_int_equal(policy_check_reach(p, diags), 0);
	return p;
}

static bool is_warned(const struct diags *diags, const char *said)
{
	for (size_t i = 0; i < diags->count; i++)
		if (!strncmp(diags->items[i].message, said, strlen(said)))
			return true;
	return false;
}

/* The rule that decided must not be one that was said never to. */
static void assert_may_decide(const struct policy *p, const void *img, const struct diags *diags,
			      const struct buf *text, const char *activity)
{
	_buf_ struct buf complaint = {};
	struct rule_view rule;
	struct activity a;
	struct decision d;
	char said[128], hash[HASH_TEXT + 1];
	struct ask ask;

	if (ask_parse(activity, &ask, &complaint) < 0)
		return;
	random_hash(hash, p);
	ask.hash = *hash ? hash : NULL;
	ask.flags |= *hash ? 0 : ACTIVITY_HASH_UNREAD;
	/* Conditions hold, of entries that refuse or of those that admit. */
	ask.flags |= ACTIVITY_ARGS_UNREAD | ACTIVITY_ENV_UNREAD | (pick(2) ? ACTIVITY_LATER : 0) |
		     (pick(2) ? ACTIVITY_CHANGED : 0);
	ask_decide(img, &ask, NULL, 0, &a, &d);
	if (!ask_rule(img, d.rule, &rule))
		return;
	snprintf(said, sizeof(said), "'%s' never %s", rule.id,
		 d.verdict == VERDICT_ALLOW ? "" : "decides");
	if (is_warned(diags, said))
		fail_msg("%s decides %s, WARDEN_SEED=%llu:\n%.*s", rule.id, activity,
			 (unsigned long long)random_given, (int)text->len, text->data);
}

/* Takes out the exceptions of an entry that were said to except nothing. Returns how many. */
static uint32_t drop_exceptions(struct entry *e, const struct diag *d)
{
	struct patterns *x = &e->except;
	uint32_t dropped = 0;

	for (size_t i = x->count; i--;) {
		if (x->items[i].tool || x->items[i].place.line != d->place.line ||
		    x->items[i].place.column != d->place.column)
			continue;
		pattern_done(&x->items[i]);
		x->items[i] = x->items[--x->count];
		dropped++;
	}
	return dropped;
}

static uint32_t drop_all_exceptions(struct policy *p, const struct diags *diags)
{
	struct entries *lists[] = {&p->deny, &p->allow, &p->opaque_allow};
	uint32_t dropped = 0;

	for (size_t i = 0; i < diags->count; i++)
		for (size_t l = 0; l < 3; l++)
			for (size_t k = 0; k < lists[l]->count; k++)
				if (strstr(diags->items[i].message, "excepts nothing"))
					dropped += drop_exceptions(&lists[l]->items[k],
								   &diags->items[i]);
	return dropped;
}

static void assert_same_hits(const void *one, const void *two, const struct buf *text,
			     const char *activity)
{
	_buf_ struct buf complaint = {};
	struct activity a, b;
	struct decision d;
	struct ask ask;

	if (ask_parse(activity, &ask, &complaint) < 0)
		return;
	ask_decide(one, &ask, NULL, 0, &a, &d);
	ask_decide(two, &ask, NULL, 0, &b, &d);
	if (memcmp(&a.hit, &b.hit, sizeof(a.hit)) != 0)
		fail_msg("an exception counts for %s, WARDEN_SEED=%llu:\n%.*s", activity,
			 (unsigned long long)random_given, (int)text->len, text->data);
}

static uint32_t count_warnings(const struct diags *diags, const char *part)
{
	uint32_t n = 0;

	for (size_t i = 0; i < diags->count; i++)
		n += strstr(diags->items[i].message, part) != NULL;
	return n;
}

/* Asks about one policy, and about the same without the exceptions that were warned of. */
static void assert_warned_rightly(const struct buf *text, uint32_t *dead, uint32_t *empty)
{
	struct diags diags = {}, again = {};
	struct policy *p = read_policy(text, &diags), *q = read_policy(text, &again);
	struct image_block img, other;

	*dead += count_warnings(&diags, " never ");
	*empty += drop_all_exceptions(q, &diags);
	img = build_image(p);
	other = build_image(q);
	for (int k = 0; k < 150; k++) {
		_buf_ struct buf activity = {};

		random_activity(&activity, p);
		buf_add_char(&activity, '\0');
		assert_may_decide(p, img.data, &diags, text, activity.data);
		assert_same_hits(img.data, other.data, text, activity.data);
	}
	free(img.data);
	free(other.data);
	diags_free(&diags);
	diags_free(&again);
	policy_free(&p);
	policy_free(&q);
}

static void is_never_wrong(void **state)
{
	uint32_t dead = 0, empty = 0;

	for (int i = 0; i < 1500; i++) {
		_buf_ struct buf text = {};

		random_policy(&text, 12);
		assert_warned_rightly(&text, &dead, &empty);
	}
	print_message("%u rules never decide, %u exceptions except nothing\n", dead, empty);
	assert_true(dead > 200 && empty > 200);
}

/* A policy of thousands of entries is checked in no time, whatever they are. */
static void is_bounded(void **state)
{
	_buf_ struct buf text = {};
	struct diags diags = {};
	struct policy *p;
	clock_t start;

	buf_add_str(&text, HEAD "deny:\n");
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "  - \"exec:/*/%0400d*%d\"\n  - \"net:10.%d.%d.0/24\"\n", i, i,
			 i / 250, i % 250);
	start = clock();
	p = read_policy(&text, &diags);
	print_message("%ld ms\n", (clock() - start) * 1000 / CLOCKS_PER_SEC);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	diags_free(&diags);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warns),
		cmocka_unit_test(is_never_wrong),
		cmocka_unit_test(is_bounded),
	};

	random_start();
	print_message("WARDEN_SEED=%llu\n", (unsigned long long)random_given);
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
