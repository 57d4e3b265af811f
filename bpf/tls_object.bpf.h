/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TLS_OBJECT_BPF_H
#define WARDEN_TLS_OBJECT_BPF_H

/*
 * TLS objects at the probes of their library: found and made, begun anew, and waiting for a socket
 * (object.bpf.h). The rules of tls.bpf.c on stacks hold.
 */
#include "goroutine.bpf.h"
#include "request.bpf.h"

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

/* The object that seals a record, made on first sight. Without a socket it is the thread's last. */
static __noinline struct object *seal_object(__u64 address, __u64 strand)
{
	struct object_key key;
	struct object *o;

	object_key(&key, address);
	o = bpf_map_lookup_elem(&objects, &key);
	if (!o) {
		o = object_reset(&key);
		if (!o) {
			loss_add(LOSS_OBJECTS, 0);
			return 0;
		}
		o->flags = OBJECT_SEALS | OBJECT_EARLY;
	}
	if (!o->cookie && bpf_map_update_elem(&sealed, &strand, &key, BPF_ANY)) {
		loss_add(LOSS_STORAGE, 0);
		return 0;
	}
	return o;
}

/* An object without a socket has sealed its first text. */
static __noinline int seal_first(struct object *o, __u64 address, __u32 text)
{
	struct sealing now = {};
	struct sealing_key at = {.text = text};
	struct sealing *last;

	object_key(&now.key, address);
	at.tgid = now.key.tgid;
	last = bpf_map_lookup_elem(&sealing, &at);
	if (last) {
		struct object *before = bpf_map_lookup_elem(&objects, &last->key);

		if (before && before != o && !before->cookie) {
			last->others++;
			return 0;
		}
	}
	bpf_map_update_elem(&sealing, &at, &now, BPF_ANY);
	return 0;
}

/* The object of the socket that the thread has received from last; NULL: it is not known. */
static __noinline struct object *seal_reader(__u64 strand)
{
	__u64 *cookie = bpf_map_lookup_elem(&received, &strand);
	struct object_key *key = cookie ? bpf_map_lookup_elem(&sealed_sockets, cookie) : 0;

	if (!key || key->tgid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	return bpf_map_lookup_elem(&objects, key);
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
	object_report_close(stream);
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

#endif
