/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What leaves: the packets of the workload's sockets.
 *
 *   cgroup_skb/egress   drops what a dead socket sends, whatever call or thread sent it; binds a
 *                       TLS object to the socket of its ClientHello; finds TLS that no object
 *                       explains, or may not (BIO_f_ssl), and HTTP without TLS
 *   cgroup/sock_release a dead socket is closed: what is left of it in its queue is dropped as well
 *
 * Attack: send a refused request's bytes some other way (another thread, sendfile, io_uring, data
 * that was queued before). They all become packets of this socket, and those are dropped. Packets
 * without payload pass, so that the peer learns of the end. What is refused here is remembered with
 * the socket itself, where there is always room.
 */
#include "object.bpf.h"
#include "shape.h"

#define PASS 1
#define DROP 0

#define TLS_HANDSHAKE	 0x16
#define TLS_CLIENT_HELLO 0x01

#define FIRST_BYTES 6 /* of a stream: enough to know a ClientHello */

/* Of a socket: its connection, if it has had several the last one. */
struct wire_state {
	__u32 begun;   /* `base` is known */
	__u32 base;    /* TCP sequence number of the stream's first byte */
	__u32 have;    /* bytes that were looked at */
	__u32 shape;   /* state of shape_next() behind them */
	__u32 settled; /* the first bytes have been looked at */
	__u32 tls;     /* a ClientHello has been seen, and decided */
	__u32 dead;    /* nothing may leave any more, over whatever connection */
	__u8 first[8];
	__u32 users[2]; /* the process that sent it, and the one that this was forked from */
	__u32 exec_id;	/* of the first */
	__u32 opaque;	/* decided as opaque */
	volatile __u64 sock; /* the kernel's own; in memory it is a number, see net_sock() */
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
	__u32 seq;     /* TCP sequence number of the payload, host byte order */
	__u32 payload; /* offset of the TCP payload */
	__u32 len;     /* of it */
	__u32 opens;   /* it begins a connection */
};

#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* Headers as they are sent, up to the flags of TCP. Extension headers are stepped over. */
struct wire_tcp {
	__be16 source, dest;
	__be32 seq, ack;
	__u8 offset; /* upper half: length of this header, in 4 bytes */
	__u8 flags;
	__u8 rest[2];
};

struct wire_head4 {
	__u8 version_len;
	__u8 rest[8];
	__u8 protocol;
	__be16 checksum;
	__be32 source, dest;
	struct wire_tcp tcp; /* where there are no options */
};

struct wire_head6 {
	__be32 version;
	__be16 length;
	__u8 next, hops;
	__u64 source[2], dest[2];
	struct wire_tcp tcp; /* where nothing stands between */
};

_Static_assert(sizeof(struct wire_head4) == 36 && sizeof(struct wire_head6) == 56, "as sent");

#define ETH_P_IP   0x0800
#define ETH_P_IPV6 0x86dd
#define EXTENSIONS 6 /* more than any sender puts before TCP */

static __always_inline int wire_is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 60; /* hop-by-hop, routing, destination options */
}

/*
 * Steps over extension headers. Returns where TCP begins, or 0. Verified by itself, as a number comes
 * of it: else all that follows is gone through for each count of headers.
 */
__weak __noinline int wire_extensions(struct __sk_buff *skb, __u32 next)
{
	__u32 at = sizeof(struct wire_head6) - sizeof(struct wire_tcp);
	__u8 head[2];

	for (__u32 i = 0; i < EXTENSIONS && wire_is_extension(next); i++) {
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return 0;
		next = head[0];
		at += (head[1] + 1) * 8;
	}
	return next == IPPROTO_TCP ? at : 0;
}

/* One load for nearly all packets. Returns where TCP begins, 0 when this is not TCP. */
static __always_inline __u32 wire_parse4(struct __sk_buff *skb, struct wire_packet *p,
					 struct wire_tcp *tcp)
{
	struct wire_head4 h;
	__u32 at;

	if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)) || h.protocol != IPPROTO_TCP)
		return 0;
	p->local.family = p->peer.family = AF_INET;
	*(__be32 *)p->local.addr = h.source;
	*(__be32 *)p->peer.addr = h.dest;
	*tcp = h.tcp;
	at = (h.version_len & 15) * 4;
	if (at != 20 && bpf_skb_load_bytes(skb, at, tcp, sizeof(*tcp)))
		return 0;
	return at;
}

static __always_inline __u32 wire_parse6(struct __sk_buff *skb, struct wire_packet *p,
					 struct wire_tcp *tcp)
{
	struct wire_head6 h;
	__u32 at = 40;

	if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)))
		return 0;
	p->local.family = p->peer.family = AF_INET6;
	__builtin_memcpy(p->local.addr, h.source, 16);
	__builtin_memcpy(p->peer.addr, h.dest, 16);
	*tcp = h.tcp;
	if (h.next == IPPROTO_TCP)
		return at;
	at = wire_extensions(skb, h.next);
	return at && !bpf_skb_load_bytes(skb, at, tcp, sizeof(*tcp)) ? at : 0;
}

/* Reads the headers; 0 when this is TCP and they are whole. */
static __always_inline int wire_parse(struct __sk_buff *skb, struct wire_packet *p)
{
	struct wire_tcp tcp;
	__u32 at = skb->protocol == bpf_htons(ETH_P_IPV6) ? wire_parse6(skb, p, &tcp)
							  : wire_parse4(skb, p, &tcp);

	if (!at)
		return -1;
	p->opens = (tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	p->seq = bpf_ntohl(tcp.seq) + !!(tcp.flags & TCP_SYN); /* which takes a number of its own */
	p->local.port = bpf_ntohs(tcp.source);
	p->peer.port = bpf_ntohs(tcp.dest);
	p->payload = at + (tcp.offset >> 4) * 4;
	p->len = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/*
 * True for TCP without payload that opens nothing, where no options stand between: most packets of a
 * short connection. Read where they are, without a call.
 */
static __always_inline int wire_is_bare4(const struct __sk_buff *skb)
{
	const struct wire_head4 *h = (const void *)(long)skb->data;

	if ((const void *)(h + 1) > (const void *)(long)skb->data_end)
		return 0;
	return skb->protocol == bpf_htons(ETH_P_IP) && h->version_len == 0x45 &&
	       h->protocol == IPPROTO_TCP && !(h->tcp.flags & TCP_SYN) &&
	       skb->len <= 20 + (h->tcp.offset >> 4) * 4;
}

static __always_inline int wire_is_bare6(const struct __sk_buff *skb)
{
	const struct wire_head6 *h = (const void *)(long)skb->data;

	if ((const void *)(h + 1) > (const void *)(long)skb->data_end)
		return 0;
	return skb->protocol == bpf_htons(ETH_P_IPV6) && h->next == IPPROTO_TCP &&
	       !(h->tcp.flags & TCP_SYN) && skb->len <= 40 + (h->tcp.offset >> 4) * 4;
}

/*
 * The object that this thread's ClientHello belongs to, or NULL. A thread that sends owns the socket
 * meanwhile. Nobody does when what was held back leaves in an interrupt, on top of any thread.
 */
static __always_inline struct object *wire_object(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tid = BPF_CORE_READ(task, pid);
	struct object_key *key, now;
	struct object *o;

	if (!BPF_CORE_READ(sk, sk_lock.owned))
		return 0;
	key = bpf_map_lookup_elem(&entered, &tid);
	if (!key)
		return 0;
	object_key(&now, key->address);
	if (key->tgid != now.tgid || key->exec_id != now.exec_id)
		return 0; /* another one has this thread's number now */
	o = bpf_map_lookup_elem(&objects, key);
	return o && !o->cookie ? o : 0;
}

__weak __noinline int wire_bind(struct object *o, __u64 cookie, const struct wire_packet *p)
{
	struct rec_bind *r;
	struct scratch *s;

	if (!o || !p) /* a global function is verified for that, too */
		return 0;
	o->peer = p->peer;
	o->cookie = cookie;
	s = scratch_claim();
	if (!s)
		return 0;
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
	return 0;
}

/*
 * Plaintext of this connection cannot be seen: passes or not, as policy says. What is dropped because
 * nobody can decide just now is asked about again when it is sent again.
 */
__weak __noinline int wire_decide(struct wire_state *w, __u64 cookie, const struct wire_packet *p,
				  __u32 why)
{
	struct scratch *s;
	const void *img;
	int ret = PASS;

	if (!w || !p)
		return DROP;
	s = decision_begin(&img);
	if (!s)
		return DROP;
	if (why == OPAQUE_CLEARTEXT && !image_header(img)->kinds[KIND_HTTP].ruled)
		why = OPAQUE_NONE; /* nobody asked for its text */
	if (why != OPAQUE_NONE) {
		net_start_opaque(img, s, cookie, &p->peer, why);
		names_add(img, s);
		if (net_finish_opaque(img, s, TIER_CUT)) {
			w->dead = 1;
			socket_kill(cookie); /* for socket_sendmsg, which does not come by here */
			ret = DROP;
		}
	}
	scratch_release(s);
	return ret;
}

/* The verifier does not know what a function of its own returns. */
static __always_inline int wire_opaque(struct wire_state *w, __u64 cookie,
				       const struct wire_packet *p, __u32 why)
{
	return wire_decide(w, cookie, p, why) == PASS ? PASS : DROP;
}

static __always_inline int wire_is_hello(const __u8 *b)
{
	return b[0] == TLS_HANDSHAKE && b[1] == 3 && b[5] == TLS_CLIENT_HELLO;
}

/* Whose TLS this is. A child has the BIOs of the process that it was forked from. */
static __always_inline void wire_note_user(struct wire_state *w)
{
	struct task_struct *task = bpf_get_current_task_btf();

	w->users[0] = BPF_CORE_READ(task, tgid);
	w->users[1] = BPF_CORE_READ(task, real_parent, tgid);
	w->exec_id = BPF_CORE_READ(task, self_exec_id);
}

/* Whether the process that shook hands here is one of bio_users. */
static __always_inline int wire_has_bio(const struct wire_state *w)
{
	for (__u32 i = 0; i < 2; i++) {
		__u32 user = w->users[i];
		__u32 *exec_id = bpf_map_lookup_elem(&bio_users, &user);

		if (exec_id && *exec_id == w->exec_id)
			return 1;
	}
	return bio_seen & BIO_ALL;
}

/* A segment behind a ClientHello, or this itself: such a BIO may be made at any time. */
static __always_inline int wire_bio(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	if (!bio_seen || w->opaque || !wire_has_bio(w))
		return PASS;
	w->opaque = 1;
	return wire_opaque(w, cookie, p, OPAQUE_BIO);
}

static __always_inline int wire_tls(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	struct object *o = wire_object((const struct sock *)w->sock);
	int ret = PASS;

	if (!o) {
		w->opaque = 1;
		ret = wire_opaque(w, cookie, p, OPAQUE_TLS);
	} else if (!(o->flags & OBJECT_UNSURE)) {
		wire_bind(o, cookie, p);
	}
	wire_note_user(w);
	w->tls = ret == PASS;
	return ret;
}

/* Pointers and numbers that do not change, see match.h. */
struct wire_walk {
	struct __sk_buff *skb;
	struct wire_state *w;
	__u32 seq;
	__u32 payload;
	__u32 len;
};

/* The next byte of the stream, while it is not known how it begins. */
static long wire_byte(__u32 i, void *data)
{
	struct wire_walk *c = data;
	struct wire_state *w = c->w;
	__u32 at = w->base + w->have - c->seq; /* where in this segment the stream goes on */
	__u8 byte;

	if (at >= c->len || bpf_skb_load_bytes(c->skb, c->payload + at, &byte, 1))
		return 1;
	if (w->have < FIRST_BYTES)
		w->first[w->have & 7] = byte;
	w->shape = shape_next(w->shape, byte);
	w->have++;
	return w->shape == SHAPE_HTTP || (w->shape == SHAPE_OTHER && w->have >= FIRST_BYTES);
}

/* Looks at the next bytes of the stream, however small the pieces. */
static __noinline int wire_look(struct __sk_buff *skb, struct wire_state *w,
				const struct wire_packet *p)
{
	struct wire_walk c = {.skb = skb, .w = w, .seq = p->seq, .payload = p->payload, .len = p->len};

	if (!w->begun) { /* older than the programs, or not opened by us */
		w->begun = 1;
		w->base = p->seq;
	}
	return loop(p->len, wire_byte, &c);
}

/* Whether anybody asks for HTTP. */
static __always_inline int wire_reads_http(void)
{
	const void *img = image_current();

	return !img || image_header(img)->kinds[KIND_HTTP].ruled;
}

/* How a stream begins: TLS, HTTP without it, or something that nobody asks about. */
static __always_inline int wire_first(struct __sk_buff *skb, struct wire_state *w, __u64 cookie,
				      const struct wire_packet *p)
{
	int ret = PASS;

	if (!w->have && !wire_reads_http())
		w->shape = SHAPE_OTHER;
	wire_look(skb, w, p);
	if (w->shape == SHAPE_HTTP || (w->shape != SHAPE_OTHER && w->have >= SHAPE_MAX))
		ret = wire_opaque(w, cookie, p, OPAQUE_CLEARTEXT);
	else if (w->shape != SHAPE_OTHER || w->have < FIRST_BYTES)
		return PASS;
	else if (wire_is_hello(w->first))
		ret = wire_tls(w, cookie, p);
	w->settled = ret == PASS;
	return ret;
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

/* A socket may be used for one connection after another. The same packet sent again changes nothing. */
static __always_inline void wire_begin(struct wire_state *w, const struct wire_packet *p)
{
	if (w->begun && w->base == p->seq)
		return;
	w->begun = 1;
	w->base = p->seq;
	w->have = w->shape = w->settled = w->tls = w->opaque = 0;
}

SEC("cgroup_skb/egress")
int wire_egress(struct __sk_buff *skb)
{
	struct wire_packet p = {};
	struct bpf_sock *sk = skb->sk;
	struct wire_state *w;
	__u64 cookie;
	int whole, verdict;

	if (!sk || wire_is_bare4(skb) || wire_is_bare6(skb))
		return PASS;
	whole = !wire_parse(skb, &p);
	if (whole && !p.len && !p.opens)
		return PASS;
	cookie = !whole || p.len ? bpf_get_socket_cookie(skb) : 0;
	if (socket_is_dead(cookie))
		return DROP;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	/* Most connections of a socket are its first, of which nothing is known yet. */
	w = bpf_sk_storage_get(&wires, sk, 0, p.len ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (w && w->dead)
		return !whole || p.len ? DROP : PASS;
	if (w && p.opens)
		wire_begin(w, &p);
	if (!p.len)
		return PASS;
	if (!w) {
		loss_add(LOSS_STORAGE, 0);
		return DROP;
	}
	if (!w->tls) {
		w->sock = (__u64)sk;
		verdict = w->settled ? wire_later(skb, w, cookie, &p)
				     : wire_first(skb, w, cookie, &p);
		if (!w->tls || verdict == DROP)
			return verdict;
	}
	return wire_bio(w, cookie, &p);
}

/* The kernel may go on to send what is queued: the socket keeps that it is dead, the map may forget. */
SEC("cgroup/sock_release")
int wire_release(struct bpf_sock *sk)
{
	struct wire_state *w;
	__u64 cookie;

	if (!dead_seen)
		return PASS;
	cookie = bpf_get_socket_cookie(sk);
	if (!socket_is_dead(cookie))
		return PASS;
	w = bpf_sk_storage_get(&wires, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!w)
		return PASS;
	w->dead = 1;
	bpf_map_delete_elem(&dead, &cookie);
	return PASS;
}
