/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ROUTE_BPF_H
#define WARDEN_ROUTE_BPF_H

/*
 * Packets that name their own way: source routes of IPv4 (IP_OPTIONS), routing headers of IPv6
 * (IPV6_RTHDR). They go to the first station of it, which connect() and send() never hear of; the
 * destination that was decided on stands in the header behind. Nobody needs capabilities for that,
 * and it may be said of a socket or along with each message, so that it is looked for in what
 * leaves.
 */

#include "net.bpf.h"

#define ETH_P_IPV6 0x86dd

#define IPOPT_END  0
#define IPOPT_NOP  1
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137
#define HEAD4	   20 /* bytes without options, of which there are at most twice as many more */
#define HEAD6	   40
#define EXTENSIONS 6 /* more than any sender puts in front */

#define EXTENSION_HOPS	  0
#define EXTENSION_ROUTING 43
#define EXTENSION_DEST	  60

/*
 * What stands between the addresses and the protocol above, in one number: where that begins, its
 * own number (ROUTE_PROTO(), of IPv6), and whether the packet names its way, or may.
 */
#define ROUTE_AT(route)	   ((__u16)(route))
#define ROUTE_PROTO(route) ((__u8)((route) >> 16))
#define ROUTED		   (1U << 24)

static __always_inline int route_is_extension(__u8 next)
{
	return next == EXTENSION_HOPS || next == EXTENSION_ROUTING || next == EXTENSION_DEST;
}

/* Steps over extension headers. What has too many of them may name its way. */
__weak __noinline int route_headers(struct __sk_buff *skb, __u32 next)
{
	__u32 at = HEAD6, routed = 0;
	__u8 head[2];

	for (__u32 i = 0; i < EXTENSIONS && route_is_extension(next); i++) {
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return ROUTED;
		if (next == EXTENSION_ROUTING)
			routed = ROUTED;
		next = head[0];
		at += (head[1] + 1) * 8;
	}
	return route_is_extension(next) ? ROUTED : routed | (next & 0xff) << 16 | ROUTE_AT(at);
}

/* Looks through the options of IPv4, up to `end`. */
__weak __noinline int route_options(struct __sk_buff *skb, __u32 end)
{
	__u32 at = HEAD4;
	__u8 option[2];

	for (__u32 i = 0; i < 2 * HEAD4 && at < end; i++) {
		if (bpf_skb_load_bytes(skb, at, option, sizeof(option)))
			return ROUTED;
		if (option[0] == IPOPT_END)
			break;
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return ROUTED | end;
		at += option[0] == IPOPT_NOP ? 1 : option[1];
	}
	return end;
}

static __always_inline int route_is_six(const struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IPV6);
}

/* 0 for nearly all packets, in which nothing stands between. */
static __always_inline __u32 route_find(struct __sk_buff *skb)
{
	__u32 six = route_is_six(skb);
	__u8 byte = 0;

	if (bpf_skb_load_bytes(skb, six ? 6 : 0, &byte, sizeof(byte)))
		return ROUTED;
	if (six)
		return route_is_extension(byte) ? route_headers(skb, byte) : 0;
	byte &= 15;
	return byte * 4 > HEAD4 ? route_options(skb, byte * 4) : 0;
}

/* Where the packet goes next. */
static __always_inline void route_match(const void *img, struct scratch *s, struct __sk_buff *skb)
{
	__u64 half[2] = {};
	__u32 addr = 0;

	if (route_is_six(skb)) {
		bpf_skb_load_bytes(skb, 24, half, sizeof(half));
		net_match6(img, s, bpf_be64_to_cpu(half[0]), bpf_be64_to_cpu(half[1]));
	} else {
		bpf_skb_load_bytes(skb, 16, &addr, sizeof(addr));
		net_match4(img, s, bpf_ntohl(addr));
	}
}

static __always_inline __u32 route_proto(struct __sk_buff *skb, __u32 route)
{
	__u8 proto = ROUTE_PROTO(route);

	if (!route_is_six(skb))
		bpf_skb_load_bytes(skb, 9, &proto, sizeof(proto));
	return proto;
}

/*
 * Decides on a packet that names its way: 1 when it is refused. No rule admits it, whatever is on
 * the way, and it is refused where there are rules; there it is recorded as what goes to the first
 * station. Global: walked once by the verifier.
 */
__weak __noinline int route_refused(struct __sk_buff *skb, __u64 cookie, __u32 route)
{
	struct scratch *s;
	const void *img;
	__be16 port = 0;
	int ret;

	img = image_current();
	if (img && !image_header(img)->kinds[KIND_NET].ruled)
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img);
	net_start(s, REC_NET, route_is_six(skb) ? AF_INET6 : AF_INET, route_proto(skb, route));
	net_record(s)->cookie = cookie;
	if (ROUTE_AT(route) && !bpf_skb_load_bytes(skb, ROUTE_AT(route) + 2, &port, sizeof(port)))
		net_record(s)->port = bpf_ntohs(port);
	route_match(img, s, skb);
	s->act.flags |= ACTIVITY_UNKNOWN;
	s->m.hit.allow = RULE_NONE;
	ret = net_finish(img, s, TIER_CGROUP);
	scratch_release(s);
	return ret;
}

#endif
