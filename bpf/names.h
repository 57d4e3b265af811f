/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_NAMES_H
#define WARDEN_NAMES_H

/*
 * Which names an address has: what the kernel side learns from answers (dns.bpf.c) and asks for when a
 * destination is decided on (net.bpf.h). User space fills in the resolvers, and sweeps out what is over.
 */

#include "dns.h"

#define NAMES_MAX   8192U /* of all addresses */
#define NAMES_SLOTS 16U	  /* of one address */
#define QUERIES_MAX 1024U
#define RESOLVERS   8U

#define NAMES_SEC      1000000000ULL
#define NAMES_GRACE    (3600 * NAMES_SEC) /* behind the time to live: clients keep addresses, too */
#define NAMES_TTL_MAX  (604800U)	  /* of a week: what is longer is a mistake (RFC 8767, 4) */
#define NAMES_PATIENCE (60 * NAMES_SEC)	  /* an answer comes within */
#define NAMES_WAIT     (2 * NAMES_SEC)	  /* and warden's own, over TCP, which clients wait for */

/* One name of an address. Slots are filled from 0; none is empty before one that is not. */
struct name_key {
	__u8 addr[16]; /* network byte order, IPv4 as an IPv4-mapped one */
	__u32 slot;
	__u32 reserved; /* 0 */
};

enum name_flag {
	NAME_ALIAS = 1, /* another name led to it: good for deny, not for allow */
};

struct name_entry {
	__u64 until; /* CLOCK_MONOTONIC, ns */
	__u32 flags; /* enum name_flag */
	__u32 len;
	__u8 text[DNS_TEXT]; /* lower case, no dot at the end; NULs behind `len` */
};

/* A trusted resolver; the key is its address, as in struct name_key. */
struct resolver {
	__u32 local; /* the address was this machine's own when the run began */
};

/* A question that was asked: who asks takes no other answer. */
struct query_key {
	__u64 cookie; /* of the socket */
	__u64 hash;   /* struct dns */
	__u16 id;
	__u16 type;
	__u32 reserved; /* 0 */
};

struct query {
	__u64 time;	   /* CLOCK_MONOTONIC, ns */
	__u8 resolver[16]; /* as in struct name_key */
};

/* What user space was told by a resolver, over TCP: the context of dns_told(). */
struct dns_told {
	__u32 len; /* of the message; what is longer than its buffer is cut off */
	__u32 reserved;
	__u8 msg[DNS_SIZE];
};

_Static_assert(sizeof(struct name_key) == 24, "no hidden padding");
_Static_assert(sizeof(struct name_entry) == 16 + DNS_TEXT, "no hidden padding");
_Static_assert(sizeof(struct query_key) == 24, "no hidden padding");

#endif
