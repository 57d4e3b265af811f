/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RECORDS_H
#define WARDEN_RECORDS_H

/*
 * How many bytes of text the records of a TLS connection carry in one direction (RFC 8446, 5; RFC 5246,
 * 6.2), from their headers alone, as they are sent. Whoever encrypts text adds to it: a tag, the type, a
 * nonce, padding. How much that is, the end of the handshake tells, without a look at the other direction:
 *
 *   TLS 1.3       Finished is a record of type data, of 36 or 52 bytes and a tag
 *   TLS 1.2       it is the first record of type handshake behind the change of ciphers, 16 bytes and what
 *                 the cipher adds; with padding the text of a record may be up to a block less long
 *
 * Before Finished, records are of the handshake, with the certificate of a client, if it has one; all of
 * them up to RECORDS_SHAKE bytes. No honest server takes text before Finished, but for early data: that
 * it was taken is told by the record that ends it, right before Finished, and what came before is counted
 * then. Where no record is seen that can be Finished (as a library may put it into one record with a
 * certificate), what follows is taken for the handshake up to that limit, and for text behind it.
 *
 * From Finished on, records of whatever type are counted. What each has beyond its text is not, so that
 * their number counts as well. Not counted are a few that are as short as those that libraries send on
 * their own: an alert has 2 bytes, the end of early data 4, a change of keys 5; a server's tickets are
 * longer. What is no record of TLS is broken: nobody knows what it is.
 *
 * Compiled twice, like match.h. State is in a struct records, which must be in a map value (see there),
 * and begins with records_init().
 */

#include "types.h"

enum records_phase {
	RECORDS_CLEAR,	/* the handshake, not encrypted yet */
	RECORDS_SECRET, /* behind the change of ciphers */
	RECORDS_TEXT,	/* behind Finished */
	RECORDS_BROKEN,
};

struct records {
	__u32 phase;  /* enum records_phase */
	__u32 head;   /* bytes of the header at work that were read */
	__u32 type;   /* which it has, once they were */
	__u32 size;   /* the same: bytes behind it */
	__u32 left;   /* of these, to come */
	__u32 begun;  /* headers that have been read */
	__u32 over;   /* bytes that each record has beyond its text, at most */
	__u32 shaken; /* bytes of the handshake */
	__u32 early;  /* of these, what may be text of records of type data, */
	__u32 before; /* and the size of the last one */
	__u32 small;  /* records that may yet pass uncounted, */
	__u32 spare;  /* with so many bytes of text together, */
	__u32 piece;  /* and so many each */
	__u32 count;  /* records that carry text; the caller may take some off */
	__u32 first;  /* bytes of text in the first of these */
	__u64 text;   /* bytes of it, the same */
};

#define RECORD_CIPHERS	 20U /* types */
#define RECORD_HANDSHAKE 22U
#define RECORD_DATA	 23U
#define RECORD_FIRST	 20U
#define RECORD_LAST	 24U
#define RECORD_HEAD	 5U
#define RECORD_MAX	 (16384U + 256)

#define RECORDS_SHAKE  8192U /* bytes of a handshake: a chain of certificates has 2 to 6 thousand */
#define RECORDS_SMALL	24U
#define RECORDS_SPARE	24U
#define RECORDS_PIECE	5U
#define RECORDS_TICKETS 16384U /* each may have the certificates of the client in it */
#define RECORDS_SHORT  128U  /* Finished of TLS 1.2 is shorter, a ClientHello longer */
#define FINISHED_SHA256 36U  /* bytes, in TLS 1.3 */
#define FINISHED_SHA384 52U
#define FINISHED_12	16U
#define END_OF_EARLY	4U
#define BLOCK		16U

/* Of a connection of a client, or a server. */
static __always_inline void records_init(struct records *r, int server)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->small = RECORDS_SMALL;
	r->spare = server ? RECORDS_TICKETS : RECORDS_SPARE;
	r->piece = server ? RECORD_MAX : RECORDS_PIECE;
}

/* What a record of that size has beyond its text if it is Finished of TLS 1.3; 0: it is not. */
static __always_inline __u32 records_over13(__u32 size)
{
	if (size == FINISHED_SHA256 + 9)
		return 9; /* short tag */
	return size == FINISHED_SHA256 + 17 || size == FINISHED_SHA384 + 17 ? 17 : 0;
}

/* The same of TLS 1.2, where it is: 16 (ChaCha20, short tags), 24 (GCM), or with padding. */
static __always_inline __u32 records_over12(__u32 size)
{
	__u32 over = size > FINISHED_12 ? size - FINISHED_12 : 0;

	return over == 16 || over == 24 ? over : over + BLOCK - 1;
}

static __always_inline void records_count(struct records *r)
{
	__u32 n = r->size > r->over ? r->size - r->over : 0;

	if (r->small && n <= r->piece && n <= r->spare) {
		r->small--;
		r->spare -= n;
		return;
	}
	if (!r->count)
		r->first = n;
	r->count++;
	r->text += n;
}

static __always_inline void records_shake(struct records *r)
{
	r->shaken += r->size;
	if (r->shaken <= RECORDS_SHAKE)
		return;
	r->phase = r->type == RECORD_DATA ? RECORDS_TEXT : RECORDS_BROKEN;
	r->over = 17;
	records_count(r);
}

/* Behind the change of ciphers, up to Finished. */
static __always_inline void records_secret(struct records *r)
{
	__u32 over = 0;

	if (r->type == RECORD_DATA)
		over = records_over13(r->size);
	else if (r->type == RECORD_HANDSHAKE && r->size < RECORDS_SHORT) /* else: another ClientHello */
		over = records_over12(r->size);
	records_shake(r);
	if (r->phase != RECORDS_SECRET)
		return;
	if (over) {
		r->over = over;
		r->phase = RECORDS_TEXT;
	}
	if (r->type != RECORD_DATA)
		return;
	if (over && r->before == END_OF_EARLY + over) {
		r->text += r->early;
		r->count++;
	}
	r->early += r->before > 17 ? r->before - 17 : 0;
	r->before = r->size;
}

/* A header is whole. */
static __always_inline void records_begin(struct records *r)
{
	r->head = 0;
	r->left = r->size;
	r->begun++;
	if (r->size > RECORD_MAX)
		r->phase = RECORDS_BROKEN;
	if (r->phase == RECORDS_CLEAR && (r->type == RECORD_CIPHERS || r->type == RECORD_DATA))
		r->phase = RECORDS_SECRET;
	if (r->phase == RECORDS_SECRET)
		records_secret(r);
	else if (r->phase == RECORDS_CLEAR)
		records_shake(r);
	else
		records_count(r);
}

/* A byte of a header: type, version (3 and something), length. */
static __always_inline void records_head(struct records *r, __u32 byte)
{
	__u32 at = r->head++;

	if (!at)
		r->type = byte;
	if ((!at && byte - RECORD_FIRST > RECORD_LAST - RECORD_FIRST) || (at == 1 && byte != 3))
		r->phase = RECORDS_BROKEN;
	r->size = at == 3 ? byte : r->size << 8 | byte;
	if (r->head == RECORD_HEAD)
		records_begin(r);
}

/* Passes over those of the next `n` bytes of the stream that are in a record, and returns how many. */
static __always_inline __u32 records_skip(struct records *r, __u32 n)
{
	n = r->left < n ? r->left : n;
	r->left -= n;
	return n;
}

/* The next byte of the stream. Returns whether nothing can be said of those that follow. */
static __always_inline int records_next(struct records *r, __u32 byte)
{
	if (r->phase == RECORDS_BROKEN)
		return 1;
	if (!records_skip(r, 1))
		records_head(r, byte);
	return r->phase == RECORDS_BROKEN;
}

#endif
