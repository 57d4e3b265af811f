/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CREDIT_BPF_H
#define WARDEN_CREDIT_BPF_H

/*
 * What explains the records that leave on a socket: text that writing calls have shown to a probe, before
 * anything of it is encrypted. Probes add to it, the packet hook (follow.bpf.h) takes it off.
 *
 * It is kept by socket rather than by object, since records may leave when their object is long gone:
 * libraries that write to memory, a socket that is closed with a full queue. Objects whose socket is not
 * known (object.bpf.h) have one credit together, that of their process.
 */
#include "warden.bpf.h"

struct credit {
	__u64 shown;   /* bytes of text that calls have offered, each once */
	__u64 calls;   /* which offered some */
	__u64 text;    /* bytes that have left */
	__u64 records; /* in so many records */
};

/* Full: what leaves on another connection is explained by nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* cookie of the socket, or CREDIT_PROCESS and a tgid */
	__type(value, struct credit);
} credits SEC(".maps") __weak;

#define CREDIT_PROCESS (1ULL << 63)
#define CREDIT_ALL     (1ULL << 40) /* more than a connection sends */

extern __u32 credits_seen;   /* there was ever one */
extern __u64 credit_none[4]; /* all zeros */

_Static_assert(sizeof(struct credit) == sizeof(credit_none), "a credit to begin from");

/* The credit of that key, which is made on first sight; NULL: no room. */
static __always_inline struct credit *credit_at(__u64 key)
{
	struct credit *c = bpf_map_lookup_elem(&credits, &key);

	if (c)
		return c;
	credits_seen = 1;
	bpf_map_update_elem(&credits, &key, credit_none, BPF_NOEXIST);
	c = bpf_map_lookup_elem(&credits, &key);
	if (!c)
		loss_add(LOSS_STORAGE, 0);
	return c;
}

#endif
