/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "losses.h"

#include "base/log.h"

static const char *const names[LOSS_COUNT] = {
	[LOSS_EVENTS_RING] = "events_ring_full", [LOSS_BYTES_RING] = "bytes_ring_full",
	[LOSS_SCRATCH] = "scratch_exhausted",	 [LOSS_OBJECTS] = "tls_objects_full",
	[LOSS_READ] = "plaintext_unreadable",	 [LOSS_ARGS] = "arguments_unreadable",
	[LOSS_STORAGE] = "storage_full",	 [LOSS_NAMES] = "names_full",
	[LOSS_QUESTIONS] = "dns_unasked",	 [LOSS_DOOMED] = "doomed_full",
	[LOSS_DEAD] = "dead_sockets_full",
};

void losses_put(struct losses *l, const char *reason, uint64_t records, uint64_t bytes)
{
	struct audit_event ev = {.loss = {.reason = reason, .records = KNOWN(records)}};

	if (!records)
		return;
	if (bytes)
		ev.loss.bytes = KNOWN(bytes);
	l->put(l->ctx, &ev);
	log_notice("lost %llu records: %s", (unsigned long long)records, reason);
}

void losses_look(struct losses *l, const struct loss_count now[LOSS_COUNT], uint64_t unusable)
{
	for (size_t i = 0; i < LOSS_COUNT; i++) {
		losses_put(l, names[i], now[i].records - l->seen[i].records,
			   now[i].bytes - l->seen[i].bytes);
		l->seen[i] = now[i];
	}
	losses_put(l, "unusable", unusable - l->unusable, 0);
	l->unusable = unusable;
}
