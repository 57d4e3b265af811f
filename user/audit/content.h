/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_CONTENT_H
#define WARDEN_AUDIT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "base/buf.h"
#include "base/sha256.h"

/* How much of a body the modes of `capture` keep. */
#define CONTENT_METADATA ((size_t)0)
#define CONTENT_EVIDENCE ((size_t)64 << 10)
/*
 * Whatever its bytes, a line has to hold it, which is 64 MiB at most (chain.h), all else on it
 * included. An event has one body. As base64 it becomes 32 MiB. As text it becomes 54 MiB at worst:
 * of 16 bytes up to one may be a control character, which takes six ("\u0001"), and the others may
 * take two each ("\""), together 36.
 */
#define CONTENT_FULL ((size_t)24 << 20)

/* One body as it goes by: its first bytes, and length and SHA-256 of all of it. */
struct body {
	size_t limit; /* bytes to keep */
	struct buf kept;
	uint64_t bytes;
	bool truncated; /* `kept` is not all of it */
	bool unhashed;  /* the hash would not be of the whole */
	bool uncounted; /* `bytes` is not of the whole */
	struct sha256 sha;
	char sha256[SHA256_TEXT];
};

/* Begins a body. Returns 0, or -errno when there can be no hash; body_free() is right after both.
 */
int body_init(struct body *b, size_t limit);

/* Takes the next bytes. Out of memory, it keeps less and says so by `truncated`. */
void body_feed(struct body *b, const void *data, size_t len);

/*
 * Takes note of bytes that are missing here: they count, what follows is not kept (never spliced to
 * what was before), and there is no hash. With `missing` 0 their number is not known, and then
 * there is no count either.
 */
void body_gap(struct body *b, uint64_t missing);

/*
 * Ends it and fills what an event wants to know; `ret` borrows from `b`. Its text is NULL where the
 * limit is 0, and empty where the body was.
 */
void body_finish(struct body *b, struct audit_body *ret);

void body_free(struct body *b);

#endif
