/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PARSE_H
#define WARDEN_POLICY_PARSE_H

#include "policy/diag.h"

/*
 * The first stage: from YAML text to a policy. Knows every key of the language, the type of its
 * value and the words it may have. `file` is the name for messages and is copied. All errors of
 * the text are reported, not only the first.
 *
 * Returns 0, -EINVAL with at least one error in `diags`, or -ENOMEM. The caller frees *ret_policy.
 */
int policy_parse(const char *file, const char *text, size_t len, struct policy **ret_policy,
		 struct diags *diags);

#endif
