/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Destinations: where a workload may connect and send.
 *
 *   lsm/socket_connect, lsm/socket_sendmsg    with LSM: every family; EPERM
 *   cgroup/connect4,6, cgroup/sendmsg4,6      without: IPv4 and IPv6, TCP and UDP; EPERM
 *   cgroup/connect_unix, cgroup/sendmsg_unix  without, on kernels that have them; EPERM
 *
 * Attack: reach a destination by another way of asking for it (a datagram with an address, fast
 * open, IPv4 inside IPv6, the address of all zeros). Every hook hands the same destination to the
 * same decision; a family that no rule can describe is unknown, and refused where there are rules.
 */
#include "broker.bpf.h"
#include "create.bpf.h"
#include "socket.bpf.h"

/* The last destination that was allowed for a socket, and by which generation of the policy. */
struct net_last {
	__u64 generation;
	__u64 addr[2];
	__u32 port_family;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct net_last);
} lasts SEC(".maps");

/* True when datagrams to the same place were decided before: nothing new to say about them. */
static __always_inline int net_again(const struct net_last *last, const struct net_last *now)
{
	__u64 differ;

	if (!last || !now->generation)
		return 0;
	/* One comparison, because each branch here doubles what the verifier walks behind it. */
	differ = (last->generation ^ now->generation) | (last->addr[0] ^ now->addr[0]) |
		 (last->addr[1] ^ now->addr[1]) | (last->port_family ^ now->port_family);
	return !differ;
}

/*
 * The path of a unix socket, of at most `max` bytes, ending at the first NUL; an abstract name
 * begins with one, is all `max` bytes long, and is written with @ for it.
 */
static __always_inline void net_match_unix(const void *img, struct scratch *s, const void *path,
					   __u32 max)
{
	long n = bpf_probe_read_kernel_str(s->name, SOCKADDR_UN_PATH + 1, path);
	__u32 len = n > 0 ? n - 1 : 0;

	if (max > SOCKADDR_UN_PATH)
		max = SOCKADDR_UN_PATH;
	if (!len && max > 1) {
		bpf_probe_read_kernel(s->name, SOCKADDR_UN_PATH, path);
		s->name[0] = '@';
		len = max;
	}
	if (len > max)
		len = max;
	if (!len) {
		s->act.flags |= ACTIVITY_UNKNOWN;
		return;
	}
	if (match_is_devious(img, s->name, len, &s->m))
		s->act.flags |= ACTIVITY_UNKNOWN;
	else
		text_match(s, TEXT_UNIX, len);
	net_record(s)->path_len = record_append(s, s->name, len);
	broker_match(img, s, len);
}

/* ---- the address of all zeros ---- */

/*
 * Connecting there reaches the machine itself: at the address that the socket has, or else at the
 * loopback (ip_route_output_key()). `sk` is a plain address in all of these.
 */
#define LOOPBACK4 0x7f000001

static __always_inline __u32 net_self4(const struct sock *sk)
{
	__u32 own = bpf_ntohl(BPF_CORE_READ((const struct inet_sock *)sk, inet_saddr));

	return own ? own : LOOPBACK4;
}

/* Of IPv6 it is the loopback: of IPv4, if the socket has an address of IPv4 (tcp_v6_connect()). */
static __always_inline __u64 net_self6(const struct sock *sk)
{
	__u64 own[2];

	BPF_CORE_READ_INTO(&own, sk, __sk_common.skc_v6_rcv_saddr);
	if (!own[0] && (__u32)own[1] == bpf_htonl(0xffff))
		return 0xffffULL << 32 | LOOPBACK4;
	return 1;
}

static __noinline int net_dest4(const void *img, struct scratch *s, const struct sock *sk, __u32 addr)
{
	net_match4(img, s, addr ? addr : net_self4(sk));
	return 0;
}

static __noinline int net_dest6(const void *img, struct scratch *s, const struct sock *sk, __u64 high,
				__u64 low)
{
	if (!high && !low)
		low = net_self6(sk);
	if (!high && low == 0xffffULL << 32)
		low |= net_self4(sk);
	net_match6(img, s, high, low);
	return 0;
}

/* ---- socket addresses ---- */

/* One in kernel memory -> what it hits. */
static __always_inline void net_match_sockaddr(const void *img, struct scratch *s,
					       const struct sock *sk, const void *addr, int len)
{
	struct rec_net *r = net_record(s);
	__u64 half[2] = {};
	__u32 v4 = 0;
	__u16 port = 0;

	if (r->family == AF_INET) {
		bpf_probe_read_kernel(&port, sizeof(port), addr + 2);
		bpf_probe_read_kernel(&v4, sizeof(v4), addr + 4);
		r->port = bpf_ntohs(port);
		net_dest4(img, s, sk, bpf_ntohl(v4));
	} else if (r->family == AF_INET6) {
		bpf_probe_read_kernel(&port, sizeof(port), addr + 2);
		bpf_probe_read_kernel(half, sizeof(half), addr + 8);
		r->port = bpf_ntohs(port);
		net_dest6(img, s, sk, bpf_be64_to_cpu(half[0]), bpf_be64_to_cpu(half[1]));
	} else if (r->family == AF_UNIX) {
		net_match_unix(img, s, addr + 2, len > 2 ? len - 2 : 0);
	} else {
		s->act.flags |= ACTIVITY_UNKNOWN;
	}
}

/* ---- the lsm tier ---- */

/* True for the address of all zeros, also as an IPv4-mapped one, in network byte order. */
static __always_inline int net_is_self(__u64 first, __u64 second)
{
	return !first && (!second || second == bpf_htonl(0xffff));
}

/*
 * Control data of a message may name the address to send from (IP_PKTINFO), which then is the
 * destination, too. It is not read here.
 */
static __noinline int net_names_source(const struct msghdr *msg, const void *addr, __u32 family)
{
	__u64 half[2] = {};

	if (!msg || !BPF_CORE_READ(msg, msg_controllen))
		return 0;
	if (family == AF_INET)
		bpf_probe_read_kernel(half, 4, addr + 4);
	else if (family == AF_INET6)
		bpf_probe_read_kernel(half, sizeof(half), addr + 8);
	else
		return 0;
	return net_is_self(half[0], half[1]);
}

/*
 * The family of a message's address that names none. UDP and raw sockets of IPv4 take it for IPv4,
 * raw ones of IPv6 for IPv6. Elsewhere it is no address: UDP of IPv6 sends to where it is connected,
 * a stream is dissolved.
 */
static __always_inline __u16 net_unspec(const struct sock *sk)
{
	__u16 own = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	if (BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		return AF_UNSPEC;
	if (own == AF_INET6 && (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE))
		return AF_UNSPEC;
	return own;
}

/* Decides on a socket address in kernel memory, of a message if there is one: 0 or -EPERM. */
static __always_inline int net_lsm(struct socket *sock, const struct msghdr *msg, const void *addr,
				   int len)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	const void *img;
	struct scratch *s;
	__u16 family = 0;
	int ret = 0;

	bpf_probe_read_kernel(&family, sizeof(family), addr);
	if (family == AF_UNSPEC && msg)
		family = net_unspec(sk);
	/* Dissolves a connection; talks to the kernel, as every look-up of a name does. */
	if (family == AF_UNSPEC || family == AF_NETLINK)
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	net_start(s, REC_NET, family, BPF_CORE_READ(sk, sk_protocol));
	net_record(s)->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	connector_keep(s, (__u64)sk);
	net_match_sockaddr(img, s, sk, addr, len);
	names_add(img, s);
	if (net_names_source(msg, addr, family)) {
		s->act.flags |= ACTIVITY_UNKNOWN;
		s->m.hit.allow = RULE_NONE;
	}
	if (net_finish(img, s, TIER_LSM)) {
		if (s->dec.verdict == VERDICT_KILL)
			bpf_send_signal(SIGKILL);
		ret = -EPERM;
	}
	scratch_release(s);
	return ret;
}

SEC("lsm/socket_connect")
int BPF_PROG(net_connect, struct socket *sock, struct sockaddr *address, int addrlen)
{
	return scope_current() ? net_lsm(sock, 0, address, addrlen) : 0;
}

/* What a socket address says, in the form that net_again() compares. */
static __always_inline void net_last_read(struct net_last *now, const void *addr)
{
	const void *img = image_current();
	__u16 part[2] = {};

	bpf_probe_read_kernel(part, sizeof(part), addr); /* family, port */
	now->generation = img ? image_header(img)->generation : 0;
	now->port_family = (__u32)part[1] << 16 | part[0];
	now->reserved = 0;
	now->addr[0] = now->addr[1] = 0;
	if (part[0] == AF_INET)
		bpf_probe_read_kernel(&now->addr[0], 4, addr + 4);
	else if (part[0] == AF_INET6)
		bpf_probe_read_kernel(now->addr, sizeof(now->addr), addr + 8);
	else
		now->generation = 0; /* paths are decided each time */
	if (net_is_self(now->addr[0], now->addr[1]))
		now->generation = 0; /* and what depends on the socket */
}

/* True when this socket was last allowed to send to that address. Of its own, see net_again(). */
static __noinline int net_sent_before(struct sock *sk, const void *addr)
{
	struct net_last now;

	net_last_read(&now, addr);
	return net_again(bpf_sk_storage_get(&lasts, sk, 0, 0), &now);
}

static __noinline int net_remember(struct sock *sk, const void *addr)
{
	struct net_last now, *last = bpf_sk_storage_get(&lasts, sk, 0, 0);

	net_last_read(&now, addr);
	if (last)
		*last = now;
	else if (now.generation)
		bpf_sk_storage_get(&lasts, sk, &now, BPF_SK_STORAGE_GET_F_CREATE);
	return 0;
}

/*
 * What carries an address of its own (datagrams, and streams that open with data) is decided by that;
 * all else goes where the socket is connected.
 */
SEC("lsm/socket_sendmsg")
int BPF_PROG(net_sendmsg, struct socket *sock, struct msghdr *msg, int size)
{
	struct sock *sk = sock->sk;
	const void *addr;
	int len;

	if (!sk || !scope_current())
		return 0;
	if (socket_is_dead(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter)))
		return -EACCES;
	addr = BPF_CORE_READ(msg, msg_name);
	len = BPF_CORE_READ(msg, msg_namelen);
	if (!addr || len < 2)
		return foreign_check(sk);
	if (BPF_CORE_READ(sock, type) == SOCK_STREAM &&
	    !(BPF_CORE_READ(msg, msg_flags) & MSG_FASTOPEN))
		return foreign_check(sk);
	if (net_sent_before(sk, addr))
		return 0;
	if (net_lsm(sock, msg, addr, len))
		return -EPERM;
	return net_remember(sk, addr);
}

/* ---- the cgroup tier: attached to the workload's cgroup, so the scope is given ---- */

#define CGROUP_ALLOW 1
#define CGROUP_DENY  0

/* Decides. Programs on a cgroup cannot send signals: who is to be killed is doomed. */
static __always_inline int net_cgroup_finish(const void *img, struct scratch *s)
{
	int ret = net_finish(img, s, TIER_CGROUP) ? CGROUP_DENY : CGROUP_ALLOW;

	if (s->dec.verdict == VERDICT_KILL)
		doom(bpf_get_current_task_btf());
	scratch_release(s);
	return ret;
}

/*
 * The kernel's own socket. No program may follow the pointer that it is given, nor reckon with it;
 * what was in memory is a number, which bpf_probe_read_kernel() takes.
 */
static __always_inline const struct sock *net_sock(struct bpf_sock_addr *ctx, struct scratch *s)
{
	volatile __u64 *at = &s->cursor;

	*at = (__u64)ctx->sk;
	return (const struct sock *)*at;
}

/* `from` is the address that a message is sent from, 0 if there is none; of IPv4. */
static __always_inline int net_cgroup(struct bpf_sock_addr *ctx, int six, __u32 from)
{
	const void *img;
	struct scratch *s;

	if (doom_awaits()) /* it was killed, but lives on for a moment */
		return CGROUP_DENY;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? CGROUP_DENY : CGROUP_ALLOW;
	net_start(s, REC_NET, six ? AF_INET6 : AF_INET, ctx->protocol);
	net_record(s)->cookie = bpf_get_socket_cookie(ctx);
	net_record(s)->port = bpf_ntohs(ctx->user_port);
	connector_keep(s, (__u64)net_sock(ctx, s));
	if (six)
		net_dest6(img, s, net_sock(ctx, s),
			  (__u64)bpf_ntohl(ctx->user_ip6[0]) << 32 | bpf_ntohl(ctx->user_ip6[1]),
			  (__u64)bpf_ntohl(ctx->user_ip6[2]) << 32 | bpf_ntohl(ctx->user_ip6[3]));
	else
		net_dest4(img, s, net_sock(ctx, s), bpf_ntohl(ctx->user_ip4 ? ctx->user_ip4 : from));
	names_add(img, s);
	return net_cgroup_finish(img, s);
}

static __always_inline int net_cgroup_sendmsg(struct bpf_sock_addr *ctx, int six, __u32 from)
{
	const void *img = image_current();
	struct net_last now = {}, *last;
	struct bpf_sock *sk = ctx->sk;

	now.generation = img ? image_header(img)->generation : 0;
	now.port_family = ctx->user_port << 16 | (six ? AF_INET6 : AF_INET);
	if (six) {
		now.addr[0] = (__u64)ctx->user_ip6[0] << 32 | ctx->user_ip6[1];
		now.addr[1] = (__u64)ctx->user_ip6[2] << 32 | ctx->user_ip6[3];
	} else {
		now.addr[0] = ctx->user_ip4;
	}
	if (!(now.addr[0] | now.addr[1]))
		now.generation = 0; /* depends on the socket: decided each time */
	if (sk && net_again(bpf_sk_storage_get(&lasts, sk, 0, 0), &now))
		return CGROUP_ALLOW;
	if (net_cgroup(ctx, six, from) == CGROUP_DENY)
		return CGROUP_DENY;
	/* Looked up once more: the verifier would walk the decision for each of what it may be. */
	last = sk ? bpf_sk_storage_get(&lasts, sk, &now, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	if (last)
		*last = now;
	return CGROUP_ALLOW;
}

SEC("cgroup/connect4")
int net_connect4(struct bpf_sock_addr *ctx)
{
	return net_cgroup(ctx, 0, 0);
}

SEC("cgroup/connect6")
int net_connect6(struct bpf_sock_addr *ctx)
{
	return net_cgroup(ctx, 1, 0);
}

SEC("cgroup/sendmsg4")
int net_sendmsg4(struct bpf_sock_addr *ctx)
{
	return net_cgroup_sendmsg(ctx, 0, ctx->msg_src_ip4);
}

SEC("cgroup/sendmsg6")
int net_sendmsg6(struct bpf_sock_addr *ctx)
{
	return net_cgroup_sendmsg(ctx, 1, 0);
}

/* Unix sockets: the address is in the kernel's own context. Kernels since 6.7 have these hooks. */
extern void *bpf_cast_to_kern_ctx(void *) __ksym __weak;

static __always_inline int net_cgroup_unix(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kern = bpf_cast_to_kern_ctx(ctx);
	const void *img;
	struct scratch *s;

	if (doom_awaits()) /* it was killed, but lives on for a moment */
		return CGROUP_DENY;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? CGROUP_DENY : CGROUP_ALLOW;
	net_start(s, REC_NET, AF_UNIX, 0);
	net_record(s)->cookie = bpf_get_socket_cookie(ctx);
	net_match_sockaddr(img, s, 0, BPF_CORE_READ(kern, uaddr), BPF_CORE_READ(kern, uaddrlen));
	return net_cgroup_finish(img, s);
}

SEC("?cgroup/connect_unix")
int net_connect_unix(struct bpf_sock_addr *ctx)
{
	return net_cgroup_unix(ctx);
}

SEC("?cgroup/sendmsg_unix")
int net_sendmsg_unix(struct bpf_sock_addr *ctx)
{
	return net_cgroup_unix(ctx);
}
