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
 *   uprobe.s    the entry of a program     notes who has functions that seal records (seal.bpf.h)
 *   raw_tp      tcp_rcv_space_adjust       which socket such a one receives from
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
 * chunk, step, head, match, and three in match.h. What is read of a request is in request.bpf.h; of a call
 * in tls_call.bpf.h; objects that are made are in made.bpf.c.
 */
#include "tls_enter.bpf.h"

__u64 streams = 0;
__u32 bio_seen = 0;
__u32 sealers_seen = 0;
__u32 credits_seen = 0;
__u64 credit_none[4] = {};

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
	if (abi_of(call->abi)->flags & ABI_SEALS)
		return 0;
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
	object_report_close(stream);
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

/* A program begins that holds functions which seal records: at its first instruction. */
SEC("uprobe.s")
int seal_start(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sealer s = {.exec_id = BPF_CORE_READ(task, self_exec_id)};
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (!scope_current())
		return 0;
	sealers_seen = 1;
	if (bpf_map_update_elem(&sealers, &tgid, &s, BPF_ANY))
		loss_add(LOSS_STORAGE, 0);
	return 0;
}

/*
 * The thread has received something on a TCP socket. A raw tracepoint, which is looked for by name when a file
 * needs it: for tp_btf all of the kernel's types would have to be read at each start, to see that it is there.
 */
SEC("raw_tp/tcp_rcv_space_adjust")
int BPF_PROG(seal_received, struct sock *sk)
{
	__u64 strand = strand_of_thread(), cookie;

	if (!sealer_current() || !scope_current())
		return 0;
	cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter); /* it has one since it has sent something */
	if (bpf_map_update_elem(&received, &strand, &cookie, BPF_ANY))
		loss_add(LOSS_STORAGE, 0);
	return 0;
}
