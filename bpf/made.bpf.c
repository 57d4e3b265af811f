/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * TLS objects that are made, or made of something else, where a library tells that and has nothing like
 * SSL_clear().
 *
 *   uprobe.s, uretprobe.s gnutls_init, SSL_ImportFD (NSS)   an object is made
 *   the same              SSL_new          where SSL_free is not found (user/openssl.h)
 *   uprobe.s              PR_PushIOLayer   something is put over it, that nobody sees through
 *
 * By GnuTLS, without anything like SSL_clear(): a child that was forked makes some where its parent has
 * others.
 *
 * By NSS, a file becomes a TLS object when the library puts its layer on top of it, and is one until it is
 * closed. Other files go by the same functions, which are in another library (NSPR). So an object is known only
 * when these were seen to be probed: the last one of them was met while the file was imported. A file that
 * is not known has no socket, its ClientHello is nobody's, and its connection opaque.
 */
#include "tls_enter.bpf.h"

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
		object_report_close(stream);
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

/* What is given to the caller. */
static __noinline int tls_made_new(__u64 ret)
{
	struct object_key key;

	object_key(&key, ret);
	return ret ? tls_begins(&key) : 0;
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
	else if (call->abi == ABI_SSL_NEW)
		tls_made_new(PT_REGS_RC(ctx));
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
	object_report_close(stream);
	return 0;
}
