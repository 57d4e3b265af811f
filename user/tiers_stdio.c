/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Trials of seeing what is read from pipes and unix sockets. */
#include "tiers_probe.h"

static void try_one(struct probe *p, enum facility f, enum probe_turn turn, uint32_t all)
{
	struct probe_bpf__bss *seen = probe_begin(p, f, turn);
	struct answer a;

	if (!seen)
		return;
	seen->stdio = 0;
	for (int i = 0; i < PROBE_ATTEMPTS && seen->stdio != all; i++)
		if (!probe_ask(p, f, ORDER_STDIO, 0, &a))
			return;
	probe_end(p, f, seen->stdio == all,
		  seen->stdio & STDIO_PIPE ? "what is read from a unix socket is not found"
					   : "what is read from a pipe is not found");
}

void try_stdio(struct probe *p)
{
	try_one(p, FACILITY_STDIO_HOOK, TURN_STDIO_HOOK, STDIO_PIPE | STDIO_SOCKET);
	try_one(p, FACILITY_STDIO_SYSCALL, TURN_STDIO_SYSCALL, STDIO_CALL);
}
