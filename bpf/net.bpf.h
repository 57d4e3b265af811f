/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_NET_BPF_H
#define WARDEN_NET_BPF_H

/*
 * One destination on its way to a decision. A hook starts a record, fills in where it goes,
 * matches, and finishes; the connect hooks and the packet hook (wire.bpf.c) share it.
 */

#include "names.bpf.h"

static __always_inline struct rec_net *net_record(struct scratch *s)
{
	return (struct rec_net *)s->record;
}

static __always_inline __u32 net_dest_proto(const struct rec_net *r)
{
	return net_proto(r->proto) | (r->rec.type == REC_LISTEN ? PROTO_LISTEN : 0);
}

static __always_inline void net_start(struct scratch *s, __u16 type, __u16 family, __u32 protocol)
{
	struct rec_net *r = net_record(s);

	activity_start(s, KIND_NET);
	record_start(s, type, sizeof(*r));
	__builtin_memset(r->addr, 0, sizeof(r->addr));
	r->cookie = r->bytes = 0;
	r->family = family;
	r->port = 0;
	r->proto = protocol == IPPROTO_MPTCP ? IPPROTO_TCP : protocol;
	r->why = OPAQUE_NONE;
	r->path_len = 0;
}

/*
 * The address is known, and its class. Not inlined, like those that call it: each loops, and needs
 * the stack that a function has for that (tls.bpf.c).
 */
static __noinline void net_match_dest(const void *img, struct scratch *s, __u32 class)
{
	struct rec_net *r = net_record(s);

	match_dest(img, class, r->port, net_dest_proto(r), &s->m);
}

/* The address of all zeros is resolved before (net.bpf.c): nobody is connected to it. */
static __noinline void net_match4(const void *img, struct scratch *s, __u32 addr)
{
	struct rec_net *r = net_record(s);
	__u32 class;

	*(__u32 *)r->addr = bpf_htonl(addr);
	class = match_addr4(img, addr, &s->m);
	net_match_dest(img, s, class);
}

/* IPv4-mapped addresses are the IPv4 addresses that the kernel connects them to. */
static __noinline void net_match6(const void *img, struct scratch *s, __u64 high, __u64 low)
{
	struct rec_net *r = net_record(s);
	__u32 class;

	if (!high && low >> 32 == 0xffff) {
		r->family = AF_INET;
		net_match4(img, s, low);
		return;
	}
	*(__u64 *)r->addr = bpf_cpu_to_be64(high);
	*(__u64 *)(r->addr + 8) = bpf_cpu_to_be64(low);
	class = match_addr6(img, high, low, &s->m);
	net_match_dest(img, s, class);
}

/* Decides; true when it is refused. */
static __always_inline int net_decide(const void *img, struct scratch *s, __u32 tier)
{
	struct rec_net *r = net_record(s);

	activity_decide(img, s);
	r->decision = s->dec;
	r->decision.tier = refused(&s->dec) ? tier : TIER_NONE;
	return refused(&s->dec);
}

/* The same, and records it. */
static __always_inline int net_finish(const void *img, struct scratch *s, __u32 tier)
{
	int ret = net_decide(img, s, tier);

	record_send_event(s, ret);
	return ret;
}

/*
 * Who has connected a socket, for packets that leave, or come, in an interrupt. By the socket's address, which
 * may have been given again: then its new one was connected, too, as all are that ask for something, and has
 * this place. Another one with the same place takes it: nobody knows then.
 */
struct connector {
	__u64 sk;
	struct rec who;
};

#define CONNECTORS 4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONNECTORS);
	__type(key, __u32);
	__type(value, struct connector);
} connectors SEC(".maps") __weak;

extern const volatile __u8 clear_read; /* requests without TLS are read: clear.bpf.c */

static __always_inline struct connector *connector_at(__u64 sk)
{
	__u32 slot = (sk >> 6 ^ sk >> 18) & (CONNECTORS - 1); /* sockets are some KiB apart */

	return bpf_map_lookup_elem(&connectors, &slot);
}

/* Keeps whose record it is. Not inlined: a pointer that may be NULL doubles what is verified behind it. */
static __noinline int connector_keep(struct scratch *s, __u64 sk)
{
	struct rec_net *r = net_record(s);
	struct connector *c;

	if (!clear_read || r->proto != IPPROTO_TCP)
		return 0;
	c = connector_at(sk);
	if (!c)
		return 0;
	c->who = r->rec;
	c->sk = sk;
	return 0;
}

/* Where a connection goes, for decisions that come after connect. */
struct net_peer {
	__u8 addr[16]; /* network byte order; IPv4 in the first four */
	__u16 family;  /* 0: not known */
	__u16 port;
	__u32 reserved;
};

/* Starts a record of that type on a connection that is there, and matches its address. */
static __always_inline void net_start_peer(const void *img, struct scratch *s, __u16 type, __u64 cookie,
					   const struct net_peer *peer, __u32 why)
{
	struct rec_net *r = net_record(s);

	net_start(s, type, peer->family,
		  type == REC_OPAQUE && why == OPAQUE_QUIC ? IPPROTO_UDP : IPPROTO_TCP);
	r->cookie = cookie;
	r->port = peer->port;
	r->why = why;
	if (peer->family == AF_INET)
		net_match4(img, s, bpf_ntohl(*(const __u32 *)peer->addr));
	else if (peer->family == AF_INET6)
		net_match6(img, s, bpf_be64_to_cpu(*(const __u64 *)peer->addr),
			   bpf_be64_to_cpu(*(const __u64 *)(peer->addr + 8)));
}

/* Starts a record of a connection whose plaintext cannot be followed. */
static __always_inline void net_start_opaque(const void *img, struct scratch *s, __u64 cookie,
					     const struct net_peer *peer, __u32 why)
{
	net_start_peer(img, s, REC_OPAQUE, cookie, peer, why);
}

/* Decides on such a connection, and records it. */
static __always_inline int net_finish_opaque(const void *img, struct scratch *s, __u32 tier)
{
	/* Whether it may be reached at all was decided when it was connected. */
	s->m.hit.deny = s->m.hit.audit = RULE_NONE;
	s->act.flags |= ACTIVITY_OPAQUE;
	return net_finish(img, s, tier);
}

/* Both. `peer` may be of family 0: then no exception of the policy fits it. */
static __always_inline int net_opaque(const void *img, struct scratch *s, __u64 cookie,
				      const struct net_peer *peer, __u32 why, __u32 tier)
{
	net_start_opaque(img, s, cookie, peer, why);
	return net_finish_opaque(img, s, tier);
}

/* The same for what nobody may pass off as opaque: it is decided as a request without a name. */
static __always_inline int net_unknown(const void *img, struct scratch *s, __u64 cookie,
				       const struct net_peer *peer, __u32 why, __u32 tier)
{
	net_start_opaque(img, s, cookie, peer, why);
	activity_start(s, KIND_HTTP);
	s->act.flags |= ACTIVITY_UNKNOWN;
	return net_finish(img, s, tier);
}

#endif
