/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PROCESS_H
#define WARDEN_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Kills (SIGKILL) the process that a record names: the one with this id that started then
 * (CLOCK_BOOTTIME, ns). A record is read after it was written, and the id may be somebody else's by
 * that time. Returns 0; -ESRCH when that process is gone; or -errno.
 */
int process_kill(pid_t pid, uint64_t start);

#endif
