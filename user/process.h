/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PROCESS_H
#define WARDEN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Kills (SIGKILL) the process that a record names: the one with this id that started then
 * (CLOCK_BOOTTIME, ns). A record is read after it was written, and the id may be somebody else's by
 * that time. Returns 0; -ESRCH when that process is gone; or -errno.
 */
int process_kill(pid_t pid, uint64_t start);

/* The state of a thread as proc(5) has it: 'R', 'T' and so on. Returns 0; -ESRCH when it is gone; or -errno. */
int process_thread_state(pid_t pid, pid_t tid, char *ret);

/* Whether the process with this id is still the one that started then. */
bool process_is(pid_t pid, uint64_t start);

/*
 * False in a PID namespace of our own: there, records name processes by numbers that are others'
 * here, or nobody's. True also when that cannot be found out.
 */
bool process_ids_are_global(void);

#endif
