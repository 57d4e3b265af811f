/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SEAL_BPF_H
#define WARDEN_SEAL_BPF_H

/*
 * Functions that seal and open one record, and know of no connection: those of AWS-LC, which rustls calls. An
 * object is what seals, with its key; it is made when it seals text first, and another one is at its address
 * once something is initialised there.
 *
 * Whether it is a record of TLS that is sealed, and what kind, its associated data say (RFC 8446, 5.2; RFC 5246,
 * 6.2.3.3). Everything else (QUIC, a key store) has another form, and is none of ours.
 *
 * There is no handshake that would show the socket: rustls sends text right behind sealing it, and by the same
 * thread. So the socket on which a thread next sends text belongs to the object that it has sealed with last and
 * that has none yet (wire.bpf.c). A packet that leaves on top of any thread belongs to the only object of the
 * process that has none yet and has sealed so much. Until then nothing of the object's has left, so that one that is refused need
 * not end the process: it is dead when it is bound, and its first packet is dropped. While there is such a one,
 * a packet with text of which nobody knows who has sealed it ends its connection.
 *
 * What opens is not what seals. It belongs to the socket that the thread has read from last: rustls reads, and
 * opens what it has read.
 */
#include "object.bpf.h"
#include "hello.h"

/* Processes whose program holds such functions. Full: another one's TLS is opaque. */
struct sealer {
	__u32 exec_id; /* which of the programs that it has run */
	__u32 dead;    /* objects that are dead and have no socket */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tgid */
	__type(value, struct sealer);
} sealers SEC(".maps") __weak;

/* The object without a socket that a thread has sealed with last. One that is forgotten is opaque. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* see goroutine.bpf.h */
	__type(value, struct object_key);
} sealed SEC(".maps") __weak;

/*
 * The same by how much text its first record has: for a packet that leaves in an interrupt, as it was held back
 * until what was sent before was acknowledged. `others` is how many more there were with the same.
 */
struct sealing_key {
	__u32 tgid;
	__u32 text;
};

struct sealing {
	struct object_key key;
	__u64 others;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sealing_key);
	__type(value, struct sealing);
} sealing SEC(".maps") __weak;

/* The object that seals what is sent on a socket. Forgotten: what is received there is a gap. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* cookie */
	__type(value, struct object_key);
} sealed_sockets SEC(".maps") __weak;

/* The socket that a thread has received from last, by its cookie. The same. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* as above */
	__type(value, __u64);
} received SEC(".maps") __weak;

extern __u32 sealers_seen; /* there is one, or was */

#define RECORD_TAG 16U

/* The current process, if it is one. */
static __always_inline struct sealer *sealer_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct sealer *s;

	if (!sealers_seen)
		return 0;
	s = bpf_map_lookup_elem(&sealers, &tgid);
	return s && s->exec_id == BPF_CORE_READ(task, self_exec_id) ? s : 0;
}

/* An object of the current process is refused before it has a socket. */
static __always_inline void sealer_has_dead(void)
{
	struct sealer *s = sealer_current();

	if (s)
		__sync_fetch_and_add(&s->dead, 1);
}

#endif
