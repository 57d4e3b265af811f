/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_REASON_H
#define WARDEN_POLICY_REASON_H

#include "decide.h"

/*
 * Why an activity was refused, as a short sentence for people and for the audit trail: the rule,
 * the place that closed the kind, and the reason that the policy gives. `activity` is the
 * activity's name, "exec:/usr/bin/nc". It holds whatever bytes the policy has in its texts.
 *
 * "" when nothing was refused. NULL when there is no memory. The caller frees it.
 */
char *decision_reason(const void *img, const struct decision *d, const char *activity);

#endif
