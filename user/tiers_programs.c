/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Which programs there are (bpf/probe.bpf.c), where they go, and what they are tried for. */
#include "pipes.h"
#include "tiers_probe.h"

#define BIT(facility) (1U << (facility))

/* Of <linux/bpf.h> since 6.7. */
#define UNIX_CONNECT ((enum bpf_attach_type)49)
#define UNIX_SENDMSG ((enum bpf_attach_type)50)

#define LSM(name) .type = BPF_PROG_TYPE_LSM, .attach = BPF_LSM_MAC, .hook = "bpf_lsm_" name
#define TRACEPOINT(name)                                                                           \
	.type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_RAW_TP, .hook = "btf_trace_" name
#define EXIT_OF(name) .type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_FEXIT, .hook = name
#define ADDRESS(where) .type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR, .attach = where
#define PACKET(where)  .type = BPF_PROG_TYPE_CGROUP_SKB, .attach = where
#define FUNCTION       .type = BPF_PROG_TYPE_KPROBE, .attach = BPF_PERF_EVENT, .flags = BPF_F_SLEEPABLE

const struct probe_program probe_programs[PROBE_PROGRAMS] = {
	{"probe_exec_check", BIT(FACILITY_EXEC_LSM), LSM("bprm_check_security"),
	 .flags = BPF_F_SLEEPABLE},
	{"probe_exec_committed", BIT(FACILITY_EXEC_LSM), LSM("bprm_committed_creds"),
	 .flags = BPF_F_SLEEPABLE},
	{"probe_exec_hash", BIT(FACILITY_EXEC_HASH), LSM("mmap_file"), .flags = BPF_F_SLEEPABLE},
	{"probe_exec_signal", BIT(FACILITY_EXEC_SIGNAL), TRACEPOINT("sched_process_exec")},
	{"probe_newtask", BIT(FACILITY_MEMBERSHIP), TRACEPOINT("task_newtask")},
	{"probe_guard_truncate", BIT(FACILITY_GUARD), LSM("path_truncate")},
	{"probe_connect", BIT(FACILITY_NET_LSM), LSM("socket_connect")},
	{"probe_sendmsg", BIT(FACILITY_NET_LSM) | BIT(FACILITY_PLAINTEXT_LSM),
	 LSM("socket_sendmsg")},
	{"probe_create", BIT(FACILITY_NET_LSM), LSM("socket_create")},
	{"probe_sock_create", BIT(FACILITY_NET_CGROUP), .type = BPF_PROG_TYPE_CGROUP_SOCK,
	 .attach = BPF_CGROUP_INET_SOCK_CREATE},
	{"probe_connect4", BIT(FACILITY_NET_CGROUP), ADDRESS(BPF_CGROUP_INET4_CONNECT)},
	{"probe_connect6", BIT(FACILITY_NET_CGROUP), ADDRESS(BPF_CGROUP_INET6_CONNECT)},
	{"probe_sendmsg4", BIT(FACILITY_NET_CGROUP), ADDRESS(BPF_CGROUP_UDP4_SENDMSG)},
	{"probe_sendmsg6", BIT(FACILITY_NET_CGROUP), ADDRESS(BPF_CGROUP_UDP6_SENDMSG)},
	{"probe_connect_unix", BIT(FACILITY_NET_UNIX), ADDRESS(UNIX_CONNECT)},
	{"probe_sendmsg_unix", BIT(FACILITY_NET_UNIX), ADDRESS(UNIX_SENDMSG)},
	{"probe_sysctl", BIT(FACILITY_SYSCTL), .type = BPF_PROG_TYPE_CGROUP_SYSCTL,
	 .attach = BPF_CGROUP_SYSCTL},
	{"probe_pipe", BIT(FACILITY_STDIO_HOOK), EXIT_OF("pipe_read"), .hooks = pipes_readers},
	{"probe_receive", BIT(FACILITY_STDIO_HOOK), EXIT_OF("unix_stream_recvmsg")},
	{"probe_splice", BIT(FACILITY_STDIO_HOOK), EXIT_OF("do_splice")},
	{"probe_call", BIT(FACILITY_STDIO_SYSCALL), TRACEPOINT("sys_exit")},
	{"probe_egress", BIT(FACILITY_PLAINTEXT_CUT), PACKET(BPF_CGROUP_INET_EGRESS)},
	{"probe_leave", BIT(FACILITY_UPROBE), FUNCTION, .at_return = true},
	{"probe_enter", BIT(FACILITY_UPROBE), FUNCTION},
	{"probe_override", BIT(FACILITY_PLAINTEXT_OVERRIDE), FUNCTION},
	{"probe_signal", BIT(FACILITY_PLAINTEXT_SIGNAL), FUNCTION},
};

#define LSM_REFUSED                                                                                \
	"this kernel refuses LSM programs (%s at load): BPF LSM is off or tracing trampolines "    \
	"are disabled"

const char *const probe_refusals[FACILITY_COUNT] = {
	[FACILITY_EXEC_LSM] = LSM_REFUSED,
	[FACILITY_EXEC_HASH] = LSM_REFUSED,
	[FACILITY_NET_LSM] = LSM_REFUSED,
	[FACILITY_PLAINTEXT_LSM] = LSM_REFUSED,
	[FACILITY_GUARD] = LSM_REFUSED,
	[FACILITY_EXEC_SIGNAL] = "this kernel refuses a program on sched_process_exec (%s at load)",
	[FACILITY_MEMBERSHIP] =
		"this kernel refuses a program on task_newtask with task storage (%s at load)",
	[FACILITY_NET_CGROUP] = "this kernel refuses programs on connect and sendmsg of a cgroup "
				"(%s at load)",
	[FACILITY_NET_UNIX] = "this kernel has no hook for unix sockets of a cgroup (%s at load)",
	[FACILITY_SYSCTL] = "this kernel refuses a program on the settings of a cgroup (%s at load)",
	[FACILITY_STDIO_HOOK] = "this kernel refuses programs on its functions (%s at load): tracing "
				"trampolines are disabled",
	[FACILITY_STDIO_SYSCALL] = "this kernel refuses a program on the end of system calls (%s at load)",
	[FACILITY_UPROBE] = "this kernel refuses sleepable probes on functions (%s at load)",
	[FACILITY_PLAINTEXT_OVERRIDE] =
		"this kernel refuses probes that change registers (%s at load)",
	[FACILITY_PLAINTEXT_CUT] =
		"this kernel refuses a program on packets of a cgroup (%s at load)",
	[FACILITY_PLAINTEXT_SIGNAL] =
		"this kernel refuses a probe that sends a signal (%s at load)",
};
