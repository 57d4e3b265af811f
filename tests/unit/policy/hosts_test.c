/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "build.h"
#include "parsing.h"
#include "policy/ask.h"
#include "policy/brokers.h"
#include "policy/explain.h"
#include "policy/resolvers.h"
#include "policy/rules.h"

/* Host names in net: what a policy may say of them, and what they hit. */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- private addresses ---- */

static const char *const private4[] = {
	"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",  "192.168.0.0/16",
	"198.18.0.0/15",  "224.0.0.0/4",   "240.0.0.0/4",
};

/* Of 2000::/3 these; outside of it everything. */
static const char *const private6[] = {"2001::/23", "2002::/16"};

static bool is_in(const char *cidr, const uint8_t *addr, int family)
{
	char text[INET6_ADDRSTRLEN + 4];
	uint8_t net[16];
	int bits;

	snprintf(text, sizeof(text), "%s", cidr);
	bits = atoi(strchr(text, '/') + 1);
	*strchr(text, '/') = '\0';
	assert_int_equal(inet_pton(family, text, net), 1);
	for (int i = 0; i < bits; i++)
		if ((net[i / 8] ^ addr[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static bool is_private4(uint32_t addr)
{
	uint32_t bytes = htonl(addr);

	for (size_t i = 0; i < COUNT(private4); i++)
		if (is_in(private4[i], (uint8_t *)&bytes, AF_INET))
			return true;
	return false;
}

static void assert_private4(uint32_t addr)
{
	if (match_is_private4(addr) != is_private4(addr))
		fail_msg("%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff, addr >> 8 & 0xff,
			 addr & 0xff);
}

static uint64_t half(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | bytes[i];
	return v;
}

/* Every /16, and what is around each border. */
static void knows_private4(void **state)
{
	for (uint32_t net = 0; net < 0x10000; net++) {
		assert_private4(net << 16);
		assert_private4(net << 16 | 0xffff);
		assert_private4(net << 16 | (net * 40503U & 0xffff));
	}
	for (size_t i = 0; i < COUNT(private4); i++) {
		uint32_t first, bits = (uint32_t)atoi(strchr(private4[i], '/') + 1);
		char text[32];

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(private4[i], "/"), private4[i]);
		assert_int_equal(inet_pton(AF_INET, text, &first), 1);
		first = ntohl(first);
		for (int64_t d = -1; d <= 1; d++) {
			assert_private4((uint32_t)(first + d));
			assert_private4((uint32_t)(first + (1ULL << (32 - bits)) + (uint64_t)d));
		}
		assert_int_equal(match_is_private4(first), 1);
	}
}

static void knows_private6(void **state)
{
	static const struct {
		const char *addr;
		int private;
	} rows[] = {
		{"::", 1},
		{"::1", 1},
		{"::7f00:1", 1},
		{"::1:0:0:0", 1},
		{"100::1", 1},
		{"1fff:ffff::1", 1},
		{"2000::", 0},
		{"2000::1", 0},
		{"2000:ffff:ffff:ffff::1", 0},
		{"2001::1", 1},
		{"2001:1ff:ffff::", 1},
		{"2001:200::", 0},
		{"2001:db8::1", 0},
		{"2001:4860:4860::8888", 0},
		{"2002:a00:1::1", 1},
		{"2002:ffff::", 1},
		{"2003::1", 0},
		{"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0},
		{"4000::", 1},
		{"8000::", 1},
		{"fc00::1", 1},
		{"fd00:ec2::254", 1},
		{"fe80::1", 1},
		{"fec0::1", 1},
		{"ff02::1", 1},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1},
		{"::ffff:10.1.2.3", 1},
		{"::ffff:169.254.169.254", 1},
		{"::ffff:203.0.113.7", 0},
		{"::fffe:203.0.113.7", 1},
		{"::1:ffff:203.0.113.7", 1},
		{"64:ff9b::10.1.2.3", 1},
		{"64:ff9b::127.0.0.1", 1},
		{"64:ff9b::203.0.113.7", 0},
		{"64:ff9b::1:cb00:7107", 1},
		{"64:ff9b:1::203.0.113.7", 1},
		{"8064:ff9b::203.0.113.7", 1},
		{"8000::ffff:203.0.113.7", 1},
	};
	uint8_t addr[16];

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(inet_pton(AF_INET6, rows[i].addr, addr), 1);
		if (match_is_private6(half(addr), half(addr + 8)) != rows[i].private)
			fail_msg("%s is not %d", rows[i].addr, rows[i].private);
	}
	for (uint32_t net = 0; net < 0x10000; net++) {
		bool want = !is_in("2000::/3", memset(addr, 0, 16), AF_INET6);

		memcpy(addr, (uint8_t[16]){(uint8_t)(net >> 8), (uint8_t)net, 1, 2, [15] = 9}, 16);
		want = !is_in("2000::/3", addr, AF_INET6);
		for (size_t i = 0; i < COUNT(private6); i++)
			want |= is_in(private6[i], addr, AF_INET6);
		assert_int_equal(match_is_private6(half(addr), half(addr + 8)), want);
	}
	for (uint32_t net = 0; net < 0x10000; net++) /* mapped, and translated */
		for (int i = 0; i < 2; i++) {
			uint32_t v4 = net << 16 | (net * 40503U & 0xffff);
			uint64_t high = i ? 0x0064ff9b00000000ULL : 0;
			uint64_t low = (i ? 0 : 0xffffULL << 32) | v4;

			assert_int_equal(match_is_private6(high, low), is_private4(v4));
		}
}

/* ---- rows ---- */

static struct image_row hits_of(const void *img, const char *activity, bool private)
{
	_buf_ struct buf complaint = {};
	struct activity a;
	struct decision d;
	struct ask ask;

	assert_int_equal(ask_parse(activity, &ask, &complaint), 0);
	ask.name.private = private;
	ask_decide(img, &ask, NULL, 0, &a, &d);
	return a.hit;
}

static void expect(const void *img, const char *activity, uint32_t deny, uint32_t public,
		   uint32_t private)
{
	struct image_row row = hits_of(img, activity, false), other = hits_of(img, activity, true);

	if (row.deny != deny || other.deny != deny || row.allow != public ||
	    other.allow != private || row.changed != RULE_NONE || other.changed != RULE_NONE)
		fail_msg("%s: deny %d %d, allow %d, private %d, changed %d %d", activity,
			 (int)row.deny, (int)other.deny, (int)row.allow, (int)other.allow,
			 (int)row.changed, (int)other.changed);
}

/* Literals, ends of names, automata, exceptions: alike. */
static void hits_names(void **state)
{
	struct policy *p = build_policy();
	struct image_block block;
	const void *img;

	build_rule(&p->deny, "deny", "net:*.evil.test", "net:not.evil.test"); /* 0 */
	build_rule(&p->deny, "deny", "net:bad.test:443", NULL);
	build_rule(&p->allow, "allow", "net:api.test", NULL); /* 2 */
	build_rule(&p->allow, "allow", "net:api.test:443", NULL)->private = true;
	build_rule(&p->allow, "allow", "net:*.db.test:5432", NULL)->private = true; /* 4 */
	build_rule(&p->allow, "allow", "net:*.db.test", NULL);
	build_rule(&p->allow, "allow", "net:x?.test", NULL)->private = true; /* 6 */
	block = build_image(p);
	img = block.data;
	assert_true(match_has_hosts(img));

	expect(img, "net:a.b.evil.test:1", 0, RULE_NONE, RULE_NONE);
	expect(img, "net:evil.test:1", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(img, "net:not.evil.test:1", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(img, "net:BAD.test.:443", 1, RULE_NONE, RULE_NONE);
	expect(img, "net:bad.test:44", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(img, "net:api.test:443", RULE_NONE, 2, 3);
	expect(img, "net:api.test:443/udp", RULE_NONE, 2, 3);
	expect(img, "net:api.test:80", RULE_NONE, 2, RULE_NONE);
	expect(img, "net:x.api.test:80", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(img, "net:xapi.test:80", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(img, "net:a.db.test:5432", RULE_NONE, 4, 4);
	expect(img, "net:a.b.db.test:80", RULE_NONE, 5, RULE_NONE);
	expect(img, "net:x1.test:80", RULE_NONE, 6, 6);
	expect(img, "net:10.0.0.1:443", RULE_NONE, RULE_NONE, RULE_NONE);
	free(block.data);
	policy_free(&p);
}

/* What was hit by the address before stays, whatever the names say. */
static void adds_to_hits(void **state)
{
	struct policy *p = build_policy();
	static const char name[NAME_SIZE] = "443:a.test", denied[NAME_SIZE] = "443:b.test";
	struct image_block block;
	struct matcher m = {};

	build_rule(&p->deny, "deny", "net:b.test", NULL);
	build_rule(&p->allow, "allow", "exec:/a", NULL);
	build_rule(&p->allow, "allow", "net:a.test", NULL); /* 2 */
	build_rule(&p->allow, "allow", "net:a.test", NULL)->private = true;
	block = build_image(p);
	for (int on_net = 0; on_net < 2; on_net++) {
		matcher_init(&m);
		m.hit.allow = 1;
		m.hit.changed = 0;
		match_host(block.data, PROTO_TCP, (const uint8_t *)name, 10, on_net, &m);
		assert_int_equal(m.hit.allow, 1);
		assert_int_equal(m.hit.changed, 0);
		matcher_init(&m);
		m.hit.allow = 5;
		m.hit.changed = 7;
		match_host(block.data, PROTO_UDP, (const uint8_t *)name, 10, on_net, &m);
		assert_int_equal(m.hit.allow, on_net ? 3 : 2);
		assert_int_equal(m.hit.changed, 7);
		matcher_init(&m);
		match_host(block.data, PROTO_OTHER, (const uint8_t *)denied, 10, on_net, &m);
		assert_int_equal(m.hit.deny, 0);
		assert_int_equal(m.hit.allow, RULE_NONE);
	}
	free(block.data);
	policy_free(&p);
}

/* One table where no rule tells protocols apart, else three. */
static void shares_tables(void **state)
{
	struct policy *p = build_policy();
	const struct image_header *h;
	struct image_block block;

	build_rule(&p->allow, "allow", "net:*.a?.test:443", NULL);
	build_rule(&p->allow, "allow", "net:a.test", NULL);
	block = build_image(p);
	h = block.data;
	assert_true(h->text[TEXT_HOST].dfas == 1 && h->text[TEXT_HOST].suffixes.count == 1);
	for (int t = TEXT_HOST_UDP; t <= TEXT_HOST_OTHER; t++)
		assert_memory_equal(&h->text[t], &h->text[TEXT_HOST], sizeof(h->text[t]));
	free(block.data);

	build_rule(&p->deny, "deny", "net:*.b.test", "net:x.b.test:*/udp");
	block = build_image(p);
	h = block.data;
	assert_int_not_equal(h->text[TEXT_HOST].suffix_ends, h->text[TEXT_HOST_UDP].suffix_ends);
	expect(h, "net:x.b.test:1", 0, RULE_NONE, RULE_NONE);
	expect(h, "net:x.b.test:1/udp", RULE_NONE, RULE_NONE, RULE_NONE);
	expect(h, "net:y.b.test:1/udp", 0, RULE_NONE, RULE_NONE);
	expect(h, "net:q.a1.test:443/udp", RULE_NONE, 1, RULE_NONE);
	free(block.data);
	policy_free(&p);

	p = build_policy();
	build_rule(&p->deny, "deny", "net:*", NULL);
	block = build_image(p);
	assert_false(match_has_hosts(block.data));
	free(block.data);
	policy_free(&p);
}

/* Rules for all addresses hold for a name, too; those for some do not, however many they are. */
static void asks_for_any_address(void **state)
{
	static const struct {
		const char *deny, *except;
		uint32_t hit;
	} rows[] = {
		{"net:*", NULL, 0},
		{"net:*:443", NULL, 0},
		{"net:*:444", NULL, RULE_NONE},
		{"net:*", "net:*:443", RULE_NONE},
		{"net:*", "net:0.0.0.0/0", 0},
		{"net:0.0.0.0/0", NULL, RULE_NONE},
		{"net:[::/0]", NULL, RULE_NONE},
		{"net:unix", NULL, RULE_NONE},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy *p = build_policy();
		struct image_block block;

		build_rule(&p->deny, "deny", rows[i].deny, rows[i].except);
		build_rule(&p->allow, "allow", "net:0.0.0.0/0:1", NULL);
		build_rule(&p->allow, "allow", "net:[::/0]:1", NULL);
		block = build_image(p);
		expect(block.data, "net:a.test:443", rows[i].hit, RULE_NONE, RULE_NONE);
		free(block.data);
		policy_free(&p);
	}
}

/* ---- what may be said ---- */

#define NOTE(place, name)                                                                          \
	place ": note: '" name                                                                     \
	      "' does not deny an address that no resolver has told the workload: "                \
	      "to hold that, name in 'allow' the hosts that it may reach\n"

static void checks(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"allow: [{match: \"net:*.a.test\", private: true}, \"net:b.test:1\"]\n", ""},
		{"allow: [{match: [\"net:10.0.0.0/8\", \"net:a.test\"], private: true}]\n", ""},
		{"allow: [{match: \"net:10.0.0.0/8\", private: true}]\n",
		 "3:9: error: 'allow[0]' has 'private', which is for host names in net:, and names "
		 "none\n"},
		{"allow: [{match: \"http:* a.test\", private: true, id: x}]\n",
		 "3:9: error: 'x' has 'private', which is for host names in net:, and names none\n"},
		{"allow: [{match: \"net:10.0.0.0/8\", private: false}]\n", ""},
		{"opaque: {allow: [{match: \"net:a.test\", private: true}]}\n",
		 "3:18: error: 'opaque.allow[0]' has 'private', which is for entries of 'allow'\n"},
		{"allow: [{match: \"net:a.test\", changed: true}]\n",
		 "3:17: error: 'net:a.test' in 'allow[0]', which has 'changed': only exec: has "
		 "such\n"},

		{"allow: [{match: \"net:*.test\", except: [\"net:a.test\", \"exec:/x\"]}]\n",
		 "3:54: warning: 'exec:/x' excepts nothing: 'match' has nothing of its kind\n"},
		{"allow: [{match: [\"net:*.test\", \"net:unix:/a*\"], except: \"net:unix:/ab\"}]\n",
		 ""},
		{"allow: [{match: \"net:*\", except: \"net:a.test\"}]\n",
		 "3:34: error: 'net:a.test' is excepted from 'net:*': a host name from addresses is "
		 "not supported yet; write a deny entry for it\n"},
		{"allow: [{match: \"net:*.test\", except: \"net:10.0.0.0/8\"}]\n",
		 "3:39: error: 'net:10.0.0.0/8' is excepted from 'net:*.test': an address from host "
		 "names is not supported yet; write a deny entry for it\n"},
		{"deny: [{match: \"net:10.0.0.0/8\", except: \"net:a.test\"}]\n",
		 "3:42: error: 'net:a.test' is excepted from 'net:10.0.0.0/8': a host name from "
		 "addresses is not supported yet; name in 'allow' what may be reached\n"},
		{"deny: [{match: \"net:*.test\", except: \"net:*:80\"}]\n",
		 "3:38: error: 'net:*:80' is excepted from 'net:*.test': an address from host names "
		 "is not supported yet; except the address' name\n"},
		{"tools: {t: {match: [\"net:a.test\", \"net:10.0.0.0/8\"]}}\n"
		 "allow: [{match: t, except: \"net:a.test:1\"}]\n",
		 "4:28: error: 'net:a.test:1' is excepted from 'net:10.0.0.0/8': a host name from "
		 "addresses is not supported yet; write a deny entry for it\n"},
		{"opaque: {allow: [{match: \"net:*\", except: \"net:a.test\"}]}\n",
		 "3:43: error: 'net:a.test' is excepted from 'net:*': a host name from addresses is "
		 "not supported yet; name the destinations one by one\n"},

		{"deny: [{match: [\"exec:/a\", \"net:*.test:443\"]}]\n",
		 NOTE("3:28", "net:*.test:443")},
		{"deny: [\"net:*.test\"]\nallow: [\"net:*:443\"]\n", NOTE("3:8", "net:*.test")},
		{"deny: [\"net:x.test\"]\nallow: [\"net:*.test\"]\n", ""},
		{"deny: [\"net:x.test\"]\ndefault: deny\n", ""},

		/* what never decides */
		{"allow: [\"net:*.test\", \"net:a.test:443\"]\n",
		 "3:23: warning: 'allow[1]' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"allow: [\"net:*.test\", {match: \"net:a.test:443\", private: true}]\n", ""},
		{"allow: [{match: \"net:*.test\", private: true}, \"net:a.test:443\"]\n",
		 "3:47: warning: 'allow[1]' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"allow: [\"net:*\", {match: \"net:a.test:443\", private: true}]\n",
		 "3:18: warning: 'allow[1]' never decides: 'allow[0]' (3:9) comes before it\n"},
		{"allow: [{match: \"net:*\", except: \"net:10.0.0.0/8\"}, \"net:a.test\"]\n", ""},
		{"allow: [\"net:10.0.0.0/8\", \"net:a.test\"]\n", ""},
		{"deny: [\"net:*.test\"]\nallow: [\"net:a.test\"]\n",
		 "4:9: warning: 'allow[0]' never admits anything: 'deny[0]' (3:8) denies it all\n"},
		{"allow: [{match: \"net:*.test\", except: \"net:a.other\"}]\n",
		 "3:39: warning: 'net:a.other' excepts nothing: 'match' has nothing of it\n"},
		{"allow: [{match: \"net:a.test\", except: \"net:*.test\"}]\n",
		 "3:9: warning: 'allow[0]' never decides: its 'except' takes all of its 'match' "
		 "away\n"},
		{"allow: [\"net:a.test\"]\ndeny: [\"http:* a.test\"]\n", ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s", rows[i].text);
		assert_checked(text, rows[i].said);
	}
}

/* ---- resolvers ---- */

static const struct resolver_addr resolvers[] = {
	{AF_INET, {192, 0, 2, 53}},
	{AF_INET6, {0x20, 0x01, 0x0d, 0xb8, [15] = 0x53}},
	{AF_INET6, {[10] = 0xff, 0xff, 198, 51, 100, 53}},
};

static struct policy *with_resolvers(const char *text, const char *said)
{
	char whole[512];
	struct policy *p;

	snprintf(whole, sizeof(whole), HEAD "%s", text);
	p = checked(whole, said);
	assert_int_equal(brokers_add(p), 0);
	assert_int_equal(policy_add_resolvers(p, resolvers, COUNT(resolvers)), 0);
	return p;
}

static void opens_resolvers(void **state)
{
	static const struct {
		const char *activity;
		bool admitted;
	} asked[] = {
		{"net:192.0.2.53:53/udp", true},         {"net:192.0.2.53:53/tcp", true},
		{"net:[2001:db8::53]:53/udp", true},     {"net:198.51.100.53:53/udp", true},
		{"net:[::ffff:198.51.100.53]:53", true}, {"net:192.0.2.53:853", false},
		{"net:192.0.2.54:53/udp", false},        {"net:[2001:db8::54]:53/udp", false},
	};
	struct policy *p = with_resolvers("allow: [\"net:a.test\", \"exec:/x\"]\n", "");
	struct image_block block = build_image(p);
	uint32_t rule = ((struct image_header *)block.data)->opaque_rule - 1;
	struct rule_view view;

	assert_true(ask_rule(block.data, rule, &view));
	assert_string_equal(view.id, "resolvers");
	assert_int_equal(view.layer, LAYER_ALLOW);
	assert_int_equal(view.action, ACTION_ALLOW);
	assert_int_equal(view.line, 0);
	for (size_t i = 0; i < COUNT(asked); i++)
		assert_int_equal(hits_of(block.data, asked[i].activity, false).allow,
				 asked[i].admitted ? rule : RULE_NONE);
	assert_int_equal(hits_of(block.data, "net:a.test:1", false).allow, 0);
	free(block.data);
	policy_free(&p);
}

/* Rules that are written come first, and deny wins. */
static void keeps_resolvers_last(void **state)
{
	struct policy *p = with_resolvers("deny: [\"net:198.51.100.0/24\"]\n"
					  "allow: [\"net:a.test\", \"net:192.0.2.53\"]\n",
					  "");
	struct image_block block = build_image(p);

	assert_int_equal(hits_of(block.data, "net:192.0.2.53:53/udp", false).allow, 2);
	assert_int_equal(hits_of(block.data, "net:198.51.100.53:53/udp", false).deny, 0);
	assert_true(hits_of(block.data, "net:[2001:db8::53]:53/udp", false).allow > 2);
	free(block.data);
	policy_free(&p);
}

static void opens_no_more(void **state)
{
	static const struct {
		const char *text;
		size_t entries;
		const char *closed_by;
	} rows[] = {
		{"allow: [\"net:a.test\"]\n", 1, "allow"},
		{"opaque: {allow: [\"net:a.test\"]}\ndefault: {net: deny}\n", 1, "default"},
		{"allow: [{match: \"net:*.test\", except: \"net:a.test\"}]\n", 1, "allow"},
		{"allow: [\"net:10.0.0.0/8\"]\n", 0, "allow"},
		{"allow: [\"http:* a.test\"]\n", 0, NULL},
		{"opaque: {allow: [\"net:a.test\"]}\n", 0, NULL},
		{"default: deny\n", 0, "default"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy *p = with_resolvers(rows[i].text, "");
		const char *rule = policy_closer(p, KIND_NET).rule;

		assert_int_equal(p->resolvers.count, rows[i].entries);
		assert_true(rule ? !strcmp(rule, rows[i].closed_by) : !rows[i].closed_by);
		policy_free(&p);
	}
}

static void wants_addresses(void **state)
{
	static const struct resolver_addr bad = {AF_UNIX, {}};
	struct policy *p = checked(HEAD "allow: [\"net:a.test\"]\n", "");

	assert_int_equal(policy_add_resolvers(p, NULL, 0), 0);
	assert_int_equal(p->resolvers.count, 0);
	assert_int_equal(policy_add_resolvers(p, &bad, 1), -EINVAL);
	policy_free(&p);
}

/* ---- explain ---- */

static void explains(void **state)
{
	static const struct {
		const char *activity;
		bool private;
		const char *want;
	} rows[] = {
		{"net:api.test:443", false,
		 "allow allow allow[0] p.yaml:4:5\n"
		 "address:  taken for a public one that no rule for addresses names\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:4:5) admits it by \"net:*.test:443\" (p.yaml:4:5)\n"
		 "opaque:   audit, should its plaintext not be seen\n"
		 "content:  no rule for net\n"},
		{"net:api.test:443", true,
		 "deny allow allow p.yaml:3:1\n"
		 "address:  taken for a private one that no rule for addresses names\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[0] (p.yaml:4:5) would match by \"net:*.test:443\" (p.yaml:4:5), but "
		 "has no 'private: true', and --private was said\n"
		 "allow:    no entry admits it, and net is closed by allow (p.yaml:3:1)\n"
		 "opaque:   audit, should its plaintext not be seen\n"
		 "content:  no rule for net\n"
		 "reason:   no allow entry (net is closed by p.yaml:3)\n"
		 "to allow it, add to allow: - {match: \"net:api.test:443\", private: true}\n"},
		{"net:db.internal:5432", true,
		 "allow allow allow[1] p.yaml:5:5\n"
		 "address:  taken for a private one that no rule for addresses names\n"
		 "deny:     no entry matches\n"
		 "allow:    allow[1] (p.yaml:5:5) admits it by \"net:*.internal\" (p.yaml:5:13)\n"
		 "opaque:   opaque.allow[0] (p.yaml:9:11) admits what cannot be seen by "
		 "\"net:db.internal\" (p.yaml:9:11)\n"
		 "content:  no rule for net\n"},
		{"net:x.evil.test:443", false,
		 "deny deny deny[0] p.yaml:7:5\n"
		 "address:  taken for a public one that no rule for addresses names\n"
		 "deny:     deny[0] (p.yaml:7:5) matches \"net:*.evil.test\" (p.yaml:7:5)\n"
		 "allow:    allow[0] (p.yaml:4:5) admits it by \"net:*.test:443\" (p.yaml:4:5)\n"
		 "opaque:   audit, should its plaintext not be seen\n"
		 "content:  no rule for net\n"
		 "reason:   denied by deny[0]\n"
		 "to allow it, remove deny[0] (p.yaml:7:5), or add to its except: - "
		 "\"net:x.evil.test:443\"\n"},
		{"net:192.0.2.53:53/udp", false,
		 "allow allow resolvers -\n"
		 "deny:     no entry matches\n"
		 "allow:    resolvers (built in) admits it by \"net:192.0.2.53:53/udp\" (built in)\n"
		 "opaque:   audit, should its plaintext not be seen\n"
		 "content:  no rule for net\n"},
	};
	struct policy *p = with_resolvers("allow:\n"
					  "  - \"net:*.test:443\"\n"
					  "  - {match: \"net:*.internal\", private: true}\n"
					  "deny:\n"
					  "  - \"net:*.evil.test\"\n"
					  "opaque:\n"
					  "  allow: [\"net:db.internal\"]\n",
					  "");
	struct image_block block = build_image(p);

	for (size_t i = 0; i < COUNT(rows); i++) {
		_buf_ struct buf complaint = {}, got = {};
		struct ask ask;

		assert_int_equal(ask_parse(rows[i].activity, &ask, &complaint), 0);
		ask.name.private = rows[i].private;
		explain(&(struct explain){p, block.data, &ask, rows[i].activity, NULL, 0}, &got);
		buf_add_char(&got, '\0');
		assert_string_equal(got.data, rows[i].want);
	}
	free(block.data);
	policy_free(&p);
}

/* A name is not to be excepted from addresses. */
static void gives_no_bad_advice(void **state)
{
	struct policy *p = with_resolvers("deny: [\"net:*:443\"]\n", "");
	struct image_block block = build_image(p);
	_buf_ struct buf complaint = {}, got = {};
	struct ask ask;

	assert_int_equal(ask_parse("net:a.test:443", &ask, &complaint), 0);
	explain(&(struct explain){p, block.data, &ask, "net:a.test:443", NULL, 0}, &got);
	buf_add_char(&got, '\0');
	assert_non_null(strstr(got.data, "to allow it, remove deny[0] (p.yaml:3:8)\n"));
	free(block.data);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_private4),
		cmocka_unit_test(knows_private6),
		cmocka_unit_test(hits_names),
		cmocka_unit_test(adds_to_hits),
		cmocka_unit_test(shares_tables),
		cmocka_unit_test(asks_for_any_address),
		cmocka_unit_test(checks),
		cmocka_unit_test(opens_resolvers),
		cmocka_unit_test(keeps_resolvers_last),
		cmocka_unit_test(opens_no_more),
		cmocka_unit_test(wants_addresses),
		cmocka_unit_test(explains),
		cmocka_unit_test(gives_no_bad_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
