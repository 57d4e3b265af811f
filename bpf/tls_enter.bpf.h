/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TLS_ENTER_BPF_H
#define WARDEN_TLS_ENTER_BPF_H

/*
 * How a call of a TLS library begins, at the probe on its entry: whose it is, and whether it is one to
 * follow. The rules of tls.bpf.c on stacks hold.
 */
#include "tls_call.bpf.h"

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

#endif
