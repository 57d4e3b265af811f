/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SOCKET_BPF_H
#define WARDEN_SOCKET_BPF_H

/*
 * Dead sockets: those on which a request was refused. A verdict on plaintext belongs to the TLS
 * object and its socket, never to a thread: an event loop sends other connections' bytes in
 * between. Once dead a socket stays dead, whoever sends.
 *
 * The map is keyed by socket cookie. Full means that another refused request kills its process
 * (tls.bpf.c); nothing is ever evicted. A key is deleted when the socket is closed (wire.bpf.c).
 */

#include "warden.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} dead SEC(".maps") __weak;

extern __u32 dead_seen; /* a socket was ever killed: nobody looks for one before */

static __always_inline int socket_is_dead(__u64 cookie)
{
	return dead_seen && cookie && bpf_map_lookup_elem(&dead, &cookie);
}

static __always_inline int socket_kill(__u64 cookie)
{
	__u32 one = 1;

	dead_seen = 1;
	if (!bpf_map_update_elem(&dead, &cookie, &one, BPF_ANY))
		return 0;
	loss_add(LOSS_DEAD, 0);
	return -1;
}

#endif
