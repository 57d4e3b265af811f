/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TESTS_HTTP1_VERIFY_H
#define WARDEN_TESTS_HTTP1_VERIFY_H

/* What http1_verify.bpf.c and http1_verify.c share: the same walk over the same bytes. */

#include "http1.h"

#define VERIFY_SIZE 16384

/* A map value: where the walk is, and a digest of all that it told. */
struct verify_run {
	struct http1_step step;
	__u64 digest;
	__u32 events;
	__u32 steps;
	__u8 data[VERIFY_SIZE];
};

_Static_assert(sizeof(struct verify_run) == 16 + 16 + VERIFY_SIZE, "shared with BPF");

HTTP1_INLINE void verify_mix(struct verify_run *run, __u64 value)
{
	run->digest = (run->digest ^ value) * 0x100000001b3ULL;
	run->digest ^= run->digest >> 29;
}

/* Returns 1 when the piece is used up. */
HTTP1_INLINE int verify_step(struct http1 *p, struct verify_run *run)
{
	if (http1_step(p, &run->step, run->data, VERIFY_SIZE - 1))
		return 1;
	run->steps++;
	if (run->step.kind == HTTP1_MORE)
		return 0;
	run->events++;
	verify_mix(run, run->step.kind);
	verify_mix(run, (__u64)run->step.pos << 32 | run->step.len);
	verify_mix(run, (__u64)p->flags << 32 | p->state);
	verify_mix(run, (__u64)p->path_len << 32 | p->host_len);
	return 0;
}

#endif
