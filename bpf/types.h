/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TYPES_H
#define WARDEN_TYPES_H

/*
 * What makes one header compile in both worlds: fixed-width types, and a bounded loop that is
 * bpf_loop() in the kernel and a for statement in a process.
 */

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#else
#include <linux/types.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * Hides where a value came from, so that clang does not drop a mask that it thinks redundant and
 * that the verifier needs.
 */
#define opaque_value(x) asm volatile("" : "+r"(x))

#ifdef __bpf__
/* A callback returns 0 to go on, 1 to stop. */
#define loop(n, callback, ctx) bpf_loop((n), (callback), (ctx), 0)
#else
static inline long loop_native(__u32 n, long (*callback)(__u32, void *), void *ctx)
{
	__u32 i;

	for (i = 0; i < n; i++)
		if (callback(i, ctx))
			return i + 1;
	return i;
}
#define loop(n, callback, ctx) loop_native((n), (callback), (ctx))
#endif

#endif
