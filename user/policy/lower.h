/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_LOWER_H
#define WARDEN_POLICY_LOWER_H

#include "policy/blob.h"
#include "policy/diag.h"

/*
 * The last stage: compiles a policy that was parsed, checked and resolved to its image. NULL is the
 * policy of a run without one: everything is allowed and recorded.
 *
 * Returns 0, and the caller frees ret->data; -EINVAL with an error in `diags` for a policy that
 * needs too many automaton states or tables too large; -ENOMEM.
 */
int policy_lower(const struct policy *policy, uint64_t generation, struct image_block *ret,
		 struct diags *diags);

#endif
