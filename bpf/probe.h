/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PROBE_H
#define WARDEN_PROBE_H

/* What the probing programs (probe.bpf.c) and user space (user/tiers*.c) say to each other. */

/* Which trial is on. A program does nothing in any other. */
enum probe_turn {
	TURN_NONE,
	TURN_EXEC_REFUSE, /* lsm: exec fails */
	TURN_EXEC_ARGS, /* lsm: the final arguments are read; the process dies if they are right */
	TURN_EXEC_HASH, /* lsm: the hash of a file that is mapped as code is read; it is not mapped */
	TURN_EXEC_SIGNAL,
	TURN_NET_LSM,
	TURN_NET_CGROUP,
	TURN_NET_UNIX,
	TURN_MEMBERSHIP,
	TURN_GUARD,
	TURN_SYSCTL,
	TURN_STDIO_HOOK,
	TURN_STDIO_SYSCALL,
	TURN_UPROBE,
	TURN_OVERRIDE,
	TURN_PLAINTEXT_LSM,
	TURN_PLAINTEXT_CUT,
	TURN_PLAINTEXT_SIGNAL,
};

/* argv[0] of the program that is tried, seven letters and NUL: eight bytes, compared as one. */
#define PROBE_ARGUMENT "warden?"

/* What was read where, in `stdio`. */
enum probe_stdio {
	STDIO_PIPE = 1,
	STDIO_SOCKET = 2,
	STDIO_CALL = 4,
};

/* The attach cookie of the probe on a function's entry. */
#define PROBE_COOKIE 0x5741ULL

/* What a function that was overridden returns. */
#define PROBE_OVERRIDDEN -1

#endif
