/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_WIRE_BPF_H
#define WARDEN_WIRE_BPF_H

/* Packets on their way out (wire.bpf.c): their headers, and what is known of their socket. */

#include "object.bpf.h"
#include "route.bpf.h"

#define PASS 1
#define DROP 0

#define FIRST_BYTES 6 /* of a stream: enough to know a ClientHello */

/* How far the ClientHello has been read, for the host that it asks for. */
enum wire_ask {
	ASK_NONE,  /* there is none, it does not matter, or was decided on */
	ASK_BEGUN, /* it has begun */
	ASK_READ,  /* it is being read, or still to be decided on */
};

/* How far the requests of a stream without TLS are read (clear.bpf.c). */
enum wire_clear {
	CLEAR_NONE, /* it has not begun */
	CLEAR_READ,
	CLEAR_WAIT, /* the answer to the last one tells what follows */
	CLEAR_LEFT, /* no more: it is something else, or cannot be followed */
};

struct wire_packet {
	struct net_peer local;
	struct net_peer peer;
	__u32 seq;     /* TCP sequence number of the payload, host byte order */
	__u32 payload; /* offset of the TCP payload */
	__u32 len;     /* of it */
	__u32 opens;   /* it begins a connection */
	__u32 syn;     /* or answers that */
	__u32 ack;     /* sequence number of what is expected next; not if it opens */
	__u32 ends;    /* it is the last one that has anything to say */
	__u32 urgent;  /* a byte of it may reach the other side out of order, or not at all */
};

/* Whether records are sealed by objects that know nothing of connections (seal.bpf.h). */
enum wire_seals {
	SEALS_NOT,
	SEALS_UNBOUND, /* perhaps: whose text it is will be seen by the first packet that has some */
	SEALS_BOUND,
};

/* What becomes of a packet of such a connection. */
enum wire_sealed {
	SEALED_PASSES,
	SEALED_DEAD,	  /* what has sealed it was refused, or may have been */
	SEALED_BY_NOBODY, /* that any probe has seen */
};

/* What a packet has in it, once the handshake is over. */
enum wire_news {
	NEWS_RECORD = 1, /* a record begins */
	NEWS_TEXT = 2,	 /* one that has to be explained */
};

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
	__u32 plain;	/* it did not begin with TLS */
	__u32 hello;	/* enum wire_ask */
	__u32 text;	/* enum wire_text_ask */
	__u32 asked;	/* `audited` is known */
	__u32 follow;	/* enum wire_follow_state, see follow.bpf.h */
	__u32 seals;	/* enum wire_seals */
	__u32 news;	/* enum wire_news: of the packet at work, */
	__u32 sealed;	/* and enum wire_sealed; */
	struct object_key sealed_by;
	__u32 first_text; /* bytes of text in the first of these */
	__u64 credit;	/* the key of what explains its records */
	__u32 audited;	/* it would have been refused when it was made: nothing more is said */
	__u32 clear;	/* enum wire_clear */
	__u32 next;	/* TCP sequence number of the next byte of requests to look at */
	__u32 ended;	/* the last packet has left */
	__u32 released; /* the socket is closed */
	__u64 stream;	/* without TLS: its name in records; 0: it has none, or not any more */
	struct wire_packet packet; /* the one at work, for clear.bpf.c */
	volatile __u64 sock; /* the kernel's own; in memory it is a number, see net_sock() */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_state);
} wires SEC(".maps") __weak;

extern __u32 clear_seen;   /* there were ever requests without TLS */
extern __u32 answers_read; /* user space: the program at packets that come is there, or will not be */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_URG 0x20

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

#define ETH_P_IP 0x0800

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
	at = route_headers(skb, h.next);
	if (ROUTE_PROTO(at) != IPPROTO_TCP)
		return 0;
	at = ROUTE_AT(at);
	return bpf_skb_load_bytes(skb, at, tcp, sizeof(*tcp)) ? 0 : at;
}

/* Reads the headers; 0 when this is TCP and they are whole. Of its own, for the stack that it needs. */
static __noinline int wire_parse(struct __sk_buff *skb, struct wire_packet *p)
{
	struct wire_tcp tcp;
	__u32 at = skb->protocol == bpf_htons(ETH_P_IPV6) ? wire_parse6(skb, p, &tcp)
							  : wire_parse4(skb, p, &tcp);

	if (!at)
		return -1;
	p->opens = (tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	p->syn = tcp.flags & TCP_SYN;
	p->ends = tcp.flags & (TCP_FIN | TCP_RST);
	p->urgent = tcp.flags & TCP_URG;
	p->ack = bpf_ntohl(tcp.ack);
	p->seq = bpf_ntohl(tcp.seq) + !!p->syn; /* which takes a number of its own */
	p->local.port = bpf_ntohs(tcp.source);
	p->peer.port = bpf_ntohs(tcp.dest);
	p->payload = at + (tcp.offset >> 4) * 4;
	p->len = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/* Flags of a packet that matters without payload. Who ends matters where requests without TLS were read. */
static __always_inline __u8 wire_flags(void)
{
	return clear_read && clear_seen ? TCP_SYN | TCP_FIN | TCP_RST : TCP_SYN;
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
	       h->protocol == IPPROTO_TCP && !(h->tcp.flags & wire_flags()) &&
	       skb->len <= 20 + (h->tcp.offset >> 4) * 4;
}

static __always_inline int wire_is_bare6(const struct __sk_buff *skb)
{
	const struct wire_head6 *h = (const void *)(long)skb->data;

	if ((const void *)(h + 1) > (const void *)(long)skb->data_end)
		return 0;
	return skb->protocol == bpf_htons(ETH_P_IPV6) && h->next == IPPROTO_TCP &&
	       !(h->tcp.flags & wire_flags()) && skb->len <= 40 + (h->tcp.offset >> 4) * 4;
}

/* Tells user space which connection a stream is of, and whose, if that is not the current process. Global, see
 * wire_decide(). */
__weak __noinline int wire_report(struct object *o, const struct wire_packet *p, const struct rec *who)
{
	struct scratch *s = o && p ? scratch_claim() : 0;
	struct rec_bind *r;

	if (!s)
		return 0;
	r = (struct rec_bind *)s->record;
	record_start(s, REC_BIND, sizeof(*r));
	if (who)
		record_name(s, who);
	r->stream = o->stream;
	r->cookie = o->cookie;
	__builtin_memcpy(r->local, p->local.addr, 16);
	__builtin_memcpy(r->remote, p->peer.addr, 16);
	r->family = p->peer.family;
	r->local_port = p->local.port;
	r->remote_port = p->peer.port;
	r->dead = !!(o->flags & OBJECT_DEAD);
	r->clear = !!(o->flags & OBJECT_PLAIN);
	r->reserved = 0;
	record_send_event(s, r->dead || (r->clear && !answers_read) ? RECORD_URGENT : 0);
	scratch_release(s);
	return 0;
}

/* Nothing more comes on a stream without TLS. */
static __always_inline void wire_end(struct wire_state *w)
{
	__u64 stream = w->stream;

	w->stream = 0;
	if (stream)
		object_report_close(stream);
}

/* Its last packet leaves; what comes back matters until the socket is closed. */
static __always_inline void wire_ends(struct wire_state *w)
{
	w->ended = 1;
	if (w->released)
		wire_end(w);
}

#endif
