/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Names of addresses, by the answers of trusted resolvers. Only where a policy names hosts.
 *
 *   cgroup_skb/egress   keeps what the workload asks; drops what it sends in a resolver's name
 *   cgroup_skb/ingress  reads the answers, before the socket has them: whoever connects by one finds
 *                       the name there; reports truncated ones
 *   syscall             user space has asked for what was truncated, over TCP (user/resolving.h)
 *
 * What comes over TCP is not read, as a stream of it may be cut anywhere. Who is sent there by a truncated
 * answer gets none before warden has had its own: the segments of resolvers are dropped meanwhile, and
 * sent again. That ends by time, whatever becomes of warden.
 *
 * Attack: give an address of one's own an allowed name, by a resolver of one's own. An answer counts if
 * it comes from the address of a resolver of the run's start, from port 53, in the network namespace
 * that the run began in, over an interface that was there then, and over the loopback only if the
 * resolver was there itself; and if it was asked for: by this socket, of that resolver, with the same
 * number, name and type.
 */
#include "names.bpf.h"
#include <bpf/bpf_endian.h>

#define PASS 1
#define DROP 0

#define DNS_PORT 53
#define LOOPBACK 1 /* LOOPBACK_IFINDEX: the same in every network namespace */

const volatile __u8 names_kept = 0;
const volatile __u32 names_netns = 0;	   /* number of the run's first network namespace */
const volatile __u32 names_interfaces = 0; /* the highest number of an interface there, at the start */

__u64 resolves_asked = 0; /* ticket of the last truncated answer */
__u64 resolves_done = 0;  /* of the last one that user space has nothing to ask for any more */
__u64 resolves_until = 0; /* those behind are not waited for longer: CLOCK_MONOTONIC, ns */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RESOLVERS);
	__uint(key_size, 16);
	__type(value, struct resolver);
} resolvers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, QUERIES_MAX);
	__type(key, struct query_key);
	__type(value, struct query);
} queries SEC(".maps");

/* What is at work, in the place of a record. */
struct dns_work {
	struct dns d;
	struct name_key key;
	struct name_entry entry;
	struct query_key query;
	__u64 now;
	__u64 ttl;
	__u32 addr;
	__u32 done;
	volatile __u64 sock; /* the kernel's own; in memory it is a number, see net_sock() */
};

_Static_assert(sizeof(struct dns_work) <= RECORD_SIZE && DNS_SIZE <= CHUNK_SIZE, "room for them");

/* ---- packets ---- */

#define DNS_UDP_SIZE   8
#define DNS_TCP_OFFSET 12 /* of the byte that has its length, in 4 bytes, in its upper half */

struct dns_ports { /* of UDP and of TCP */
	__be16 source, dest;
};

struct dns_packet {
	__u8 from[16]; /* as in struct name_key */
	__u8 to[16];
	struct dns_ports port;
	__u32 protocol;
	__u32 payload; /* offset */
};

struct dns_head4 {
	__u8 version_len;
	__u8 rest[8];
	__u8 protocol;
	__be16 checksum;
	__be32 source, dest;
};

struct dns_head6 {
	__be32 version;
	__be16 length;
	__u8 next, hops;
	__u64 source[2], dest[2];
};

#define ETH_P_IPV6 0x86dd

static __always_inline void dns_map4(__u8 *to, __be32 addr)
{
	*(__u64 *)to = 0;
	*(__be32 *)(to + 8) = bpf_htonl(0xffff);
	*(__be32 *)(to + 12) = addr;
}

/*
 * Reads the headers of a datagram, or of a segment of TCP that may be a resolver's; 0, or -1 when it is
 * neither. Resolvers send no extension headers.
 */
static __always_inline int dns_parse(struct __sk_buff *skb, struct dns_packet *p)
{
	struct dns_head4 h4;
	struct dns_head6 h6;
	__u32 at = sizeof(h6);
	__u8 tcp_len;

	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, 0, &h6, sizeof(h6)))
			return -1;
		p->protocol = h6.next;
		__builtin_memcpy(p->from, h6.source, 16);
		__builtin_memcpy(p->to, h6.dest, 16);
	} else {
		if (bpf_skb_load_bytes(skb, 0, &h4, sizeof(h4)))
			return -1;
		p->protocol = h4.protocol;
		dns_map4(p->from, h4.source);
		dns_map4(p->to, h4.dest);
		at = (h4.version_len & 15) * 4;
	}
	if (bpf_skb_load_bytes(skb, at, &p->port, sizeof(p->port)))
		return -1;
	p->payload = at + DNS_UDP_SIZE;
	if (p->protocol == IPPROTO_UDP)
		return 0;
	if (p->protocol != IPPROTO_TCP || p->port.source != bpf_htons(DNS_PORT) ||
	    bpf_skb_load_bytes(skb, at + DNS_TCP_OFFSET, &tcp_len, 1))
		return -1;
	p->payload = at + (tcp_len >> 4) * 4;
	return 0;
}

/* Reads header and question of the message into `w`; false when there are none. */
static __always_inline int dns_load(struct __sk_buff *skb, const struct dns_packet *p,
				    struct scratch *s, struct dns_work *w)
{
	struct dns_ctx c = {.msg = s->chunk, .d = &w->d};
	__u64 len = skb->len > p->payload ? skb->len - p->payload : 0;
	__u64 n = len > DNS_SIZE ? DNS_SIZE : len;

	if (!n)
		return 0;
	opaque_value(n);
	n = ((n - 1) & (DNS_SIZE - 1)) + 1;
	if (bpf_skb_load_bytes(skb, p->payload, s->chunk, n))
		return 0;
	if (!dns_question(&c, len))
		return 0;
	w->query.cookie = bpf_get_socket_cookie(skb);
	w->query.hash = w->d.hash;
	w->query.id = w->d.id;
	w->query.type = w->d.type;
	w->query.reserved = 0;
	w->now = bpf_ktime_get_ns();
	return 1;
}

/* ---- questions ---- */

static __always_inline void dns_ask(struct dns_work *w, const struct dns_packet *p)
{
	struct query q = {.time = w->now};

	__builtin_memcpy(q.resolver, p->to, 16);
	bpf_map_update_elem(&queries, &w->query, &q, BPF_ANY);
}

SEC("cgroup_skb/egress")
int dns_egress(struct __sk_buff *skb)
{
	struct dns_packet p = {};
	struct scratch *s;
	struct dns_work *w;

	if (!skb->sk || dns_parse(skb, &p))
		return PASS;
	if (p.port.source == bpf_htons(DNS_PORT) && bpf_map_lookup_elem(&resolvers, p.from)) {
		tamper_report(TAMPER_RESOLVER, bpf_get_current_task_btf()->tgid);
		return DROP;
	}
	/* At any port: that of a container engine's resolver has been translated by now. */
	if (p.protocol != IPPROTO_UDP || !bpf_map_lookup_elem(&resolvers, p.to))
		return PASS;
	s = scratch_claim();
	if (!s)
		return PASS; /* counted; the answer names nothing */
	w = (struct dns_work *)s->record;
	if (dns_load(skb, &p, s, w) && !(w->d.flags & DNS_RESPONSE))
		dns_ask(w, &p);
	scratch_release(s);
	return PASS;
}

/* ---- answers ---- */

static __always_inline int dns_same(const struct name_entry *a, const struct name_entry *b)
{
	__u64 differ = (a->len ^ b->len) | (a->flags ^ b->flags);

	for (__u32 i = 0; i < DNS_TEXT; i += 8)
		differ |= *(const __u64 *)(a->text + i) ^ *(const __u64 *)(b->text + i);
	return !differ;
}

/* The slot where the name is, or is to be. */
static long dns_slot(__u32 i, void *data)
{
	struct dns_work *w = *(struct dns_work **)data;
	struct name_entry *e;
	__u64 until;

	w->key.slot = i;
	e = bpf_map_lookup_elem(&names, &w->key);
	if (!e) {
		w->done = !bpf_map_update_elem(&names, &w->key, &w->entry, BPF_NOEXIST);
		if (w->done)
			return 1;
		e = bpf_map_lookup_elem(&names, &w->key); /* somebody else was faster */
		if (!e)
			return 1;
	}
	until = e->until;
	if (dns_same(e, &w->entry)) {
		if (until < w->entry.until)
			e->until = w->entry.until;
		w->done = 1;
		return 1;
	}
	if (until >= w->now || __sync_val_compare_and_swap(&e->until, until, w->entry.until) != until)
		return 0;
	w->done = !bpf_map_update_elem(&names, &w->key, &w->entry, BPF_EXIST);
	return w->done;
}

static long dns_learn_name(__u32 i, void *data)
{
	struct dns_work *w = *(struct dns_work **)data;
	__u64 n = i, addr = w->addr;

	if (i >= w->d.name_count)
		return 1;
	opaque_value(n);
	n &= DNS_NAMES - 1;
	opaque_value(addr);
	addr &= DNS_ADDRS - 1;
	w->entry.until = w->now + w->ttl * NAMES_SEC + NAMES_GRACE;
	w->entry.flags = i ? NAME_ALIAS : 0;
	w->entry.len = w->d.names[n].len;
	bpf_probe_read_kernel(w->entry.text, DNS_TEXT, w->d.names[n].text);
	bpf_probe_read_kernel(w->key.addr, 16, w->d.addrs[addr].addr);
	w->done = 0;
	loop(NAMES_SLOTS, dns_slot, data);
	if (!w->done)
		w->d.cut = 1;
	return 0;
}

static long dns_learn_addr(__u32 i, void *data)
{
	struct dns_work *w = *(struct dns_work **)data;
	__u64 addr = i;

	if (i >= w->d.addr_count)
		return 1;
	opaque_value(addr);
	addr &= DNS_ADDRS - 1;
	w->addr = i;
	w->ttl = w->d.addrs[addr].ttl < NAMES_TTL_MAX ? w->d.addrs[addr].ttl : NAMES_TTL_MAX;
	loop(DNS_NAMES, dns_learn_name, data);
	return 0;
}

/* The answer to something that was asked of the resolver that it comes from. What is not counts as a loss. */
static __always_inline int dns_was_asked(struct dns_work *w, const struct dns_packet *p)
{
	const struct query *q = bpf_map_lookup_elem(&queries, &w->query);

	if (q && w->now - q->time < NAMES_PATIENCE &&
	    *(const __u64 *)q->resolver == *(const __u64 *)p->from &&
	    *(const __u64 *)(q->resolver + 8) == *(const __u64 *)(p->from + 8))
		return 1;
	loss_add(LOSS_QUESTIONS, 0);
	return 0;
}

/* Learns what was read. */
static __always_inline void dns_learn(struct dns_work **w)
{
	(*w)->key.reserved = 0;
	loop(DNS_ADDRS, dns_learn_addr, w);
}

/*
 * Has user space ask for what was truncated. The record takes the place of what was at work, so that this
 * comes last.
 */
static __always_inline void dns_report_truncated(struct scratch *s, const struct dns_packet *p)
{
	const struct dns *d = &((const struct dns_work *)s->record)->d;
	struct rec_resolve *r = (struct rec_resolve *)s->record;
	__u32 len = d->names[0].len;
	__u16 type = d->type;

	bpf_probe_read_kernel(s->name, DNS_TEXT, d->names[0].text);
	record_start(s, REC_RESOLVE, sizeof(*r));
	__builtin_memcpy(r->resolver, p->from, 16);
	r->type = type;
	r->name_len = record_append(s, s->name, len & (DNS_TEXT - 1));
	r->reserved = 0;
	resolves_until = bpf_ktime_get_ns() + NAMES_WAIT;
	r->ticket = __sync_fetch_and_add(&resolves_asked, 1) + 1;
	record_send_event(s, RECORD_URGENT);
}

/*
 * Learns from an answer. One that is not learned whole is not delivered: nobody connects to what it
 * names without warden knowing the name. A truncated one sends who asked to TCP.
 */
static __noinline int dns_answer(struct __sk_buff *skb, struct scratch *s, const struct dns_packet *p)
{
	struct dns_work *w = (struct dns_work *)s->record;
	struct dns_ctx c = {.msg = s->chunk, .d = &w->d};

	if (!dns_load(skb, p, s, w) || !(w->d.flags & DNS_RESPONSE) || w->d.flags & DNS_RCODE)
		return PASS;
	if (!dns_was_asked(w, p))
		return PASS;
	dns_records(&c);
	dns_learn(&w);
	if (!w->d.cut)
		return PASS;
	if (w->d.flags & DNS_TRUNCATED) {
		dns_report_truncated(s, p);
		return PASS;
	}
	loss_add(LOSS_NAMES, 0);
	return undecided(image_current()) ? DROP : PASS;
}

/* Text of a resolver's, over TCP, while warden asks for what was truncated. */
static __always_inline int dns_is_early(const struct __sk_buff *skb, const struct dns_packet *p)
{
	return resolves_asked != resolves_done && bpf_ktime_get_ns() < resolves_until &&
	       skb->len > p->payload && bpf_map_lookup_elem(&resolvers, p->from);
}

SEC("cgroup_skb/ingress")
int dns_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	const struct resolver *from;
	struct dns_packet p = {};
	const struct sock *own;
	struct dns_work *w;
	struct scratch *s;
	int ret = PASS;

	if (!sk || dns_parse(skb, &p) || p.port.source != bpf_htons(DNS_PORT))
		return PASS;
	if (p.protocol == IPPROTO_TCP)
		return dns_is_early(skb, &p) ? DROP : PASS;
	from = bpf_map_lookup_elem(&resolvers, p.from);
	if (!from || (skb->ifindex == LOOPBACK && !from->local) || skb->ifindex > names_interfaces)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	s = scratch_claim();
	if (!s) /* counted; who asked will ask again */
		return undecided(image_current()) ? DROP : PASS;
	w = (struct dns_work *)s->record;
	w->sock = (__u64)sk;
	own = (const struct sock *)w->sock;
	if (BPF_CORE_READ(own, __sk_common.skc_net.net, ns.inum) == names_netns)
		ret = dns_answer(skb, s, &p) == DROP ? DROP : PASS;
	scratch_release(s);
	return ret;
}

/*
 * Learns from an answer that user space has checked: it is to the question that it asked, of a resolver
 * that is trusted. Returns 0, or 1 when it was not learned whole.
 */
SEC("syscall")
int dns_told(struct dns_told *told)
{
	struct scratch *s = scratch_claim();
	struct dns_work *w;
	struct dns_ctx c;
	int cut = 1;

	if (!s)
		return 1;
	w = (struct dns_work *)s->record;
	c.msg = s->chunk;
	c.d = &w->d;
	if (!bpf_probe_read_kernel(s->chunk, DNS_SIZE, told->msg) && dns_question(&c, told->len)) {
		dns_records(&c);
		w->now = bpf_ktime_get_ns();
		dns_learn(&w);
		cut = w->d.cut;
	}
	if (cut)
		loss_add(LOSS_NAMES, 0);
	scratch_release(s);
	return cut;
}
