/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_OBJECT_BPF_H
#define WARDEN_OBJECT_BPF_H

/*
 * TLS objects (SSL *) of the workload: what their plaintext has shown so far, and the socket that
 * carries it. An object is bound to its socket by the handshake: the socket on which a thread sends
 * a ClientHello belongs to the object that this thread entered last. That holds for file
 * descriptors, for BIOs of the application's own, and for memory BIOs (asyncio, Node) alike.
 *
 * An object that shakes hands again, on another socket, is another connection and begins anew
 * (SSL_clear()). Where a thread has begun two handshakes before the first ClientHello left, nobody
 * can tell which socket is whose: neither is bound, and a refusal ends the process.
 *
 * Of a BoringSSL without symbols neither SSL_clear() nor SSL_free() is found (user/boringssl.h), and the
 * address of an object is given again. Another one is told by its client's random value, which is made
 * with the ClientHello: where there is none yet, the object is begun anew, at the handshake and at a write
 * that comes before it, as Bun 1.4 does it.
 *
 * Objects of rustls have no handshake of their own that would bind them: see seal.bpf.h.
 *
 * A child that is forked has its parent's objects, in the state in which they were then. They are
 * copied when the child uses them first, so that this state must still be there. Once the parent has
 * gone on writing, the two have parted: what the child writes to that connection cannot be told
 * (nor could its server decrypt both), and is refused. Where the parent's object is gone nobody knows
 * whether there was one: the child's is opaque unless it is seen to shake hands.
 */

#include "claim.bpf.h"
#include "credit.bpf.h"
#include "socket.bpf.h"

struct object_key {
	__u64 address;
	__u32 tgid;
	__u32 exec_id; /* which of the programs that the process has run */
};

static __always_inline void object_key(struct object_key *key, __u64 address)
{
	struct task_struct *task = bpf_get_current_task_btf();

	key->address = address;
	key->tgid = BPF_CORE_READ(task, tgid);
	key->exec_id = BPF_CORE_READ(task, self_exec_id);
}

enum object_flag {
	OBJECT_DEAD = 1,     /* a request was refused */
	OBJECT_BLIND = 2,    /* its plaintext cannot be followed any more; decided once */
	OBJECT_REFUSED = 4,  /* the message at work was refused by its content; recorded */
	OBJECT_UNSURE = 8,   /* its socket is not certain: it is not bound */
	OBJECT_PARTED = 16,  /* of a child whose parent has gone on writing */
	OBJECT_STRANGE = 32, /* it may have come from a parent that does not have it any more */
	OBJECT_BEHIND = 64,  /* its handshake began behind other text: CLAIM_BEHIND */
	OBJECT_CLAIMED = 128, /* what it asks for was not allowed, and that was said */
	OBJECT_EARLY = 256,   /* it is certain that no ClientHello of it has left */
	OBJECT_PLAIN = 512,   /* no object of TLS at all, but a socket without it (clear.bpf.c) */
	OBJECT_SEALS = 1024,   /* it seals records: seal.bpf.h */
};

#define OBJECT_INHERITED (OBJECT_PARTED | OBJECT_STRANGE) /* or not: its state is not known */

struct object {
	__u64 stream; /* its name in records */
	__u64 cookie; /* of its socket; 0: not bound */
	struct net_peer peer;
	__u64 offset[DIR_COUNT]; /* bytes that have passed */
	struct image_row hit;	 /* of the request at work */
	/*
	 * Bytes that were offered and read here, and that the library has not taken yet: a call
	 * that fails, or takes a part, is repeated by its caller with what is left. They are not
	 * read again, but must be the same: `digest` is of them, 0 while it is not known.
	 */
	__u64 ahead;
	__u64 digest;
	__u64 offered; /* where those that were not taken are, or were */
	__u64 shown;   /* bytes that writing calls have offered so far, each once */
	__u64 fresh;   /* those of them that are not in a credit yet, and how many calls */
	__u64 fresh_calls;
	__u64 changed; /* when it was begun, or a writing call last ended: CLOCK_MONOTONIC, ns */
	__u32 writers; /* calls in it that write */
	__u32 flags;
	__u32 begun;	/* the phrase automata have been started */
	__u32 phrase;	/* row of one that was found while nothing could be decided, and 1; 0: none */
	struct phrases phrases;
	struct http1 http; /* reader of requests */
};

/* Full means that no other object can be followed: refused where a rule asks for plaintext. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct object_key);
	__type(value, struct object);
} objects SEC(".maps") __weak;

/* The object that a thread, or goroutine, has entered last, if it is unbound or shakes hands. By its number:
 * socket programs on 6.1 may not use task storage. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* see goroutine.bpf.h */
	__type(value, struct object_key);
} entered SEC(".maps") __weak;

/*
 * Processes that have used BIO_f_ssl(), with the exec_id that they had then. What is written to a BIO
 * of that kind reaches the library's inside without a call of a function that is probed, so no TLS
 * connection of such a process is certain to be read.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tgid */
	__type(value, __u32);
} bio_users SEC(".maps") __weak;

enum bio_seen {
	BIO_SOME = 1, /* there is such a process */
	BIO_ALL = 2,  /* there was one more than the map holds: each may be it */
};

extern __u32 bio_seen;

/* Has a reader take its next step in s->chunk; s->aux keeps the state that it was in before. */
static __noinline int http_next(struct scratch *s, struct http1 *p)
{
	s->aux = p->state;
	return http1_step(p, &s->step, s->chunk, CHUNK_SIZE - 1);
}

/* A zeroed object, to begin others from: too large for a stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct object);
} blank SEC(".maps") __weak;

extern __u64 streams; /* names given so far */

/* Begins the object anew: another connection, of which nothing is known. NULL: no room. */
static __always_inline struct object *object_reset(struct object_key *key)
{
	__u32 zero = 0;
	struct object *o = bpf_map_lookup_elem(&blank, &zero);

	if (o)
		bpf_map_update_elem(&objects, key, o, BPF_ANY);
	o = bpf_map_lookup_elem(&objects, key);
	if (!o)
		return 0;
	o->stream = __sync_fetch_and_add(&streams, 1) + 1;
	o->changed = bpf_ktime_get_ns();
	return o;
}

/* Tells user space that nothing more comes on a stream. */
static __noinline int object_report_close(__u64 stream)
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

/* What has been shown goes to the credit of its socket, once that is known. */
static __always_inline void object_credit(struct object *o, __u32 tgid)
{
	__u64 key = o->cookie;
	struct credit *c = 0;

	if (!o->fresh_calls)
		return;
	if (o->flags & OBJECT_SEALS) /* packets are asked about before it is bound */
		c = credit_at(CREDIT_PROCESS | tgid);
	else if (key) /* made when it was bound, and gone with its socket */
		c = bpf_map_lookup_elem(&credits, &key);
	else if (o->flags & OBJECT_UNSURE)
		c = credit_at(CREDIT_PROCESS | tgid);
	if (!c)
		return;
	__sync_fetch_and_add(&c->shown, o->fresh);
	__sync_fetch_and_add(&c->calls, o->fresh_calls);
	o->fresh = o->fresh_calls = 0;
}

/* A call that writes enters the object, and leaves it; what it does to the state lies in between. */
static __always_inline void object_enter(struct object *o)
{
	__sync_fetch_and_add(&o->writers, 1);
}

static __always_inline void object_leave(struct object *o)
{
	o->changed = bpf_ktime_get_ns();
	__sync_fetch_and_add(&o->writers, -1);
}

#endif
