/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_NAMES_H
#define WARDEN_AUDIT_NAMES_H

#include "audit/event.h"
#include "decide.h"

/* The words that the audit trail uses for the numbers of this program, indexed by them. */

#define VERDICT_COUNT (VERDICT_KILL + 1)
#define LAYER_COUNT   (LAYER_CONTENT + 1)
#define TIER_COUNT    (TIER_SIGNAL + 1)

extern const char *const audit_type_names[AUDIT_TYPES];
extern const char *const verdict_names[VERDICT_COUNT];
extern const char *const layer_names[LAYER_COUNT];
extern const char *const tier_names[TIER_COUNT];

/*
 * The severity of an event: its verdict's, unless the type has one of its own; "info" when nothing
 * was decided (verdict NULL). Returns NULL for a type or verdict that does not exist.
 */
const char *audit_severity(enum audit_type type, const char *verdict);

#endif
