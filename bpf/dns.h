/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_DNS_H
#define WARDEN_DNS_H

/*
 * Messages of the domain name system (RFC 1035, 4.1), as far as they say which addresses a name has.
 * Compiled twice, like match.h; state is in a struct dns, which must be in a map value (see there).
 *
 * Every address of an answer is an address of the name that was asked for, and of every name that
 * aliases (CNAME) lead to on the way; whose records those are is not looked at, for a resolver answers
 * what it was asked. Names are compared as texts: bytes that names of hosts do not have are written as
 * question marks, so that a dot inside of a label does not pass for one between labels.
 */

#include "match.h"

#define DNS_SIZE    4096U /* buffers of messages, a power of two; what is longer is cut off */
#define DNS_HEADER  12U
#define DNS_TEXT    256U /* a name as a text has at most 253 bytes */
#define DNS_NAMES   8U
#define DNS_ADDRS   64U
#define DNS_RECORDS 128U
#define DNS_STEPS   400U /* bytes, lengths and pointers of the longest name */

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28
#define DNS_CLASS_IN   1

struct dns_name {
	__u32 len;
	__u32 reserved;
	__u8 text[DNS_TEXT]; /* lower case, no dot at the end; NULs behind `len` */
};

struct dns_addr {
	__u8 addr[16]; /* IPv4 as an IPv4-mapped one */
	__u32 ttl;     /* seconds */
};

struct dns {
	__u16 id;
	__u16 type;   /* of the question */
	__u16 flags;  /* as sent (DNS_RESPONSE ...) */
	__u16 cut;    /* 1: not everything was read: too long, too many, or broken */
	__u64 hash;   /* match_hash() of the name asked for */
	__u32 name_count; /* names[0] is what was asked for, the others are aliases of it */
	__u32 addr_count;
	/* at work: */
	__u32 len;
	__u32 at;
	__u32 records; /* of the answer */
	__u32 label;   /* bytes of a label that are to come */
	__u32 low;     /* pointers lead before this */
	__u32 behind;  /* where the name ends that a pointer led away from; 0: none did */
	__u32 whole;   /* the name has come to its end */
	__u32 reserved;
	struct dns_name names[DNS_NAMES];
	struct dns_addr addrs[DNS_ADDRS];
};

#define DNS_RESPONSE  0x8000
#define DNS_OPCODE    0x7800
#define DNS_TRUNCATED 0x0200
#define DNS_RCODE     0x000f

/* What a callback sees: two pointers, neither of them ever changed. */
struct dns_ctx {
	const __u8 *msg; /* DNS_SIZE bytes */
	struct dns *d;
};

static __always_inline __u32 dns_u8(const struct dns_ctx *c, __u64 at)
{
	opaque_value(at);
	at &= DNS_SIZE - 1;
	return c->msg[at];
}

static __always_inline __u32 dns_u16(const struct dns_ctx *c, __u64 at)
{
	return dns_u8(c, at) * 256 + dns_u8(c, at + 1);
}

static __always_inline __u32 dns_u32(const struct dns_ctx *c, __u64 at)
{
	return dns_u16(c, at) * 65536 + dns_u16(c, at + 2);
}

/* ---- names ---- */

static __always_inline int dns_is_host_byte(__u32 c)
{
	return c - 'a' < 26 || c - '0' < 10 || c == '-' || c == '_';
}

/* Appends to the name at work, which is the last one. */
static __always_inline void dns_put(struct dns *d, __u32 byte)
{
	__u64 name = d->name_count;
	__u64 at;

	opaque_value(name);
	name &= DNS_NAMES - 1;
	at = d->names[name].len++;
	opaque_value(at);
	at &= DNS_TEXT - 1;
	d->names[name].text[at] = byte;
}

static __always_inline __u32 dns_name_len(const struct dns *d)
{
	__u64 name = d->name_count;

	opaque_value(name);
	name &= DNS_NAMES - 1;
	return d->names[name].len;
}

/* A byte of a label, or what stands before one: its length, a pointer, or the end (4.1.4). */
static long dns_name_step(__u32 i, void *data)
{
	struct dns_ctx *c = data;
	struct dns *d = c->d;
	__u32 byte = dns_u8(c, d->at), to;

	if (d->at >= d->len || dns_name_len(d) >= DNS_TEXT - 1)
		return 1;
	if (d->label) {
		byte |= byte - 'A' < 26 ? 32 : 0;
		dns_put(d, dns_is_host_byte(byte) ? byte : '?');
		d->label--;
		d->at++;
		return 0;
	}
	if (byte >= 0xc0) {
		to = dns_u16(c, d->at) & 0x3fff;
		if (!d->behind)
			d->behind = d->at + 2;
		if (to >= d->low)
			return 1;
		d->at = d->low = to;
		return 0;
	}
	d->at++;
	if (!byte) {
		d->whole = 1;
		return 1;
	}
	if (byte > 63)
		return 1;
	if (dns_name_len(d))
		dns_put(d, '.');
	d->label = byte;
	return 0;
}

/* Reads a name behind the last one, which it is when name_count is raised. False: it is broken. */
static __always_inline int dns_name(struct dns_ctx *c)
{
	struct dns *d = c->d;
	__u64 name = d->name_count;

	opaque_value(name);
	name &= DNS_NAMES - 1;
	__builtin_memset(&d->names[name], 0, sizeof(d->names[name]));
	d->label = d->behind = d->whole = 0;
	d->low = d->at;
	loop(DNS_STEPS, dns_name_step, c);
	if (d->behind)
		d->at = d->behind;
	return d->whole;
}

static long dns_hash_step(__u32 i, void *data)
{
	struct dns_ctx *c = data;
	struct dns *d = c->d;

	if (i >= d->names[0].len)
		return 1;
	d->hash = match_hash(d->hash, d->names[0].text[i & (DNS_TEXT - 1)]);
	return 0;
}

/* ---- messages ---- */

/*
 * Reads the header and the question: `len` bytes of a message in c->msg. False when it is no message
 * with one question for the addresses of a host.
 */
static __always_inline int dns_question(struct dns_ctx *c, __u32 len)
{
	struct dns *d = c->d;

	d->cut = len > DNS_SIZE;
	d->len = d->cut ? DNS_SIZE : len;
	d->id = dns_u16(c, 0);
	d->flags = dns_u16(c, 2);
	d->records = dns_u16(c, 6);
	d->name_count = d->addr_count = 0;
	d->at = DNS_HEADER;
	d->hash = MATCH_HASH_INIT;
	if (len < DNS_HEADER || dns_u16(c, 4) != 1 || d->flags & DNS_OPCODE)
		return 0;
	if (!dns_name(c) || !d->names[0].len || d->at + 4 > d->len)
		return 0;
	d->type = dns_u16(c, d->at);
	if (dns_u16(c, d->at + 2) != DNS_CLASS_IN)
		return 0;
	d->at += 4;
	d->name_count = 1;
	loop(DNS_TEXT, dns_hash_step, c);
	return d->type == DNS_TYPE_A || d->type == DNS_TYPE_AAAA;
}

/* The name that a record is of: one step for each label. */
static long dns_owner_step(__u32 i, void *data)
{
	struct dns_ctx *c = data;
	struct dns *d = c->d;
	__u32 byte = dns_u8(c, d->at);

	if (d->at >= d->len || (byte > 63 && byte < 0xc0))
		return 1;
	d->whole = !byte || byte > 63;
	d->at += byte > 63 ? 2 : byte + 1;
	return d->whole;
}

static __always_inline void dns_add_addr(struct dns_ctx *c, __u32 from, __u32 bytes, __u32 ttl)
{
	struct dns *d = c->d;
	__u64 n = d->addr_count;

	if (n >= DNS_ADDRS) {
		d->cut = 1;
		return;
	}
	opaque_value(n);
	n &= DNS_ADDRS - 1;
	for (__u32 i = 0; i < 16; i++)
		d->addrs[n].addr[i] = bytes == 16 ? dns_u8(c, (__u64)from + i)
				      : i < 10	  ? 0
				      : i < 12	  ? 0xff
						  : dns_u8(c, (__u64)from + i - 12);
	d->addrs[n].ttl = ttl;
	d->addr_count = n + 1;
}

static __always_inline void dns_add_alias(struct dns_ctx *c, __u32 at)
{
	struct dns *d = c->d;

	if (d->name_count >= DNS_NAMES) {
		d->cut = 1;
		return;
	}
	d->at = at;
	if (dns_name(c))
		d->name_count++;
	else
		d->cut = 1;
}

static long dns_record_step(__u32 i, void *data)
{
	struct dns_ctx *c = data;
	struct dns *d = c->d;
	__u32 type, len, at;

	if (i >= d->records)
		return 1;
	d->whole = 0;
	loop(DNS_TEXT / 2, dns_owner_step, c);
	at = d->at + 10;
	len = dns_u16(c, (__u64)at - 2);
	if (!d->whole || at > d->len || at + len > d->len) {
		d->cut = 1;
		return 1;
	}
	type = dns_u16(c, (__u64)at - 10);
	if (dns_u16(c, (__u64)at - 8) != DNS_CLASS_IN)
		type = 0;
	if ((type == DNS_TYPE_A && len == 4) || (type == DNS_TYPE_AAAA && len == 16))
		dns_add_addr(c, at, len, dns_u32(c, (__u64)at - 6));
	else if (type == DNS_TYPE_CNAME)
		dns_add_alias(c, at);
	d->at = at + len;
	return 0;
}

/* Reads the records of an answer, behind dns_question(). What is there of a broken one is taken. */
static __always_inline void dns_records(struct dns_ctx *c)
{
	struct dns *d = c->d;

	if (d->records > DNS_RECORDS || d->flags & DNS_TRUNCATED)
		d->cut = 1;
	loop(DNS_RECORDS, dns_record_step, c);
}

#endif
