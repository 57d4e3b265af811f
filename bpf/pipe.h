/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PIPE_H
#define WARDEN_PIPE_H

/* What the programs on standard streams (pipe.bpf.c) and user space say to each other, beside records. */

#include "types.h"

/* Numbers of inodes count up, and memory is given again soon: both together are one pipe for long. */
struct pipe_key {
	__u64 inode; /* address */
	__u64 ino;
};

enum pipe_flag {
	PIPE_SAID = 1, /* user space knows of it */
};

/* One direction. */
struct pipe {
	struct pipe_key other; /* the opposite one */
	__u64 stream;
	__u64 offset;	   /* bytes that were read, copied or not */
	__u64 used;	   /* when it was read last, or found: CLOCK_MONOTONIC, ns */
	__u64 child_start; /* CLOCK_BOOTTIME, ns */
	__u32 child;	   /* 0: the workload's own */
	__u32 parent;
	__u32 state; /* enum rpc_head */
	__u16 dir;   /* enum direction, of the parent */
	__u16 flags;
};

#endif
