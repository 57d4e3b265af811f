/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_RESOLVE_H
#define WARDEN_POLICY_RESOLVE_H

#include "policy/diag.h"

/*
 * The third stage, and the only one that looks at files: programs are matched by their resolved
 * path, so a literal exec: path that goes through symbolic links gets company, in the same entry:
 * a pattern with the resolved path and the source and place of the original. A note says so. What
 * deny entries name in this way is noted as a file as well, which it stays under other names.
 *
 * `root` is a directory (O_PATH will do): absolute paths and links begin there, and no link leads
 * out of it. What cannot be found or looked at stays as written; a note says so for allow entries.
 *
 * Call it after policy_check(). Returns 0 or -ENOMEM.
 */
int policy_resolve(struct policy *policy, int root, struct diags *diags);

#endif
