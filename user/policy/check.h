/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_CHECK_H
#define WARDEN_POLICY_CHECK_H

#include "policy/diag.h"

/*
 * The second stage: puts the patterns of tools where tools are named, refuses what only the whole
 * policy shows (undefined tools, an id given twice), and warns of rules that can never decide.
 *
 * Returns 0 (with warnings, maybe), -EINVAL with at least one error in `diags`, or -ENOMEM; after a
 * failure the policy can only be freed.
 */
int policy_check(struct policy *policy, struct diags *diags);

/*
 * After policy_resolve(), which adds what paths mean on this machine: warns of entries and
 * exceptions that can never decide. Policies of thousands of entries are compared as far as it
 * takes no time to speak of. Returns 0 or -ENOMEM.
 */
int policy_check_reach(const struct policy *policy, struct diags *diags);

/* What closes a kind of activity. */
struct closer {
	const char *rule; /* "allow" or "default"; NULL: the kind is open */
	struct place place;
};

/* For a policy that was checked. */
struct closer policy_closer(const struct policy *policy, enum kind kind);

#endif
