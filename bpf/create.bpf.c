/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Sockets that are made, and sockets that come from elsewhere.
 *
 *   lsm/socket_create                     with LSM: every family; EPERM
 *   lsm/socket_post_create, sock_graft    with LSM: those that the workload made or accepted
 *   lsm/file_receive                      with LSM: one that is received (SCM_RIGHTS, pidfd_getfd); EPERM
 *   lsm/tun_dev_attach                    with LSM: a device whose packets a program writes; EPERM
 *   cgroup/sock_create                    without: IPv4 and IPv6; EPERM
 *
 * Attack: reach a destination without ever naming it to the hooks of net.bpf.c: by headers of one's
 * own (raw and packet sockets), by a protocol whose connect() or send() asks nobody (SCTP, SMC; without
 * LSM also ICMP and UDP-Lite), by a connection that opens others by itself, to wherever its far end says
 * (MPTCP), by a family that knows no addresses of ours (vsock), by a socket that somebody else has
 * connected. Raw and packet sockets, and tun and tap devices, are net:raw; other families and protocols
 * have no name, and are refused where there are rules.
 */
#include "create.bpf.h"

SEC("lsm/socket_create")
int BPF_PROG(create_socket, int family, int type, int protocol, int kern)
{
	__u32 refusal;

	if (kern || !scope_current() || create_is_seen(family, type, protocol, 1))
		return 0;
	refusal = create_refuse(family, type, protocol, TIER_LSM);
	if (refusal == VERDICT_KILL)
		bpf_send_signal(SIGKILL);
	return refusal ? -EPERM : 0;
}

SEC("lsm/socket_post_create")
int BPF_PROG(create_ours, struct socket *sock, int family, int type, int protocol, int kern)
{
	struct sock *sk = sock->sk;

	return kern || !sk || !scope_current() ? 0 : foreign_adopt(sk);
}

SEC("lsm/sock_graft")
int BPF_PROG(create_accepted, struct sock *sk, struct socket *parent)
{
	return scope_current() ? foreign_adopt(sk) : 0;
}

SEC("lsm/file_receive")
int BPF_PROG(create_received, struct file *file)
{
	struct socket *sock;
	struct sock *sk;

	if (!scope_current())
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	return sk ? foreign_check(sk) : 0;
}

/* tun and tap: packets that seem to come from elsewhere, for this machine or for it to hand on. */
SEC("lsm/tun_dev_attach")
int BPF_PROG(create_device, struct sock *sk, void *security)
{
	__u32 refusal;

	if (!scope_current())
		return 0;
	refusal = create_refuse(AF_PACKET, SOCK_RAW, 0, TIER_LSM);
	if (refusal == VERDICT_KILL)
		bpf_send_signal(SIGKILL);
	return refusal ? -EPERM : 0;
}

SEC("cgroup/sock_create")
int create_sock(struct bpf_sock *sk)
{
	__u32 refusal;

	if (create_is_seen(sk->family, sk->type, sk->protocol, 0))
		return 1;
	refusal = create_refuse(sk->family, sk->type, sk->protocol, TIER_CGROUP);
	if (refusal == VERDICT_KILL)
		doom(bpf_get_current_task_btf());
	return !refusal;
}
