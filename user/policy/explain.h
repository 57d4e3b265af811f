/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_EXPLAIN_H
#define WARDEN_POLICY_EXPLAIN_H

#include "policy/ask.h"

/*
 * A decision for people: what each layer found, in the order of the layers, and what would have to
 * change in the policy. The decision is the image's; which pattern of an entry it was that matched
 * is looked up in the policy.
 */
struct explain {
	const struct policy *policy;
	const void *img; /* of that policy */
	const struct ask *ask;
	const char *activity; /* as it was asked for */
	const char *text;     /* for content rules; NULL: none was given */
	size_t text_len;
};

/* Appends "VERDICT LAYER RULE FILE:LINE:COL" and the lines below it. Errors stay in the buffer. */
void explain(const struct explain *e, struct buf *out);

/*
 * Appends the pattern that matches this activity only, in quotes, as it can be put into a policy:
 * "exec:/usr/bin/nc".
 */
void explain_pattern(const struct ask *ask, const char *activity, struct buf *out);

#endif
