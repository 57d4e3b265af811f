/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HELLO_H
#define WARDEN_HELLO_H

/*
 * The host that a TLS client asks for: the server name (RFC 6066, 3) of its ClientHello (RFC 8446,
 * 4.1.2; the same since TLS 1.0), in records as they are sent (5.1). One byte after the other, so that
 * it does not matter how records and packets cut the message; what does not matter is passed over.
 *
 * Records before the message (an alert, say) do not end the look at it: servers ignore some. What a
 * strict server would refuse is broken, and names nothing.
 *
 * Compiled twice, like match.h. State is in a struct hello, which must be in a map value (see there);
 * all zeros is its beginning.
 */

#include "dns.h"

enum hello_state {
	HELLO_TYPE,
	HELLO_LENGTH,
	HELLO_SESSION,
	HELLO_CIPHERS,
	HELLO_METHODS,
	HELLO_EXTENSIONS,
	HELLO_EXT_TYPE,
	HELLO_EXT_LENGTH,
	HELLO_LIST,
	HELLO_NAME_TYPE,
	HELLO_NAME_LENGTH,
	HELLO_NAME,
	HELLO_DONE,
	HELLO_BROKEN,
};

struct hello {
	__u32 state;   /* enum hello_state */
	__u32 record;  /* bytes left of the record at work */
	__u32 head;    /* bytes of the next one's header that were read */
	__u32 size;    /* what that says its length is */
	__u32 other;   /* it carries something else */
	__u32 message; /* bytes left of the message, once its length is known */
	__u32 skip;    /* bytes of it to pass over */
	__u32 count;   /* bytes of the number at work that were read */
	__u32 number;
	__u32 type;    /* of the extension at work */
	__u32 ext;     /* its length */
	__u32 left;    /* bytes of the name that are to come */
	__u32 label;   /* bytes of its label at work */
	__u32 named;   /* the extension was there */
	struct dns_name name; /* behind HELLO_DONE; len 0: there is none */
};

#define TLS_FIRST	 0x14 /* types of records: change of ciphers, alert, handshake, data, heartbeat */
#define TLS_CIPHERS	 0x14
#define TLS_ALERT	 0x15
#define TLS_HANDSHAKE	 0x16
#define TLS_DATA	 0x17
#define TLS_LAST	 0x18
#define TLS_RECORD_HEAD	 5U
#define TLS_CLIENT_HELLO 0x01
#define TLS_EXT_NAME	 0U
#define HELLO_FIXED	 34U /* version and random */

static __always_inline int hello_ended(const struct hello *h)
{
	return h->state >= HELLO_DONE;
}

static __always_inline void hello_go(struct hello *h, __u32 state)
{
	h->state = state;
	h->count = h->number = 0;
}

/* ---- the name ---- */

/* A name is told in the form that names of addresses have (dns.h). */
static __always_inline void hello_put(struct hello *h, __u32 byte)
{
	__u64 at = h->name.len++;

	byte |= byte - 'A' < 26 ? 32 : 0;
	opaque_value(at);
	at &= DNS_TEXT - 1;
	h->name.text[at] = byte == '.' || dns_is_host_byte(byte) ? byte : '?';
	if (byte == '.' && !h->label)
		h->state = HELLO_BROKEN;
	h->label = byte == '.' ? 0 : h->label + 1;
}

/* The name is whole. A dot at its end is the root's: the same host. */
static __always_inline void hello_named(struct hello *h)
{
	__u64 at = (__u64)h->name.len - 1;

	if (!h->label) {
		opaque_value(at);
		at &= DNS_TEXT - 1;
		h->name.text[at] = 0;
		h->name.len--;
	}
	hello_go(h, HELLO_EXT_TYPE);
}

/* ---- the message ---- */

/* How many bytes the number has that is read in that state. */
static __always_inline __u32 hello_width(__u32 state)
{
	const __u64 widths = 0x21222212131ULL; /* a digit each, HELLO_TYPE to HELLO_NAME_LENGTH, from the right */

	return widths >> state * 4 & 15;
}

/* The number at work is whole: what comes next. Lengths count what is behind them. */
static __always_inline void hello_number(struct hello *h)
{
	__u32 n = h->number, next = h->state + 1, fits = n < h->message;

	switch (h->state) {
	case HELLO_TYPE:
		fits = n == TLS_CLIENT_HELLO;
		break;
	case HELLO_LENGTH:
		h->message = n;
		h->skip = HELLO_FIXED;
		fits = n > HELLO_FIXED;
		break;
	case HELLO_SESSION:
	case HELLO_CIPHERS:
	case HELLO_METHODS:
		h->skip = n;
		break;
	case HELLO_EXTENSIONS:
		fits = n + 1 == h->message;
		break;
	case HELLO_EXT_TYPE:
		h->type = n;
		fits = 1;
		break;
	case HELLO_EXT_LENGTH:
		h->ext = n;
		if (h->type == TLS_EXT_NAME) {
			fits &= !h->named;
			h->named = 1;
		} else {
			h->skip = n;
			next = HELLO_EXT_TYPE;
		}
		break;
	case HELLO_LIST:
		fits = n + 2 == h->ext;
		break;
	case HELLO_NAME_TYPE:
		fits = !n;
		break;
	case HELLO_NAME_LENGTH: /* the list has one name */
		h->left = n;
		fits = n && n + 5 == h->ext && n < DNS_TEXT - 1;
		break;
	}
	hello_go(h, fits ? next : HELLO_BROKEN);
}

/* So many bytes of the message have been taken. It ends between two extensions, or without any. */
static __always_inline void hello_took(struct hello *h, __u32 n)
{
	h->message -= n;
	if (h->message || hello_ended(h))
		return;
	if (!h->skip && !h->count && (h->state == HELLO_EXT_TYPE || h->state == HELLO_EXTENSIONS))
		h->state = HELLO_DONE;
	else
		h->state = HELLO_BROKEN;
}

/* A byte of the message. Those up to its length do not count. */
static __always_inline void hello_body(struct hello *h, __u32 byte)
{
	__u32 counts = h->state > HELLO_LENGTH;

	h->record--;
	if (h->state == HELLO_NAME) {
		hello_put(h, byte);
		if (!--h->left && h->state == HELLO_NAME)
			hello_named(h);
	} else {
		h->number = h->number << 8 | byte;
		if (++h->count == hello_width(h->state))
			hello_number(h);
	}
	if (counts)
		hello_took(h, 1);
}

/* A byte of a record's header: type, version, length. The message is not parted by other records. */
static __always_inline void hello_head(struct hello *h, __u32 byte)
{
	__u32 at = h->head++;

	if (!at)
		h->other = byte != TLS_HANDSHAKE;
	if ((!at && byte - TLS_FIRST > TLS_LAST - TLS_FIRST) || (at == 1 && byte != 3) ||
	    (h->other && (h->state || h->count)))
		h->state = HELLO_BROKEN;
	h->size = at == 3 ? byte : h->size << 8 | byte;
	if (h->head < TLS_RECORD_HEAD)
		return;
	h->record = h->size;
	h->head = 0;
}

/* Passes over those of the next `n` bytes of the stream that do not matter, and returns how many. */
static __always_inline __u32 hello_skip(struct hello *h, __u32 n)
{
	__u32 may = h->other || h->skip > h->record ? h->record : h->skip;

	n = may < n ? may : n;
	h->record -= n;
	if (!h->other && n) {
		h->skip -= n;
		hello_took(h, n);
	}
	return n;
}

/* The next byte of the stream. Returns whether the look is over. */
static __always_inline int hello_next(struct hello *h, __u32 byte)
{
	if (!h->record)
		hello_head(h, byte);
	else if (!hello_skip(h, 1))
		hello_body(h, byte);
	return hello_ended(h);
}

#endif
