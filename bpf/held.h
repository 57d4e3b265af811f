/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HELD_H
#define WARDEN_HELD_H

/* Threads that wait until user space has looked at the code that they map: held.bpf.c. */

#include "types.h"

struct held_thread { /* key of the map `held` */
	__u32 tgid;
	__u32 tid;
};

/* What is mapped; key of `looked`: what needs no look any more. */
struct held_file {
	__u64 ino;
	__u32 dev; /* MOUNT_DEV() */
	__u32 generation;
};

struct held { /* value of `held` */
	struct held_file file;
	__u64 start; /* of the process: CLOCK_BOOTTIME, ns */
};

#define HELD_THREADS 1024
#define LOOKED_FILES 16384

#endif
