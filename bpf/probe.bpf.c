/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs that find out what this kernel lets warden do: each is loaded, attached and run, and
 * the result is looked at (user/tiers.c). They use the hooks and helpers that the tiers use.
 *
 * Their sections begin with "probe/", so that libbpf leaves loading them to user space
 * (user/tiers_load.c): one that is refused must not fail the others.
 *
 * Nobody else is touched: a program acts only in a cgroup that was made for the probing, only
 * while it is its turn, and does nothing at all before both are set.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "probe.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u64 target = 0; /* id of the cgroup that may be touched */

__u32 turn = TURN_NONE;
__u64 dead = 0; /* cookie of the socket that may not send */

/* What has been seen. */
__u64 runs = 0; /* programs that ran in their turn, in the cgroup */
__u64 text = 0; /* the eight bytes that a probed function was passed */
__u64 cookie = 0;
__s64 returned = 0;
__u64 drops = 0;
__s64 algorithm = 0; /* enum hash_algo, or -errno */
__u8 hash[HASH_SIZE] = {};

__u32 stdio = 0; /* enum probe_stdio */

char path[256] = {};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} probe_members SEC(".maps");

static __always_inline int is_turn(__u32 which)
{
	if (turn != which)
		return 0;
	__sync_fetch_and_add(&runs, 1);
	return 1;
}

static __always_inline int in_turn(__u32 which)
{
	return bpf_get_current_cgroup_id() == target && is_turn(which);
}

/* ---- exec ---- */

SEC("probe/lsm.s/bprm_check_security")
int BPF_PROG(probe_exec_check, struct linux_binprm *bprm)
{
	if (!in_turn(TURN_EXEC_REFUSE))
		return 0;
	return bpf_d_path(&bprm->file->f_path, path, sizeof(path)) > 1 ? -EPERM : 0;
}

SEC("probe/lsm.s/bprm_committed_creds")
int BPF_PROG(probe_exec_committed, struct linux_binprm *bprm)
{
	const char want[8] = PROBE_ARGUMENT;
	__u64 argument = 0;

	if (!in_turn(TURN_EXEC_ARGS))
		return 0;
	bpf_copy_from_user(&argument, sizeof(argument), (void *)BPF_CORE_READ(bprm, p));
	if (argument == *(const __u64 *)want)
		bpf_send_signal(SIGKILL);
	return 0;
}

SEC("probe/lsm.s/mmap_file")
int BPF_PROG(probe_exec_hash, struct file *file, unsigned long reqprot, unsigned long prot)
{
	if (!file || !(prot & PROT_EXEC) || !in_turn(TURN_EXEC_HASH))
		return 0;
	algorithm = bpf_ima_file_hash(file, hash, sizeof(hash));
	return -EPERM;
}

SEC("probe/tp_btf/sched_process_exec")
int BPF_PROG(probe_exec_signal, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	if (in_turn(TURN_EXEC_SIGNAL))
		bpf_send_signal(SIGKILL);
	return 0;
}

/* ---- membership ---- */

SEC("probe/tp_btf/task_newtask")
int BPF_PROG(probe_newtask, struct task_struct *child, __u64 clone_flags)
{
	__u64 *member;

	if (!in_turn(TURN_MEMBERSHIP))
		return 0;
	member = bpf_task_storage_get(&probe_members, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (member)
		*member = target;
	return 0;
}

/* ---- self-protection ---- */

/* One for all: the others are in every kernel with LSM, and each takes a while to be taken off. */
SEC("probe/lsm/path_truncate")
int BPF_PROG(probe_guard_truncate, const struct path *path)
{
	return in_turn(TURN_GUARD) ? -EPERM : 0;
}

/* ---- standard streams ---- */

/* The text has just been written there, so that it can be read without faults. */
static __always_inline void stdio_see(__u32 which, __u64 at)
{
	const char want[8] = PROBE_ARGUMENT;
	__u64 seen = 0;

	bpf_probe_read_user(&seen, sizeof(seen), (void *)at);
	if (seen == *(const __u64 *)want)
		__sync_fetch_and_or(&stdio, which);
}

/* Where read(2) was told to put it. */
static __always_inline __u64 stdio_text(struct iov_iter *to)
{
	if (BPF_CORE_READ(to, iter_type) != bpf_core_enum_value(enum iter_type, ITER_UBUF))
		return 0;
	return (__u64)BPF_CORE_READ(to, ubuf);
}

SEC("probe/fexit/pipe_read")
int BPF_PROG(probe_pipe, struct kiocb *iocb, struct iov_iter *to, long ret)
{
	if (ret == 8 && in_turn(TURN_STDIO_HOOK))
		stdio_see(STDIO_PIPE, stdio_text(to));
	return 0;
}

SEC("probe/fexit/unix_stream_recvmsg")
int BPF_PROG(probe_receive, struct socket *sock, struct msghdr *msg, size_t size, int flags, int ret)
{
	if (ret == 8 && in_turn(TURN_STDIO_HOOK))
		stdio_see(STDIO_SOCKET, stdio_text(&msg->msg_iter));
	return 0;
}

SEC("probe/fexit/do_splice")
int BPF_PROG(probe_splice, struct file *in, void *off_in, struct file *out, void *off_out, size_t len,
	     unsigned int flags, long ret)
{
	in_turn(TURN_STDIO_HOOK);
	return 0;
}

SEC("probe/tp_btf/sys_exit")
int BPF_PROG(probe_call, struct pt_regs *regs, long ret)
{
	if (ret == 8 && !regs->orig_ax && in_turn(TURN_STDIO_SYSCALL))
		stdio_see(STDIO_CALL, regs->si);
	return 0;
}

/* ---- net ---- */

SEC("probe/lsm/socket_connect")
int BPF_PROG(probe_connect, struct socket *sock, struct sockaddr *address, int len)
{
	return in_turn(TURN_NET_LSM) ? -EPERM : 0;
}

SEC("probe/lsm/socket_sendmsg")
int BPF_PROG(probe_sendmsg, struct socket *sock, struct msghdr *msg, int size)
{
	struct sock *sk = sock->sk;

	if (in_turn(TURN_NET_LSM))
		return BPF_CORE_READ(msg, msg_name) ? -EPERM : 0;
	if (!sk || !in_turn(TURN_PLAINTEXT_LSM))
		return 0;
	return (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == dead ? -EACCES : 0;
}

/* Streams only: the trial's other sockets are datagrams. */
SEC("probe/lsm/socket_create")
int BPF_PROG(probe_create, int family, int type, int protocol, int kern)
{
	return type == SOCK_STREAM && in_turn(TURN_NET_LSM) ? -EPERM : 0;
}

/* Attached to the cgroup of the probing and to no other, as those that follow. */
SEC("probe/cgroup/sock_create")
int probe_sock_create(struct bpf_sock *sk)
{
	return sk->type != SOCK_STREAM || !is_turn(TURN_NET_CGROUP);
}

SEC("probe/cgroup/connect4")
int probe_connect4(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_CGROUP);
}

SEC("probe/cgroup/connect6")
int probe_connect6(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_CGROUP);
}

SEC("probe/cgroup/sendmsg4")
int probe_sendmsg4(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_CGROUP);
}

SEC("probe/cgroup/sendmsg6")
int probe_sendmsg6(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_CGROUP);
}

SEC("probe/cgroup/connect_unix")
int probe_connect_unix(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_UNIX);
}

SEC("probe/cgroup/sendmsg_unix")
int probe_sendmsg_unix(struct bpf_sock_addr *ctx)
{
	return !is_turn(TURN_NET_UNIX);
}

SEC("probe/cgroup/sysctl")
int probe_sysctl(struct bpf_sysctl *ctx)
{
	return !is_turn(TURN_SYSCTL);
}

SEC("probe/cgroup_skb/egress")
int probe_egress(struct __sk_buff *skb)
{
	if (!dead || bpf_get_socket_cookie(skb) != dead || !is_turn(TURN_PLAINTEXT_CUT))
		return 1;
	__sync_fetch_and_add(&drops, 1);
	return 0;
}

/* ---- plaintext: on a function of warden's own, in the process that is tried ---- */

SEC("probe/uprobe.s")
int probe_enter(struct pt_regs *ctx)
{
	if (!in_turn(TURN_UPROBE))
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	bpf_copy_from_user(&text, sizeof(text), (void *)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("probe/uretprobe.s")
int probe_leave(struct pt_regs *ctx)
{
	if (in_turn(TURN_UPROBE))
		returned = PT_REGS_RC(ctx);
	return 0;
}

SEC("probe/uprobe.s")
int probe_override(struct pt_regs *ctx)
{
	if (in_turn(TURN_OVERRIDE)) {
		ctx->ax = PROBE_OVERRIDDEN;
		ctx->ip += bpf_get_attach_cookie(ctx);
	}
	return 0;
}

SEC("probe/uprobe.s")
int probe_signal(struct pt_regs *ctx)
{
	if (in_turn(TURN_PLAINTEXT_SIGNAL))
		bpf_send_signal(SIGKILL);
	return 0;
}
