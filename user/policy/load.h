/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_LOAD_H
#define WARDEN_POLICY_LOAD_H

#include <stdio.h>

#include "policy/diag.h"

/*
 * Reads a policy file and takes it through all stages that need no image: parse, check, resolve
 * (in this process's root directory), reach. Begin with `*diags` all zeros; it has something to
 * tell after success, too. Returns 0, -EINVAL with at least one error in `diags`, or -ENOMEM. The
 * caller frees *ret_policy and the diags.
 */
int policy_load(const char *file, struct policy **ret_policy, struct diags *diags);

/* The same for what is read from a file descriptor, which stays open; `name` it in messages. */
int policy_load_fd(int fd, const char *name, struct policy **ret_policy, struct diags *diags);

/* Prints each as "FILE:LINE:COL: LEVEL: MESSAGE"; what is about the file as a whole is at 1:1. */
void diags_print(const struct diags *diags, const char *file, FILE *out);

#endif
