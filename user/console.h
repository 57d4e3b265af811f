/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CONSOLE_H
#define WARDEN_CONSOLE_H

#include "audit/event.h"
#include "session/session.h"
#include "tiers.h"

/* What `run` tells the person at the terminal, on stderr. */

/*
 * One line for a decision: denials always, the others with -v. `trail` is the trail's path and `seq`
 * the event's line in it (0: not written), for a hint how to ask about it.
 */
void console_event(const struct audit_event *ev, const char *trail, uint64_t seq);

/* The last lines of a run. */
void console_summary(const struct session_counts *counts, const struct tiers *tiers,
		     bool enforcing, const char *trail);

#endif
