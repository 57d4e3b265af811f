/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_FOLLOW_BPF_H
#define WARDEN_FOLLOW_BPF_H

/*
 * Conservation: on a connection whose ClientHello belongs to an object that probes see, the records that
 * leave are followed (records.h), and may carry no more text than writing calls have shown. A process that
 * takes a probe out of its own memory, encrypts by itself with the keys of the library, or writes to the
 * socket what is no TLS at all, is found out at the first record that nothing explains.
 *
 * What nothing has to explain, of a connection of a client:
 *
 *   the handshake   up to Finished, which an honest server waits for: RECORDS_SHAKE bytes. Early data that
 *                   it has taken counts when it is known for that, which is too late to stop it
 *   24 records      of 5 bytes at most, 24 together: alerts, changes of keys
 *   and then        two records for each call, and one for each 256 bytes shown, whatever text they have:
 *                   libraries cut it into records of 512 bytes and more, and may put an empty one in front
 *
 * So an honest server gets 24 bytes that nobody has seen, less than a request of HTTP/1.1 has, in pieces.
 * One that is in league with the client could be told 8 KiB as a handshake, and what a record has beyond
 * its text (17 bytes in TLS 1.3, 126 at most) in each that is allowed for. Those two can, besides, let a
 * probe see other text than they exchange: it is the number of bytes that is conserved. Where the workload
 * is the server, what it sends on its own (tickets) is more: 16 KiB.
 *
 * Lengths only grow with what was shown before it is encrypted, and a packet with a header that goes beyond
 * is not sent where policy denies what is opaque.
 */
#include "asked.bpf.h"
#include "records.h"

enum wire_follow_state {
	FOLLOW_NONE,  /* nobody asks, or it was decided on */
	FOLLOW_BEGUN, /* with this packet */
	FOLLOW_ON,
	FOLLOW_LOST, /* something was not explained, and is to be decided on */
};

/* Of a socket whose records are followed. */
struct wire_follow {
	__u64 unexplained; /* bytes, once there are some */
	__u32 next;	   /* TCP sequence number of the next byte to look at */
	__u32 reserved;
	struct rec who; /* it shook hands: the process, as in a record */
	struct records records;
	struct credit last; /* what was shown until the socket was closed */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_follow);
} follows SEC(".maps");

/* Pointers and numbers that do not change, see match.h. */
struct wire_follow_walk {
	struct __sk_buff *skb;
	struct wire_follow *f;
	__u32 end;  /* sequence number behind the segment */
	__u32 size; /* of the packet, with which the segment ends */
};

/* The rest of the record at work, and the next byte of a header. */
static long wire_follow_byte(__u32 i, void *data)
{
	struct wire_follow_walk *c = data;
	struct wire_follow *f = c->f;
	__u32 left = c->end - f->next;
	__u8 byte;

	if ((__s32)left <= 0)
		return 1;
	f->next += records_skip(&f->records, left);
	left = c->end - f->next;
	if (!left || bpf_skb_load_bytes(c->skb, c->size - left, &byte, 1))
		return 1;
	f->next++;
	return records_next(&f->records, byte);
}

struct wire_follow_first {
	struct wire_follow *f;
	struct wire_state *w;
};

static long wire_follow_known(__u32 i, void *data)
{
	struct wire_follow_first *c = data;

	return records_next(&c->f->records, c->w->first[i & 7]);
}

/* Keeps whose connection it is, for records of packets that leave in an interrupt. Global, see wire_decide(). */
__weak __noinline int wire_follow_who(struct wire_follow *f)
{
	struct scratch *s = f ? scratch_claim() : 0;

	if (!s)
		return 0;
	record_start(s, REC_OPAQUE, sizeof(f->who));
	__builtin_memcpy(&f->who, s->record, sizeof(f->who));
	scratch_release(s);
	return 0;
}

/* A packet that leaves in an interrupt is not of the process that was interrupted. */
static __always_inline void wire_follow_name(const struct wire_follow *f, const struct wire_state *w,
					     struct scratch *s)
{
	const struct sock *sk = (const struct sock *)w->sock;

	if (!BPF_CORE_READ(sk, sk_lock.owned))
		record_name(s, &f->who);
}

/* As wire_hello_begin(). */
static __noinline int wire_follow_begin(struct wire_follow *f, struct wire_state *w, __u32 seq)
{
	struct wire_follow_first c = {.f = f, .w = w};
	int server = !w->plain && w->first[0] == TLS_HANDSHAKE && w->first[5] != TLS_CLIENT_HELLO;

	__builtin_memset(f, 0, sizeof(*f));
	records_init(&f->records, server);
	wire_follow_who(f);
	f->next = w->plain ? seq : w->base + FIRST_BYTES;
	if (!w->plain)
		loop(FIRST_BYTES, wire_follow_known, &c);
	return 0;
}

static __noinline int wire_follow_read(struct __sk_buff *skb, struct wire_follow *f,
				       const struct wire_packet *p)
{
	struct wire_follow_walk c = {.skb = skb, .f = f, .end = p->seq + p->len, .size = skb->len};

	if (wire_is_gap(f->next, p)) {
		f->records.phase = RECORDS_BROKEN;
		f->next = p->seq;
	}
	return loop(p->len, wire_follow_byte, &c);
}

/*
 * Takes what the packet carries off the credit. Sets f->unexplained when something is left, or this is not
 * TLS any more: then that is what is left of the packet. Global, see wire_decide().
 */
__weak __noinline int wire_follow_settle(struct wire_follow *f, __u64 key, __u32 end)
{
	struct credit *c;
	struct records *r;
	__u64 records;

	if (!f)
		return 0;
	r = &f->records;
	/* That of a process is there for as long as this runs, that of a socket until it is closed. */
	c = key & CREDIT_PROCESS ? credit_at(key) : bpf_map_lookup_elem(&credits, &key);
	if (!c)
		c = &f->last;
	__sync_fetch_and_add(&c->text, r->text);
	__sync_fetch_and_add(&c->records, r->count);
	r->text = r->count = 0;
	records = 2 * c->calls + c->shown / 256;
	if (c->text > c->shown)
		f->unexplained = c->text - c->shown;
	else if (c->records > records)
		f->unexplained = (c->records - records) * r->over;
	if (r->phase == RECORDS_BROKEN)
		f->unexplained += end - f->next + 1;
	return 0;
}

/* Reads on, and settles: w->follow tells what came of it. */
static __noinline int wire_follow(struct __sk_buff *skb, struct wire_follow *f, struct wire_state *w,
				  const struct wire_packet *p)
{
	__u32 begun;

	w->news = 0;
	if (w->follow == FOLLOW_BEGUN)
		wire_follow_begin(f, w, p->seq);
	if (w->follow == FOLLOW_LOST)
		return 0;
	begun = f->records.phase == RECORDS_TEXT ? f->records.begun : ~0U;
	wire_follow_read(skb, f, p);
	w->first_text = f->records.first;
	w->news = (f->records.begun > begun ? NEWS_RECORD : 0) | (f->records.count ? NEWS_TEXT : 0);
	if (f->records.count || f->records.phase == RECORDS_BROKEN)
		wire_follow_settle(f, w->credit, p->seq + p->len);
	w->follow = f->unexplained ? FOLLOW_LOST : FOLLOW_ON;
	return 0;
}

/* The socket is closed: what is left in its queue is explained by what was shown until now. */
static __always_inline void wire_follow_end(struct bpf_sock *sk, __u64 cookie)
{
	struct wire_follow *f = bpf_sk_storage_get(&follows, sk, 0, 0);
	struct credit *c = f ? bpf_map_lookup_elem(&credits, &cookie) : 0;

	if (!c)
		return;
	f->last = *c;
	bpf_map_delete_elem(&credits, &cookie);
}

#endif
