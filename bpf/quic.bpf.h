/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_QUIC_BPF_H
#define WARDEN_QUIC_BPF_H

/*
 * QUIC among the datagrams that leave. Nobody sees into it, so its connections are opaque. Each begins with
 * datagrams that have a long header, without which there are no keys: those are dropped, where policy says
 * so, and the sender gets EPERM. It is decided once for a socket and a destination, and again when the
 * socket has sent to another one in between, or the policy is a new one.
 */
#include "quic.h"
#include "wire.bpf.h"

struct quic_last {
	struct net_peer peer;
	__u64 generation; /* of the policy that decided; 0: none */
	__u64 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct quic_last);
} quics SEC(".maps");

#define UDP_HEAD 8

/* Where UDP begins, and where it goes; 0 when it is something else. */
static __always_inline __u32 quic_parse(struct __sk_buff *skb, struct net_peer *peer)
{
	__be16 port = 0;
	__u8 proto = 0;
	__u32 at;

	if (route_is_six(skb)) {
		bpf_skb_load_bytes(skb, 6, &proto, sizeof(proto));
		at = route_headers(skb, proto);
		proto = ROUTE_PROTO(at);
		at = ROUTE_AT(at);
		peer->family = AF_INET6;
		bpf_skb_load_bytes(skb, 24, peer->addr, 16);
	} else {
		bpf_skb_load_bytes(skb, 0, &proto, sizeof(proto));
		at = (proto & 15) * 4;
		bpf_skb_load_bytes(skb, 9, &proto, sizeof(proto));
		peer->family = AF_INET;
		bpf_skb_load_bytes(skb, 16, peer->addr, 4);
	}
	if (proto != IPPROTO_UDP || bpf_skb_load_bytes(skb, at + 2, &port, sizeof(port)))
		return 0;
	peer->port = bpf_ntohs(port);
	return at + UDP_HEAD;
}

struct quic_walk { /* numbers that do not change, see match.h */
	struct __sk_buff *skb;
	__u32 at;
	__u32 size; /* of each datagram */
	__u32 count;
};

static long quic_datagram(__u32 i, void *data)
{
	struct quic_walk *c = data;
	__u8 b[QUIC_HEAD] = {};

	if (i >= c->count || bpf_skb_load_bytes(c->skb, c->at + i * c->size, b, sizeof(b)))
		return 0;
	return quic_is_long(b);
}

/* Whether any of the datagrams is one: many may be handed over in one packet (UDP_SEGMENT). */
static __noinline int quic_find(struct __sk_buff *skb, __u32 at)
{
	struct quic_walk c = {.skb = skb, .at = at, .size = skb->gso_size, .count = 1};

	if (c.size)
		c.count = (skb->len - at) / c.size + 1;
	return loop(c.count + 1, quic_datagram, &c) <= c.count;
}

/* Decides. Global, see wire_decide(). Returns whether it is refused. */
__weak __noinline int quic_decide(struct quic_last *last, __u64 cookie)
{
	struct scratch *s;
	const void *img;

	if (!last)
		return 1;
	s = decision_begin(&img);
	if (!s)
		return undecided(img);
	net_start_opaque(img, s, cookie, &last->peer, OPAQUE_QUIC);
	names_add(img, s);
	last->refused = net_finish_opaque(img, s, TIER_CUT);
	last->generation = s->generation;
	scratch_release(s);
	return last->refused;
}

static __always_inline int quic_is_same(const struct net_peer *a, const struct net_peer *b)
{
	const __u64 *x = (const __u64 *)a->addr, *y = (const __u64 *)b->addr;

	return x[0] == y[0] && x[1] == y[1] && a->family == b->family && a->port == b->port;
}

/* A packet that is not TCP. */
static __noinline int quic_refused(struct __sk_buff *skb, struct bpf_sock *sk, __u64 cookie)
{
	struct net_peer peer = {};
	struct quic_last *last;
	__u32 at = quic_parse(skb, &peer);
	const void *img;

	if (!at || !quic_find(skb, at))
		return 0;
	img = image_current();
	last = bpf_sk_storage_get(&quics, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!last) {
		loss_add(LOSS_STORAGE, 0);
		return undecided(img);
	}
	if (img && last->generation == image_header(img)->generation && quic_is_same(&last->peer, &peer))
		return last->refused;
	last->peer = peer;
	last->generation = 0;
	return quic_decide(last, cookie);
}

#endif
