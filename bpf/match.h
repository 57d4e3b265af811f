/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MATCH_H
#define WARDEN_MATCH_H

/*
 * From names and addresses to rules, by the tables of an image. One text, whatever the number of
 * patterns, costs two passes (literals and prefixes forward, suffixes backward) and one more for
 * each group of globs that needs an automaton.
 *
 * Loops are callbacks because that is the form that every verifier accepts at a fixed cost. What
 * changes from step to step lives in struct matcher, which must be in a map value: kernel 6.1 takes
 * constants on the stack of the caller of bpf_loop() for constant inside the callback as well.
 */

#include "image.h"

/* State of one match; a caller reads `hit` only. */
struct matcher {
	struct image_row hit; /* the first rules over everything that was added */
	__u64 hash;
	__u64 key[2];
	__u32 state;
	__u32 low;
	__u32 span;
	__u32 table; /* offset of the table or automaton at work */
	__u32 at;    /* offset in the name where bytes are compared */
	__u32 text;  /* offset of the bytes to compare with */
	__u32 len;   /* of the name */
	__u32 found;
	__u32 same;
	__u32 reserved;
};

/* What a callback sees: three pointers, none of them ever changed. */
struct match_ctx {
	const void *img;
	const __u8 *name; /* NAME_SIZE bytes */
	struct matcher *m;
};

#define MATCH_HASH_INIT 0xcbf29ce484222325ULL

/* One byte of FNV-1a, 64 bits (RFC 9923). */
static __always_inline __u64 match_hash(__u64 hash, __u8 byte)
{
	return (hash ^ byte) * 0x100000001b3ULL;
}

/* The bucket where a destination key is looked for first. */
static __always_inline __u32 match_dest_slot(__u64 key, __u32 mask)
{
	return (__u32)((key * 0x9e3779b97f4a7c15ULL) >> 32) & mask;
}

static __always_inline void matcher_init(struct matcher *m)
{
	m->hit.deny = m->hit.audit = m->hit.allow = m->hit.opaque = RULE_NONE;
	m->hit.changed = RULE_NONE;
	m->hit.reserved = 0;
	m->hit.conds = 0;
}

static __always_inline __u32 match_min(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

/* Adds what a row says to what was hit before. */
static __always_inline void match_add_row(const void *img, struct matcher *m, __u32 row)
{
	__u64 at = (__u64)image_header(img)->rows + (__u64)row * sizeof(struct image_row);

	if (row == ROW_NONE)
		return;
	m->hit.deny = match_min(m->hit.deny, image_u32(img, at));
	m->hit.audit = match_min(m->hit.audit, image_u32(img, at + 4));
	m->hit.allow = match_min(m->hit.allow, image_u32(img, at + 8));
	m->hit.opaque = match_min(m->hit.opaque, image_u32(img, at + 12));
	m->hit.changed = match_min(m->hit.changed, image_u32(img, at + 16));
	m->hit.conds |= image_u64(img, at + 24);
}

static long match_same_byte(__u32 i, void *data)
{
	struct match_ctx *c = data;
	__u8 ours = image_u8(c->img, (__u64)c->m->text + i);
	__u64 at = (__u64)c->m->at + i;

	opaque_value(at);
	at &= NAME_SIZE - 1;
	if (c->name[at] == ours)
		return 0;
	c->m->same = 0;
	return 1;
}

/* One bucket of a probe sequence: m->low is where it starts, m->span the length wanted. */
static long match_bucket(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	const void *img = c->img;
	__u32 mask = image_u32(img, m->table + 4);
	__u64 at = (__u64)image_u32(img, m->table) +
		   (__u64)((m->low + i) & mask) * sizeof(struct image_bucket);
	__u32 len = image_u32(img, at + 8);

	if (!len)
		return 1;
	if (len != m->span || image_u64(img, at) != m->hash)
		return 0;
	m->text = image_u32(img, at + 12);
	m->same = 1;
	loop(len & (NAME_SIZE - 1), match_same_byte, c);
	if (!m->same)
		return 0;
	match_add_row(img, m, image_u32(img, at + 16));
	return 1;
}

/*
 * Adds the row of the text of `len` bytes at `at` in the name, if the table at offset `table` (a
 * struct image_hash) has it. m->hash is that text's hash.
 */
static __always_inline void match_lookup(struct match_ctx *c, __u32 table, __u32 at, __u32 len)
{
	struct matcher *m = c->m;

	m->table = table;
	m->at = at;
	m->span = len;
	m->low = (__u32)(m->hash >> 32);
	loop(image_u32(c->img, (__u64)table + 8) & 0xff, match_bucket, c);
}

static __always_inline __u8 match_byte(const struct match_ctx *c, __u64 at)
{
	opaque_value(at);
	at &= NAME_SIZE - 1;
	return c->name[at];
}

static __always_inline __u32 match_has_bit(const void *img, __u64 map, __u32 bit)
{
	return image_u8(img, map + (bit >> 3)) >> (bit & 7) & 1;
}

/* True when a text of that length may be there, with the byte at `at` of the name at its inner end. */
static __always_inline __u32 match_ends(const struct match_ctx *c, __u32 ends, __u32 len, __u64 at)
{
	return match_has_bit(c->img, ends, len & (NAME_SIZE - 1)) &&
	       match_has_bit(c->img, (__u64)ends + __builtin_offsetof(struct image_ends, bytes),
			     match_byte(c, at));
}

/* m->found holds the offset of the struct image_text. Offsets of its members: */
#define TEXT_LITERALS	 0
#define TEXT_PREFIXES	 16
#define TEXT_SUFFIXES	 32
#define TEXT_PREFIX_ENDS 48
#define TEXT_SUFFIX_ENDS 52
#define TEXT_ANY	 56
#define TEXT_DFA	 60
#define TEXT_DFAS	 64
_Static_assert(sizeof(struct image_text) == 72 && sizeof(struct image_hash) == 16, "offsets above");

static long match_forward(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u32 ends = image_u32(c->img, m->found + TEXT_PREFIX_ENDS);

	if (ends && match_ends(c, ends, i, (__u64)i - 1))
		match_lookup(c, m->found + TEXT_PREFIXES, 0, i);
	if (i >= m->len)
		return 1;
	m->hash = match_hash(m->hash, match_byte(c, i));
	return 0;
}

static long match_backward(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u32 ends = image_u32(c->img, m->found + TEXT_SUFFIX_ENDS);

	if (match_ends(c, ends, i, (__u64)m->len - i))
		match_lookup(c, m->found + TEXT_SUFFIXES, m->len - i, i);
	if (i >= m->len)
		return 1;
	m->hash = match_hash(m->hash, match_byte(c, (__u64)m->len - 1 - i));
	return 0;
}

static long match_dfa_byte(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u32 class = image_u8(c->img, (__u64)image_u32(c->img, m->table) + match_byte(c, i));

	m->state = image_u32(c->img, (__u64)image_u32(c->img, m->table + 4) +
					     (__u64)((m->state & DFA_STATE) + class) * 4);
	return 0;
}

/* The row (or phrase row) of an accepting state of the automaton at offset `dfa`. */
static __always_inline __u32 match_dfa_accept(const void *img, __u32 dfa, __u32 state)
{
	__u32 stride = image_u32(img, (__u64)dfa + 12);

	if (!stride)
		return ROW_NONE;
	return image_u32(img, (__u64)image_u32(img, (__u64)dfa + 8) +
				      (__u64)((state & DFA_STATE) / stride) * 4);
}

static long match_dfa_group(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;

	m->table = image_u32(c->img, m->found + TEXT_DFA) + i * (__u32)sizeof(struct image_dfa);
	m->state = image_u32(c->img, (__u64)m->table + 20);
	loop(m->len & (NAME_SIZE - 1), match_dfa_byte, c);
	if (m->state & DFA_ACCEPT)
		match_add_row(c->img, m, match_dfa_accept(c->img, m->table, m->state));
	return 0;
}

/*
 * Adds to m->hit the rules whose patterns of the table `text` (enum text) match the name: `len`
 * bytes, 1 to NAME_MAX_LEN, in a buffer of NAME_SIZE.
 */
static __always_inline void match_text(const void *img, __u32 text, const __u8 *name, __u32 len,
				       struct matcher *m)
{
	struct match_ctx c = {.img = img, .name = name, .m = m};
	__u32 at = __builtin_offsetof(struct image_header, text) +
		   text * (__u32)sizeof(struct image_text);

	m->found = at;
	m->len = len;
	match_add_row(img, m, image_u32(img, (__u64)at + TEXT_ANY));

	m->hash = MATCH_HASH_INIT;
	if (image_u32(img, (__u64)at + TEXT_LITERALS) || image_u32(img, (__u64)at + TEXT_PREFIXES)) {
		loop((len & (NAME_SIZE - 1)) + 1, match_forward, &c);
		if (image_u32(img, (__u64)at + TEXT_LITERALS))
			match_lookup(&c, at + TEXT_LITERALS, 0, len);
	}
	if (image_u32(img, (__u64)at + TEXT_SUFFIXES)) {
		m->hash = MATCH_HASH_INIT;
		loop((len & (NAME_SIZE - 1)) + 1, match_backward, &c);
	}
	loop(image_u32(img, (__u64)at + TEXT_DFAS) & 0xff, match_dfa_group, &c);
}

/* ---- unix sockets ---- */

enum { SEGMENT_EMPTY, SEGMENT_DOT, SEGMENT_DOTS, SEGMENT_NAME };

/* The segment that a byte of a path is in; stops where one ends that is empty, `.` or `..`. */
static long match_segment(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u8 byte = c->name[i & (NAME_SIZE - 1)];

	if (byte == '/') {
		if (i && m->state != SEGMENT_NAME)
			return 1;
		m->state = SEGMENT_EMPTY;
	} else if (byte == '.' && m->state < SEGMENT_DOTS) {
		m->state++;
	} else {
		m->state = SEGMENT_NAME;
	}
	return 0;
}

/* True when the path is written as it would be resolved: absolute, without empty or dot segments. */
static __always_inline int match_is_plain(struct match_ctx *c, __u32 len)
{
	if (c->name[0] != '/')
		return 0;
	c->m->state = SEGMENT_EMPTY;
	loop(len & (NAME_SIZE - 1), match_segment, c);
	return c->m->state == SEGMENT_NAME;
}

static __always_inline int match_has_names(const void *img, __u64 at)
{
	return image_u32(img, at + TEXT_LITERALS) || image_u32(img, at + TEXT_PREFIXES) ||
	       image_u32(img, at + TEXT_SUFFIXES) || image_u32(img, at + TEXT_DFAS);
}

/*
 * The name of a unix socket is what was passed, and one socket can be passed in many ways. True when this
 * is none that rules could know it by: then it is unknown, and is not matched with TEXT_UNIX. That is so
 * only where rules name sockets. Abstract names, which begin with @, have one form.
 */
static __always_inline int match_is_devious(const void *img, const __u8 *name, __u32 len,
					    struct matcher *m)
{
	struct match_ctx c = {.img = img, .name = name, .m = m};
	__u32 at = __builtin_offsetof(struct image_header, text) +
		   TEXT_UNIX * (__u32)sizeof(struct image_text);

	return match_has_names(img, at) && name[0] != '@' && !match_is_plain(&c, len);
}

/* Adds what the name of a unix socket hits. Returns 1 when it is unknown: then that is nothing. */
static __always_inline int match_unix(const void *img, const __u8 *name, __u32 len,
				      struct matcher *m)
{
	if (match_is_devious(img, name, len, m))
		return 1;
	match_text(img, TEXT_UNIX, name, len, m);
	return 0;
}

/* ---- host names ---- */

/* True when the policy has rules for names of hosts. */
static __always_inline int match_has_hosts(const void *img)
{
	return image_header(img)->kinds[KIND_NET].hosts;
}

/* In the tables of hosts, `changed` is the first entry that admits private addresses, too. */
static __always_inline void match_host_begin(struct matcher *m)
{
	m->hit.changed = m->hit.allow;
}

static __always_inline void match_host_end(struct matcher *m, int private_address, __u32 changed)
{
	__u32 public = (__u32)private_address - 1; /* all bits, or none */

	m->hit.allow = (m->hit.allow & public) | (m->hit.changed & ~public);
	m->hit.changed = changed;
}

/*
 * Adds to m->hit what one name of the destination's address hits: "PORT:HOST", `len` bytes in a buffer
 * of NAME_SIZE; HOST in lower case, in labels that are not empty, without a dot behind. By a name only
 * entries that say so admit a private address: `private_address` is 0 or 1. It has no branches of its
 * own, each of which the verifier might walk twice; the same holds for what says so.
 */
static __always_inline void match_host(const void *img, __u32 proto, const __u8 *name, __u32 len,
				       int private_address, struct matcher *m)
{
	__u32 changed = m->hit.changed;

	match_host_begin(m);
	match_text(img, TEXT_HOST + proto, name, len, m);
	match_host_end(m, private_address, changed);
}

/* 1 when it is 0, else 0; and whether an address begins with those `bits` of a network. */
static __always_inline int match_is_zero(__u64 n)
{
	opaque_value(n); /* else clang makes a branch of it */
	return (~n & (n - 1)) >> 63;
}

static __always_inline int match_is_in4(__u32 addr, __u32 net, __u32 bits)
{
	return match_is_zero((__u64)(addr ^ net) >> (32 - bits));
}

/*
 * 1 for an IPv4 address (host byte order) that is no place on the internet, else 0: IANA's registry of
 * special-purpose addresses (RFC 6890), but for networks that only documents have, and for anycast of
 * old. Addresses of clouds' metadata are link-local ones.
 */
static __always_inline int match_is_private4(__u32 addr)
{
	return match_is_in4(addr, 0x00000000, 8) |  /* 0/8: this host (RFC 791) */
	       match_is_in4(addr, 0x0a000000, 8) |  /* 10/8: private (RFC 1918) */
	       match_is_in4(addr, 0x64400000, 10) | /* 100.64/10: shared (RFC 6598) */
	       match_is_in4(addr, 0x7f000000, 8) |  /* 127/8: loopback (RFC 1122) */
	       match_is_in4(addr, 0xa9fe0000, 16) | /* 169.254/16: link-local (RFC 3927) */
	       match_is_in4(addr, 0xac100000, 12) | /* 172.16/12: private */
	       match_is_in4(addr, 0xc0000000, 24) | /* 192.0.0/24: protocols (RFC 6890) */
	       match_is_in4(addr, 0xc0a80000, 16) | /* 192.168/16: private */
	       match_is_in4(addr, 0xc6120000, 15) | /* 198.18/15: benchmarks (RFC 2544) */
	       match_is_in4(addr, 0xe0000000, 3);   /* multicast, reserved, broadcast (RFC 1112) */
}

/*
 * The same for an IPv6 address (two halves in host byte order). Those on the internet are in 2000::/3
 * (RFC 4291, 2.4, and IANA's registry); of it, protocols and tunnels are taken out. So are ::, ::1,
 * fc00::/7 (RFC 4193), fe80::/10, fec0::/10 and ff00::/8. What stands for an IPv4 address, mapped or
 * translated (RFC 6052), is as private as that.
 */
static __always_inline int match_is_private6(__u64 high, __u64 low)
{
	int v4 = match_is_zero(high | (low >> 32 ^ 0xffff)) | /* ::ffff:0:0/96 */
		 match_is_zero((high ^ 0x0064ff9b00000000ULL) | low >> 32); /* 64:ff9b::/96 */
	int v6 = (match_is_zero(high >> 61 ^ 1) ^ 1) |
		 match_is_zero(high >> 41 ^ 0x20010000ULL >> 9) | /* 2001::/23: protocols */
		 match_is_zero(high >> 48 ^ 0x2002);		  /* 2002::/16: 6to4 */

	return (v4 & match_is_private4((__u32)low)) | (~v4 & v6);
}

/* ---- raw sockets ---- */

/*
 * Such a socket sends to any address what it likes. Returns 1 when no rule speaks of them: then it is
 * as good as a destination without a name, where rules ask for one.
 */
static __always_inline int match_raw(const void *img, struct matcher *m)
{
	match_add_row(img, m, image_header(img)->raw);
	return m->hit.audit == RULE_NONE && m->hit.allow == RULE_NONE;
}

/* ---- addresses ---- */

/* One halving of the interval search: the last border that is not above the key. */
static long match_border4(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u32 half = m->span >> 1;

	if (!half)
		return 1;
	if (image_u64(c->img, (__u64)m->table + (__u64)(m->low + half) * 8) <= m->key[0])
		m->low += half;
	m->span -= half;
	return 0;
}

static long match_border6(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	__u32 half = m->span >> 1;
	__u64 at = (__u64)m->table + (__u64)(m->low + half) * 16;
	__u64 high = image_u64(c->img, at);

	if (!half)
		return 1;
	if (high < m->key[0] || (high == m->key[0] && image_u64(c->img, at + 8) <= m->key[1]))
		m->low += half;
	m->span -= half;
	return 0;
}

#define NET_STEPS 26 /* more than log2 of the entries that fit into an image */

/* The class of an IPv4 address (host byte order). */
static __always_inline __u32 match_addr4(const void *img, __u32 addr, struct matcher *m)
{
	const struct image_net *net = &image_header(img)->net4;
	struct match_ctx c = {.img = img, .name = 0, .m = m};

	m->table = net->borders;
	m->key[0] = addr;
	m->low = 0;
	m->span = net->count;
	loop(NET_STEPS, match_border4, &c);
	return image_u32(img, (__u64)net->classes + (__u64)m->low * 4);
}

/* The class of an IPv6 address that is not IPv4-mapped. */
static __always_inline __u32 match_plain6(const void *img, __u64 high, __u64 low, struct matcher *m)
{
	const struct image_net *net = &image_header(img)->net6;
	struct match_ctx c = {.img = img, .name = 0, .m = m};

	m->table = net->borders;
	m->key[0] = high;
	m->key[1] = low;
	m->low = 0;
	m->span = net->count;
	loop(NET_STEPS, match_border6, &c);
	return image_u32(img, (__u64)net->classes + (__u64)m->low * 4);
}

/*
 * The class of an IPv6 address (two halves in host byte order). IPv4-mapped ones (RFC 4291,
 * 2.5.5.2) are the IPv4 addresses that the kernel connects them to.
 */
static __always_inline __u32 match_addr6(const void *img, __u64 high, __u64 low, struct matcher *m)
{
	if (!high && low >> 32 == 0xffff)
		return match_addr4(img, (__u32)low, m);
	return match_plain6(img, high, low, m);
}

static long match_dest_bucket(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	const struct image_header *h = image_header(c->img);
	__u64 at = (__u64)h->dests.off +
		   (__u64)((m->low + i) & h->dests.mask) * sizeof(struct image_dest);
	__u64 key = image_u64(c->img, at);

	if (!key)
		return 1;
	if (key != m->key[0])
		return 0;
	m->found = image_u32(c->img, at + 8);
	return 1;
}

/* ---- files ---- */

/* The bucket where a file is looked for first. */
static __always_inline __u32 match_inode_home(__u32 dev, __u64 ino)
{
	return (__u32)(((ino ^ (__u64)dev << 32) * 0x9e3779b97f4a7c15ULL) >> 32);
}

static long match_inode_bucket(__u32 i, void *data)
{
	struct match_ctx *c = data;
	struct matcher *m = c->m;
	const struct image_header *h = image_header(c->img);
	__u64 at = (__u64)h->inodes.off +
		   (__u64)((m->low + i) & h->inodes.mask) * sizeof(struct image_inode);
	__u32 generation = image_u32(c->img, at + 12);
	__u32 row = image_u32(c->img, at + 16);

	if (!image_u32(c->img, at + 20))
		return 1;
	if (image_u64(c->img, at) != m->key[0] || image_u32(c->img, at + 8) != (__u32)m->key[1])
		return 0;
	if (generation && generation != m->span)
		return 0; /* another file has this number now */
	match_add_row(c->img, m, row);
	return 0;
}

/* Adds to m->hit the rules that name this file by a path that led to it when the image was made. */
static __always_inline void match_inode(const void *img, __u32 dev, __u64 ino, __u32 generation,
					struct matcher *m)
{
	struct match_ctx c = {.img = img, .name = 0, .m = m};

	m->key[0] = ino;
	m->key[1] = dev;
	m->span = generation;
	m->low = match_inode_home(dev, ino);
	loop(image_header(img)->inodes.probes & 0xff, match_inode_bucket, &c);
}

static __always_inline __u32 match_dest_row(const void *img, __u64 key, struct matcher *m)
{
	struct match_ctx c = {.img = img, .name = 0, .m = m};

	m->key[0] = key;
	m->low = match_dest_slot(key, image_header(img)->dests.mask);
	m->found = ROW_NONE;
	loop(image_header(img)->dests.probes & 0xff, match_dest_bucket, &c);
	return m->found;
}

/* Adds to m->hit the rules for a destination of that class: port 0-65535, enum image_proto. */
static __always_inline void match_dest(const void *img, __u32 class, __u32 port, __u32 proto,
				       struct matcher *m)
{
	__u32 row;

	if (!image_header(img)->dests.off)
		return;
	row = match_dest_row(img, IMAGE_DEST_KEY(class, port, proto), m);
	if (row == ROW_NONE)
		row = match_dest_row(img, IMAGE_DEST_KEY(class, PORT_ANY, proto), m);
	match_add_row(img, m, row);
}

#endif
