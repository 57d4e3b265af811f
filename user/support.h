/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SUPPORT_H
#define WARDEN_SUPPORT_H

/*
 * Holds what a policy asks for against what this kernel can do. A rule that no tier can enforce is
 * refused, unless the policy chose otherwise (`unsupported`); nothing is lowered in silence.
 */

#include "base/buf.h"
#include "policy/policy.h"
#include "tiers.h"

/*
 * Checks; `policy` may be NULL. Returns 0 when every rule has a tier, or when the policy says what
 * to do without one; -EOPNOTSUPP when the policy must not run here. `notes` gets one line, ending
 * in a newline, for each rule that lacks its tier.
 */
int support_check(const struct policy *policy, const struct tiers *tiers, struct buf *notes);

#endif
