/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_REQUEST_BPF_H
#define WARDEN_REQUEST_BPF_H

/*
 * What a writing call offers is read here, before the library encrypts it: requests are named,
 * matched and decided on as soon as their heads are whole, phrases as soon as they end, and what
 * cannot be followed is decided on as opaque. Used by tls.bpf.c, whose rules on stacks hold for
 * this file, and for requests without TLS by clear.bpf.c: there a packet is what a call is here.
 *
 * A call that fails or takes a part is repeated. What was read of it is not read again, but a digest
 * of what was not taken has to be the same: what is behind a pending record, or was offered before
 * the handshake ended, goes out as the repeated call has it. The digest is keyed, so that no text can
 * be made up to fit it.
 */
#include "abi.bpf.h"
#include "object.bpf.h"
#include "phrase.bpf.h"
#include "seal.bpf.h"

#define CHUNKS_MAX (1U << 17) /* 2 GiB, more than one call can take */

struct tls_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
	struct object *o;
};

/* ---- naming and deciding ---- */

/* Appends kernel memory to the name under construction; s->count is its length. */
static __always_inline void tls_name_add(struct scratch *s, const void *from, __u32 len)
{
	__u64 at = s->count;
	__u64 n = len;

	opaque_value(at);
	at &= 4095;
	opaque_value(n);
	n &= 4095;
	bpf_probe_read_kernel(s->name + at, n, from);
	s->count += n;
}

/* METHOD SP host path, as patterns of the policy name it; the path begins with a slash. */
static __always_inline __u32 tls_name(struct scratch *s, const struct http1 *p)
{
	s->count = 0;
	tls_name_add(s, p->method, p->method_len);
	s->name[s->count & 4095] = ' ';
	s->count++;
	tls_name_add(s, p->host, p->host_len);
	tls_name_add(s, p->path, p->path_len);
	return s->count;
}

static __noinline void tls_record(struct scratch *s, struct object *o, const struct http1 *p,
				       __u32 phase, __u32 tier)
{
	struct rec_http *r = (struct rec_http *)s->record;

	record_start(s, REC_HTTP, sizeof(*r));
	record_name(s, &s->who);
	r->decision = s->dec;
	r->decision.tier = refused(&s->dec) ? tier : TIER_NONE;
	r->stream = o->stream;
	r->cookie = o->cookie;
	r->ordinal = p->begun - 1;
	r->flags = p->flags & HTTP1_PUBLIC_FLAGS;
	r->phase = phase;
	phrase_found(s, r->found);
	r->method_len = record_append(s, p->method, p->method_len);
	r->host_len = record_append(s, p->host, p->host_len);
	r->path_len = record_append(s, p->path, p->path_len);
	r->reserved = 0;
	record_send_event(s, refused(&s->dec));
}

/*
 * A request is refused: sees to it that nothing of it leaves, and returns the tier that does. A
 * socket that cannot be marked, or is not known, leaves only the process itself; but where the handshake
 * has yet to begin, its ClientHello will not leave, and without TLS the packet hook remembers (wire.bpf.c).
 * Not every program that gets here can send a signal: s->kill asks for one.
 */
__weak __noinline int tls_stop(struct scratch *s, struct object *o)
{
	__u32 tier;
	__u64 cookie;

	if (!s || !o)
		return TIER_NONE;
	tier = s->call.tier;
	cookie = o->cookie;

	if (!cookie && (o->flags & (OBJECT_SEALS | OBJECT_DEAD)) == OBJECT_SEALS)
		sealer_has_dead();
	o->flags |= OBJECT_DEAD;
	if (cookie && socket_kill(cookie) && !(o->flags & OBJECT_PLAIN))
		tier = TIER_SIGNAL;
	if (!cookie && tier != TIER_OVERRIDE && (o->flags & (OBJECT_EARLY | OBJECT_UNSURE)) != OBJECT_EARLY)
		tier = TIER_SIGNAL;
	if (s->dec.verdict == VERDICT_KILL)
		tier = TIER_SIGNAL;
	if (tier == TIER_SIGNAL)
		s->kill = 1;
	return tier;
}

/*
 * What follows is global, like text_match(): the verifier walks each once, not for every state that a
 * reader can be in. The policy is looked up again; nothing is decided by another one.
 */
static __always_inline const void *tls_policy(struct scratch *s, struct object *o)
{
	const void *img;

	if (!s || !o)
		return 0;
	img = image_again(s);
	if (img)
		return img;
	decision_set(&s->dec, VERDICT_DENY, LAYER_DENY, RULE_NONE);
	tls_stop(s, o);
	return 0;
}

/* The head of a request is whole. */
__weak __noinline int tls_head(struct scratch *s, struct object *o)
{
	const void *img = tls_policy(s, o);
	__u32 len, tier = TIER_NONE;
	struct http1 *p;

	if (!img)
		return 0;
	p = &o->http;
	len = tls_name(s, p);
	activity_init(&s->act, KIND_HTTP);
	matcher_init(&s->m);
	s->act.flags |= unrecorded();
	if (p->flags & HTTP1_PATH_TOO_LONG)
		s->act.flags |= ACTIVITY_UNKNOWN;
	else
		text_match(s, TEXT_HTTP, len);
	o->hit = s->m.hit;
	o->flags &= ~OBJECT_REFUSED;
	activity_decide(img, s);
	if (refused(&s->dec))
		tier = tls_stop(s, o);
	if (s->phrase != ROW_NONE)
		o->flags |= OBJECT_REFUSED;
	tls_record(s, o, p, 0, tier);
	return 0;
}

/* The head of a request is whole: may the host be asked for that it names? */
__weak __noinline int tls_host(struct scratch *s, struct object *o)
{
	const void *img = tls_policy(s, o);
	__u32 n;

	if (!img)
		return 0;
	n = o->http.host_len;
	if (!names_kept || !match_has_hosts(img) || !o->peer.family || o->flags & OBJECT_CLAIMED)
		return 0;
	if (!n || o->http.verb == HTTP1_CONNECT) /* which is for proxies alone */
		return 0;
	s->count = n & (DNS_TEXT - 1);
	bpf_probe_read_kernel(s->name, HTTP1_HOST_SIZE, o->http.host);
	if (claim_refuse(img, s, &o->peer, o->cookie, CLAIM_HOST,
			 o->flags & OBJECT_BEHIND ? CLAIM_BEHIND : 0))
		tls_stop(s, o);
	if (s->dec.verdict != VERDICT_ALLOW)
		o->flags |= OBJECT_CLAIMED;
	return 0;
}

/* A phrase was found in the request at work, behind its head. */
__weak __noinline int tls_phrase(struct scratch *s, struct object *o)
{
	const void *img = tls_policy(s, o);
	__u32 tier = TIER_NONE;

	if (!img || o->flags & OBJECT_REFUSED) /* audit mode: said once a request */
		return 0;
	o->flags |= OBJECT_REFUSED;
	activity_init(&s->act, KIND_HTTP);
	s->m.hit = o->hit;
	activity_decide(img, s);
	if (refused(&s->dec))
		tier = tls_stop(s, o);
	if (s->dec.verdict != VERDICT_ALLOW)
		tls_record(s, o, &o->http, 1, tier);
	return 0;
}

/*
 * Text that cannot be read, or not followed: decided as an opaque connection, if rules ask for it. Without
 * TLS it is by whoever reads, and looks at the names of its address for that, which takes too many frames here.
 */
__weak __noinline int tls_opaque(struct scratch *s, struct object *o, __u32 why)
{
	const void *img = tls_policy(s, o);

	if (!img)
		return 0;
	s->dec.verdict = VERDICT_ALLOW;
	if (o->flags & OBJECT_PLAIN)
		s->opaque = why;
	else if (image_header(img)->kinds[KIND_HTTP].ruled &&
		 net_opaque(img, s, o->cookie, &o->peer, why, s->call.tier))
		tls_stop(s, o);
	activity_init(&s->act, KIND_HTTP);
	return 0;
}

/* What parent and child both write to one connection: refused, if rules ask for it. */
__weak __noinline int tls_parted(struct scratch *s, struct object *o)
{
	const void *img = tls_policy(s, o);

	if (!img)
		return 0;
	o->flags |= OBJECT_BLIND;
	s->dec.verdict = VERDICT_ALLOW;
	if (image_header(img)->kinds[KIND_HTTP].ruled &&
	    net_unknown(img, s, o->cookie, &o->peer, OPAQUE_PARTED, s->call.tier))
		tls_stop(s, o);
	return 0;
}

/* What the reader cannot follow from here on. */
static __always_inline void tls_blind(struct tls_ctx *c, __u32 why)
{
	c->o->flags |= OBJECT_BLIND;
	tls_opaque(c->s, c->o, why);
}

static __always_inline __u32 tls_lost_why(const struct object *o)
{
	if (o->http.flags & HTTP1_H2)
		return OPAQUE_H2;
	if (!(o->http.flags & HTTP1_NOT_HTTP))
		return OPAQUE_FRAMING;
	return o->flags & OBJECT_PLAIN ? OPAQUE_CLEARTEXT : OPAQUE_NOT_HTTP;
}

/* Between chunks: their framing must not part a phrase that goes on in the next one. */
static __always_inline int tls_in_framing(__u32 state)
{
	return state >= HTTP1_S_CHUNK_SIZE && state <= HTTP1_S_CHUNK_END_LF;
}

/* Looks for phrases in what of the chunk was not looked at, up to the reader's step. */
static __noinline int tls_scan(struct tls_ctx *c)
{
	struct scratch *s = c->s;
	__u32 end = s->step.pos + s->step.len;

	s->cursor = s->scanned;
	phrase_scan(c->img, s, end - s->scanned);
	s->scanned = end;
	return 0;
}

/* A part of a message that is more than a byte of a head. */
static __always_inline void tls_part(struct tls_ctx *c, struct http1 *p)
{
	struct scratch *s = c->s;

	if (s->step.kind == HTTP1_LOST || s->step.kind == HTTP1_TUNNEL) {
		tls_blind(c, tls_lost_why(c->o));
		return;
	}
	tls_scan(c);
	if (s->step.kind == HTTP1_HEAD_DONE) {
		tls_host(s, c->o);
		if (refused(&s->dec))
			return;
		tls_head(s, c->o);
		if ((p->flags & HTTP1_ENCODED) && image_has_phrases(c->img, KIND_HTTP) && !refused(&s->dec))
			tls_opaque(s, c->o, OPAQUE_ENCODED); /* its end is known: others follow */
		return;
	}
	if (s->phrase != ROW_NONE)
		tls_phrase(s, c->o);
	if (s->step.kind == HTTP1_MESSAGE_DONE && !refused(&s->dec))
		phrase_init(c->img, s);
}

/*
 * One event of the reader; s->aux is the state that it was in before. Most are a byte of a head:
 * these are looked at together, when something comes of them or the chunk ends.
 */
static __always_inline void tls_event(struct tls_ctx *c, struct http1 *p)
{
	struct scratch *s = c->s;

	if (s->step.kind != HTTP1_MORE)
		tls_part(c, p);
	else if (tls_in_framing(s->aux))
		s->scanned = s->step.pos + s->step.len;
}

static long tls_step(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	struct object *o = c->o;
	struct http1 *p = &o->http;

	if (http_next(s, p))
		return 1;
	tls_event(c, p);
	return refused(&s->dec) || (o->flags & OBJECT_BLIND);
}

/* The next piece of what is written: at most CHUNK_SIZE bytes at s->call.buf + s->left. */
static long tls_chunk(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	__u64 rest = s->call.len - s->left;
	__u64 n = chunk_next(rest);

	if (!n)
		return 1;
	if (bpf_copy_from_user(s->chunk, n, (void *)(s->call.buf + s->left))) {
		loss_add(LOSS_READ, rest);
		tls_blind(c, OPAQUE_FRAMING);
		return 1;
	}
	s->step.pos = s->step.len = 0;
	s->step.size = n;
	s->scanned = 0;
	loop(HTTP1_STEPS(CHUNK_SIZE), tls_step, c);
	s->left += n;
	if (refused(&s->dec) || (c->o->flags & OBJECT_BLIND))
		return 1;
	tls_scan(c);
	return 0;
}

/* ---- repeated calls ---- */

#define DIGEST_FACTOR 0x9e3779b97f4a7c15ULL

static long tls_digest_word(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	__u64 at = (__u64)i * 8;

	opaque_value(at);
	at &= CHUNK_SIZE - 8;
	c->s->digest = (c->s->digest ^ *(__u64 *)(c->s->chunk + at)) * DIGEST_FACTOR;
	c->s->digest ^= c->s->digest >> 29;
	return 0;
}

/* The next piece of s->left bytes at s->cursor, in user memory. */
static long tls_digest_chunk(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	__u64 n = chunk_next(s->left);

	if (!n)
		return 1;
	if (n < CHUNK_SIZE) /* the last word, beyond the text */
		*(__u64 *)(s->chunk + (n & (CHUNK_SIZE - 8))) = 0;
	if (bpf_copy_from_user(s->chunk, n, (void *)s->cursor)) {
		s->digest = 0;
		return 1;
	}
	s->cursor += n;
	s->left -= n;
	loop((n + 7) / 8, tls_digest_word, c);
	return 0;
}

/* Digest of `len` bytes from `from` on in the buffer of the call; 0: it cannot be read. */
static __noinline __u64 tls_digest(struct tls_ctx *c, __u64 from, __u64 len)
{
	struct scratch *s = c->s;

	s->cursor = s->call.buf + from;
	s->left = len;
	s->digest = (digest_key ^ len) | 1;
	loop(CHUNKS_MAX, tls_digest_chunk, c);
	return s->digest;
}

/* Whether the call begins with what was read ahead and not taken. */
static __noinline int tls_repeats(struct tls_ctx *c)
{
	__u64 digest = c->o->digest;

	c->o->digest = 0; /* until the call returns */
	if (!c->o->ahead || !c->s->call.buf) /* the library's own copy, see tls_place() */
		return 1;
	return digest && c->s->call.len >= c->o->ahead && tls_digest(c, 0, c->o->ahead) == digest;
}

/* The library has taken `n` bytes of the call. */
static __noinline int tls_taken(struct tls_ctx *c, __u64 n)
{
	struct object *o = c->o;

	o->ahead -= n < o->ahead ? n : o->ahead;
	o->offered = c->s->call.buf + n;
	if (o->ahead)
		o->digest = tls_digest(c, n, o->ahead);
	return 0;
}

/* ---- a call ---- */

/* Goes on where the text before this call has ended. */
static __always_inline void tls_resume(struct tls_ctx *c)
{
	struct scratch *s = c->s;
	struct object *o = c->o;

	activity_init(&s->act, KIND_HTTP);
	matcher_init(&s->m);
	phrase_init(c->img, s);
	if (o->begun)
		phrase_keep(&s->phrases, &o->phrases);
	s->dec.verdict = VERDICT_ALLOW;
}

/* Keeps where it has ended. */
static __always_inline void tls_suspend(const struct tls_ctx *c)
{
	c->o->begun = 1;
	phrase_keep(&c->o->phrases, &c->s->phrases);
}

/* Reads what the call offers and earlier ones did not; s->dec tells whether it may go. */
static __always_inline void tls_read_ahead(struct tls_ctx *c)
{
	struct scratch *s = c->s;
	struct object *o = c->o;

	tls_resume(c);
	if (o->flags & OBJECT_PARTED) {
		tls_parted(c->s, c->o);
		return;
	}
	if (o->flags & OBJECT_STRANGE) {
		tls_blind(c, OPAQUE_STRANGE);
		return;
	}
	if (abi_of(s->call.abi)->flags & ABI_UNSEEN) {
		tls_blind(c, OPAQUE_UNSEEN);
		return;
	}
	if (!tls_repeats(c)) {
		tls_blind(c, OPAQUE_FRAMING);
		return;
	}
	s->left = o->ahead;
	if (s->call.len > o->ahead) {
		loop(CHUNKS_MAX, tls_chunk, c);
		o->ahead = s->call.len;
	}
	tls_suspend(c);
}

/* A phrase that ends within a head which itself has not ended: refused without waiting for it. */
static __always_inline void tls_phrase_in_head(struct tls_ctx *c)
{
	struct scratch *s = c->s;
	struct object *o = c->o;

	if (s->phrase == ROW_NONE || refused(&s->dec) || (o->flags & (OBJECT_REFUSED | OBJECT_BLIND)))
		return;
	o->hit.allow = 0; /* the name is not known: only the content speaks */
	o->hit.deny = o->hit.audit = o->hit.opaque = RULE_NONE;
	tls_phrase(c->s, o);
}

#endif
