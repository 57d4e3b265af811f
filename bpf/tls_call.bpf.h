/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TLS_CALL_BPF_H
#define WARDEN_TLS_CALL_BPF_H

/*
 * Calls of TLS libraries: what one that writes offers, and what one that returns has moved. The rules of
 * tls.bpf.c on stacks hold.
 */
#include "tls_object.bpf.h"

/* ---- calls ---- */

/*
 * The slot of the call with this stack pointer, or -1. A number, from a function that is verified by
 * itself: with a pointer to one of four slots the verifier would go through all that follows four
 * times.
 */
__weak __noinline int tls_call_find(struct member *m, __u64 sp)
{
	for (int i = 0; m && i < TLS_CALLS; i++)
		if (m->calls[i].object && m->calls[i].sp == sp)
			return i;
	return -1;
}

/*
 * A slot for a new call. One with the same stack pointer was left in another way than by returning;
 * when there is none left, one that was is likely the oldest.
 */
__weak __noinline int tls_call_take(struct member *m, __u64 sp)
{
	int slot = tls_call_find(m, sp);

	for (int i = 0; m && slot < 0 && i < TLS_CALLS; i++)
		if (!m->calls[i].object)
			slot = i;
	return m && slot < 0 ? (int)(m->next++ & (TLS_CALLS - 1)) : slot;
}

/*
 * Whether a function of the library, called as m->regs say, is called by another one of it, which was seen
 * to be entered: SSL_write_ex() calls or jumps to SSL_write_ex2(), with the same text. By which functions
 * that is so depends on who has built the library. The same function again was left in another way than by
 * returning.
 */
__weak __noinline int tls_call_inner(struct member *m, __u64 site, __u64 sp, __u64 ip)
{
	const struct abi *abi = abi_of(site);

	for (int i = 0; m && i < TLS_CALLS; i++) {
		struct tls_call *call = &m->calls[i];
		__u32 flags = abi_of(call->abi)->flags;

		if (!call->object || call->object != abi_reg(m, abi->object) || call->sp < sp || call->ip == ip)
			continue;
		if (flags & ABI_INSIDE)
			return 1;
		if (call->buf == abi_reg(m, abi->buf) && call->len == abi_reg(m, abi->len))
			return 1;
		if (flags & ABI_RESUMES && !abi_reg(m, abi->buf) && !abi_reg(m, abi->len)) /* tls_place() */
			return 1;
	}
	return 0;
}

static __always_inline struct tls_call *tls_call_at(struct member *m, int slot)
{
	__u64 at = slot;

	opaque_value(at);
	at &= TLS_CALLS - 1;
	return &m->calls[at];
}

/* The object of a call, or NULL. */
static __noinline struct object *tls_object_of(const struct tls_call *call)
{
	const struct abi *abi = abi_of(call->abi);

	/* Go's begin with a handshake: whose was not seen is opaque by its ClientHello, and has ended otherwise. */
	if (abi->go)
		return tls_object_known(call->object);
	if (!(abi->flags & ABI_SEALS))
		return tls_object(call->object, call->strand);
	return call->dir == DIR_READ ? seal_reader(call->strand) : seal_object(call->object, call->strand);
}

/* Gathers what a call is followed with. Returns 0, or -1 when something is missing. */
static __noinline int tls_begin(struct tls_ctx *c, const struct tls_call *call)
{
	c->img = image_current();
	c->o = tls_object_of(call);
	c->s = scratch_claim();
	if (c->img && c->s && c->o) {
		c->s->generation = image_header(c->img)->generation;
		c->s->call = *call;
		c->s->kill = c->s->who.tgid = 0;
		return 0;
	}
	if (c->s)
		scratch_release(c->s);
	return -1;
}

/* A call that cannot be followed: where rules ask for requests, and refuse any, it does not happen. */
static __noinline int tls_unfollowed(const void *img)
{
	if (img && (!image_header(img)->kinds[KIND_HTTP].ruled || image_header(img)->mode == MODE_AUDIT))
		return 0;
	bpf_send_signal(SIGKILL);
	return 1;
}

/*
 * What a call carries is not read, and goes: a gap, as long as may be lost, behind which requests are not
 * followed.
 */
static __noinline int tls_miss(struct object *o, const struct tls_call *call)
{
	o->offset[call->dir & 1] += call->len;
	if (call->dir == DIR_WRITE)
		o->flags |= OBJECT_BLIND;
	return 0;
}

/*
 * A call without a text of its own. Where that cannot be seen, notes where it will be in the stream. What
 * an earlier call has left is looked for where that call had it; if it is there no more, the library has
 * kept it, and nobody else can read it.
 */
static __noinline int tls_place(struct tls_ctx *c, struct tls_call *call)
{
	__u32 flags = abi_of(call->abi)->flags;
	struct object *o = c->o;

	if (flags & ABI_UNSEEN)
		call->buf = o->offset[call->dir & 1];
	if (!(flags & ABI_RESUMES) || call->buf || call->len || !o->ahead)
		return 0;
	c->s->call.buf = o->offered;
	c->s->call.len = call->len = o->ahead;
	if (o->digest && tls_digest(c, 0, o->ahead) == o->digest)
		call->buf = o->offered;
	else
		c->s->call.buf = 0;
	return 0;
}

/*
 * What a call offers explains what is about to leave, whether or not anybody reads it. A length that no int
 * holds is an error, and shows nothing. What cannot be seen (OPAQUE_UNSEEN) shows nothing either, but where
 * rules ask for requests it has been decided on, and that is not said twice.
 */
static __noinline int tls_show(const void *img, struct object *o, const struct tls_call *call)
{
	__u64 end = o->offset[DIR_WRITE] + call->len;

	if (abi_of(call->abi)->flags & ABI_UNSEEN) {
		o->fresh += img && image_header(img)->kinds[KIND_HTTP].ruled ? CREDIT_ALL : 0;
	} else {
		if (call->len >> 31 || end <= o->shown)
			return 0;
		o->fresh += end - o->shown;
		o->shown = end;
	}
	o->fresh_calls++;
	object_credit(o, bpf_get_current_pid_tgid() >> 32);
	return 0;
}

/* ---- payload ---- */

/* The next record of payload: s->left bytes of s->call.len are done. */
static long tls_copy(__u32 i, void *data)
{
	struct tls_ctx *c = data;
	struct scratch *s = c->s;
	struct rec_data *r = (struct rec_data *)s->record;
	__u32 dir = s->call.dir & 1;
	__u64 n = chunk_next(s->call.len - s->left);

	_Static_assert(CHUNK_SIZE == DATA_MAX, "a record holds a chunk");
	if (!n)
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

/* What the call in s->call has moved, or is about to. */
static __noinline int tls_copy_all(struct tls_ctx *c)
{
	struct scratch *s = c->s;

	s->left = 0;
	if (copy_bytes)
		loop(CHUNKS_MAX, tls_copy, c);
	else
		c->o->offset[s->call.dir & 1] += s->call.len;
	return 0;
}

/* ---- writing ---- */

/* A writing call that cannot be followed. Of Go's, because the object has just ended: then nothing leaves. */
static __noinline int tls_write_missed(const struct tls_ctx *c, struct tls_call *call)
{
	if (c->o || !abi_of(call->abi)->go)
		call->refused = tls_unfollowed(c->img);
	if (c->o && !call->refused)
		tls_show(c->img, c->o, call);
	if (c->o)
		tls_miss(c->o, call);
	call->object = 0; /* nothing was entered that could be left */
	return 0;
}

/* A record is sealed whole, and nobody tells when that is done. */
static __noinline int tls_sealed(struct tls_ctx *c, const struct tls_call *call)
{
	if (call->refused)
		return 0;
	tls_taken(c, call->len);
	object_leave(c->o);
	return 0;
}

/* Another thread may read the answer before this one returns; what is taken in part is the last of it. */
static __always_inline int tls_copied_early(const struct abi *abi)
{
	return abi->go || abi->flags & ABI_SEALS;
}

/* Entry of a writing function. */
static __always_inline void tls_write(struct tls_call *call)
{
	struct tls_ctx c = {};

	if (tls_begin(&c, call)) {
		tls_write_missed(&c, call);
		return;
	}
	object_enter(c.o);
	if (abi_of(call->abi)->flags & ABI_SEALS && !c.o->cookie && !c.o->begun)
		seal_first(c.o, call->object, call->len);
	tls_place(&c, call);
	if (c.o->flags & OBJECT_DEAD) {
		call->refused = 1;
		if (!c.o->cookie && !(c.o->flags & OBJECT_EARLY) && call->tier != TIER_OVERRIDE)
			bpf_send_signal(SIGKILL); /* its ClientHello was not seen */
	} else if (!(c.o->flags & OBJECT_BLIND)) {
		tls_read_ahead(&c);
		tls_phrase_in_head(&c);
		call->refused = refused(&c.s->dec);
	}
	if (c.s->kill)
		bpf_send_signal(SIGKILL);
	if (call->refused)
		object_leave(c.o);
	else
		tls_show(c.img, c.o, call);
	if (!call->refused && tls_copied_early(abi_of(call->abi)))
		tls_copy_all(&c);
	if (abi_of(call->abi)->flags & ABI_SEALS)
		tls_sealed(&c, call);
	scratch_release(c.s);
}

/* ---- returns ---- */

/*
 * Bytes that came back: the first ones tell a reader that waits for an answer whether requests go on.
 */
static __noinline int tls_answer(struct tls_ctx *c, __u64 n)
{
	struct scratch *s = c->s;
	struct http1 *p = &c->o->http;

	if (p->state != HTTP1_S_WAIT)
		return 0;
	if (n > HTTP1_ANSWER_LEN)
		n = HTTP1_ANSWER_LEN;
	opaque_value(n);
	n &= 15;
	if (bpf_copy_from_user(s->chunk, n, (void *)s->call.buf))
		return 0;
	for (__u32 i = 0; i < HTTP1_ANSWER_LEN && i < n; i++)
		http1_answer_byte(p, s->chunk[i]);
	return 0;
}

/*
 * Bytes that have gone and cannot be seen: a gap, but for those that calls inside of this one have carried.
 * `from` is where in the stream the call began.
 */
static __noinline int tls_gap(struct tls_ctx *c, __u64 n, __u64 from)
{
	struct scratch *s = c->s;
	struct rec_data *r = (struct rec_data *)s->record;
	__u32 dir = s->call.dir & 1;
	__u64 seen = c->o->offset[dir] - from;

	if (n <= seen)
		return 0;
	n -= seen;
	loss_add(LOSS_READ, n);
	record_start(s, REC_TLS_DATA, sizeof(*r));
	r->stream = c->o->stream;
	r->offset = c->o->offset[dir];
	r->len = n;
	r->dir = dir;
	r->lost = 1;
	c->o->offset[dir] += n;
	if (copy_bytes)
		record_send_bytes(s);
	return 0;
}

/*
 * How much of what was opened is text, of `n` bytes: none of another type than that, which TLS 1.3 has at the end.
 */
static __noinline __u64 tls_opened(struct tls_ctx *c, __u64 n)
{
	struct scratch *s = c->s;
	__u8 type = 0;

	if (!s->call.behind)
		return n;
	if (!n || bpf_copy_from_user(&type, 1, (void *)(s->call.buf + n - 1)) || type != TLS_DATA)
		return 0;
	return n - 1;
}

/* The same where nobody knows for which connection. */
static __noinline int tls_opened_astray(const struct tls_call *call, __s64 ret)
{
	__u8 type = TLS_DATA;

	if ((int)ret < 1)
		return 0;
	if (call->behind)
		bpf_copy_from_user(&type, 1, (void *)(call->buf + call->len - 1));
	if (type == TLS_DATA)
		loss_add(LOSS_READ, call->len - call->behind);
	return 0;
}

/* Whether it was when the call was entered, see tls_write(). */
static __always_inline int tls_copied(const struct tls_call *call)
{
	return call->dir == DIR_WRITE && abi_of(call->abi)->go;
}

/* The return of a call that cannot be followed: what is ahead is not known any more, see tls_repeats(). */
static __noinline int tls_return_missed(struct object *o, const struct tls_call *call, __s64 ret)
{
	if (tls_copied(call))
		o->flags |= OBJECT_BLIND;
	else if (!abi_failed(abi_of(call->abi), ret))
		tls_miss(o, call);
	if (call->dir == DIR_WRITE)
		object_leave(o);
	return 0;
}

/* Return of a reading or writing function. */
static __always_inline void tls_return(const struct tls_call *call, __s64 ret)
{
	struct tls_ctx c = {};
	__u32 flags, unseen;
	__u64 n;

	if (tls_begin(&c, call)) {
		if (abi_of(call->abi)->flags & ABI_SEALS)
			tls_opened_astray(call, ret);
		else if (c.o)
			tls_return_missed(c.o, call, ret);
		return;
	}
	n = abi_moved(c.s, ret);
	flags = abi_of(c.s->call.abi)->flags;
	unseen = flags & ABI_UNSEEN;
	if (n > c.s->call.len && !unseen && (!(flags & ABI_RESUMES) || c.s->call.buf))
		n = 0;
	if (flags & ABI_SEALS)
		n = tls_opened(&c, n);
	if (c.s->call.dir == DIR_WRITE) {
		tls_taken(&c, n);
		object_leave(c.o);
	} else if (n && !unseen)
		tls_answer(&c, n);
	if (n && (unseen || !c.s->call.buf)) {
		tls_gap(&c, n, unseen ? c.s->call.buf : c.o->offset[c.s->call.dir & 1]);
	} else if (n && !tls_copied(&c.s->call)) {
		c.s->call.len = n;
		tls_copy_all(&c);
	}
	scratch_release(c.s);
}

#endif
