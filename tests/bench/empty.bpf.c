/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Probes that do nothing: what a trap at a TLS function costs, whoever looks at it. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("uprobe.s")
int empty_enter(struct pt_regs *ctx)
{
	return 0;
}

SEC("uretprobe.s")
int empty_leave(struct pt_regs *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
