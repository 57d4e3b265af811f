/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Places to listen at: where others may connect to a workload, or send to.
 *
 *   lsm/socket_bind      a port of UDP or of a stream is asked for; EPERM
 *   lsm/socket_listen    a stream listens, at the port that it has; EPERM
 *
 * Attack: open a door into the workload. Either hook alone leaves one open: a socket listens at a port
 * that the kernel chose, and bind() never heard of; and between the hook on listen() and what the kernel
 * does then, another thread has the socket disconnected and bound to another port.
 *
 * The port of a socket that listens without any is chosen behind the hook. It is port 0 here, which the
 * tables of the image know as one that may be any (policy/lower_net.c).
 */
#include "net.bpf.h"

/* Starts with the place that the socket has, or asks for: an address in network byte order. */
static __noinline int listen_match(const void *img, struct scratch *s, __u64 first, __u64 second)
{
	struct rec_net *r = net_record(s);

	if (r->family == AF_INET)
		net_match4(img, s, bpf_ntohl((__u32)first));
	else if (r->family == AF_INET6)
		net_match6(img, s, bpf_be64_to_cpu(first), bpf_be64_to_cpu(second));
	else
		s->act.flags |= ACTIVITY_UNKNOWN; /* a door of another kind (vsock, SMC) */
	return 0;
}

/* Decides on that place: 0 or -EPERM. What is allowed is recorded if `tell`. */
static __always_inline int listen_decide(const struct sock *sk, __u16 port, const __u64 at[2], int tell)
{
	const void *img;
	struct scratch *s = decision_begin(&img);
	int refusal;

	if (!s)
		return undecided(img) ? -EPERM : 0;
	net_start(s, REC_LISTEN, BPF_CORE_READ(sk, __sk_common.skc_family),
		  BPF_CORE_READ(sk, sk_protocol));
	activity_start(s, KIND_LISTEN);
	net_record(s)->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	net_record(s)->port = port;
	listen_match(img, s, at[0], at[1]);
	refusal = net_decide(img, s, TIER_LSM);
	if (refusal || tell)
		record_send_event(s, refusal);
	if (s->dec.verdict == VERDICT_KILL)
		bpf_send_signal(SIGKILL);
	scratch_release(s);
	return refusal ? -EPERM : 0;
}

/* True for sockets that receive at a port: a number that raw and ping sockets are bound to is none. */
static __always_inline int listen_has_ports(__u16 type, __u16 protocol)
{
	if (type == SOCK_DGRAM)
		return protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
	return type != SOCK_RAW;
}

/*
 * The family is the socket's: the address of one of IPv4 may leave it out. A stream that is bound may
 * listen, or connect from there; if it is allowed to, listen() will tell.
 */
SEC("lsm/socket_bind")
int BPF_PROG(listen_bind, struct socket *sock, struct sockaddr *address, int addrlen)
{
	struct sock *sk = sock->sk;
	__u16 family, type, port = 0;
	__u64 at[2] = {};

	if (!sk || !scope_current())
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	type = BPF_CORE_READ(sk, sk_type);
	if ((family != AF_INET && family != AF_INET6) ||
	    !listen_has_ports(type, BPF_CORE_READ(sk, sk_protocol)))
		return 0;
	bpf_probe_read_kernel(&port, sizeof(port), (const void *)address + 2);
	if (!port)
		return 0;
	if (family == AF_INET)
		bpf_probe_read_kernel(at, 4, (const void *)address + 4);
	else
		bpf_probe_read_kernel(at, sizeof(at), (const void *)address + 8);
	return listen_decide(sk, bpf_ntohs(port), at, type == SOCK_DGRAM);
}

SEC("lsm/socket_listen")
int BPF_PROG(listen_listen, struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	__u64 at[2] = {};
	__u16 family;

	if (!sk || !scope_current())
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_UNIX)
		return 0;
	if (family == AF_INET)
		at[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	else if (family == AF_INET6)
		BPF_CORE_READ_INTO(&at, sk, __sk_common.skc_v6_rcv_saddr);
	return listen_decide(sk, family == AF_INET || family == AF_INET6
				 ? BPF_CORE_READ(sk, __sk_common.skc_num) : 0,
			     at, 1);
}
