/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What leaves: the packets of the workload's sockets.
 *
 *   cgroup_skb/egress   drops what a dead socket sends, whatever call or thread sent it; binds a
 *                       TLS object to the socket of its ClientHello; finds TLS that no object
 *                       explains, or may not (BIO_f_ssl), and HTTP without TLS, which it hands on
 *                       (clear.bpf.c); compares the host that a client asks for with the policy
 *                       (claim.bpf.h); drops what names its own way through the network
 *                       (route.bpf.h); finds records of TLS that carry more than probes have seen
 *                       (follow.bpf.h), and QUIC (quic.bpf.h)
 *   cgroup/sock_release a dead socket is closed: what is left of it in its queue is dropped as well; of
 *                       others it is kept what explains that; a stream without TLS ends
 *
 * Attack: send a refused request's bytes some other way (another thread, sendfile, io_uring, data
 * that was queued before). They all become packets of this socket, and those are dropped. Packets
 * without payload pass, so that the peer learns of the end. What is refused here is remembered with
 * the socket itself, where there is always room.
 */
#include "follow.bpf.h"
#include "goroutine.bpf.h"
#include "quic.bpf.h"
#include "seal.bpf.h"

/* The object without a socket that this thread, or goroutine, has entered last. */
static __noinline struct object *wire_entered(__u64 strand)
{
	struct object_key *key = bpf_map_lookup_elem(&entered, &strand), now;
	struct object *o;

	if (!key)
		return 0;
	object_key(&now, key->address);
	if (key->tgid != now.tgid || key->exec_id != now.exec_id)
		return 0; /* another one has this thread's number now */
	o = bpf_map_lookup_elem(&objects, key);
	return o && !o->cookie ? o : 0;
}

/*
 * The same of the goroutine that made this system call. Its number is in a register that C uses as it likes:
 * what comes of that is no goroutine which has entered an object. It sends one ClientHello an object.
 */
static __noinline struct object *wire_entered_by_goroutine(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u64 strand = strand_of_goroutine(BPF_CORE_READ(regs, r14), BPF_CORE_READ(task, tgid));
	struct object *o = wire_entered(strand);

	if (o)
		bpf_map_delete_elem(&entered, &strand);
	return o;
}

/*
 * The object that this ClientHello belongs to, or NULL. A thread that sends owns the socket meanwhile. Nobody
 * does when what was held back leaves in an interrupt, on top of any thread.
 */
static __always_inline struct object *wire_object(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct object *threads, *goroutines;

	if (!BPF_CORE_READ(sk, sk_lock.owned))
		return 0;
	threads = wire_entered(BPF_CORE_READ(task, pid));
	goroutines = wire_entered_by_goroutine();
	if (threads && goroutines) { /* a Go program that uses another library as well */
		threads->flags |= OBJECT_UNSURE;
		goroutines->flags |= OBJECT_UNSURE;
	}
	return threads ? threads : goroutines;
}

__weak __noinline int wire_bind(struct object *o, __u64 cookie, const struct wire_packet *p)
{
	if (!o || !p) /* a global function is verified for that, too */
		return 0;
	o->peer = p->peer;
	o->cookie = cookie;
	bpf_map_delete_elem(&credits, &cookie); /* of another connection that the socket had */
	credit_at(cookie);
	object_credit(o, 0); /* the first writes come before */
	return wire_report(o, p, 0);
}

/*
 * Plaintext of this connection cannot be seen: passes or not, as policy says. What is dropped because
 * nobody can decide just now is asked about again when it is sent again.
 */
__weak __noinline int wire_decide(struct wire_state *w, __u64 cookie, const struct wire_packet *p,
				  __u32 why, const struct wire_follow *f)
{
	struct scratch *s;
	const void *img;
	int ret = PASS;

	if (!w || !p)
		return DROP;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? DROP : PASS;
	net_start_opaque(img, s, cookie, &p->peer, why);
	if (f) {
		net_record(s)->bytes = f->unexplained;
		wire_follow_name(f, w, s);
	}
	names_add(img, s);
	if (net_finish_opaque(img, s, TIER_CUT)) {
		w->dead = 1;
		socket_kill(cookie); /* for socket_sendmsg, which does not come by here */
		ret = DROP;
	}
	scratch_release(s);
	return ret;
}

/* The verifier does not know what a function of its own returns. */
static __always_inline int wire_opaque(struct wire_state *w, __u64 cookie,
				       const struct wire_packet *p, __u32 why)
{
	return wire_decide(w, cookie, p, why, 0) == PASS ? PASS : DROP;
}

static __always_inline int wire_is_hello(const __u8 *b)
{
	return b[0] == TLS_HANDSHAKE && b[1] == 3 && b[5] == TLS_CLIENT_HELLO;
}

/* A record of any type: servers pass over some in front of a ClientHello. */
static __always_inline int wire_is_tls(const __u8 *b)
{
	return b[0] >= TLS_FIRST && b[0] <= TLS_LAST && b[1] == 3;
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

/* ---- how a stream begins ---- */

/*
 * A request may be written before its object shakes hands: now there is an address to its host. Returns
 * DROP or PASS.
 */
static __always_inline int wire_claim_host(struct object *o, struct wire_state *w, __u64 cookie,
					   const struct wire_packet *p)
{
	struct scratch *s;
	const void *img;
	int ret;

	if (!names_kept || !o->http.host_len || w->audited)
		return PASS;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? DROP : PASS;
	s->count = o->http.host_len & (DNS_TEXT - 1);
	bpf_probe_read_kernel(s->name, DNS_TEXT, o->http.host);
	ret = wire_claim(s, w, p, cookie, CLAIM_PACKET) == PASS ? PASS : DROP;
	scratch_release(s);
	return ret;
}

/* A request was refused before its object had a socket: this one carries nothing. Returns DROP. */
static __always_inline int wire_dead(struct wire_state *w, __u64 cookie)
{
	w->dead = 1;
	socket_kill(cookie); /* for socket_sendmsg, which does not come by here */
	return DROP;
}

/* The key of the object without a socket that this thread has sealed with last, in the map. */
static __always_inline struct object_key *wire_sealed_last(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 strand = BPF_CORE_READ(task, pid); /* as strand_of_thread(), which 6.1 has no helper for here */
	struct object_key *last = bpf_map_lookup_elem(&sealed, &strand);

	return last && last->tgid == BPF_CORE_READ(task, tgid) ? last : 0;
}

/* The same of the only one that has sealed so much as the packet has in its first record. */
static __noinline struct object_key *wire_sealed_so(const struct wire_state *w)
{
	struct sealing_key at = {.tgid = w->users[0], .text = w->first_text};
	struct sealing *s = bpf_map_lookup_elem(&sealing, &at);

	return s && !s->others ? &s->key : 0;
}

/* The object without a socket that has sealed what the packet has in it, or NULL; w->sealed_by gets its key. */
static __noinline struct object *wire_sealed(struct wire_state *w)
{
	const struct sock *sk = (const struct sock *)w->sock;
	struct object_key *key = BPF_CORE_READ(sk, sk_lock.owned) ? wire_sealed_last() : 0;
	struct object *o = key ? bpf_map_lookup_elem(&objects, key) : 0;

	if ((!o || o->cookie) && w->seals == SEALS_UNBOUND && w->news & NEWS_TEXT) {
		key = wire_sealed_so(w);
		o = key ? bpf_map_lookup_elem(&objects, key) : 0;
	}
	if (!o || o->cookie)
		return 0;
	w->sealed_by = *key;
	return o;
}

/* The process of the connection has an object that was refused, and has no socket yet. */
static __always_inline int wire_seals_dead(const struct wire_state *w)
{
	__u32 user = w->users[0];
	struct sealer *s = bpf_map_lookup_elem(&sealers, &user);

	return s && s->dead;
}

/* A dead object has found its socket. */
static __always_inline void wire_seals_found(const struct wire_state *w)
{
	__u32 user = w->users[0];
	struct sealer *s = bpf_map_lookup_elem(&sealers, &user);

	if (s && s->dead)
		__sync_fetch_and_add(&s->dead, -1);
}

/*
 * A packet with records, of which it matters who has sealed them: binds the object that has, if it has no socket
 * yet, and returns it. w->sealed tells what becomes of the packet.
 */
static __noinline struct object *wire_seals(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	struct object *o = wire_sealed(w);

	w->sealed = SEALED_PASSES;
	if (!o) {
		if (wire_seals_dead(w))
			w->sealed = SEALED_DEAD;
		else if (w->seals == SEALS_UNBOUND && w->news & NEWS_TEXT)
			w->sealed = SEALED_BY_NOBODY;
		return 0;
	}
	w->seals = SEALS_BOUND;
	if (bpf_map_update_elem(&sealed_sockets, &cookie, &w->sealed_by, BPF_ANY))
		loss_add(LOSS_STORAGE, 0);
	wire_bind(o, cookie, p);
	if (!(o->flags & OBJECT_DEAD))
		return o;
	wire_seals_found(w);
	w->sealed = SEALED_DEAD;
	return 0;
}

/* A handshake that no object has begun: it may be one that objects are made of later on. */
static __always_inline int wire_may_seal(const struct wire_state *w)
{
	const struct sock *sk = (const struct sock *)w->sock;

	return sealers_seen && BPF_CORE_READ(sk, sk_lock.owned) && sealer_current();
}

static __always_inline int wire_tls(struct wire_state *w, __u64 cookie, const struct wire_packet *p)
{
	struct object *o = wire_object((const struct sock *)w->sock);
	int ret = PASS;

	if (!o && wire_may_seal(w)) {
		w->seals = SEALS_UNBOUND;
	} else if (!o) {
		w->opaque = 1;
		ret = wire_opaque(w, cookie, p, OPAQUE_TLS);
	} else if (!(o->flags & OBJECT_UNSURE)) {
		o->flags |= (w->plain ? OBJECT_BEHIND : 0) | (w->audited ? OBJECT_CLAIMED : 0);
		wire_bind(o, cookie, p);
		w->credit = cookie;
		ret = o->flags & OBJECT_DEAD ? wire_dead(w, cookie) : wire_claim_host(o, w, cookie, p);
	}
	wire_note_user(w);
	if (w->seals || (o && o->flags & OBJECT_UNSURE))
		w->credit = CREDIT_PROCESS | w->users[0];
	w->follow = o || w->seals ? FOLLOW_BEGUN : FOLLOW_NONE;
	w->tls = ret == PASS;
	w->hello = names_kept && !w->audited ? ASK_BEGUN : ASK_NONE;
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

/* Whether anybody asks for HTTP, or for the hosts that it names. */
static __always_inline int wire_reads_http(void)
{
	const void *img = image_current();

	return clear_read || !img || (names_kept && match_has_hosts(img));
}

/* How a stream begins: TLS, HTTP without it, or something that nobody asks about. */
static __always_inline int wire_first(struct __sk_buff *skb, struct wire_state *w, __u64 cookie,
				      const struct wire_packet *p)
{
	int ret = PASS;

	if (!w->have && !wire_reads_http())
		w->shape = SHAPE_OTHER;
	else if (p->urgent && w->shape != SHAPE_OTHER) /* it may be, without a byte of it */
		w->shape = SHAPE_HTTP;
	wire_look(skb, w, p);
	if (w->shape != SHAPE_OTHER && w->have >= SHAPE_MAX)
		w->shape = SHAPE_HTTP;
	if (w->shape != SHAPE_HTTP && (w->shape != SHAPE_OTHER || w->have < FIRST_BYTES))
		return PASS;
	w->plain = w->shape == SHAPE_HTTP || !wire_is_tls(w->first);
	if (!w->plain)
		ret = wire_tls(w, cookie, p);
	w->settled = ret == PASS;
	return ret;
}

/* It is, or may yet be, a request: so its host is asked about, where policy names hosts. */
static __always_inline int wire_is_text(const struct wire_state *w)
{
	return names_kept && !w->tls && w->text != TEXT_LEFT && !w->audited &&
	       shape_of(w->shape) != SHAPE_OTHER;
}

/* It is, or may yet be, a request, and all of it is read (clear.bpf.c). */
static __always_inline int wire_is_clear(const struct wire_state *w)
{
	return clear_read && !w->tls && w->clear != CLEAR_LEFT &&
	       (shape_of(w->shape) != SHAPE_OTHER || w->clear != CLEAR_NONE);
}

/* Where requests are read TLS begins behind one that asks for a tunnel, and nowhere within. */
static __always_inline int wire_may_turn(const struct wire_state *w, const struct wire_packet *p)
{
	if (w->clear == CLEAR_WAIT)
		return p->seq == w->next;
	return w->clear != CLEAR_READ;
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

/* Whether probes have seen the text of the records in this segment, or else policy lets it pass. */
static __always_inline int wire_conserve(struct __sk_buff *skb, struct bpf_sock *sk, struct wire_state *w,
					 __u64 cookie, const struct wire_packet *p)
{
	struct wire_follow *f;
	struct object *o;
	__u32 why = OPAQUE_UNEXPLAINED;

	if (!w->follow || w->opaque) /* once decided, it passes */
		return PASS;
	f = bpf_sk_storage_get(&follows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!f) {
		loss_add(LOSS_STORAGE, 0);
		return undecided(image_current()) ? DROP : PASS;
	}
	wire_follow(skb, f, w, p);
	if (w->seals && w->news) {
		o = wire_seals(w, cookie, p);
		if (w->sealed == SEALED_DEAD)
			return wire_dead(w, cookie);
		if (o && wire_claim_host(o, w, cookie, p) == DROP)
			return DROP;
		if (w->sealed == SEALED_BY_NOBODY) {
			w->follow = FOLLOW_LOST;
			why = OPAQUE_TLS;
		}
	}
	if (w->follow != FOLLOW_LOST)
		return PASS;
	if (wire_decide(w, cookie, p, why, f) != PASS)
		return DROP;
	w->opaque = 1;
	return PASS;
}

/* A socket may be used for one connection after another. The same packet sent again changes nothing. */
static __always_inline void wire_begin(struct wire_state *w, const struct wire_packet *p)
{
	if (w->begun && w->base == p->seq)
		return;
	w->begun = 1;
	w->base = p->seq;
	w->have = w->shape = w->settled = w->tls = w->opaque = 0;
	w->plain = w->hello = w->text = w->asked = w->audited = w->follow = w->seals = 0;
	w->clear = w->ended = w->released = 0;
	wire_end(w);
}

/* What comes behind this program, with the packet in w->packet. */
enum { STAGE_CLEAR, STAGES };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

SEC("cgroup_skb/egress")
int wire_egress(struct __sk_buff *skb)
{
	struct wire_packet p = {};
	struct bpf_sock *sk = skb->sk;
	struct wire_state *w;
	__u64 cookie;
	__u32 route;
	int whole, verdict;

	if (!sk || wire_is_bare4(skb) || wire_is_bare6(skb))
		return PASS;
	route = route_find(skb);
	if (route & ROUTED && route_refused(skb, bpf_get_socket_cookie(skb), route))
		return DROP;
	whole = !wire_parse(skb, &p);
	if (whole && !p.len && !p.opens && !p.ends)
		return PASS;
	cookie = !whole || p.len ? bpf_get_socket_cookie(skb) : 0;
	if (socket_is_dead(cookie))
		return DROP;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	if (!whole && quic_refused(skb, sk, cookie))
		return DROP;
	/* Most connections of a socket are its first, of which nothing is known yet. */
	w = bpf_sk_storage_get(&wires, sk, 0, p.len ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (w && w->dead)
		return !whole || p.len ? DROP : PASS;
	if (w && p.opens)
		wire_begin(w, &p);
	if (!p.len) {
		if (w && p.ends && w->stream)
			wire_ends(w);
		return PASS;
	}
	if (!w) {
		loss_add(LOSS_STORAGE, 0);
		return undecided(image_current()) ? DROP : PASS;
	}
	if (p.ends && w->stream && (w->tls || w->clear == CLEAR_LEFT)) /* else clear.bpf.c says so */
		wire_ends(w);
	if (names_kept && !w->asked && wire_is_audited(w, cookie, &p) != PASS)
		return DROP;
	if (!w->tls) {
		w->sock = (__u64)sk;
		verdict = w->settled ? PASS : wire_first(skb, w, cookie, &p);
		if (verdict == PASS && w->settled && !w->tls && p.seq != w->base && wire_may_turn(w, &p))
			verdict = wire_later(skb, w, cookie, &p);
		if (verdict == PASS && wire_is_text(w))
			verdict = wire_text(skb, sk, w, cookie, &p);
		if (verdict == PASS && wire_is_clear(w)) {
			w->packet = p;
			bpf_tail_call(skb, &stages, STAGE_CLEAR);
			return DROP; /* it is not there */
		}
		if (!w->tls || verdict == DROP)
			return verdict;
	}
	if (w->hello && wire_asks(skb, sk, w, cookie, &p) == DROP)
		return DROP;
	if (wire_bio(w, cookie, &p) == DROP)
		return DROP;
	return wire_conserve(skb, sk, w, cookie, &p);
}

/* A stream without TLS ends with its last packet, which may be still to come. */
static __always_inline void wire_clear_end(struct bpf_sock *sk, __u64 cookie)
{
	struct wire_state *w = bpf_sk_storage_get(&wires, sk, 0, 0);

	if (!w || !w->stream)
		return;
	w->released = 1;
	if (w->ended || w->dead || sk->state == BPF_TCP_CLOSE || socket_is_dead(cookie))
		wire_end(w);
}

/* The kernel may go on to send what is queued: the socket keeps that it is dead, the map may forget. */
SEC("cgroup/sock_release")
int wire_release(struct bpf_sock *sk)
{
	struct wire_state *w;
	__u64 cookie;

	if (!dead_seen && !credits_seen && !clear_seen)
		return PASS;
	cookie = bpf_get_socket_cookie(sk);
	if (sealers_seen)
		bpf_map_delete_elem(&sealed_sockets, &cookie);
	if (credits_seen)
		wire_follow_end(sk, cookie);
	if (clear_seen)
		wire_clear_end(sk, cookie);
	if (!socket_is_dead(cookie))
		return PASS;
	w = bpf_sk_storage_get(&wires, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!w)
		return PASS;
	w->dead = 1;
	bpf_map_delete_elem(&dead, &cookie);
	return PASS;
}
