/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_ENCODE_H
#define WARDEN_AUDIT_ENCODE_H

#include <stdint.h>

#include "audit/event.h"
#include "base/buf.h"

/* What a line has from the trail it stands in. */
struct audit_stamp {
	uint64_t seq;
	const char *id;      /* ULID */
	const char *host;    /* or NULL */
	const char *boot_id; /* or NULL */
	const char *prev;    /* the chain's last hash */
};

/*
 * Appends the event as one JSON object in the contract's order of keys, all but its end: neither
 * "hash" nor the closing brace; chain_seal() adds them. Written directly, not through cJSON, whose
 * numbers are doubles (nanoseconds since boot need 64 bits) and which would allocate each member.
 *
 * Bodies are written as text when both are text: valid UTF-8, no NUL, and few other control
 * characters (each takes six bytes in JSON); else both in base64, with "encoding":"base64". Of a
 * truncated text a character that was cut in its middle is left out.
 *
 * Returns 0; -EINVAL for a type or verdict that does not exist; -ENOMEM.
 */
int audit_encode(struct buf *out, const struct audit_event *ev, const struct audit_stamp *stamp);

#endif
