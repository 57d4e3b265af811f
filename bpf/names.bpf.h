/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_NAMES_BPF_H
#define WARDEN_NAMES_BPF_H

/* The names of a destination's address, for the hooks that decide on destinations. */

#include "warden.bpf.h"
#include <bpf/bpf_endian.h>

extern const volatile __u8 names_kept; /* 1: the policy names hosts, so that names are learned */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NAMES_MAX);
	__type(key, struct name_key);
	__type(value, struct name_entry);
} names SEC(".maps") __weak;

static __always_inline __u32 net_proto(__u32 protocol)
{
	if (protocol == IPPROTO_TCP)
		return PROTO_TCP;
	return protocol == IPPROTO_UDP ? PROTO_UDP : PROTO_OTHER;
}

/* What a callback sees: two pointers, neither of them ever changed. */
struct names_ctx {
	const void *img;
	struct scratch *s;
};

/* Port and colon at the start of s->other; how many bytes that is. */
static __always_inline void names_put_port(struct scratch *s, __u32 port)
{
	__u32 scale = 10000, at = 0;

	for (int i = 0; i < 5; i++, scale /= 10) {
		if (port < scale && scale > 1)
			continue;
		s->other[at & 7] = '0' + port / scale % 10;
		at++;
	}
	s->other[at & 7] = ':';
	s->names.port_len = at + 1;
}

/* Of the address at work, or NULL. 6.1 takes no key from memory that a global function was handed. */
static __always_inline struct name_entry *names_entry(struct scratch *s, __u32 slot)
{
	struct name_key key = {.slot = slot};

	__builtin_memcpy(key.addr, s->names.addr, sizeof(key.addr));
	return bpf_map_lookup_elem(&names, &key);
}

static long names_slot(__u32 i, void *data)
{
	struct names_ctx *c = data;
	struct scratch *s = c->s;
	struct name_entry *e = names_entry(s, i);
	__u32 allow = s->m.hit.allow, deny = s->m.hit.deny;
	__u64 at = s->names.port_len;

	if (!e)
		return 1;
	if (e->until < s->names.now)
		return 0;
	opaque_value(at);
	at &= 7;
	if (bpf_probe_read_kernel(s->other + at, DNS_TEXT, e->text))
		return 0;
	match_host(c->img, s->names.proto, s->other, s->names.port_len + e->len, s->names.private,
		   &s->m);
	if (e->flags & NAME_ALIAS)
		s->m.hit.allow = allow;
	/* Shown is the name that decides; else the first that was asked for. */
	if ((s->names.shown == NAMES_SLOTS && !(e->flags & NAME_ALIAS)) || s->m.hit.deny != deny ||
	    (s->m.hit.allow != allow && deny == RULE_NONE))
		s->names.shown = i;
	return 0;
}

/* Takes over from the record whose names are looked for. */
static __always_inline void names_begin(struct scratch *s)
{
	const struct rec_net *r = (const struct rec_net *)s->record;
	__u64 high = 0, low;

	if (r->family == AF_INET) {
		low = 0xffffULL << 32 | bpf_ntohl(*(const __u32 *)r->addr);
	} else {
		high = bpf_be64_to_cpu(*(const __u64 *)r->addr);
		low = bpf_be64_to_cpu(*(const __u64 *)(r->addr + 8));
	}
	*(__u64 *)s->names.addr = bpf_cpu_to_be64(high);
	*(__u64 *)(s->names.addr + 8) = bpf_cpu_to_be64(low);
	s->names.now = r->rec.time;
	s->names.private = match_is_private6(high, low);
	s->names.proto = net_proto(r->proto);
	s->names.shown = NAMES_SLOTS;
	names_put_port(s, r->port);
}

/*
 * Adds to s->m what the names of the record's address hit; the record gets the name that is shown. Called
 * by hooks themselves, not from where addresses are matched: what loops here needs five frames. Global: see
 * text_match().
 */
__weak __noinline int names_match(struct scratch *s)
{
	struct names_ctx c = {.img = s ? image_again(s) : 0, .s = s};
	struct name_entry *e;

	if (!s || !c.img)
		return 0;
	names_begin(s);
	loop(NAMES_SLOTS, names_slot, &c);
	e = names_entry(s, s->names.shown);
	if (e)
		((struct rec_net *)s->record)->path_len = record_append(s, e->text, e->len & (DNS_TEXT - 1));
	return 0;
}

/* The same where there is an address, and the policy names hosts. */
static __always_inline void names_add(const void *img, struct scratch *s)
{
	__u16 family = ((struct rec_net *)s->record)->family;

	if (names_kept && (family == AF_INET || family == AF_INET6) && match_has_hosts(img))
		names_match(s);
}

#endif
