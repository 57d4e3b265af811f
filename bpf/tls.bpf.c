/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Plaintext at the functions of a TLS library, before it is encrypted and after it is decrypted.
 *
 *   uprobe.s    SSL_write and the like     decides on what is about to be sent
 *   uretprobe.s the same                   records what the library has taken
 *   uprobe.s    SSL_read and the like      notes where the answer will be
 *   uretprobe.s the same                   records it
 *   uprobe.s    SSL_do_handshake, SSL_connect, SSL_clear, SSL_free
 *   uprobe.s    SSL_do_handshake           of a library whose SSL_clear and SSL_free nobody finds
 *   uprobe.s    BIO_f_ssl                  notes who may write without any of these
 *   uprobe.s, uretprobe.s gnutls_init, SSL_ImportFD (NSS)   an object is made
 *   uprobe.s    PR_PushIOLayer             something is put over it, that nobody sees through
 *
 * Which functions of which library those are is a table in user/tlsfile.c, how they are called is one in
 * abi.bpf.h.
 *
 * and of Go's crypto/tls the same programs, none of them at a return of the kernel's own making (Go crashes):
 *
 *   writeRecordLocked(), Read() as SSL_write and SSL_read; their RETs as those return
 *   clientHandshake(), serverHandshake() as SSL_clear: an object begins
 *   Close() and its RETs: it ends; what others go on writing until then is followed
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
 * chunk, step, head, match, and three in match.h. What is read of a request is in request.bpf.h.
 */
#include "goroutine.bpf.h"
#include "request.bpf.h"

__u64 streams = 0;
__u32 bio_seen = 0;
__u32 credits_seen = 0;
__u64 credit_none[4] = {};

/* ---- objects ---- */

/* The same object of the process that this one was forked from, if that had it. */
static __noinline struct object *tls_object_of_parent(const struct object_key *key, __u32 parent)
{
	struct object_key up = *key;

	up.tgid = parent;
	return bpf_map_lookup_elem(&objects, &up);
}

/* Asked behind the copying of its state, which it may have changed meanwhile. */
static __always_inline int tls_parent_went_on(const struct object *parent, const struct member *m)
{
	__u32 writers = *(volatile const __u32 *)&parent->writers;

	return writers || *(volatile const __u64 *)&parent->changed >= m->forked;
}

/* An object that the process has not used. It may have been forked with it. */
static __noinline struct object *tls_object_new(struct object_key *key)
{
	struct member *m = bpf_task_storage_get(&members, bpf_get_current_task_btf(), 0, 0);
	struct object *parent, *o;

	if (!m || m->exec_id != key->exec_id)
		return object_reset(key);
	parent = tls_object_of_parent(key, m->origin);
	if (!parent) {
		o = object_reset(key);
		if (o)
			o->flags = OBJECT_STRANGE;
		return o;
	}
	bpf_map_update_elem(&objects, key, parent, BPF_NOEXIST);
	o = bpf_map_lookup_elem(&objects, key);
	if (!o)
		return 0;
	o->stream = __sync_fetch_and_add(&streams, 1) + 1;
	o->writers = 0;
	if (tls_parent_went_on(parent, m))
		o->flags |= OBJECT_PARTED;
	return o;
}

/* Shakes hands, or may do so with the next call: a ClientHello could be its own. */
static __always_inline int tls_may_greet(const struct object *o)
{
	return !o->cookie && !o->offset[DIR_READ] && !o->offset[DIR_WRITE];
}

/* Waits for its ClientHello to leave; not if its first write was refused and did not run. */
static __always_inline int tls_waits(const struct object *o)
{
	return tls_may_greet(o) && !(o->flags & OBJECT_DEAD && tier_plaintext == TIER_OVERRIDE);
}

/*
 * The thread, or goroutine, enters an object that has no socket: the next ClientHello that it sends is this
 * one's. Unless the object that it entered before still waits for that: then it may be either's.
 */
static __noinline int tls_expect_hello(struct object *o, const struct object_key *key, __u64 strand)
{
	struct object_key *last = bpf_map_lookup_elem(&entered, &strand);
	struct object *before = last ? bpf_map_lookup_elem(&objects, last) : 0;

	if (before && before != o && tls_waits(before) && tls_may_greet(o)) {
		before->flags |= OBJECT_UNSURE;
		o->flags |= OBJECT_UNSURE;
	}
	if (bpf_map_update_elem(&entered, &strand, key, BPF_ANY))
		loss_add(LOSS_STORAGE, 0);
	return 0;
}

/* The object with this key, made on first sight. */
static __noinline struct object *tls_object_find(struct object_key *key)
{
	struct object *o = bpf_map_lookup_elem(&objects, key);

	if (!o)
		o = tls_object_new(key);
	if (!o)
		loss_add(LOSS_OBJECTS, 0);
	return o;
}

/* The object at this address in the current process, which the thread or goroutine enters. */
static __noinline struct object *tls_object(__u64 address, __u64 strand)
{
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = tls_object_find(&key);
	if (o && !o->cookie)
		tls_expect_hello(o, &key, strand);
	return o;
}

/* The same if it is known. */
static __noinline struct object *tls_object_known(__u64 address)
{
	struct object_key key;

	object_key(&key, address);
	return bpf_map_lookup_elem(&objects, &key);
}

static __noinline int tls_report_close(__u64 stream)
{
	struct scratch *s = scratch_claim();
	struct rec_close *r;

	if (!s)
		return 0;
	r = (struct rec_close *)s->record;
	record_start(s, REC_CLOSE, sizeof(*r));
	r->stream = stream;
	record_send_bytes(s);
	scratch_release(s);
	return 0;
}

/* Begins the object anew, while calls may be in it. NULL: no room. */
static __noinline struct object *tls_renew(const struct object *o, struct object_key *key)
{
	__u64 stream = o->stream;
	__u32 writers = o->writers;
	struct object *fresh = object_reset(key);

	if (fresh)
		fresh->writers = writers;
	else
		loss_add(LOSS_OBJECTS, 0);
	tls_report_close(stream);
	return fresh;
}

/* Something is known of the object. */
static __always_inline int tls_has_past(const struct object *o)
{
	return o->cookie || o->flags || o->begun || o->offset[DIR_READ] || o->offset[DIR_WRITE];
}

#define BORINGSSL_S3	 48 /* in SSL: a pointer; SSL_write() shows it */
#define BORINGSSL_RANDOM 48 /* in that struct: the client's random value; SSL_read() shows what is behind */

/*
 * Whether a BoringSSL object has neither sent nor received a ClientHello: the random value in there is not
 * known yet. -1 when that cannot be read.
 */
static __noinline int tls_is_new(__u64 address)
{
	__u64 at = 0, random[2] = {};

	if (bpf_copy_from_user(&at, sizeof(at), (void *)(address + BORINGSSL_S3)) ||
	    bpf_copy_from_user(random, sizeof(random), (void *)(at + BORINGSSL_RANDOM)))
		return -1;
	return !random[0] && !random[1];
}

/*
 * A write to a BoringSSL object: where its handshake has yet to begin, it is another one than the address may
 * have held before, and this call takes nothing: there is an answer to be waited for. What is refused now is
 * still on its way when the ClientHello shows the socket.
 */
static __noinline int tls_write_early(__u64 address)
{
	struct object_key key;
	struct object *o;

	if (tls_is_new(address) != 1)
		return 0;
	object_key(&key, address);
	o = tls_object_find(&key);
	if (o && tls_has_past(o))
		o = tls_renew(o, &key);
	if (o)
		o->flags |= OBJECT_EARLY;
	return 0;
}

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

/* Gathers what a call is followed with. Returns 0, or -1 when something is missing. */
static __noinline int tls_begin(struct tls_ctx *c, const struct tls_call *call)
{
	c->img = image_current();
	/* Go's begin with a handshake: whose was not seen is opaque by its ClientHello, and has ended otherwise. */
	c->o = abi_of(call->abi)->go ? tls_object_known(call->object)
				     : tls_object(call->object, call->strand);
	c->s = scratch_claim();
	if (c->img && c->s && c->o) {
		c->s->generation = image_header(c->img)->generation;
		c->s->call = *call;
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

/* Entry of a writing function. */
static __always_inline void tls_write(struct tls_call *call)
{
	struct tls_ctx c = {};

	if (tls_begin(&c, call)) {
		tls_write_missed(&c, call);
		return;
	}
	object_enter(c.o);
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
	if (call->refused)
		object_leave(c.o);
	else
		tls_show(c.img, c.o, call);
	/* Another thread may read the answer before this one returns: what Go takes in part is the last of it. */
	if (!call->refused && abi_of(call->abi)->go)
		tls_copy_all(&c);
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
		if (c.o)
			tls_return_missed(c.o, call, ret);
		return;
	}
	n = abi_moved(c.s, ret);
	flags = abi_of(c.s->call.abi)->flags;
	unseen = flags & ABI_UNSEEN;
	if (n > c.s->call.len && !unseen && (!(flags & ABI_RESUMES) || c.s->call.buf))
		n = 0;
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

/* ---- probes ---- */

/* The current task's, with room for calls; NULL outside of the workload, and when there is no room. */
static __noinline struct member *tls_member(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct member *m = bpf_task_storage_get(&members, task, 0, 0);

	if (m || !scope_in_cgroup())
		return m;
	m = bpf_task_storage_get(&members, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!m) {
		loss_add(LOSS_STORAGE, 0);
		tls_unfollowed(image_current());
	}
	return m;
}

/*
 * Whether an object of a function that serves files as well is a TLS object: of this process, or of the one
 * that it was forked from. Where that one may have had it and has gone, it may be.
 */
static __noinline int tls_known(struct member *m, __u64 address)
{
	struct object_key key;

	object_key(&key, address);
	if (bpf_map_lookup_elem(&objects, &key))
		return 1;
	if (m->exec_id != key.exec_id)
		return 0;
	if (m->imports)
		return 1;
	key.tgid = m->origin;
	return bpf_map_lookup_elem(&objects, &key) != 0;
}

/* Whether a call, with the arguments in m->regs, is nothing to follow. */
static __always_inline int tls_passes(struct member *m, const struct abi *abi)
{
	if (abi->flags & ABI_KNOWN && !tls_known(m, abi_reg(m, abi->object)))
		return 1;
	return abi->flags & ABI_PEEKS && m->regs[REG_CX] & NSPR_PEEK;
}

/* Go's clientHandshake(), or serverHandshake(), is about to send. */
static __noinline int tls_shakes_hands(__u64 address, __u64 strand)
{
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (o && !o->cookie)
		tls_expect_hello(o, &key, strand);
	return 0;
}

/*
 * A record of Go's is about to be made: whether it has text in it. One of a handshake may be the ClientHello;
 * it leaves by this goroutine.
 */
static __noinline int tls_is_text(struct member *m, const struct abi *abi)
{
	__u8 type = abi_reg(m, abi->type);

	if (abi->type == REG_NONE)
		return 1;
	if (type == TLS_HANDSHAKE)
		tls_shakes_hands(abi_reg(m, abi->object), m->goroutine.call.strand);
	return type != TLS_HANDSHAKE && type != TLS_ALERT && type != TLS_CIPHERS;
}

/* The same of a call of Go's, found out about the goroutine first. */
static __noinline int tls_passes_go(struct member *m, const struct abi *abi, const struct pt_regs *ctx)
{
	if (goroutine_take(m, ctx)) {
		tls_unfollowed(image_current());
		return 1;
	}
	return !tls_is_text(m, abi);
}

/*
 * Notes the call that a function of the library is entered with. NULL outside of the workload, and for
 * calls that are a part of one that was noted.
 */
static __noinline struct tls_call *tls_enter(struct pt_regs *ctx, __u32 dir)
{
	__u64 site = bpf_get_attach_cookie(ctx);
	const struct abi *abi = abi_of(site);
	struct member *m = tls_member();
	struct tls_call *call;

	if (!m)
		return 0;
	doom_meets();
	abi_take(m, ctx);
	if (abi->go) {
		if (tls_passes_go(m, abi, ctx))
			return 0;
	} else {
		goroutine_none(m, PT_REGS_SP(ctx));
		if (tls_passes(m, abi) || tls_call_inner(m, site, PT_REGS_SP(ctx), PT_REGS_IP(ctx)))
			return 0;
	}
	call = tls_call_at(m, tls_call_take(m, m->goroutine.call.depth));
	call->object = abi_reg(m, abi->object);
	call->sp = m->goroutine.call.depth;
	call->strand = m->goroutine.call.strand;
	call->ip = PT_REGS_IP(ctx);
	call->buf = abi_reg(m, abi->buf);
	call->len = abi_reg(m, abi->len);
	if (abi->flags & ABI_LEN_INT)
		call->len = (__u32)call->len;
	call->stored = abi_reg(m, abi->stored);
	if (abi->go && goroutine_has(&m->goroutine, call->buf))
		call->stored = m->goroutine.stack[STACK_HIGH] - call->buf;
	call->dir = dir;
	call->abi = site & (ABI_MAX - 1);
	call->tier = abi->go ? tier_socket : tier_plaintext;
	call->refused = 0;
	return call;
}

/*
 * The call at work has been entered. Returns the tier that stops it, or TIER_NONE. One of Go's is kept until it
 * returns, be it on another thread: its slot in this one's is free again. If there is no room, it cannot be
 * followed.
 */
static __noinline int tls_entered(void)
{
	struct member *m = bpf_task_storage_get(&members, bpf_get_current_task_btf(), 0, 0);
	int slot = m ? tls_call_find(m, m->goroutine.call.depth) : -1;
	struct tls_call *call;
	struct object *o;
	__u32 tier;

	if (slot < 0 || !m)
		return TIER_NONE;
	call = tls_call_at(m, slot);
	tier = call->refused ? call->tier : TIER_NONE;
	if (!abi_of(call->abi)->go)
		return tier;
	if (bpf_map_update_elem(&goroutine_calls, &m->goroutine.call, call, BPF_ANY)) {
		loss_add(LOSS_STORAGE, 0);
		o = tls_object_known(call->object);
		if (o && call->dir == DIR_WRITE) {
			o->flags |= OBJECT_BLIND;
			object_leave(o);
			tls_unfollowed(image_current());
		}
	}
	call->object = 0;
	return tier;
}

static __always_inline __u32 tls_enter_write(struct pt_regs *ctx)
{
	struct tls_call *call = tls_enter(ctx, DIR_WRITE);

	if (!call)
		return TIER_NONE;
	if (abi_of(call->abi)->flags & ABI_UNFREED)
		tls_write_early(call->object);
	tls_write(call);
	return tls_entered();
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
	ctx->ax = abi_of(site)->refusal;
	ctx->ip += site >> SITE_RET_SHIFT;
	return 0;
}

SEC("uprobe.s")
int tls_read_enter(struct pt_regs *ctx)
{
	struct tls_call *call = tls_enter(ctx, DIR_READ);
	struct object *o;

	if (!call)
		return 0;
	if (abi_of(call->abi)->go) {
		tls_entered();
		return 0;
	}
	o = tls_object(call->object, call->strand);
	if (o && abi_of(call->abi)->flags & ABI_UNSEEN)
		call->buf = o->offset[DIR_READ];
	return 0;
}

/*
 * A refused call has been taken by the library, which is in order where the socket is dead; without one its
 * handshake was thought to have yet to begin.
 */
static __noinline int tls_slipped(__u64 address)
{
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o || !o->cookie)
		bpf_send_signal(SIGKILL);
	return 0;
}

SEC("uprobe.s")
int tls_handshake(struct pt_regs *ctx)
{
	struct member *m = tls_member();
	__u64 address = PT_REGS_PARM1(ctx);

	if (m && (!(abi_of(bpf_get_attach_cookie(ctx))->flags & ABI_KNOWN) || tls_known(m, address)))
		tls_object(address, strand_of_thread());
	return 0;
}

/*
 * A handshake begins or goes on, in an object of which nobody tells when it is freed: it may be another one
 * at the same address, unless a write has found that out just before. (One that was refused and did not run
 * has not come here.) What cannot be told is taken for another one: it has no socket then, and a refusal ends
 * the process.
 */
SEC("uprobe.s")
int tls_greeting(struct pt_regs *ctx)
{
	struct object_key key;
	struct object *o;

	if (!tls_member())
		return 0;
	object_key(&key, PT_REGS_PARM1(ctx));
	o = tls_object_find(&key);
	if (!o)
		return 0;
	if (o->flags & OBJECT_EARLY && !(o->flags & OBJECT_DEAD && tier_plaintext == TIER_OVERRIDE))
		o->flags &= ~OBJECT_EARLY;
	else if (tls_has_past(o) && tls_is_new(key.address))
		o = tls_renew(o, &key);
	if (o && !o->cookie)
		tls_expect_hello(o, &key, strand_of_thread());
	return 0;
}

/*
 * Called for every object before its first handshake, and before each that makes it another one. Go's are not
 * freed by anybody, and handshake records of theirs tell which thread is about to send: what lay at this
 * address before is gone.
 */
static __noinline int tls_begin_anew(__u64 address, int go)
{
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (go) {
		o = o ? tls_renew(o, &key) : object_reset(&key);
		if (!o) { /* nobody would ask for it again */
			loss_add(LOSS_OBJECTS, 0);
			tls_unfollowed(image_current());
		}
		return 0;
	}
	if (!o || (tls_may_greet(o) && (o->writers || !(o->flags & OBJECT_INHERITED))))
		return 0; /* a write that shakes hands first has been read */
	if (o->writers && tls_unfollowed(image_current()))
		return 0; /* the same, but it was read as a part of what was before */
	o = tls_renew(o, &key);
	if (o)
		tls_expect_hello(o, &key, strand_of_thread());
	return 0;
}

SEC("uprobe.s")
int tls_clear(struct pt_regs *ctx)
{
	int go = abi_of(bpf_get_attach_cookie(ctx))->go;
	__u64 address = PT_REGS_PARM1(ctx), gos = ctx->ax;

	opaque_value(gos); /* or clang would choose between places in the context */
	if (scope_current())
		tls_begin_anew(go ? gos : address, go);
	return 0;
}

/* The object at this address is gone. */
static __noinline int tls_end(__u64 address)
{
	struct object_key key;
	struct object *o;
	__u64 stream;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o)
		return 0;
	stream = o->stream;
	bpf_map_delete_elem(&objects, &key);
	tls_report_close(stream);
	return 0;
}

SEC("uprobe.s")
int tls_free(struct pt_regs *ctx)
{
	if (scope_current())
		tls_end(PT_REGS_PARM1(ctx));
	return 0;
}

SEC("uprobe.s")
int tls_close(struct pt_regs *ctx)
{
	struct tls_call *call = tls_enter(ctx, DIR_CLOSE);

	if (call)
		tls_entered();
	return 0;
}

/* Brings back a call of Go's that returns, into a slot of this thread's. Returns the slot, or -1. */
static __noinline int tls_fetch(struct member *m, const struct pt_regs *ctx)
{
	struct tls_call *kept, *call;
	int slot;

	if (goroutine_take(m, ctx))
		return -1;
	kept = bpf_map_lookup_elem(&goroutine_calls, &m->goroutine.call);
	if (!kept)
		return -1;
	slot = tls_call_take(m, m->goroutine.call.depth);
	call = tls_call_at(m, slot);
	*call = *kept;
	if (call->stored)
		call->buf = m->goroutine.stack[STACK_HIGH] - call->stored;
	bpf_map_delete_elem(&goroutine_calls, &m->goroutine.call);
	return slot;
}

SEC("uretprobe.s")
int tls_leave(struct pt_regs *ctx)
{
	struct member *m = tls_member();
	struct tls_call *call;
	int slot, go;

	if (!m)
		return 0;
	go = abi_of(bpf_get_attach_cookie(ctx))->go;
	slot = go ? tls_fetch(m, ctx)
		  : tls_call_find(m, PT_REGS_SP(ctx) - 8); /* the return address is off the stack */
	if (slot < 0)
		return 0;
	call = tls_call_at(m, slot);
	if (call->dir == DIR_CLOSE)
		tls_end(call->object);
	else if (!call->refused)
		tls_return(call, PT_REGS_RC(ctx));
	else if (!go && (int)PT_REGS_RC(ctx) > 0)
		tls_slipped(call->object);
	call->object = 0;
	return 0;
}

/* Called whenever a BIO is made that encrypts what is written to it. */
SEC("uprobe.s")
int tls_bio(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	__u32 exec_id = BPF_CORE_READ(task, self_exec_id);

	if (!scope_current())
		return 0;
	if (bpf_map_update_elem(&bio_users, &tgid, &exec_id, BPF_ANY)) {
		loss_add(LOSS_STORAGE, 0);
		__sync_fetch_and_or(&bio_seen, BIO_ALL);
	}
	__sync_fetch_and_or(&bio_seen, BIO_SOME);
	return 0;
}

/* ---- objects that are made ----
 *
 * By GnuTLS, without anything like SSL_clear(): a child that was forked makes some where its parent has
 * others.
 *
 * By NSS, a file becomes a TLS object when the library puts its layer on top of it, and is one until it is
 * closed. Other files go by the same functions, which are in another library (NSPR). So an object is known only
 * when these were seen to be probed: the last one of them was met while the file was imported. A file that
 * is not known has no socket, its ClientHello is nobody's, and its connection opaque.
 */

SEC("uprobe.s")
int tls_make(struct pt_regs *ctx)
{
	tls_enter(ctx, DIR_READ);
	return 0;
}

/* Another object is at this address from now on. */
static __noinline int tls_begins(struct object_key *key)
{
	struct object *o = bpf_map_lookup_elem(&objects, key);
	__u64 stream = o ? o->stream : 0;

	if (!object_reset(key))
		loss_add(LOSS_OBJECTS, 0);
	if (stream)
		tls_report_close(stream);
	return 0;
}

static __noinline int tls_imported(const struct tls_call *call, __u64 ret)
{
	struct object_key key;

	object_key(&key, call->object);
	if (!call->buf || ret != call->object)
		return 0;
	if (bpf_map_update_elem(&importers, &key.tgid, &key.exec_id, BPF_ANY)) {
		loss_add(LOSS_STORAGE, 0);
		tls_unfollowed(image_current());
		return 0;
	}
	return tls_begins(&key);
}

/* What is given to the caller by a pointer, which is in place of the object. */
static __noinline int tls_made_at(const struct tls_call *call)
{
	struct object_key key;

	object_key(&key, 0);
	if (bpf_copy_from_user(&key.address, sizeof(key.address), (void *)call->object) || !key.address)
		return 0;
	return tls_begins(&key);
}

SEC("uretprobe.s")
int tls_made(struct pt_regs *ctx)
{
	struct member *m = tls_member();
	struct tls_call *call;
	int slot;

	if (!m)
		return 0;
	slot = tls_call_find(m, PT_REGS_SP(ctx) - 8);
	if (slot < 0)
		return 0;
	call = tls_call_at(m, slot);
	if (call->abi == ABI_NSS_IMPORT)
		tls_imported(call, PT_REGS_RC(ctx));
	else if ((int)PT_REGS_RC(ctx) >= 0)
		tls_made_at(call);
	call->object = 0;
	return 0;
}

/* What is written to an object through another layer is not what the layer writes. */
static __noinline int tls_cover(struct object *o, const struct object_key *key)
{
	struct tls_ctx c = {.img = image_current(), .s = scratch_claim(), .o = o};

	if (!c.img || !c.s) {
		tls_unfollowed(c.img);
	} else if (o->cookie) {
		c.s->generation = image_header(c.img)->generation;
		c.s->call.tier = tier_plaintext;
		tls_blind(&c, OPAQUE_UNSEEN);
	}
	if (c.s)
		scratch_release(c.s);
	bpf_map_delete_elem(&objects, key);
	return 0;
}

SEC("uprobe.s")
int tls_layer(struct pt_regs *ctx)
{
	struct member *m = tls_member();
	struct object_key key;
	struct object *o;
	__u64 stream;

	if (!m)
		return 0;
	for (int i = 0; i < TLS_CALLS; i++) {
		struct tls_call *call = &m->calls[i];

		if (call->object && call->object == PT_REGS_PARM1(ctx) && call->abi == ABI_NSS_IMPORT)
			call->buf = 1; /* NSPR is probed */
	}
	object_key(&key, PT_REGS_PARM1(ctx));
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o)
		return 0;
	stream = o->stream;
	tls_cover(o, &key);
	tls_report_close(stream);
	return 0;
}
