/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What leaves: the packets of the workload's sockets.
 *
 *   cgroup_skb/egress   drops what a dead socket sends, whatever call or thread sent it; binds a
 *                       TLS object to the socket of its ClientHello; finds TLS that no object
 *                       explains, and HTTP without TLS
 *
 * Attack: send a refused request's bytes some other way (another thread, sendfile, io_uring, data
 * that was queued before). They all become packets of this socket, and those are dropped. Packets
 * without payload pass, so that the peer learns of the end.
 */
#include "object.bpf.h"

#define PASS 1
#define DROP 0

#define TLS_HANDSHAKE	 0x16
#define TLS_CLIENT_HELLO 0x01

#define FIRST_BYTES 6 /* of a stream: enough to know a ClientHello, or a request */

struct wire_state {
	__u32 base;    /* TCP sequence number of the stream's first byte */
	__u32 have;    /* of `first` */
	__u32 settled; /* the first bytes have been looked at */
	__u32 tls;     /* a ClientHello has been seen, and decided */
	__u8 first[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_state);
} wires SEC(".maps");

struct wire_packet {
	struct net_peer local;
	struct net_peer peer;
	__u32 seq;     /* TCP sequence number, host byte order */
	__u32 payload; /* offset of the TCP payload */
	__u32 len;     /* of it */
};

/* Reads the headers; 0 when this is TCP and they are whole. */
static __always_inline int wire_parse(struct __sk_buff *skb, struct wire_packet *p)
{
	__u8 first = 0, protocol = 0, doff = 0;
	__u16 ports[2];
	__u32 tcp, seq = 0;

	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return -1;
	if (first >> 4 == 4) {
		tcp = (first & 15) * 4;
		bpf_skb_load_bytes(skb, 9, &protocol, 1);
		bpf_skb_load_bytes(skb, 12, p->local.addr, 4);
		bpf_skb_load_bytes(skb, 16, p->peer.addr, 4);
		p->peer.family = AF_INET;
	} else {
		tcp = 40;
		bpf_skb_load_bytes(skb, 6, &protocol, 1);
		bpf_skb_load_bytes(skb, 8, p->local.addr, 16);
		bpf_skb_load_bytes(skb, 24, p->peer.addr, 16);
		p->peer.family = AF_INET6;
	}
	if (protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, tcp, ports, sizeof(ports)) ||
	    bpf_skb_load_bytes(skb, tcp + 4, &seq, sizeof(seq)) ||
	    bpf_skb_load_bytes(skb, tcp + 12, &doff, 1))
		return -1;
	p->seq = bpf_ntohl(seq);
	p->local.port = bpf_ntohs(ports[0]);
	p->peer.port = bpf_ntohs(ports[1]);
	p->payload = tcp + (doff >> 4) * 4;
	p->len = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/* The object that this thread's ClientHello belongs to, or NULL. */
static __always_inline struct object *wire_object(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tid = BPF_CORE_READ(task, pid);
	struct object_key *key = bpf_map_lookup_elem(&entered, &tid);
	struct object *o = key ? bpf_map_lookup_elem(&objects, key) : 0;

	return o && !o->cookie ? o : 0;
}

static __always_inline void wire_bind(struct object *o, __u64 cookie, const struct wire_packet *p)
{
	struct scratch *s = scratch_claim();
	struct rec_bind *r;

	o->peer = p->peer;
	o->cookie = cookie;
	if (!s)
		return;
	r = (struct rec_bind *)s->record;
	record_start(s, REC_BIND, sizeof(*r));
	r->stream = o->stream;
	r->cookie = cookie;
	__builtin_memcpy(r->local, p->local.addr, 16);
	__builtin_memcpy(r->remote, p->peer.addr, 16);
	r->family = p->peer.family;
	r->local_port = p->local.port;
	r->remote_port = p->peer.port;
	r->reserved = 0;
	record_send_event(s, 0);
	scratch_release(s);
}

/* Plaintext of this connection cannot be seen: passes or not, as policy says. */
static __always_inline int wire_opaque(__u64 cookie, const struct wire_packet *p, __u32 why)
{
	const void *img;
	struct scratch *s = decision_begin(&img);
	int ret = PASS;

	if (!s)
		return DROP;
	if (why == OPAQUE_CLEARTEXT && !image_header(img)->kinds[KIND_HTTP].ruled)
		why = OPAQUE_NONE; /* nobody asked for its text */
	if (why != OPAQUE_NONE && net_opaque(img, s, cookie, &p->peer, why, TIER_CUT)) {
		socket_kill(cookie);
		ret = DROP;
	}
	scratch_release(s);
	return ret;
}

/* First letters of HTTP methods, and of the HTTP/2 preface. */
static __always_inline int wire_is_http(const __u8 *b)
{
	__u32 word = (__u32)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];

	return word == 0x47455420 /* GET  */ || word == 0x504f5354 /* POST */ ||
	       word == 0x50555420 /* PUT  */ || word == 0x48454144 /* HEAD */ ||
	       word == 0x44454c45 /* DELE */ || word == 0x50415443 /* PATC */ ||
	       word == 0x4f505449 /* OPTI */ || word == 0x434f4e4e /* CONN */ ||
	       word == 0x54524143 /* TRAC */ || word == 0x50524920 /* PRI  */;
}

static __always_inline int wire_is_hello(const __u8 *b)
{
	return b[0] == TLS_HANDSHAKE && b[1] == 3 && b[5] == TLS_CLIENT_HELLO;
}

static __always_inline int wire_tls(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	struct object *o = wire_object();

	w->tls = 1;
	if (!o)
		return wire_opaque(cookie, p, OPAQUE_TLS);
	wire_bind(o, cookie, p);
	return PASS;
}

/* Adds the next bytes of the stream to its first ones, however small the pieces. */
static __always_inline void wire_collect(struct __sk_buff *skb, struct wire_state *w,
					 const struct wire_packet *p)
{
	__u32 from;

	if (!w->have)
		w->base = p->seq;
	from = w->base + w->have - p->seq; /* where in this segment the stream goes on */
	if (from >= p->len)
		return;
	for (__u32 i = 0; i < FIRST_BYTES; i++) {
		if (w->have >= FIRST_BYTES || from + i >= p->len)
			return;
		bpf_skb_load_bytes(skb, p->payload + from + i, &w->first[w->have & 7], 1);
		w->have++;
	}
}

/* How a stream begins: TLS, HTTP without it, or something that nobody asks about. */
static __always_inline int wire_first(struct __sk_buff *skb, struct wire_state *w, __u64 cookie,
				      const struct wire_packet *p)
{
	wire_collect(skb, w, p);
	if (w->have >= 4 && wire_is_http(w->first)) {
		w->settled = 1;
		return wire_opaque(cookie, p, OPAQUE_CLEARTEXT);
	}
	if (w->have < FIRST_BYTES)
		return PASS;
	w->settled = 1;
	return wire_is_hello(w->first) ? wire_tls(w, cookie, p) : PASS;
}

/* Later on a ClientHello may begin any segment: after a CONNECT, or a STARTTLS. */
static __always_inline int wire_later(struct __sk_buff *skb, struct wire_state *w, __u64 cookie,
				      const struct wire_packet *p)
{
	__u8 b[FIRST_BYTES] = {};

	if (bpf_skb_load_bytes(skb, p->payload, b, sizeof(b)) || !wire_is_hello(b))
		return PASS;
	return wire_tls(w, cookie, p);
}

SEC("cgroup_skb/egress")
int wire_egress(struct __sk_buff *skb)
{
	struct wire_packet p = {};
	struct bpf_sock *sk = skb->sk;
	struct wire_state *w;
	__u64 cookie;
	int whole;

	if (!sk)
		return PASS;
	cookie = bpf_get_socket_cookie(skb);
	whole = !wire_parse(skb, &p);
	if (whole && !p.len)
		return PASS;
	if (socket_is_dead(cookie))
		return DROP;
	if (!whole)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	w = bpf_sk_storage_get(&wires, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!w) {
		loss_add(LOSS_STORAGE, 0);
		return DROP;
	}
	if (w->tls)
		return PASS;
	return w->settled ? wire_later(skb, w, cookie, &p) : wire_first(skb, w, cookie, &p);
}
