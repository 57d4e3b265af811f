/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * HTTP without TLS: its requests are read and decided on as they leave, as those of TLS are at a probe.
 *
 *   cgroup_skb/egress   behind wire_egress, which calls it for packets of such a stream: reads them by their
 *                       sequence numbers, and drops the one that would make a forbidden request whole, and
 *                       all behind it; copies what leaves to user space
 *   cgroup_skb/ingress  copies what comes back, and tells the reader whether a tunnel has begun
 *
 * Attack: have a request leave in another way than it is looked at here: in any pieces, by any call, thread or
 * process, sent again, with the SYN. They all become packets of this socket. What was read once is not read
 * again when it is sent again, which is the kernel's own copy (see design.md); a packet in front of which
 * something was not read does not leave where policy asks for requests. Urgent data (MSG_OOB) is a byte in the
 * stream that the server need not read there: what has some is not followed.
 *
 * What stands for a TLS object here (object.bpf.h) is kept with the socket, and request.bpf.h reads on in it.
 * Packets may leave, and come, in an interrupt: then they are of the process that has connected the socket.
 *
 * Most workloads get no answers of this kind, and a program at packets that come costs every connection. So
 * that one is attached when the first such request is about to leave. This waits for it: it is dropped, and
 * TCP sends it again, 200 ms later, once a run.
 */
#include "request.bpf.h"
#include "shape.h"
#include "wire.bpf.h"

const volatile __u8 clear_read = 0;
__u32 clear_seen = 0;
__u32 answers_read = 0;
__u64 answers_wanted = 0; /* since when: CLOCK_MONOTONIC, ns */

#define ANSWERS_WAIT 5000000000ULL /* ns: longer than it takes, unless nobody attaches anything any more */

/* Of a socket whose stream is HTTP without TLS, or may be. */
struct clear {
	struct object object;
	struct rec who; /* its process; tgid 0: not known */
	__u32 answers;	/* TCP sequence number of the first byte that comes back */
	__u32 known;	/* that is known */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct clear);
} clears SEC(".maps");

/* Pointers and numbers that do not change, see match.h. */
struct clear_walk {
	struct tls_ctx tls; /* first: request.bpf.h knows of nothing else */
	struct __sk_buff *skb;
	struct wire_state *w;
	__u64 offset; /* in the stream, of the first byte to copy */
	__u32 end;    /* sequence number behind the segment */
	__u32 size;   /* of the packet, with which the segment ends */
	__u32 len;    /* bytes to copy: the last ones of the packet */
	__u32 dir;
};

#define CLEAR_CHUNKS (1 + (1U << 19) / CHUNK_SIZE) /* of the largest packet that any kernel makes */

/* In the form that every verifier follows: 1 to CHUNK_SIZE of `left` bytes, of which there are some. */
static __always_inline __u64 clear_next(__u32 left)
{
	__u64 n = left < CHUNK_SIZE ? left : CHUNK_SIZE;

	n--; /* 6.1 follows that n is not 0 in no other form */
	opaque_value(n);
	return (n & (CHUNK_SIZE - 1)) + 1;
}

/* ---- copying ---- */

/* The next record of payload: s->left bytes are done. */
static long clear_copy(__u32 i, void *data)
{
	struct clear_walk *c = data;
	struct scratch *s = c->tls.s;
	struct rec_data *r = (struct rec_data *)s->record;
	__u32 left = c->len - s->left;
	__u64 n = clear_next(left);

	if ((__s32)left <= 0)
		return 1;
	record_start(s, REC_TLS_DATA, sizeof(*r));
	record_name(s, &s->who);
	r->stream = c->tls.o->stream;
	r->offset = c->offset + s->left;
	r->len = n;
	r->dir = c->dir;
	r->lost = 0;
	if (bpf_skb_load_bytes(c->skb, c->size - left, s->record + sizeof(*r), n)) {
		r->lost = 1;
		loss_add(LOSS_READ, n);
	} else {
		s->used += n;
	}
	record_send_bytes(s);
	s->left += n;
	return 0;
}

/* ---- what leaves ---- */

/* Whether the current process is the one that sends. */
static __always_inline int clear_is_sender(const struct wire_state *w)
{
	const struct sock *sk = (const struct sock *)w->sock;

	return BPF_CORE_READ(sk, sk_lock.owned);
}

/* Whose stream it is: of the one that has connected the socket, or else of the one that sends. */
static __noinline int clear_who(struct clear *k, const struct wire_state *w, struct scratch *s)
{
	struct connector *c = connector_at(w->sock);

	k->who.tgid = 0;
	if (c && c->sk == w->sock) {
		k->who = c->who;
	} else if (clear_is_sender(w)) {
		record_start(s, REC_BIND, sizeof(k->who));
		__builtin_memcpy(&k->who, s->record, sizeof(k->who));
	}
	return 0;
}

/* Begins with the first packet of a stream, or with the first of another connection of its socket. */
static __noinline int clear_begin(struct clear *k, struct wire_state *w, struct scratch *s, __u64 cookie)
{
	struct object *o = &k->object;

	clear_seen = 1;
	__builtin_memset(o, 0, __builtin_offsetof(struct object, http));
	http1_init(&o->http, HTTP1_REQUESTS);
	o->stream = __sync_fetch_and_add(&streams, 1) + 1;
	o->cookie = cookie;
	o->peer = w->packet.peer;
	o->flags = OBJECT_PLAIN | OBJECT_CLAIMED; /* hosts are looked at by wire.bpf.c */
	k->answers = w->packet.ack;
	k->known = !w->packet.opens;
	clear_who(k, w, s);
	wire_end(w);
	w->stream = o->stream;
	w->next = w->base;
	w->clear = CLEAR_READ;
	return wire_report(o, &w->packet, &k->who);
}

/* The next piece of the packet. */
static long clear_chunk(__u32 i, void *data)
{
	struct clear_walk *c = data;
	struct scratch *s = c->tls.s;
	__u32 left = c->end - c->w->next;
	__u64 n = clear_next(left);

	if ((__s32)left <= 0)
		return 1;
	if (bpf_skb_load_bytes(c->skb, c->size - left, s->chunk, n))
		return 1; /* what is left is not followed, see clear_decide() */
	c->w->next += n;
	s->step.pos = s->step.len = 0;
	s->step.size = n;
	s->scanned = 0;
	loop(HTTP1_STEPS(CHUNK_SIZE), tls_step, &c->tls);
	if (refused(&s->dec) || c->tls.o->flags & OBJECT_BLIND)
		return 1;
	tls_scan(&c->tls);
	return 0;
}

/* As tls_opaque(), with the names of the address. Global, as there. */
__weak __noinline int clear_opaque(struct scratch *s, struct object *o)
{
	const void *img = tls_policy(s, o);
	__u32 why;

	if (!img || !image_header(img)->kinds[KIND_HTTP].ruled)
		return 0;
	why = s->opaque;
	s->opaque = OPAQUE_NONE;
	net_start_opaque(img, s, o->cookie, &o->peer, why);
	record_name(s, &s->who);
	names_add(img, s);
	if (net_finish_opaque(img, s, s->call.tier))
		tls_stop(s, o);
	return 0;
}

/* What was read up to here is decided on, but for what turned out while it is not certain that this is HTTP. */
static __always_inline void clear_decide(struct clear_walk *c)
{
	struct scratch *s = c->tls.s;
	struct object *o = c->tls.o;

	if (shape_of(c->w->shape) != SHAPE_HTTP) {
		o->phrase = s->phrase + 1;
		return;
	}
	o->phrase = 0;
	if (!refused(&s->dec) && !(o->flags & OBJECT_BLIND) && (__s32)(c->end - c->w->next) > 0)
		tls_blind(&c->tls, OPAQUE_FRAMING);
	tls_phrase_in_head(&c->tls);
	if (s->opaque != OPAQUE_NONE && !refused(&s->dec))
		clear_opaque(s, o);
}

/* Where the reader is now, for wire_egress. What cannot be followed is not read any more. */
static __always_inline __u32 clear_state(const struct object *o, const struct wire_state *w)
{
	__u32 shape = shape_of(w->shape);

	if (shape == SHAPE_OTHER || (shape == SHAPE_HTTP && o->flags & OBJECT_BLIND))
		return CLEAR_LEFT;
	return o->http.state == HTTP1_S_WAIT ? CLEAR_WAIT : CLEAR_READ;
}

/* Whether policy refuses what is not read. */
static __always_inline int clear_is_strict(const void *img)
{
	return image_header(img)->kinds[KIND_HTTP].ruled && undecided(img);
}

/* The packet is refused, and its socket with it; the last record says so, and whose it is. Returns DROP. */
static __always_inline int clear_dead(struct wire_state *w, struct scratch *s)
{
	const struct rec *r = (const struct rec *)s->record;

	w->dead = 1;
	if (s->kill && (s->who.tgid || clear_is_sender(w)))
		doom_process(r->start, r->tgid);
	return DROP;
}

/* Whether the answer to what is about to leave will be seen; see above. */
static __always_inline int clear_may_leave(const struct wire_state *w)
{
	__u64 now;

	if (answers_read || shape_of(w->shape) != SHAPE_HTTP)
		return PASS;
	now = bpf_ktime_get_ns();
	if (!answers_wanted)
		answers_wanted = now;
	return now - answers_wanted < ANSWERS_WAIT ? DROP : PASS;
}

SEC("cgroup_skb/egress")
int clear_egress(struct __sk_buff *skb)
{
	struct clear_walk c = {.skb = skb, .size = skb->len, .dir = DIR_WRITE};
	struct bpf_sock *sk = skb->sk;
	struct scratch *s;
	struct object *o;
	struct clear *k;
	int ret = PASS;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	c.w = sk ? bpf_sk_storage_get(&wires, sk, 0, 0) : 0;
	if (!c.w)
		return DROP;
	k = bpf_sk_storage_get(&clears, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!k)
		loss_add(LOSS_STORAGE, 0);
	s = k ? decision_begin(&c.tls.img) : 0;
	if (!s)
		return undecided(image_current()) ? DROP : PASS;
	c.tls.s = s;
	c.tls.o = o = &k->object;
	if (c.w->clear == CLEAR_NONE)
		clear_begin(k, c.w, s, bpf_get_socket_cookie(skb));
	if ((__s32)(c.w->packet.seq - c.w->next) > 0) { /* the one before has yet to be sent again */
		if (clear_is_strict(c.tls.img)) {
			scratch_release(s);
			return DROP;
		}
		http1_gap(&o->http);
		o->offset[DIR_WRITE] += c.w->packet.seq - c.w->next;
		c.w->next = c.w->packet.seq;
	}
	if (c.w->packet.urgent) /* who receives it may read other text than is here */
		http1_give_up(&o->http, HTTP1_AMBIGUOUS);
	c.end = c.w->packet.seq + c.w->packet.len;
	c.len = (__s32)(c.end - c.w->next) > 0 ? c.end - c.w->next : 0;
	c.offset = o->offset[DIR_WRITE];
	o->flags &= ~OBJECT_BLIND; /* it was not certain then that this is HTTP, or nothing would come by here */
	s->kill = 0;
	s->opaque = OPAQUE_NONE;
	s->call.tier = TIER_CUT;
	s->who = k->who;
	if (clear_is_sender(c.w))
		s->who.tgid = 0;
	tls_resume(&c.tls);
	if (o->phrase)
		s->phrase = o->phrase - 1;
	loop(CLEAR_CHUNKS, clear_chunk, &c);
	clear_decide(&c);
	tls_suspend(&c.tls);
	c.w->clear = clear_state(o, c.w);
	if (refused(&s->dec)) {
		ret = clear_dead(c.w, s);
	} else if (c.len) {
		s->left = 0;
		if (copy_bytes)
			loop(CLEAR_CHUNKS, clear_copy, &c);
		o->offset[DIR_WRITE] += c.len;
	}
	scratch_release(s);
	if (shape_of(c.w->shape) == SHAPE_OTHER)
		wire_end(c.w);
	if (ret == PASS)
		ret = clear_may_leave(c.w);
	if (ret == PASS && c.w->packet.ends)
		wire_ends(c.w);
	return ret;
}

/* ---- what comes back ---- */

/*
 * Tells a reader that waits for an answer whether requests go on, from the first bytes that come. `at` is
 * where in the packet the next byte of the stream is; `ahead`: it is in another one.
 */
static __noinline int clear_answered(struct __sk_buff *skb, struct http1 *p, __u32 at, int ahead)
{
	__u8 byte;

	if (p->state != HTTP1_S_WAIT)
		return 0;
	if (ahead)
		p->at = HTTP1_ANSWER_LEN;
	for (__u32 i = 0; i < HTTP1_ANSWER_LEN; i++)
		if (!ahead && !bpf_skb_load_bytes(skb, at + i, &byte, 1))
			http1_answer_byte(p, byte);
	return 0;
}

/* A packet with something in it: copied to where it belongs in the stream, whatever has come before. */
static __always_inline int clear_answer(struct clear_walk *c, struct clear *k, const struct wire_packet *p)
{
	__u64 high = k->object.offset[DIR_READ];
	__s32 ahead = p->seq - (k->answers + (__u32)high);

	c->offset = high + ahead;
	if ((__s64)c->offset < 0) /* in front of the stream */
		return PASS;
	if ((__s32)(ahead + p->len) > 0) {
		clear_answered(c->skb, &k->object.http, p->payload - (ahead < 0 ? ahead : 0), ahead > 0);
		k->object.offset[DIR_READ] = c->offset + p->len;
	}
	if (!copy_bytes)
		return PASS;
	c->len = p->len;
	c->tls.o = &k->object;
	c->tls.s = scratch_claim();
	if (!c->tls.s)
		return PASS;
	c->tls.s->left = 0;
	c->tls.s->who = k->who;
	loop(CLEAR_CHUNKS, clear_copy, c);
	scratch_release(c->tls.s);
	return PASS;
}

SEC("cgroup_skb/ingress")
int clear_ingress(struct __sk_buff *skb)
{
	struct clear_walk c = {.skb = skb, .size = skb->len, .dir = DIR_READ};
	struct wire_packet p = {};
	struct bpf_sock *sk = skb->sk;
	struct clear *k;

	if (!sk || wire_is_bare4(skb) || wire_is_bare6(skb))
		return PASS;
	sk = bpf_sk_fullsock(sk);
	c.w = sk ? bpf_sk_storage_get(&wires, sk, 0, 0) : 0;
	if (!c.w || !c.w->stream || c.w->tls || wire_parse(skb, &p))
		return PASS;
	k = bpf_sk_storage_get(&clears, sk, 0, 0);
	if (!k)
		return PASS;
	if (p.syn && !k->known) { /* the request left with a SYN, which this one answers */
		k->answers = p.seq;
		k->known = 1;
	}
	return p.len && k->known ? clear_answer(&c, k, &p) : PASS;
}
