/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_EXPLAIN_PARTS_H
#define WARDEN_POLICY_EXPLAIN_PARTS_H

/* What the files of the explanation share. */

#include "policy/explain.h"

extern const char *const explain_kinds[KIND_COUNT];

/* False for what is too long to be matched by any pattern. */
bool explain_has_name(const struct explain *e);

/* The first pattern that matches (or, if that is asked, admits) the activity, or NULL. */
const struct pattern *explain_match(const struct explain *e, const struct patterns *patterns,
				    bool admits);

/* The first exception of the entry, which admits or refuses, that takes the activity out, or NULL. */
const struct pattern *explain_except(const struct explain *e, const struct entry *entry, bool admits);

/* The first phrase of the rule that is in the text, or NULL. */
const char *explain_phrase(const struct explain *e, const struct content_rule *rule);

/*
 * True when the conditions of the entry, which admits or refuses, hold; else appends what is
 * against it: "--args has ...". `out` may be NULL.
 */
bool explain_holds(const struct explain *e, const struct entry *entry, bool admits,
		   struct buf *out);

/* Appends "ID (FILE:LINE:COL)". */
void explain_named(struct buf *out, const struct explain *e, const char *id, struct place place);

/* Appends a line for each thing that would have to change. */
void explain_remedies(const struct explain *e, const struct activity *a, struct buf *out);

#endif
