/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ASKED_BPF_H
#define WARDEN_ASKED_BPF_H

/*
 * The host that a connection asks for (claim.bpf.h), read from its packets: in a ClientHello, and in the
 * heads of requests that are sent without TLS. Used by wire.bpf.c alone.
 */
#include "hello.h"
#include "shape.h"
#include "wire.bpf.h"

/*
 * Finds out whether the connection would have been refused when it was made, but for mode audit. Global, see
 * wire_decide(). What cannot be decided is asked about again when it is sent again.
 */
__weak __noinline int wire_is_audited(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	struct scratch *s;
	const void *img;

	if (!w || !p)
		return DROP;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? DROP : PASS;
	w->audited = claim_is_audited(img, s, &p->peer, cookie);
	w->asked = 1;
	scratch_release(s);
	return PASS;
}

/* Decides by the name of s->count bytes in s->name, 0: there is none. Global, too. */
__weak __noinline int wire_claim(struct scratch *s, struct wire_state *w, const struct wire_packet *p,
				 __u64 cookie, __u32 why)
{
	__u32 flags;
	const void *img;

	if (!s || !w || !p)
		return DROP;
	img = image_again(s);
	if (!img)
		return DROP;
	flags = (w->opaque ? CLAIM_OPAQUE : 0) | (w->plain ? CLAIM_BEHIND : 0);
	if (!claim_refuse(img, s, &p->peer, cookie, why, flags))
		return PASS;
	w->dead = 1;
	socket_kill(cookie); /* for socket_sendmsg, which does not come by here */
	return DROP;
}

/* Bytes before this packet have not been looked at, whatever the reason: it cannot be told what they were. */
static __always_inline int wire_is_gap(__u32 next, const struct wire_packet *p)
{
	return (__s32)(p->seq - next) > 0;
}

/* ---- a ClientHello ---- */

/* Of a socket whose ClientHello is being read. */
struct wire_hello {
	__u32 next; /* TCP sequence number of the next byte to look at */
	struct hello hello;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_hello);
} hellos SEC(".maps");

/* Pointers and numbers that do not change, see match.h. */
struct wire_hello_walk {
	struct __sk_buff *skb;
	struct wire_hello *h;
	__u32 end;  /* sequence number behind the segment */
	__u32 size; /* of the packet, with which the segment ends */
};

/* The next byte that matters, and those in front of it. */
static long wire_hello_byte(__u32 i, void *data)
{
	struct wire_hello_walk *c = data;
	struct wire_hello *h = c->h;
	__u32 left = c->end - h->next;
	__u8 byte;

	if ((__s32)left <= 0 || hello_ended(&h->hello))
		return 1;
	h->next += hello_skip(&h->hello, left);
	left = c->end - h->next;
	if (!left || hello_ended(&h->hello) || bpf_skb_load_bytes(c->skb, c->size - left, &byte, 1))
		return 1;
	h->next++;
	return hello_next(&h->hello, byte);
}

struct wire_hello_first {
	struct wire_hello *h;
	struct wire_state *w;
};

static long wire_hello_known(__u32 i, void *data)
{
	struct wire_hello_first *c = data;

	return hello_next(&c->h->hello, c->w->first[i & 7]);
}

/* It begins with this packet, or with the stream, whose first bytes may have come in packets of their own. */
static __noinline int wire_hello_begin(struct wire_hello *h, struct wire_state *w, __u32 seq)
{
	struct wire_hello_first c = {.h = h, .w = w};

	__builtin_memset(h, 0, sizeof(*h));
	h->next = w->plain ? seq : w->base + FIRST_BYTES;
	if (!w->plain)
		loop(FIRST_BYTES, wire_hello_known, &c);
	return 0;
}

/* Reads on in the ClientHello. Of its own, see tls.bpf.c. */
static __noinline int wire_hello_read(struct __sk_buff *skb, struct wire_hello *h, const struct wire_packet *p)
{
	struct wire_hello_walk c = {.skb = skb, .h = h, .end = p->seq + p->len, .size = skb->len};

	return loop(p->len, wire_hello_byte, &c);
}

/* Once the ClientHello is whole it is decided whether its host may be asked for. */
static __always_inline int wire_asks(struct __sk_buff *skb, struct bpf_sock *sk, struct wire_state *w,
				     __u64 cookie, const struct wire_packet *p)
{
	struct wire_hello *h = bpf_sk_storage_get(&hellos, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct scratch *s;
	const void *img;
	int ret;

	if (!h) {
		loss_add(LOSS_STORAGE, 0);
		return undecided(image_current()) ? DROP : PASS;
	}
	if (w->hello == ASK_BEGUN) {
		wire_hello_begin(h, w, p->seq);
		w->hello = ASK_READ;
	}
	if (wire_is_gap(h->next, p))
		h->hello.state = HELLO_BROKEN;
	wire_hello_read(skb, h, p);
	if (!hello_ended(&h->hello))
		return PASS;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? DROP : PASS;
	s->count = h->hello.state == HELLO_DONE ? h->hello.name.len & (DNS_TEXT - 1) : 0;
	bpf_probe_read_kernel(s->name, DNS_TEXT, h->hello.name.text);
	ret = wire_claim(s, w, p, cookie, CLAIM_HELLO) == PASS ? PASS : DROP;
	if (ret == PASS)
		w->hello = ASK_NONE;
	scratch_release(s);
	return ret;
}

/* ---- requests without TLS ---- */

enum wire_text_ask {
	TEXT_UNREAD,
	TEXT_READ, /* its requests are read */
	TEXT_LEFT, /* no more: it is something else, or may ask for any host */
};

/* Of a socket whose stream begins like a request, or might. */
struct wire_text {
	__u32 next; /* TCP sequence number of the next byte to look at */
	__u32 free; /* a request has asked for something else to come: a tunnel, another protocol */
	struct http1 http;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_text);
} texts SEC(".maps");

/* Pointers and numbers that do not change, see match.h. */
struct wire_text_walk {
	const void *img;
	struct scratch *s;
	struct wire_text *t;
	struct __sk_buff *skb;
	const struct wire_packet *p;
	__u64 cookie;
	__u32 end;  /* sequence number behind the segment */
	__u32 size; /* of the packet, with which the segment ends */
};

/* Claims no name, if its length is 0: what cannot be followed any more. If policy has rules for it, it is opaque. */
static __always_inline int wire_text_claim(struct wire_text_walk *c, __u32 len)
{
	struct scratch *s = c->s;
	int opaque = !len && image_header(c->img)->kinds[KIND_HTTP].ruled;

	s->count = len & (DNS_TEXT - 1);
	bpf_probe_read_kernel(s->name, DNS_TEXT, c->t->http.host);
	return claim_refuse(c->img, s, &c->p->peer, c->cookie, CLAIM_PACKET, opaque ? CLAIM_OPAQUE : 0);
}

static long wire_text_step(__u32 i, void *data)
{
	struct wire_text_walk *c = data;
	struct http1 *h = &c->t->http;

	if (http_next(c->s, h))
		return 1;
	if (c->s->step.kind == HTTP1_HEAD_DONE && h->verb != HTTP1_CONNECT && h->host_len)
		return wire_text_claim(c, h->host_len);
	if (c->s->step.kind == HTTP1_MESSAGE_DONE && h->state == HTTP1_S_WAIT) {
		c->t->free = 1; /* whatever the answer is */
		http1_init(h, HTTP1_REQUESTS);
	}
	return h->state >= HTTP1_S_TUNNEL;
}

static long wire_text_chunk(__u32 i, void *data)
{
	struct wire_text_walk *c = data;
	struct wire_text *t = c->t;
	struct scratch *s = c->s;
	__u32 left = c->end - t->next;
	__u64 n = left < CHUNK_SIZE ? left : CHUNK_SIZE;

	if ((__s32)left <= 0)
		return 1;
	n--; /* 6.1 follows that n is not 0 in no other form */
	opaque_value(n);
	n = (n & (CHUNK_SIZE - 1)) + 1;
	if (bpf_skb_load_bytes(c->skb, c->size - left, s->chunk, n))
		return 1;
	t->next += n;
	s->step.pos = s->step.len = 0;
	s->step.size = n;
	loop(HTTP1_STEPS(CHUNK_SIZE), wire_text_step, c);
	return refused(&s->dec) || t->http.state >= HTTP1_S_TUNNEL;
}

/* Reads on. What cannot be followed any more asks for no host that we know; behind a tunnel it may. */
static __always_inline int wire_text_read(struct wire_text_walk *c, struct wire_state *w)
{
	struct wire_text *t = c->t;

	loop(1 + 65536 / CHUNK_SIZE, wire_text_chunk, c);
	if (refused(&c->s->dec))
		return DROP;
	if (t->http.state < HTTP1_S_TUNNEL || shape_of(w->shape) != SHAPE_HTTP)
		return PASS;
	w->text = TEXT_LEFT;
	if (t->free && t->http.flags & HTTP1_NOT_HTTP)
		return PASS;
	return wire_text_claim(c, 0) ? DROP : PASS;
}

/* Decides on the hosts that requests in this packet ask for. Returns PASS or DROP. */
static __noinline int wire_text(struct __sk_buff *skb, struct bpf_sock *sk, struct wire_state *w,
				     __u64 cookie, const struct wire_packet *p)
{
	struct wire_text_walk c = {.skb = skb, .p = p, .cookie = cookie, .end = p->seq + p->len,
				   .size = skb->len};
	int ret;

	c.t = bpf_sk_storage_get(&texts, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c.t)
		loss_add(LOSS_STORAGE, 0);
	c.s = c.t ? decision_begin(&c.img) : 0;
	if (!c.s)
		return undecided(image_current()) ? DROP : PASS;
	if (w->text == TEXT_UNREAD) {
		w->text = TEXT_READ;
		c.t->next = w->base;
		c.t->free = 0;
		http1_init(&c.t->http, HTTP1_REQUESTS);
	}
	if (wire_is_gap(c.t->next, p) || p->urgent)
		http1_gap(&c.t->http);
	c.s->dec.verdict = VERDICT_ALLOW;
	ret = match_has_hosts(c.img) ? wire_text_read(&c, w) : PASS;
	if (ret == DROP) {
		w->dead = 1;
		socket_kill(cookie);
	}
	scratch_release(c.s);
	return ret;
}

#endif
