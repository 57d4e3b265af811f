/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_CHAIN_H
#define WARDEN_AUDIT_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "base/ulid.h"

/*
 * What ties the lines of a trail together: each carries the hash of the one before (`prev`), its
 * own
 * (`hash`: SHA-256 over the line from `{` up to, not including, `,"hash"`) and its number (`seq`,
 * from 1). Whoever changes, drops, adds or reorders lines breaks it. It does not show that lines
 * were cut off at the end, nor a trail that somebody wrote anew from some line on; for those the
 * last hash has to be known from elsewhere.
 */

#define CHAIN_HASH_TEXT (7 + SHA256_TEXT) /* "sha256:", 64 digits, NUL */
#define CHAIN_FIRST     "sha256:0000000000000000000000000000000000000000000000000000000000000000"

/* No line of a trail is longer, newline included. Readers may rely on it. */
#define CHAIN_LINE_MAX ((size_t)64 << 20)

/* Where a trail stands. */
struct chain {
	uint64_t seq;               /* of the last line; 0 before the first */
	char hash[CHAIN_HASH_TEXT]; /* of the last line; CHAIN_FIRST before the first */
};

#define CHAIN_INIT                                                                                 \
	{                                                                                          \
		.seq = 0, .hash = CHAIN_FIRST                                                      \
	}

/* What chain_parse() reads from a line. */
struct chain_link {
	uint64_t seq;
	char id[ULID_TEXT]; /* "" when it has none */
	char prev[CHAIN_HASH_TEXT];
	char hash[CHAIN_HASH_TEXT];
};

#define CHAIN_WHY 192

/*
 * Completes a line: `line` holds an object whose closing brace is not written yet; appends its
 * hash, the brace and a newline, and sets `ret_hash`. Returns 0, -ENOMEM, -EMSGSIZE (longer than
 * CHAIN_LINE_MAX) or what sha256.h returns.
 */
int chain_seal(struct buf *line, struct sha256 *sha, char ret_hash[CHAIN_HASH_TEXT]);

/*
 * Reads a line (without its newline) and checks all that can be checked of it alone: that it is
 * JSON and an audit line of version 1, and its hash. Returns 0; -EBADMSG when it is not, with the
 * reason in `why`; or what sha256.h returns.
 */
int chain_parse(const char *line, size_t len, struct sha256 *sha, struct chain_link *ret_link,
		char why[CHAIN_WHY]);

/* chain_parse(), and that the line continues `chain`, which then moves on to it. */
int chain_check(struct chain *chain, const char *line, size_t len, struct sha256 *sha,
		char why[CHAIN_WHY]);

#endif
