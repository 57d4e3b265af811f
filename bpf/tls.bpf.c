/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Plaintext at the functions of a TLS library, before it is encrypted and after it is decrypted.
 *
 *   uprobe.s    SSL_write, SSL_write_ex    decides on what is about to be sent
 *   uretprobe.s the same                   records what the library has taken
 *   uprobe.s    SSL_read, SSL_read_ex      notes where the answer will be
 *   uretprobe.s the same                   records it
 *   uprobe.s    SSL_do_handshake, SSL_connect, SSL_free
 *
 * Sleepable, because text may lie in pages that are not there yet. A refused request does not
 * leave: its socket is dead before the library encrypts a byte of it (tiers lsm and cut), the
 * function does not run at all (override), or the process ends first (signal), which is what is
 * left when the object has no socket yet.
 *
 * Private stacks of uprobe programs are shared between tasks on some preemptible kernels: every
 * function here stays at 48 bytes of stack or less (tests/bpf/stack_depth.c), and state lives in map
 * values. Looping costs 24 of them, so what loops is a function of its own, with little else in it.
 * Calls may be nested eight deep, callbacks counted, and the longest chain has eight: write_enter,
 * chunk, step, head, match, and three in match.h.
 */
#include "object.bpf.h"
#include "phrase.bpf.h"

/* What a probe is attached to, in its cookie. */
#define SITE_EX		1ULL /* returns 1 or 0, and the count through a pointer */
#define SITE_RET_SHIFT	8    /* above: distance from the function's entry to a `ret` in it */
#define COPY_CHUNKS_MAX (1U << 17) /* 2 GiB, more than one call can take */

struct tls_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
	struct object *o;
};

static __u64 streams; /* names given so far */

/* ---- objects ---- */

/* A zeroed object, to begin others from: too large for a stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct object);
} blank SEC(".maps");

static __always_inline struct object *tls_object_new(struct object_key *key)
{
	__u32 zero = 0;
	struct object *o = bpf_map_lookup_elem(&blank, &zero);

	if (!o)
		return 0;
	bpf_map_update_elem(&objects, key, o, BPF_NOEXIST);
	o = bpf_map_lookup_elem(&objects, key);
	if (o && !o->stream)
		o->stream = __sync_fetch_and_add(&streams, 1) + 1;
	return o;
}

/* The object at this address in the current process; made on first sight. */
static __noinline struct object *tls_object(__u64 address)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o)
		o = tls_object_new(&key);
	if (!o)
		loss_add(LOSS_OBJECTS, 0);
	else if (!o->cookie && bpf_map_update_elem(&entered, &tid, &key, BPF_ANY))
		loss_add(LOSS_STORAGE, 0);
	return o;
}

/* ---- requests ---- */

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
	r->decision = s->dec;
	r->decision.tier = refused(&s->dec) ? tier : TIER_NONE;
	r->stream = o->stream;
	r->cookie = o->cookie;
	r->ordinal = p->begun - 1;
	r->flags = p->flags & HTTP1_PUBLIC_FLAGS;
	r->phase = phase;
	r->method_len = record_append(s, p->method, p->method_len);
	r->host_len = record_append(s, p->host, p->host_len);
	r->path_len = record_append(s, p->path, p->path_len);
	r->reserved = 0;
	record_send_event(s, refused(&s->dec));
}

/*
 * A request is refused: sees to it that nothing of it leaves, and returns the tier that does. A
 * socket that cannot be marked, or is not known, leaves only the process itself.
 */
static __noinline __u32 tls_stop(struct scratch *s, struct object *o)
{
	__u32 tier = tier_plaintext;
	__u64 cookie = o->cookie;

	o->flags |= OBJECT_DEAD;
	if (cookie && socket_kill(cookie))
		tier = TIER_SIGNAL;
	if (!cookie && tier != TIER_OVERRIDE)
		tier = TIER_SIGNAL;
	if (s->dec.verdict == VERDICT_KILL)
		tier = TIER_SIGNAL;
	if (tier == TIER_SIGNAL)
		bpf_send_signal(SIGKILL);
	return tier;
}

static __noinline void tls_match(const void *img, struct scratch *s, __u32 len)
{
	match_text(img, TEXT_HTTP, s->name, len, &s->m);
}

/* The head of a request is whole. */
static __noinline void tls_head(struct tls_ctx *c, struct http1 *p)
{
	struct scratch *s = c->s;
	struct object *o = c->o;
	__u32 len = tls_name(s, p);
	__u32 tier = TIER_NONE;

	activity_init(&s->act, KIND_HTTP);
	matcher_init(&s->m);
	if (audit_failed)
		s->act.flags |= ACTIVITY_UNRECORDED;
	tls_match(c->img, s, len);
	o->hit = s->m.hit;
	o->flags &= ~OBJECT_REFUSED;
	activity_decide(c->img, s);
	if (refused(&s->dec))
		tier = tls_stop(s, o);
	if (s->phrase != ROW_NONE)
		o->flags |= OBJECT_REFUSED;
	tls_record(s, o, p, 0, tier);
}

/* A phrase was found in the request at work, behind its head. */
static __noinline void tls_phrase(struct tls_ctx *c, struct http1 *p)
{
	struct scratch *s = c->s;
	struct object *o = c->o;
	__u32 tier = TIER_NONE;

	if (o->flags & OBJECT_REFUSED) /* audit mode: said once a request */
		return;
	o->flags |= OBJECT_REFUSED;
	activity_init(&s->act, KIND_HTTP);
	s->m.hit = o->hit;
	activity_decide(c->img, s);
	if (refused(&s->dec))
		tier = tls_stop(s, o);
	if (s->dec.verdict != VERDICT_ALLOW)
		tls_record(s, o, p, 1, tier);
}

/* What the reader cannot follow: decided once, as an opaque connection, if rules ask for requests. */
static __noinline void tls_blind(struct tls_ctx *c, __u32 why)
{
	struct scratch *s = c->s;
	struct object *o = c->o;

	o->flags |= OBJECT_BLIND;
	if (!image_header(c->img)->kinds[KIND_HTTP].ruled)
		why = OPAQUE_NONE;
	s->dec.verdict = VERDICT_ALLOW;
	if (why != OPAQUE_NONE && net_opaque(c->img, s, o->cookie, &o->peer, why, tier_plaintext))
		tls_stop(s, o);
	activity_init(&s->act, KIND_HTTP);
}

static __always_inline __u32 tls_lost_why(const struct http1 *p)
{
	if (p->flags & HTTP1_H2)
		return OPAQUE_H2;
	return p->flags & HTTP1_NOT_HTTP ? OPAQUE_NOT_HTTP : OPAQUE_FRAMING;
}

/* Between chunks: their framing must not part a phrase that goes on in the next one. */
static __always_inline int tls_in_framing(__u32 state)
{
	return state >= HTTP1_S_CHUNK_SIZE && state <= HTTP1_S_CHUNK_END_LF;
}

/* One event of the reader; s->aux is the state that it was in before. */
static __always_inline void tls_event(struct tls_ctx *c, struct http1 *p)
{
	struct scratch *s = c->s;

	if (s->step.kind == HTTP1_HEAD_DONE || s->step.kind == HTTP1_BODY ||
	    (s->step.kind == HTTP1_MORE && !tls_in_framing(s->aux))) {
		s->cursor = s->step.pos;
		phrase_scan(c->img, s, s->step.len);
	}
	if (s->step.kind == HTTP1_HEAD_DONE) {
		if (p->flags & HTTP1_PATH_TOO_LONG)
			tls_blind(c, OPAQUE_FRAMING);
		else
			tls_head(c, p);
		if ((p->flags & HTTP1_ENCODED) && phrase_any(c->img) && !refused(&s->dec))
			tls_blind(c, OPAQUE_ENCODED);
	} else if (s->step.kind == HTTP1_LOST || s->step.kind == HTTP1_TUNNEL) {
		tls_blind(c, tls_lost_why(p));
	} else if (s->step.kind == HTTP1_BODY && s->phrase != ROW_NONE) {
		tls_phrase(c, p);
	} else if (s->step.kind == HTTP1_MESSAGE_DONE) {
		phrase_init(c->img, s);
	}
}

/* Has the reader take its next step; s->aux keeps the state that it was in before. */
static __noinline int tls_next(struct scratch *s, struct http1 *p)
{
	s->aux = p->state;
	return http1_step(p, &s->step, s->chunk, CHUNK_SIZE - 1);
}

static long tls_step(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	struct object *o = c->o;
	struct http1 *p = &o->http;

	if (tls_next(s, p))
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
	__u64 n = rest < CHUNK_SIZE ? rest : CHUNK_SIZE;

	if (!n || n > CHUNK_SIZE)
		return 1;
	opaque_value(n);
	n &= 2 * CHUNK_SIZE - 1;
	if (n > CHUNK_SIZE)
		return 1;
	if (bpf_copy_from_user(s->chunk, n, (void *)(s->call.buf + s->left))) {
		loss_add(LOSS_READ, rest);
		tls_blind(c, OPAQUE_FRAMING);
		return 1;
	}
	s->step.pos = s->step.len = 0;
	s->step.size = n;
	loop(HTTP1_STEPS(CHUNK_SIZE), tls_step, c);
	s->left += n;
	return refused(&s->dec) || (c->o->flags & OBJECT_BLIND);
}

/* Reads what the call offers and earlier ones did not; s->dec tells whether it may go. */
static __always_inline void tls_read_ahead(struct tls_ctx *c)
{
	struct scratch *s = c->s;
	struct object *o = c->o;

	activity_init(&s->act, KIND_HTTP);
	matcher_init(&s->m);
	phrase_init(c->img, s);
	if (o->begun) {
		s->state[0] = o->state[0];
		s->state[1] = o->state[1];
	}
	s->dec.verdict = VERDICT_ALLOW;
	s->left = o->ahead;
	if (s->call.len > o->ahead) {
		loop(COPY_CHUNKS_MAX, tls_chunk, c);
		o->ahead = s->call.len;
	}
	o->begun = 1;
	o->state[0] = s->state[0];
	o->state[1] = s->state[1];
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
	tls_phrase(c, &o->http);
}

/* Gathers what a call is followed with. Returns 0, or -1 when something is missing. */
static __noinline int tls_begin(struct tls_ctx *c, const struct member *m)
{
	c->img = image_current();
	c->o = tls_object(m->call.object);
	c->s = scratch_claim();
	if (c->img && c->s && c->o) {
		c->s->call = m->call;
		return 0;
	}
	if (c->s)
		scratch_release(c->s);
	return -1;
}

/* Entry of a writing function. Returns the tier that stops it, or TIER_NONE. */
static __always_inline __u32 tls_write(struct member *m)
{
	struct tls_ctx c = {};

	if (tls_begin(&c, m)) { /* cannot be followed: where rules ask for it, not at all */
		if (!c.img || image_header(c.img)->kinds[KIND_HTTP].ruled) {
			m->call.refused = 1;
			bpf_send_signal(SIGKILL);
		}
		return TIER_NONE;
	}
	if (c.o->flags & OBJECT_DEAD) {
		m->call.refused = 1;
	} else if (!(c.o->flags & OBJECT_BLIND)) {
		tls_read_ahead(&c);
		tls_phrase_in_head(&c);
		m->call.refused = refused(&c.s->dec);
	}
	scratch_release(c.s);
	return m->call.refused ? tier_plaintext : TIER_NONE;
}

/* ---- payload ---- */

/* The next record of payload: s->left bytes of s->call.len are done. */
static long tls_copy(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	struct rec_data *r = (struct rec_data *)s->record;
	__u32 dir = s->call.dir & 1;
	__u64 rest = s->call.len - s->left;
	__u64 n = rest < DATA_MAX ? rest : DATA_MAX;

	if (!n || n > DATA_MAX)
		return 1;
	opaque_value(n);
	n &= 2 * DATA_MAX - 1;
	if (n > DATA_MAX)
		return 1;
	record_start(s, REC_TLS_DATA, sizeof(*r));
	r->stream = c->o->stream;
	r->offset = c->o->offset[dir];
	r->len = n;
	r->dir = dir;
	r->lost = 0;
	if (bpf_copy_from_user(s->record + sizeof(*r), n, (void *)(s->call.buf + s->left))) {
		r->lost = 1;
		loss_add(LOSS_READ, n);
	} else {
		s->used += n;
	}
	c->o->offset[dir] += n;
	record_send_bytes(s);
	s->left += n;
	return 0;
}

/* How many bytes a call has moved, from its return value; 0 when it failed. */
static __always_inline __u64 tls_moved(struct scratch *s, __s64 ret)
{
	if ((int)ret <= 0)
		return 0;
	if (!s->call.done)
		return (__u32)ret;
	s->left = 0;
	bpf_copy_from_user(&s->left, sizeof(s->left), (void *)s->call.done);
	return s->left;
}

/* Return of a reading or writing function. */
static __always_inline void tls_return(struct member *m, __s64 ret)
{
	struct tls_ctx c = {};
	__u64 n;

	if (tls_begin(&c, m))
		return;
	n = tls_moved(c.s, ret);
	if (n && n <= c.s->call.len) {
		if (c.s->call.dir == DIR_WRITE)
			c.o->ahead -= n < c.o->ahead ? n : c.o->ahead;
		c.s->call.len = n;
		c.s->left = 0;
		if (copy_bytes)
			loop(COPY_CHUNKS_MAX, tls_copy, &c);
	}
	scratch_release(c.s);
}

/* ---- probes ---- */

/* Notes the call that a function of the library is entered with. NULL outside of the workload. */
static __noinline struct member *tls_enter(struct pt_regs *ctx, __u32 dir)
{
	__u64 site = bpf_get_attach_cookie(ctx);
	struct member *m = scope_member();

	if (!m)
		return 0;
	m->call.object = PT_REGS_PARM1(ctx);
	m->call.buf = PT_REGS_PARM2(ctx);
	m->call.len = site & SITE_EX ? PT_REGS_PARM3(ctx) : (__u64)(__u32)PT_REGS_PARM3(ctx);
	m->call.done = site & SITE_EX ? PT_REGS_PARM4(ctx) : 0;
	m->call.dir = dir;
	m->call.refused = 0;
	return m;
}

static __always_inline __u32 tls_enter_write(struct pt_regs *ctx)
{
	struct member *m = tls_enter(ctx, DIR_WRITE);

	return m ? tls_write(m) : TIER_NONE;
}

SEC("uprobe.s")
int tls_write_enter(struct pt_regs *ctx)
{
	tls_enter_write(ctx);
	return 0;
}

/*
 * The same where programs may change registers: a refused function does not run. It "returns" at
 * once, by a `ret` of its own, so that shadow stacks stay in step.
 */
SEC("?uprobe.s")
int tls_write_override(struct pt_regs *ctx)
{
	__u64 site;

	if (tls_enter_write(ctx) != TIER_OVERRIDE)
		return 0;
	site = bpf_get_attach_cookie(ctx);
	if (!(site >> SITE_RET_SHIFT)) { /* no `ret` was found to go to */
		bpf_send_signal(SIGKILL);
		return 0;
	}
	ctx->ax = site & SITE_EX ? 0 : -1;
	ctx->ip += site >> SITE_RET_SHIFT;
	return 0;
}

SEC("uprobe.s")
int tls_read_enter(struct pt_regs *ctx)
{
	struct member *m = tls_enter(ctx, DIR_READ);

	if (m)
		tls_object(m->call.object);
	return 0;
}

SEC("uretprobe.s")
int tls_leave(struct pt_regs *ctx)
{
	struct member *m = scope_member();

	if (!m || !m->call.object)
		return 0;
	if (!m->call.refused)
		tls_return(m, PT_REGS_RC(ctx));
	m->call.object = 0;
	return 0;
}

/* Handshakes: the next ClientHello of this thread is this object's. */
SEC("uprobe.s")
int tls_handshake(struct pt_regs *ctx)
{
	if (scope_member())
		tls_object(PT_REGS_PARM1(ctx));
	return 0;
}

SEC("uprobe.s")
int tls_free(struct pt_regs *ctx)
{
	struct object_key key;
	struct object *o;
	struct scratch *s;
	struct rec_close *r;
	__u64 stream;

	if (!scope_current())
		return 0;
	object_key(&key, PT_REGS_PARM1(ctx));
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o)
		return 0;
	stream = o->stream;
	bpf_map_delete_elem(&objects, &key);
	s = scratch_claim();
	if (!s)
		return 0;
	r = (struct rec_close *)s->record;
	record_start(s, REC_CLOSE, sizeof(*r));
	r->stream = stream;
	record_send_bytes(s);
	scratch_release(s);
	return 0;
}
