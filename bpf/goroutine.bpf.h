/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_GOROUTINE_BPF_H
#define WARDEN_GOROUTINE_BPF_H

/*
 * Goroutines move from thread to thread, also in the midst of a call, and their stacks to where there is more
 * room. So a call of Go's is known by the goroutine, and by how deep in its stack it is: its distance from
 * the upper end, which is what a move keeps. A goroutine is known by the address of the structure that
 * describes it (runtime.g). That stays where it is, is in register R14 throughout Go's code, and begins with
 * where the stack lies.
 *
 * Calls are kept in a table of their own: with a task they would be lost when the goroutine goes on elsewhere.
 */
#include "warden.bpf.h"

/*
 * What acts: a thread, by its number, or a goroutine, by its process and address. Addresses have 47 bits, of
 * which the last five are 0, and processes 22, so that nothing is lost, and no goroutine is a thread.
 */
static __always_inline __u64 strand_of_goroutine(__u64 g, __u32 tgid)
{
	return g >> 5 | (__u64)tgid << STRAND_PROCESS_SHIFT;
}

static __always_inline __u64 strand_of_thread(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

/*
 * Calls that have been entered and not left. Two for each object that there is room for, one in each
 * direction. Full: what is about to be written is refused where rules ask for it; what is read is a gap. Room
 * is made beforehand: calls come and go faster than memory does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct goroutine_call);
	__type(value, struct tls_call);
} goroutine_calls SEC(".maps") __weak;

/* Which goroutine runs, and where on its stack, put into m->goroutine. Returns 0, or -1 when it cannot be read. */
static __noinline int goroutine_take(struct member *m, const struct pt_regs *ctx)
{
	struct goroutine *g = &m->goroutine;

	if (bpf_copy_from_user(g->stack, sizeof(g->stack), (void *)ctx->r14))
		return -1;
	g->call.strand = strand_of_goroutine(ctx->r14, bpf_get_current_pid_tgid() >> 32);
	g->call.depth = g->stack[STACK_HIGH] - ctx->sp;
	return 0;
}

/* The same for a call of another library's, on the thread's own stack. */
static __always_inline void goroutine_none(struct member *m, __u64 sp)
{
	m->goroutine.call.strand = strand_of_thread();
	m->goroutine.call.depth = sp;
}

/* A buffer on the stack moves with it. */
static __always_inline int goroutine_has(const struct goroutine *g, __u64 address)
{
	return address >= g->stack[STACK_LOW] && address < g->stack[STACK_HIGH];
}

#endif
