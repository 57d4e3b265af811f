/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_QUIC_H
#define WARDEN_QUIC_H

/*
 * Is a datagram one of QUIC that begins a connection? It has a long header (RFC 8999, 5.1; its second bit
 * is set in all versions, RFC 9000, 17.2): a byte, and four with the version. Any number may be a version,
 * and other protocols begin with such bytes as well, so that these are taken for one: 1 and 2 (RFC 9369),
 * drafts, those of Google and of mvfst, and those that clients make up to keep servers in practice.
 */

#include "types.h"

#define QUIC_HEAD 5U
#define QUIC_LONG 0xc0U
#define QUIC_2	  0x6b3343cfU

static __always_inline int quic_is_version(__u32 v)
{
	__u32 first = v >> 24, digit = (v >> 16 & 0xff) - '0';

	return v == 1 || v == QUIC_2 || v >> 8 == 0xff0000 || (v & 0x0f0f0f0f) == 0x0a0a0a0a ||
	       v >> 4 == 0xfaceb00 || ((first == 'Q' || first == 'T') && digit < 10);
}

/* Of its first bytes. */
static __always_inline int quic_is_long(const __u8 b[QUIC_HEAD])
{
	__u32 version = (__u32)b[1] << 24 | (__u32)b[2] << 16 | (__u32)b[3] << 8 | b[4];

	return (b[0] & QUIC_LONG) == QUIC_LONG && quic_is_version(version);
}

#endif
