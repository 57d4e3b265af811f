/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <errno.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "build.h"
#include "policy/ask.h"

/*
 * The image of a policy against its meaning: for random policies and random names, what the tables
 * hit must be what a plain reading of every pattern hits (pattern_matches()).
 */

#define POLICIES         400
#define NAMES_PER_POLICY 600
#define LARGE_POLICIES   8
_Static_assert(POLICIES *NAMES_PER_POLICY >= 200000, "as many cases as promised");

static uint64_t seed = 0x2545f4914f6cdd1dULL;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) % n);
}

static const char *choose(const char *const *words, size_t n)
{
	return words[pick((uint32_t)n)];
}

#define CHOOSE(words) choose(words, sizeof(words) / sizeof((words)[0]))

/* Few words, so that patterns and names meet often. */
static const char *const parts[] = {"/", "a", "b", "bin", "/usr", "/bin", "nc", "x"};
static const char *const glob_parts[] = {"/", "a", "b", "bin", "/usr", "/bin", "nc", "*", "*", "?"};
static const char *const labels[] = {"a", "b", "api", "db", "internal"};
static const char *const methods[] = {"GET", "POST", "PUT", "OPTIONS", "CONNECT"};
static const char *const method_globs[] = {"GET", "POST", "P*", "*", "?ET", "*T", "CONNECT"};
static const char *const host_globs[] = {"*",     "*.internal", "a.internal", "*.a.*",
					 "db?.b", "a*.b",       "b",          "*.db"};
static const char *const destination_globs[] = {"*.internal", "a.internal", "*.a.*", "db?.b",
						"a*.b",       "b",          "*.db",  "api.a",
						"*.b",        "db.api",     "*b*",   "*.a"};
static const char *const addrs[] = {"10.0.0.0/8",  "10.1.0.0/16",   "10.1.2.0/24",     "10.1.2.3",
				    "0.0.0.0/0",   "192.0.2.0/25",  "255.255.255.255", "0.0.0.0",
				    "128.0.0.0/1", "10.1.2.128/25", "10.0.0.0/16",     "*"};
static const char *const addrs6[] = {"[::/0]",
				     "[2001:db8::/32]",
				     "[2001:db8:1::/48]",
				     "[::1]",
				     "[2001:db8::1]",
				     "[ffff::/16]",
				     "[::ffff:10.1.0.0/112]",
				     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"};
static const char *const ports[] = {"", ":443", ":53", ":0", ":65535", ":*"};
static const char *const protos[] = {"", "/tcp", "/udp"};

/* Appends up to `n` parts; never two stars in a row, which the language refuses. */
static void add_parts(char *out, const char *const *words, size_t count, uint32_t n)
{
	while (n--) {
		const char *word = choose(words, count);
		size_t len = strlen(out);

		if (*word != '*' || !len || out[len - 1] != '*')
			strcat(out, word);
	}
}

static void random_path_glob(char *out)
{
	size_t at = strlen(out);

	switch (pick(6)) {
	case 0: strcat(out, "*"); return;
	case 1: strcat(out, "memfd:a"); return;
	case 2: strcat(out, "unknown"); return;
	case 3: strcat(out, "memfd:*"); return;
	default:
		strcat(out, pick(3) ? "/" : "*");
		add_parts(out, glob_parts, sizeof(glob_parts) / sizeof(glob_parts[0]), 1 + pick(4));
		if (strlen(out + at) > 1 && out[strlen(out) - 1] == '/')
			strcat(out, "a");
		if (!strcmp(out + at, "/"))
			strcat(out, "a");
	}
}

static bool of_hosts; /* the entry: its patterns for net: are of names, or of addresses */
static bool names_host;

static void random_destination(char *out)
{
	bool host = of_hosts && pick(8);
	const char *at;

	names_host |= host;
	strcat(out, "net:");
	if (host)
		strcat(out, CHOOSE(destination_globs));
	else if (of_hosts)
		strcat(out, "raw");
	else
		strcat(out, pick(3) ? CHOOSE(addrs) : CHOOSE(addrs6));
	if (of_hosts && !host)
		return;
	at = out + strlen(out);
	strcat(out, CHOOSE(ports));
	if (*at)
		strcat(out, CHOOSE(protos));
}

static void random_pattern(char *out)
{
	*out = '\0';
	switch (pick(6)) {
	case 0:
	case 1:
		strcat(out, "exec:");
		random_path_glob(out);
		return;
	case 2:
		strcat(strcat(strcat(out, "http:"), CHOOSE(method_globs)), " ");
		strcat(out, CHOOSE(host_globs));
		if (pick(3)) {
			strcat(out, "/");
			add_parts(out, glob_parts, sizeof(glob_parts) / sizeof(glob_parts[0]),
				  pick(4));
		}
		return;
	case 3:
		if (!pick(4)) {
			strcat(out, "net:raw");
			return;
		}
		strcat(strcat(out, "net:unix:"), pick(2) ? "/" : "*");
		add_parts(out, glob_parts, sizeof(glob_parts) / sizeof(glob_parts[0]), pick(4));
		if (!strcmp(out, "net:unix:/"))
			strcat(out, "a");
		return;
	case 4:
		strcat(strcat(out, "net:listen:"), pick(3) ? CHOOSE(addrs) : CHOOSE(addrs6));
		strcat(out, ports[1 + pick(5)]);
		strcat(out, CHOOSE(protos));
		return;
	default: random_destination(out);
	}
}

static struct policy *random_policy(uint32_t entries)
{
	struct policy *p = build_policy();
	char source[512];

	while (entries--) {
		static const char *const ids[] = {"deny", "allow", "opaque.allow"};
		uint32_t list = pick(7) % 3;
		struct entries *all[] = {&p->deny, &p->allow, &p->opaque_allow};
		struct entry *e = build_entry(all[list], ids[list]);

		e->audit = !list && !pick(4);
		e->changed = list == 1 && pick(2);
		of_hosts = pick(2);
		names_host = false;
		for (uint32_t n = 1 + pick(3); n--;) {
			random_pattern(source);
			build_pattern(&e->match, source);
		}
		e->private = list == 1 && names_host && pick(2);
		for (uint32_t n = pick(2) ? pick(3) : 0; n--;) {
			random_pattern(source);
			build_pattern(&e->except, source);
		}
	}
	return p;
}

/* CONNECT has no path, and OPTIONS asks now and then about the server as a whole. */
static void random_request(char *out)
{
	const char *method = CHOOSE(methods);

	strcat(strcat(strcat(out, "http:"), method), " ");
	strcat(out, CHOOSE(labels));
	for (uint32_t n = pick(4); n--;)
		strcat(strcat(out, "."), CHOOSE(labels));
	if (!strcmp(method, "CONNECT"))
		return;
	if (!strcmp(method, "OPTIONS") && pick(2)) {
		strcat(out, "*");
		return;
	}
	strcat(out, "/");
	add_parts(out, parts, sizeof(parts) / sizeof(parts[0]), pick(4));
}

static const char *random_activity(char *out)
{
	static const char *const where[] = {"10.1.2.3",
					    "10.1.2.129",
					    "10.200.0.1",
					    "192.0.2.7",
					    "192.0.2.128",
					    "255.255.255.255",
					    "0.0.0.0",
					    "1.1.1.1",
					    "[::1]",
					    "[2001:db8::1]",
					    "[2001:db8:1::5]",
					    "[ffff::1]",
					    "[::ffff:10.1.2.3]",
					    "[::ffff:0.0.0.0]",
					    "[::]",
					    "[fe80::1]",
					    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"};
	static const char *const at[] = {":443", ":53", ":0", ":65535", ":80"};

	*out = '\0';
	switch (pick(6)) {
	case 5:
		strcat(strcat(out, "net:"), CHOOSE(labels));
		for (uint32_t n = pick(4); n--;)
			strcat(strcat(out, "."), CHOOSE(labels));
		strcat(out, CHOOSE(at));
		return strcat(out, CHOOSE(protos));
	case 0:
		strcat(out, pick(8) ? "exec:/" : "exec:memfd:a");
		add_parts(out, parts, sizeof(parts) / sizeof(parts[0]), pick(4));
		return pick(20) ? out : strcpy(out, "exec:unknown");
	case 1:
		if (!pick(4))
			return strcpy(out, "net:raw");
		strcat(out, pick(4) ? "net:unix:/" : "net:unix:@");
		add_parts(out, parts, sizeof(parts) / sizeof(parts[0]), pick(4));
		return out;
	case 2: random_request(out); return out;
	default:
		strcat(strcat(strcat(out, pick(3) ? "net:" : "net:listen:"), CHOOSE(where)), CHOOSE(at));
		return strcat(out, CHOOSE(protos));
	}
}

/* ---- the plain reading ---- */

/* What an entry does: names admit private addresses only where it says so. */
enum does { DENIES, ADMITS, ADMITS_CHANGED, ADMITS_OPAQUE };

static bool entry_hits(const struct entry *e, const struct activity_name *n, enum does does)
{
	bool hit = false;

	for (size_t i = 0; i < e->match.count; i++) {
		const struct pattern *p = &e->match.items[i];

		if (does == ADMITS && n->private && p->form == NET_HOST && !e->private)
			continue;
		if (does == ADMITS_CHANGED && p->form == NET_HOST)
			continue; /* no file */
		hit |= does == DENIES ? pattern_matches(p, n) : pattern_admits(p, n);
	}
	for (size_t i = 0; i < e->except.count; i++)
		hit &= !pattern_excepts(&e->except.items[i], n, does != DENIES);
	return hit;
}

static uint32_t first_changed(const struct entries *entries, uint32_t first,
			      const struct activity_name *n)
{
	for (size_t i = 0; i < entries->count; i++)
		if (entries->items[i].changed && entry_hits(&entries->items[i], n, ADMITS_CHANGED))
			return first + (uint32_t)i;
	return RULE_NONE;
}

static uint32_t first_hit(const struct entries *entries, uint32_t first, int audit,
			  const struct activity_name *n, enum does does)
{
	for (size_t i = 0; i < entries->count; i++)
		if ((audit < 0 || entries->items[i].audit == audit) &&
		    entry_hits(&entries->items[i], n, does))
			return first + (uint32_t)i;
	return RULE_NONE;
}

static struct image_row expected(const struct policy *p, const struct activity_name *n)
{
	uint32_t allow = (uint32_t)p->deny.count;
	uint32_t opaque = allow + (uint32_t)p->allow.count + (uint32_t)p->content_count;

	return (struct image_row){
		.deny = first_hit(&p->deny, 0, 0, n, DENIES),
		.audit = first_hit(&p->deny, 0, 1, n, DENIES),
		.allow = first_hit(&p->allow, allow, -1, n, ADMITS),
		.opaque = first_hit(&p->opaque_allow, opaque, -1, n, ADMITS_OPAQUE),
		.changed = first_changed(&p->allow, allow, n),
	};
}

/* A socket passed in another way than the plain one: see match_unix(), and its own test. */
static bool is_roundabout(const struct ask *ask)
{
	_free_ char *path = strndup(ask->name.text ?: "", ask->name.len);
	char *rest = path, *segment = strsep(&rest, "/");

	if (ask->name.kind != KIND_NET || !ask->name.text || *path == '@')
		return false;
	if (*segment)
		return true;
	while ((segment = strsep(&rest, "/")))
		if (!*segment || !strcmp(segment, ".") || !strcmp(segment, ".."))
			return true;
	return false;
}

static uint32_t check_name(const struct policy *p, const void *img, const char *activity)
{
	static const struct image_row none = ROW_EMPTY;
	_buf_ struct buf complaint = {};
	struct image_row want, got;
	struct activity a;
	struct decision d;
	struct ask ask;

	if (ask_parse(activity, &ask, &complaint) < 0)
		fail_msg("%s: %.*s", activity, (int)complaint.len, complaint.data);
	ask.name.private = ask.name.kind == KIND_NET && ask.name.host && pick(2);
	ask_decide(img, &ask, NULL, 0, &a, &d);
	got = a.hit;
	want = a.flags & ACTIVITY_UNKNOWN && is_roundabout(&ask) ? none : expected(p, &ask.name);
	if (memcmp(&want, &got, sizeof(want)) != 0) {
		for (size_t i = 0; i < p->deny.count; i++)
			for (size_t k = 0; k < p->deny.items[i].match.count; k++)
				print_message("deny[%zu] %s\n", i,
					      p->deny.items[i].match.items[k].source);
		fail_msg("%s: deny %d audit %d allow %d opaque %d changed %d, want %d %d %d %d %d",
			 activity, (int)got.deny, (int)got.audit, (int)got.allow, (int)got.opaque,
			 (int)got.changed, (int)want.deny, (int)want.audit, (int)want.allow,
			 (int)want.opaque, (int)want.changed);
	}
	return (want.deny & want.audit & want.allow & want.opaque) != RULE_NONE;
}

static void test_random(void **state)
{
	char activity[1024];
	uint32_t hits = 0;

	for (int i = 0; i < POLICIES; i++) {
		struct policy *p = random_policy(1 + pick(14));
		struct image_block block = build_image(p);

		for (int k = 0; k < NAMES_PER_POLICY; k++)
			hits += check_name(p, block.data, random_activity(activity));
		free(block.data);
		policy_free(&p);
	}
	/* A test whose names hit nothing, or everything, would prove little. */
	assert_in_range(hits, POLICIES * NAMES_PER_POLICY / 10,
			POLICIES * NAMES_PER_POLICY * 9 / 10);
}

/* Large enough for long hash chains, many classes and several automata. */
static void test_random_large(void **state)
{
	char activity[1024];
	uint32_t hits = 0;

	for (int i = 0; i < LARGE_POLICIES; i++) {
		struct policy *p = random_policy(150);
		struct image_block block = build_image(p);

		for (int k = 0; k < 500; k++)
			hits += check_name(p, block.data, random_activity(activity));
		free(block.data);
		policy_free(&p);
	}
	assert_true(hits > LARGE_POLICIES * 100);
}

/* ---- borders ---- */

static struct image_row hits_of(const void *img, const char *activity)
{
	_buf_ struct buf complaint = {};
	struct activity a;
	struct decision d;
	struct ask ask;

	assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
	ask_decide(img, &ask, NULL, 0, &a, &d);
	return a.hit;
}

static void test_no_policy(void **state)
{
	struct image_block block = build_image(NULL);
	const struct image_header *h = block.data;

	assert_int_equal(block.size, IMAGE_MIN_SIZE);
	assert_int_equal(h->mask, IMAGE_MIN_SIZE - 1);
	assert_int_equal(h->magic, IMAGE_MAGIC);
	assert_int_equal(h->mode, MODE_AUDIT);
	assert_int_equal(h->opaque, CHOICE_ALLOW);
	assert_int_equal(h->on_audit_failure, CHOICE_ALLOW);
	assert_int_equal(h->capture, CAPTURE_EVIDENCE);
	assert_int_equal(h->rule_count, 0);
	for (int k = 0; k < 4; k++) {
		assert_int_equal(h->kinds[k].closed_by, RULE_NONE);
		assert_int_equal(h->kinds[k].ruled, 0);
	}
	assert_int_equal(hits_of(block.data, "exec:/usr/bin/nc").deny, RULE_NONE);
	assert_int_equal(hits_of(block.data, "net:10.0.0.1:1").deny, RULE_NONE);
	free(block.data);
}

/* deny, allow, content, opaque.allow, opaque, what closes, on_audit_failure. */
static void test_rules(void **state)
{
	struct policy *p = build_policy();
	struct image_block block;
	const struct image_header *h;
	struct rule_view v;

	build_rule(&p->deny, "deny", "exec:/a", NULL)->kill = true;
	build_rule(&p->deny, "deny", "http:* b", NULL)->audit = true;
	build_rule(&p->allow, "allow", "net:10.0.0.0/8", NULL);
	build_phrase(build_content(p, "words", 1 << KIND_EXEC, false), "rm");
	build_rule(&p->opaque_allow, "opaque.allow", "net:10.0.0.1:22", NULL);
	p->defaults[KIND_EXEC] = (struct policy_default){true, {60, 1}};
	p->defaults[KIND_HTTP] = (struct policy_default){true, {60, 1}};
	p->deny.items[0].reason = strdup("because");
	block = build_image(p);
	h = block.data;

	assert_int_equal(h->rule_count, 9);
	assert_true(ask_rule(h, 0, &v));
	assert_string_equal(v.id, "deny[0]");
	assert_string_equal(v.reason, "because");
	assert_int_equal(v.action, ACTION_KILL);
	assert_int_equal(v.line, 10);
	assert_true(ask_rule(h, 1, &v));
	assert_int_equal(v.mode, MODE_AUDIT);
	assert_null(v.reason);
	assert_true(ask_rule(h, 2, &v));
	assert_int_equal(v.layer, LAYER_ALLOW);
	assert_int_equal(v.action, ACTION_ALLOW);
	assert_true(ask_rule(h, 3, &v));
	assert_string_equal(v.id, "words");
	assert_true(ask_rule(h, 4, &v));
	assert_int_equal(v.layer, LAYER_OPAQUE);
	assert_int_equal(h->opaque_rule, 5);
	assert_int_equal(h->kinds[KIND_EXEC].closed_by, 6);
	assert_int_equal(h->kinds[KIND_NET].closed_by, 7);
	assert_int_equal(h->kinds[KIND_HTTP].closed_by, 6); /* by the same key */
	assert_int_equal(h->audit_rule, 8);
	assert_true(ask_rule(h, 6, &v));
	assert_string_equal(v.id, "default");
	assert_int_equal(v.line, 60);
	free(block.data);
	policy_free(&p);
}

/* `allow` closes the kinds it names; `default` those that it does not name. */
static void test_closers(void **state)
{
	struct policy *p = build_policy();
	struct image_block block;
	const struct image_header *h;
	struct rule_view v;

	build_rule(&p->allow, "allow", "exec:/a", NULL);
	p->defaults[KIND_EXEC] = (struct policy_default){true, {60, 1}};
	p->defaults[KIND_NET] = (struct policy_default){true, {60, 1}};
	build_rule(&p->deny, "deny", "http:*", NULL);
	block = build_image(p);
	h = block.data;
	assert_true(ask_rule(h, h->kinds[KIND_EXEC].closed_by, &v));
	assert_string_equal(v.id, "allow");
	assert_int_equal(v.line, 2);
	assert_true(ask_rule(h, h->kinds[KIND_NET].closed_by, &v));
	assert_string_equal(v.id, "default");
	assert_int_equal(h->kinds[KIND_HTTP].closed_by, RULE_NONE);
	assert_int_equal(h->kinds[KIND_HTTP].ruled, 1);
	free(block.data);
	policy_free(&p);
}

/* deny[0] and allow[0] hit the activity, or neither does: tables and automata agree. */
static void expect_both(const void *img, const char *activity, bool hit)
{
	struct image_row row = hits_of(img, activity);

	if ((row.deny == 0) != hit || (row.allow == 1) != hit)
		fail_msg("%s: deny %d allow %d, want %d", activity, (int)row.deny, (int)row.allow,
			 hit);
}

/* A field that is left out matches anything: a path that is no path, too. */
static void test_requests_without_path(void **state)
{
	static const struct {
		const char *pattern;
		bool connect, options, others; /* what of evil.test it matches */
	} cases[] = {
		{"http:*", true, true, true},
		{"http:CONNECT", true, false, false},
		{"http:CONNECT *", true, false, false},
		{"http:CONNECT evil.test", true, false, false},
		{"http:C* evil.*", true, false, false},
		{"http:OPTIONS", false, true, false},
		{"http:OPTIONS evil.test", false, true, false},
		{"http:* evil.test", true, true, true},
		{"http:* *.test", true, true, true},
		{"http:GET", false, false, true},
		{"http:GET evil.test", false, false, true},
		/* a path that is written begins with a slash, and is none of these */
		{"http:* evil.test/*", false, false, true},
		{"http:* */*", false, false, true},
		{"http:GET evil.test/a", false, false, true},
		{"http:* evil.tes", false, false, false},
		{"http:GET evil.tes", false, false, false},
		{"http:CONNECT vil.test", false, false, false},
		{"http:OPTIONS evil.test/*", false, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *p = build_policy();
		struct image_block block;

		build_rule(&p->deny, "deny", cases[i].pattern, NULL);
		build_rule(&p->allow, "allow", cases[i].pattern, "http:GET none");
		block = build_image(p);
		expect_both(block.data, "http:CONNECT evil.test", cases[i].connect);
		expect_both(block.data, "http:OPTIONS evil.test*", cases[i].options);
		expect_both(block.data, "http:GET evil.test/a", cases[i].others);
		free(block.data);
		policy_free(&p);
	}
}

/* A port that an exception takes out hits less than any port does: a row of its own, an empty one.
 */
static void test_excepted_port(void **state)
{
	struct policy *p = build_policy();
	struct image_block block;

	build_rule(&p->deny, "deny", "net:*", "net:10.0.0.0/8:443/tcp");
	block = build_image(p);
	assert_int_equal(hits_of(block.data, "net:10.1.1.1:443").deny, RULE_NONE);
	assert_int_equal(hits_of(block.data, "net:10.1.1.1:443/udp").deny, 0);
	assert_int_equal(hits_of(block.data, "net:10.1.1.1:80").deny, 0);
	assert_int_equal(hits_of(block.data, "net:11.1.1.1:443").deny, 0);
	assert_int_equal(hits_of(block.data, "net:[::1]:443").deny, 0);
	assert_int_equal(hits_of(block.data, "net:unix:/run/x").deny, 0);
	assert_int_equal(hits_of(block.data, "net:raw").deny, 0);
	free(block.data);
	policy_free(&p);
}

/* net:* denies raw sockets, but admits none: only their name does. */
static void test_raw(void **state)
{
	static const struct {
		const char *deny, *except, *allow;
		uint32_t denied, allowed;
	} rows[] = {
		{"net:10.0.0.0/8", NULL, "net:*", RULE_NONE, RULE_NONE},
		{"net:*", NULL, "net:raw", 0, 1},
		{"net:*", "net:raw", "net:*", RULE_NONE, RULE_NONE},
		{"net:raw", NULL, "net:*", 0, RULE_NONE},
		{"net:raw", "net:*", "net:raw", RULE_NONE, 1},
		{"net:*:80", NULL, "net:unix", RULE_NONE, RULE_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *p = build_policy();
		struct image_block block;
		struct image_row row, want = ROW_EMPTY;

		want.deny = rows[i].denied;
		want.allow = rows[i].allowed;
		build_rule(&p->deny, "deny", rows[i].deny, rows[i].except);
		build_rule(&p->allow, "allow", rows[i].allow, NULL);
		block = build_image(p);
		row = hits_of(block.data, "net:raw");
		assert_memory_equal(&row, &want, sizeof(row));
		free(block.data);
		policy_free(&p);
	}
}

/* What stands for all is denied where some is, and admitted where all is. */
static void test_listen(void **state)
{
	static const struct {
		const char *deny, *except, *activity;
		uint32_t denied, allowed;
	} rows[] = {
		{"net:listen:10.0.0.1:80", NULL, "net:listen:10.0.0.1:80", 0, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:10.0.0.2:80", RULE_NONE, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:10.0.0.1:81", RULE_NONE, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:0.0.0.0:80", 0, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:[::]:80", 0, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:[::ffff:0.0.0.0]:80", 0, RULE_NONE},
		{"net:listen:10.0.0.1:80", NULL, "net:listen:[::]:0", 0, RULE_NONE},
		{"net:listen:[fd00::1]:80", NULL, "net:listen:[::]:80", 0, RULE_NONE},
		{"net:listen:[fd00::1]:80", NULL, "net:listen:0.0.0.0:80", RULE_NONE, RULE_NONE},
		{"net:listen:80", NULL, "net:10.0.0.1:80", RULE_NONE, RULE_NONE},
		{"net:*", NULL, "net:listen:80", RULE_NONE, RULE_NONE},
		{"net:listen:*", "net:listen:127.0.0.0/8:*", "net:listen:127.0.0.1:80", RULE_NONE, RULE_NONE},
		{"net:listen:*", "net:listen:127.0.0.0/8:*", "net:listen:0.0.0.0:80", 0, RULE_NONE},
		{"net:listen:*", "net:listen:80", "net:listen:0", 0, RULE_NONE},
		{"net:listen:*", "net:listen:0", "net:listen:0", RULE_NONE, RULE_NONE},
		{"net:listen:22", NULL, "net:listen:127.0.0.1:8080", RULE_NONE, 1},
		{"net:listen:22", NULL, "net:listen:0.0.0.0:8080", RULE_NONE, RULE_NONE},
		{"net:listen:22", NULL, "net:listen:127.0.0.1:0", 0, RULE_NONE},
		{"net:listen:22", NULL, "net:listen:10.9.9.9:9000", RULE_NONE, 2},
		{"net:listen:22", NULL, "net:listen:[::]:9000", RULE_NONE, RULE_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *p = build_policy();
		struct image_block block;
		struct image_row row;

		build_rule(&p->deny, "deny", rows[i].deny, rows[i].except);
		build_rule(&p->allow, "allow", "net:listen:127.0.0.1:8080", NULL);
		build_rule(&p->allow, "allow", "net:listen:*:9000", "net:listen:10.0.0.1:*");
		block = build_image(p);
		row = hits_of(block.data, rows[i].activity);
		if (row.deny != rows[i].denied || row.allow != rows[i].allowed)
			fail_msg("row %zu: deny %d, allow %d", i, (int)row.deny, (int)row.allow);
		assert_int_not_equal(image_header(block.data)->kinds[KIND_LISTEN].closed_by, RULE_NONE);
		assert_int_equal(image_header(block.data)->kinds[KIND_NET].closed_by, RULE_NONE);
		free(block.data);
		policy_free(&p);
	}
}

/* Texts as long as names may be, and longer. */
static void test_long_names(void **state)
{
	char pattern[NAME_MAX_LEN + 8], name[NAME_MAX_LEN + 64];
	struct policy *p = build_policy();
	struct image_block block;

	snprintf(pattern, sizeof(pattern), "exec:/%0*d", (int)NAME_MAX_LEN - 6, 0);
	build_rule(&p->deny, "deny", pattern, NULL);
	build_rule(&p->deny, "deny", "exec:/1*", NULL);
	build_rule(&p->deny, "deny", "exec:*2", NULL);
	block = build_image(p);
	assert_int_equal(hits_of(block.data, pattern).deny, 0);
	snprintf(name, sizeof(name), "exec:/1%0*d", (int)NAME_MAX_LEN - 2, 0);
	assert_int_equal(hits_of(block.data, name).deny, 1);
	snprintf(name, sizeof(name), "exec:/%0*d", (int)NAME_MAX_LEN - 1, 2);
	assert_int_equal(hits_of(block.data, name).deny, 2);
	snprintf(name, sizeof(name), "exec:/%0*d", (int)NAME_MAX_LEN, 2); /* one too long */
	assert_int_equal(hits_of(block.data, name).deny, RULE_NONE);
	free(block.data);
	policy_free(&p);
}

static void expect_error(const struct policy *p, uint32_t line, const char *part)
{
	struct image_block block = {};
	struct diags diags = {};

	assert_int_equal(policy_lower(p, 1, &block, &diags), -EINVAL);
	assert_null(block.data);
	assert_int_equal(diags.errors, 1);
	assert_int_equal(diags.items[0].place.line, line);
	if (!strstr(diags.items[0].message, part))
		fail_msg("%s", diags.items[0].message);
	diags_free(&diags);
}

static void test_too_many_states(void **state)
{
	struct policy *p = build_policy();

	build_rule(&p->deny, "deny", "exec:/a", NULL);
	build_rule(&p->deny, "deny", "exec:*a?????????????b*", NULL);
	expect_error(p, 11, "deny[1]: \"exec:*a?????????????b*\" needs an automaton");
	policy_free(&p);

	p = build_policy();
	build_rule(&p->allow, "allow", "exec:/a*", "exec:*a?????????????b*");
	expect_error(p, 10, "allow[0]: ");
	policy_free(&p);
}

static void test_too_many_automata(void **state)
{
	struct policy *p = build_policy();
	char pattern[64];

	for (int i = 0; i < 2000; i++) {
		snprintf(pattern, sizeof(pattern), "exec:*/p%d/*/x%d*", i, i);
		build_rule(&p->deny, "deny", pattern, NULL);
	}
	expect_error(p, 0, "automata for one kind of name, 255 are possible");
	policy_free(&p);
}

/* Ports for every address times CIDRs: more destinations than fit into an image. */
static void test_too_large(void **state)
{
	struct policy *p = build_policy();
	char pattern[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(pattern, sizeof(pattern), "net:*:%d", i);
		build_rule(&p->deny, "deny", pattern, NULL);
		snprintf(pattern, sizeof(pattern), "net:10.%d.%d.0/24", i / 256, i % 256);
		build_rule(&p->allow, "allow", pattern, NULL);
	}
	expect_error(p, 0, "MiB");
	policy_free(&p);
}

/* Keys of destinations are different for different destinations, and are never that of a free slot.
 */
static void test_dest_keys(void **state)
{
	static const uint32_t classes[] = {0, 1, 0xffff, 0xffffff};
	static const uint32_t port[] = {0, 1, 443, 0xffff, PORT_ANY};

	for (size_t c = 0; c < 4; c++)
		for (size_t p = 0; p < 5; p++)
			for (uint32_t proto = PROTO_TCP; proto <= PROTO_OTHER; proto++) {
				uint64_t key = IMAGE_DEST_KEY(classes[c], port[p], proto);

				assert_true(key != 0);
				assert_int_equal(key >> 24, classes[c]);
				assert_int_equal(key >> 4 & 0xfffff, port[p]);
				assert_int_equal(key & 3, proto);
			}
}

/* ---- sizes ---- */

static void make_literal(char *out, int i)
{
	sprintf(out, "exec:/opt/tools/%d/bin/tool-%d", i % 97, i);
}

static void make_prefix(char *out, int i)
{
	sprintf(out, "exec:/opt/tools/%d/v%d/*", i % 97, i);
}

static void make_suffix(char *out, int i)
{
	sprintf(out, "exec:*/bin/tool-%d", i);
}

static void make_cidr(char *out, int i)
{
	sprintf(out, "net:%d.%d.%d.0/24:443", 10 + i % 200, i / 200, i % 256);
}

static void make_nested(char *out, int i)
{
	sprintf(out, "net:10.%d.%d.%d/%d", i / 256, i % 4 ? i % 256 : 0, 0, i % 4 ? 24 : 16);
}

static void make_request(char *out, int i)
{
	sprintf(out, "http:POST api%d.example.com/v1/item%d", i % 300, i);
}

static void make_request_glob(char *out, int i)
{
	sprintf(out, "http:* api%d.example.com/v1/item%d/*", i % 300, i);
}

static void make_glob(char *out, int i)
{
	sprintf(out, "exec:/home/*/p%d/*", i);
}

static void make_host(char *out, int i)
{
	sprintf(out, "net:api%d.example%d.com", i, i % 97);
}

static void make_host_port(char *out, int i)
{
	sprintf(out, "net:api%d.example%d.com:443", i, i % 97);
}

static void make_domain(char *out, int i)
{
	sprintf(out, "net:*.example%d.com", i);
}

static void make_domain_port(char *out, int i)
{
	sprintf(out, "net:*.example%d.com:443/tcp", i);
}

/* Prints once how long 10,000 rules take and how large their image is. */
static void test_sizes(void **state)
{
	static const struct {
		const char *what;
		void (*make)(char *out, int i);
		int count;
	} cases[] = {
		{"exec literals", make_literal, 10000},
		{"exec prefixes", make_prefix, 10000},
		{"exec suffixes", make_suffix, 10000},
		{"http literals", make_request, 10000},
		{"disjoint CIDRs, a port each", make_cidr, 10000},
		{"nested CIDRs", make_nested, 10000},
		{"http:* HOST/PATH/*", make_request_glob, 2000},
		{"exec:/home/*/NAME/*", make_glob, 2000},
		{"net:HOST", make_host, 10000},
		{"net:HOST:PORT", make_host_port, 10000},
		{"net:*.HOST", make_domain, 10000},
		{"net:*.HOST:PORT/tcp", make_domain_port, 2000},
	};
	char pattern[128];

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct policy *p = build_policy();
		const struct image_header *h;
		struct image_block block;
		clock_t start;

		for (int i = 0; i < cases[c].count; i++) {
			cases[c].make(pattern, i);
			build_rule(&p->deny, "deny", pattern, NULL);
		}
		start = clock();
		block = build_image(p);
		h = block.data;
		print_message(
			"%5d %-28s %4ld ms %6u KiB, automata %u %u %u, probes %u\n", cases[c].count,
			cases[c].what, (clock() - start) * 1000 / CLOCKS_PER_SEC, h->size >> 10,
			h->text[TEXT_EXEC].dfas, h->text[TEXT_HTTP].dfas, h->text[TEXT_HOST].dfas,
			h->text[TEXT_EXEC].literals.probes | h->dests.probes);
		for (int i = 0; i < cases[c].count; i += 997) {
			struct entry *e = &p->deny.items[i];

			/* Entries whose pattern is a name are found under it. */
			if (cases[c].make == make_literal || cases[c].make == make_request ||
			    cases[c].make == make_host_port)
				assert_int_equal(hits_of(h, e->match.items[0].source).deny, i);
		}
		free(block.data);
		policy_free(&p);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_random),          cmocka_unit_test(test_random_large),
	cmocka_unit_test(test_no_policy),       cmocka_unit_test(test_rules),
	cmocka_unit_test(test_closers),         cmocka_unit_test(test_requests_without_path),
	cmocka_unit_test(test_excepted_port),   cmocka_unit_test(test_raw),
	cmocka_unit_test(test_listen),
		cmocka_unit_test(test_long_names),
	cmocka_unit_test(test_too_many_states), cmocka_unit_test(test_too_many_automata),
	cmocka_unit_test(test_too_large),       cmocka_unit_test(test_dest_keys),
	cmocka_unit_test(test_sizes),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
