/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CLAIM_BPF_H
#define WARDEN_CLAIM_BPF_H

/*
 * The host that a client asks for once it is connected: in its ClientHello (hello.h), in the head of
 * a request. Many hosts share an address, and the server goes by that name, not by the one that the
 * address was asked for with (domain fronting). So the connection is decided on once more, with that
 * name for the only one of its address: where an address is admitted by name alone, it must be a name
 * that is admitted, and none that is denied anywhere. Only where policy names hosts.
 */
#include "net.bpf.h"

enum claim_flag {
	CLAIM_OPAQUE = 1, /* the connection is one of those that pass although nobody sees into them */
	/* Other text came first: a proxy, perhaps, was asked for that host. Then only denials count. */
	CLAIM_BEHIND = 2,
};

static __always_inline void claim_start(const void *img, struct scratch *s, __u64 cookie,
					const struct net_peer *peer, __u32 why, __u32 flags)
{
	net_start_peer(img, s, REC_CLAIM, cookie, peer, why);
	if (flags & CLAIM_OPAQUE)
		s->act.flags |= ACTIVITY_OPAQUE;
}

/* Puts port and colon in front of the name of s->count bytes in s->name. Of its own, see tls.bpf.c. */
static __noinline int claim_put(struct scratch *s)
{
	__u64 at, n = s->count;

	names_begin(s);
	at = s->names.port_len;
	opaque_value(at);
	at &= 7;
	opaque_value(n);
	n &= DNS_TEXT - 1;
	bpf_probe_read_kernel(s->other + at, n, s->name);
	bpf_probe_read_kernel(s->name, DNS_TEXT + 8, s->other);
	net_record(s)->path_len = record_append(s, s->name + at, n);
	return 0;
}

/* Adds what that name hits; of 0 bytes: there is none. As match_host(), which is too deep for some callers. */
static __always_inline void claim_match(struct scratch *s)
{
	__u32 changed = s->m.hit.changed;

	if (!s->count)
		return;
	claim_put(s);
	match_host_begin(&s->m);
	text_match(s, TEXT_HOST + s->names.proto, s->names.port_len + s->count);
	match_host_end(&s->m, s->names.private, changed);
}

/*
 * Who sends a packet is not known: it costs its connection, not its process. A request that a probe saw costs
 * what tls_stop() takes.
 */
static __always_inline void claim_tier(struct scratch *s, __u32 why)
{
	struct decision *d = &net_record(s)->decision;

	if (why != CLAIM_HOST && s->dec.verdict == VERDICT_KILL)
		s->dec.verdict = d->verdict = VERDICT_DENY;
	if (s->dec.verdict == VERDICT_KILL)
		d->tier = TIER_SIGNAL;
}

/*
 * Decides by the name of s->count bytes in s->name, and records it unless it is allowed. `why` is enum
 * claim_why. Returns 1 when it is refused.
 */
static __always_inline int claim_refuse(const void *img, struct scratch *s, const struct net_peer *peer,
					__u64 cookie, __u32 why, __u32 flags)
{
	claim_start(img, s, cookie, peer, why, flags);
	claim_match(s);
	if (flags & CLAIM_BEHIND)
		s->m.hit.allow = s->m.hit.opaque = 0;
	net_decide(img, s, why == CLAIM_HOST ? s->call.tier : TIER_CUT);
	claim_tier(s, why);
	if (s->dec.verdict != VERDICT_ALLOW)
		record_send_event(s, RECORD_URGENT);
	return refused(&s->dec);
}

/*
 * Whether the connection is one that would have been refused when it was made: in mode audit that was said,
 * and is not said again.
 */
static __always_inline int claim_is_audited(const void *img, struct scratch *s, const struct net_peer *peer,
					    __u64 cookie)
{
	claim_start(img, s, cookie, peer, CLAIM_NONE, 0);
	names_add(img, s);
	net_decide(img, s, TIER_CUT);
	return s->dec.verdict == VERDICT_AUDIT;
}

#endif
