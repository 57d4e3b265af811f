/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_RANDOM_PATTERN_H
#define TESTS_BPF_RANDOM_PATTERN_H

/* Random patterns of the policy language. Few words, so that patterns and exceptions meet. */

#include <arpa/inet.h>

#include "random.h"

static const char *const names[] = {"a",  "b",     "nc",  "git", "bin", "usr",
				    "sh", "tool1", "x.y", "ab",  "aab", "lib"};
static const char *const stars[] = {"*", "*", "*", "?", "?a", "a*", "*b", "*/"};

/* "/NAME", one to four times. */
static void add_path(struct buf *b)
{
	for (uint32_t n = 1 + pick(4); n--;) {
		buf_add_char(b, '/');
		ADD_WORD(b, names);
	}
}

/* Never two stars in a row, which the language refuses. */
static void add_star(struct buf *b)
{
	if (b->len && b->data[b->len - 1] == '*')
		ADD_WORD(b, names);
	ADD_WORD(b, stars);
}

static void add_prefix(struct buf *b)
{
	add_path(b);
	buf_add_str(b, pick(2) ? "/*" : "*");
}

static void add_suffix(struct buf *b)
{
	buf_add_str(b, pick(2) ? "*/" : "*");
	ADD_WORD(b, names);
	if (once_in(3))
		add_path(b);
}

static void add_stars(struct buf *b)
{
	if (pick(2))
		add_path(b);
	else
		buf_add_char(b, '*');
	for (uint32_t n = 1 + pick(3); n--;) {
		add_star(b);
		ADD_WORD(b, names);
	}
	if (once_in(3))
		add_star(b);
	if (b->data[b->len - 1] == '/') /* programs are no directories */
		buf_add_char(b, 'a');
}

/* '*', '?' and '\' as they are. */
static void add_escaped(struct buf *b)
{
	static const char *const escapes[] = {"\\*", "\\?", "\\\\", "\\a"};

	add_path(b);
	ADD_WORD(b, escapes);
	if (pick(2))
		buf_add_char(b, '*');
}

static void add_glob(struct buf *b)
{
	static const random_fn shapes[] = {add_path,   add_path,  add_prefix, add_prefix,
					   add_suffix, add_stars, add_stars,  add_escaped};

	ADD_BY(b, shapes);
}

static void add_exec(struct buf *b)
{
	static const char *const others[] = {"*", "unknown", "memfd:a", "memfd:*", "memfd:a?b*"};

	buf_add_str(b, "exec:");
	if (once_in(6))
		ADD_WORD(b, others);
	else
		add_glob(b);
}

static void add_unix(struct buf *b)
{
	static const char *const others[] = {"", ":@a", ":@a*", ":*"};

	if (once_in(6)) {
		buf_add_str(b, "net:raw");
		return;
	}
	buf_add_str(b, "net:unix");
	if (once_in(4)) {
		ADD_WORD(b, others);
		return;
	}
	buf_add_char(b, ':');
	add_glob(b);
}

/* Clears the bits behind the prefix: the language refuses them. */
static void clear_bits(uint8_t *addr, unsigned int bits, unsigned int prefix)
{
	for (unsigned int bit = prefix; bit < bits; bit++)
		addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static void add_cidr(struct buf *b, int family, const char *base, unsigned int bits)
{
	unsigned int prefix = pick(3) ? bits / 4 * (1 + pick(4)) : pick(bits + 1);
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16] = {};

	inet_pton(family, base, addr);
	if (pick(2))
		addr[bits / 8 - 1 - pick(2)] ^= (uint8_t)(1U << pick(8));
	clear_bits(addr, bits, prefix);
	buf_add_str(b, inet_ntop(family, addr, text, sizeof(text)));
	if (prefix != bits || once_in(4))
		buf_addf(b, "/%u", prefix);
}

static void add_v4(struct buf *b)
{
	static const char *const bases[] = {"10.0.0.0",  "10.1.2.3", "10.1.2.128",
					    "192.0.2.7", "0.0.0.0",  "255.255.255.255",
					    "127.0.0.1"};

	add_cidr(b, AF_INET, bases[pick(COUNT(bases))], 32);
}

static void add_v6(struct buf *b)
{
	static const char *const bases[] = {"2001:db8::1",
					    "2001:db8:1::",
					    "::1",
					    "::ffff:10.1.2.3",
					    "fe80::",
					    "::",
					    "ffff::ffff:ffff:ffff:ffff"};

	buf_add_char(b, '[');
	add_cidr(b, AF_INET6, bases[pick(COUNT(bases))], 128);
	buf_add_char(b, ']');
}

static void add_any(struct buf *b)
{
	buf_add_char(b, '*');
}

static void add_host(struct buf *b)
{
	static const char *const hosts[] = {"*.b",  "a.b",   "*.a.*",	     "db?.b", "a*.b",  "API.b.",
					    "b",    "*b*",   "*.internal.b", "*.db",  "x.a.b", "api.db",
					    "db.b", "db1.b", "*.api.b",	     "*.x-y", "a"};

	ADD_WORD(b, hosts);
}

/* Neither is excepted from the other: an entry has names of hosts, or addresses. */
static bool of_hosts;
static uint32_t hosts_added;

static void add_net(struct buf *b)
{
	static const random_fn forms[] = {add_v4, add_v4, add_v4, add_v6, add_v6, add_any};
	static const char *const ports[] = {":443", ":53", ":0", ":65535", ":80", ":*"};
	static const char *const protos[] = {"/tcp", "/udp", "/*"};

	buf_add_str(b, "net:");
	hosts_added += of_hosts;
	if (of_hosts)
		add_host(b);
	else
		ADD_BY(b, forms);
	if (once_in(3))
		return;
	ADD_WORD(b, ports);
	if (pick(2))
		ADD_WORD(b, protos);
}

static void add_listen(struct buf *b)
{
	static const random_fn forms[] = {add_v4, add_v6, add_any};
	static const char *const ports[] = {":443", ":53", ":0", ":65535", ":80", ":*"};
	static const char *const protos[] = {"", "", "/tcp", "/udp", "/*"};

	buf_add_str(b, "net:listen");
	if (pick(2)) {
		buf_add_char(b, ':');
		ADD_BY(b, forms);
	}
	ADD_WORD(b, ports);
	ADD_WORD(b, protos);
}

static void add_http(struct buf *b)
{
	static const char *const methods[] = {"GET", "POST", "P*",      "*",  "?ET",
					      "*T",  "PUT",  "CONNECT", "C*", "OPTIONS"};
	static const char *const hosts[] = {"*",    "*.b",    "a.b",          "*.a.*", "db?.b",
					    "a*.b", "API.b.", "*.internal.b", "b",     "*b*",
					    "*.db", "[::1]",  "x.a.b",        "*a.b"};

	buf_add_str(b, "http:");
	ADD_WORD(b, methods);
	if (once_in(6))
		return;
	buf_add_char(b, ' ');
	ADD_WORD(b, hosts);
	if (once_in(4))
		return;
	buf_add_char(b, '/');
	if (pick(2))
		buf_add_str(b, "v1");
	if (pick(3))
		add_glob(b);
}

/* Only what a broker reads may be named. */
static void add_file_write(struct buf *b)
{
	buf_add_str(b, "file:write /etc/systemd/");
	add_glob(b);
}

static void add_pattern(struct buf *b)
{
	static const random_fn kinds[] = {add_exec, add_exec, add_net,	add_net, add_unix,
					  add_http, add_http, add_file_write, add_listen};

	ADD_BY(b, kinds);
}

static void add_destination(struct buf *b)
{
	static const random_fn kinds[] = {add_net, add_net, add_unix};

	ADD_BY(b, kinds);
}

#endif
