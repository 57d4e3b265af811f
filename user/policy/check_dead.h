/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_CHECK_DEAD_H
#define WARDEN_POLICY_CHECK_DEAD_H

#include "policy/diag.h"

/*
 * Inside of policy_check(): warns of what can never decide. Only what is certain whatever happens
 * is said: rules that are written alike, or that stand behind a rule for everything. Returns 0 or
 * -ENOMEM.
 */
int check_dead(const struct policy *policy, struct diags *diags);

/* Its part about entries that match what another entry has decided. */
int check_covered(const struct policy *policy, struct diags *diags);

#endif
