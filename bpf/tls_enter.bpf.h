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

/* What is said of a record: 5 or 13 bytes. Returns its length, with the type behind it; -1: this is none. */
static __noinline int seal_ad(struct member *m, __u64 ad, __u64 len)
{
	__u8 *b = m->ad;

	if (len == 5 && !bpf_copy_from_user(m->ad, 5, (void *)ad) && b[0] == TLS_DATA && b[1] == 3 && b[2] == 3)
		return b[3] << 8 | b[4];
	if (len == 13 && !bpf_copy_from_user(m->ad, 13, (void *)ad) && b[8] == TLS_DATA && b[9] == 3 && b[10] == 3)
		return b[11] << 8 | b[12];
	return -1;
}

/* A record of text is to be sealed; m->regs get where that is. Returns 0, or -1 when it is none. */
static __noinline int seal_take_text(struct member *m, __u64 abi)
{
	__u32 more = abi == ABI_SEAL_SCATTER;
	__u64 text = more ? m->args[1] : m->args[0], len = more ? m->args[2] : m->args[1];
	__u64 ad_len = more ? m->args[6] : m->args[3];
	int said = seal_ad(m, more ? m->args[5] : m->args[2], ad_len);

	m->regs[REG_SI] = text;
	m->regs[REG_DX] = len;
	m->regs[REG_AX] = 0;
	if (said < 0 || (more && m->args[4]))
		return -1;
	if (ad_len == 13)
		return said == len ? 0 : -1;
	if (!len || said != len + RECORD_TAG || bpf_copy_from_user(m->ad, 1, (void *)(text + len - 1)) ||
	    m->ad[0] != TLS_DATA)
		return -1;
	m->regs[REG_DX] = len - 1;
	return 0;
}

/* A record is to be opened. */
static __noinline int seal_take_open(struct member *m, __u64 abi, __u64 r9)
{
	__u64 len = abi == ABI_OPEN ? m->args[1] - RECORD_TAG : r9, ad_len = m->args[3];
	int said = seal_ad(m, m->args[2], ad_len);

	m->regs[REG_CX] = m->regs[REG_DX];
	m->regs[REG_DX] = len;
	m->regs[REG_AX] = ad_len == 5;
	return said >= 0 && said == len + (ad_len == 5 ? RECORD_TAG : 0) ? 0 : -1;
}

/* The same of a call whose arguments are on the stack as well. */
static __noinline int seal_take(struct member *m, const struct pt_regs *ctx, __u64 site)
{
	__u64 abi = site & (ABI_MAX - 1);

	if (bpf_copy_from_user(m->args, sizeof(m->args), (void *)(PT_REGS_SP(ctx) + 8)))
		return -1;
	if (abi == ABI_SEAL || abi == ABI_SEAL_SCATTER)
		return seal_take_text(m, abi);
	return seal_take_open(m, abi, ctx->r9);
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
		if (abi->flags & ABI_SEALS ? seal_take(m, ctx, site) :
		    tls_passes(m, abi) || tls_call_inner(m, site, PT_REGS_SP(ctx), PT_REGS_IP(ctx)))
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
	call->behind = abi->flags & ABI_SEALS ? m->regs[REG_AX] : 0;
	if (abi->go && goroutine_has(&m->goroutine, call->buf))
		call->stored = m->goroutine.stack[STACK_HIGH] - call->buf;
	call->dir = dir;
	call->abi = site & (ABI_MAX - 1);
	call->tier = tls_copied_early(abi) ? tier_socket : tier_plaintext;
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
	if (abi_of(call->abi)->flags & ABI_SEALS)
		call->object = 0; /* nobody tells when it is done */
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
