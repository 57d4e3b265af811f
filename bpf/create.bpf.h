/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CREATE_BPF_H
#define WARDEN_CREATE_BPF_H

/* Where a socket comes from, and what it is made for: what the hooks on connect never learn. */

#include "net.bpf.h"

/* True when all that the socket may do comes by the hooks of net.bpf.c. */
static __always_inline int create_is_seen(__u32 family, __u32 type, __u32 protocol, int lsm)
{
	if (family == AF_UNIX || family == AF_NETLINK) /* the latter talks to the kernel */
		return 1;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (type == SOCK_STREAM)
		return !protocol || protocol == IPPROTO_TCP;
	if (type != SOCK_DGRAM)
		return 0;
	if (!protocol || protocol == IPPROTO_UDP)
		return 1;
	return lsm && (protocol == IPPROTO_UDPLITE ||
		       protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6));
}

/* Decides on a socket that is not, and records it. Returns the verdict when it is refused, else 0. */
static __always_inline __u32 create_refuse(__u32 family, __u32 type, __u32 protocol, __u32 tier)
{
	struct scratch *s;
	const void *img;
	__u32 ret = 0;

	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? VERDICT_DENY : 0;
	net_start(s, REC_SOCKET, family, protocol);
	net_record(s)->port = type;
	*(__u32 *)net_record(s)->addr = protocol;
	if ((type != SOCK_RAW && family != AF_PACKET) || match_raw(img, &s->m))
		s->act.flags |= ACTIVITY_UNKNOWN;
	if (net_finish(img, s, tier))
		ret = s->dec.verdict;
	scratch_release(s);
	return ret;
}

/* ---- with LSM: sockets from elsewhere ---- */

/*
 * Sockets that the workload made, or accepted, or whose destination has been allowed. Any other one it
 * has inherited, or received: nobody has asked where that leads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} ours SEC(".maps") __weak;

static __always_inline int foreign_adopt(struct sock *sk)
{
	__u32 one = 1;

	if (!bpf_sk_storage_get(&ours, sk, &one, BPF_SK_STORAGE_GET_F_CREATE))
		loss_add(LOSS_STORAGE, 0); /* and asked about again each time */
	return 0;
}

/* As create_refuse(), of the place that it is connected to. */
static __always_inline __u32 foreign_refuse_peer(const struct sock *sk, __u16 family, __u16 port)
{
	struct scratch *s;
	const void *img;
	__u64 half[2];
	__u32 ret = 0;

	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? VERDICT_DENY : 0;
	net_start(s, REC_NET, family, BPF_CORE_READ(sk, sk_protocol));
	net_record(s)->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	net_record(s)->port = port;
	if (family == AF_INET) {
		net_match4(img, s, bpf_ntohl(BPF_CORE_READ(sk, __sk_common.skc_daddr)));
	} else {
		BPF_CORE_READ_INTO(&half, sk, __sk_common.skc_v6_daddr);
		net_match6(img, s, bpf_be64_to_cpu(half[0]), bpf_be64_to_cpu(half[1]));
	}
	names_add(img, s);
	if (net_finish(img, s, TIER_LSM))
		ret = s->dec.verdict;
	scratch_release(s);
	return ret;
}

/* 0, or -EPERM: what a socket of somebody else's is used for, or would be. */
static __noinline int foreign_check(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__u32 type = BPF_CORE_READ(sk, sk_type), protocol = BPF_CORE_READ(sk, sk_protocol), refusal;

	if (family == AF_UNIX || family == AF_NETLINK || bpf_sk_storage_get(&ours, sk, 0, 0))
		return 0;
	if (!create_is_seen(family, type, protocol, 1))
		refusal = create_refuse(family, type, protocol, TIER_LSM);
	else if (port)
		refusal = foreign_refuse_peer(sk, family, port);
	else
		return 0; /* not connected: wherever it goes will be asked */
	if (refusal == VERDICT_KILL)
		bpf_send_signal(SIGKILL);
	return refusal ? -EPERM : foreign_adopt(sk);
}

#endif
