/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_STACKS_H
#define WARDEN_STACKS_H

#include <sys/types.h>

/*
 * TLS that warden does not see into, by name: what a process is likely to have used whose connection is opaque.
 * It is told by the names of the files that the process has mapped, or else by texts in its program, neither of
 * which proves anything; it is for people, and decides nothing.
 */

/* Those that have a name, for people; NULL ends them. */
extern const char *const stacks_known[];

/* Static; NULL: none of them, or the process cannot be looked at. */
const char *stack_of_process(pid_t pid);

#endif
