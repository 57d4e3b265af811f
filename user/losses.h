/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_LOSSES_H
#define WARDEN_LOSSES_H

/* What was not recorded becomes a `loss` event, and a line for people: each loss once. */

#include "audit/event.h"
#include "wire.h"

struct losses {
	/* Gets each event, its `loss` filled in. */
	void (*put)(void *ctx, struct audit_event *ev);
	void *ctx;
	struct loss_count seen[LOSS_COUNT]; /* as of the last look */
	uint64_t unusable;		    /* likewise */
};

/* Looks at the sums since the start: the kernel's counters, and records that made no sense. */
void losses_look(struct losses *l, const struct loss_count now[LOSS_COUNT], uint64_t unusable);

/* So many records were lost; 0: none. `bytes` is 0 when it is not known. */
void losses_put(struct losses *l, const char *reason, uint64_t records, uint64_t bytes);

#endif
