/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Self-protection: what a workload may not do to warden, whatever rights it has. Needs LSM.
 *
 *   lsm/task_kill, file_send_sigiotask   no signal to warden or its guardian
 *   lsm/task_setrlimit                   nor a limit that ends or hampers them
 *   lsm/ptrace_access_check              nor ptrace, process_vm_*, /proc/PID/mem, pidfd_getfd
 *   lsm/bpf, bpf_map                     no BPF object of this run is opened, no link is detached
 * Its files are file.bpf.c's.
 *
 * Attack: end or blind the one who watches, then do what policy forbids. All return EPERM and are
 * reported; whoever is not in the workload pays for asking that, and no more.
 *
 * Not a question of policy: it holds in runs without one, too.
 */
#include "guard.h"
#include "warden.bpf.h"

const volatile __u64 guard_ino = 0; /* of warden's own program file */
const volatile __u32 guard_dev = 0;

/* Filled once, before anything is attached; there is room for all that there is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_OBJECTS);
	__type(key, struct guard_object);
	__type(value, __u32);
} guard_objects SEC(".maps");

/* ---- processes ---- */

/*
 * True for what runs warden's program and is no member: warden, its guardian, and others of them. Not
 * for the current process: the first one of a workload is that program until its exec.
 */
static __always_inline int guard_is_warden(struct task_struct *task)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

	if (!inode || BPF_CORE_READ(inode, i_ino) != guard_ino ||
	    BPF_CORE_READ(inode, i_sb, s_dev) != guard_dev)
		return 0;
	if (BPF_CORE_READ(task, tgid) == bpf_get_current_pid_tgid() >> 32)
		return 0;
	return !bpf_task_storage_get(&members, task, 0, 0);
}

#define NR_KILL 62

/* `kill 0` of a script, which is not after warden, only in one process group with it. */
static __always_inline int guard_is_group_signal(void)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	unsigned long number = 0, pid = 1;

	bpf_probe_read_kernel(&number, sizeof(number), &regs->orig_ax);
	bpf_probe_read_kernel(&pid, sizeof(pid), &regs->di);
	return number == NR_KILL && (int)pid <= 0;
}

SEC("lsm/task_kill")
int BPF_PROG(guard_kill, struct task_struct *task, void *info, int sig)
{
	if (!sig || !scope_current() || !guard_is_warden(task))
		return 0;
	if (guard_is_group_signal())
		return -EPERM;
	return tamper_refuse(TAMPER_SIGNAL, BPF_CORE_READ(task, tgid));
}

/*
 * A signal of a file (F_SETOWN, F_SETSIG) is sent by whoever happens to use that file, so nobody is
 * asked who he is: warden asks for no such signals.
 */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(guard_sigio, struct task_struct *task, void *fown, int sig)
{
	return guard_is_warden(task) ? tamper_refuse(TAMPER_SIGNAL, BPF_CORE_READ(task, tgid)) : 0;
}

SEC("lsm/task_setrlimit")
int BPF_PROG(guard_limit, struct task_struct *task)
{
	if (!scope_current() || !guard_is_warden(task))
		return 0;
	return tamper_refuse(TAMPER_LIMIT, BPF_CORE_READ(task, tgid));
}

/* Looking is refused, too, as with the files of /proc that take such rights; that is not reported. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(guard_ptrace, struct task_struct *task, unsigned int mode)
{
	if (!scope_current() || !guard_is_warden(task))
		return 0;
	if (!(mode & PTRACE_MODE_ATTACH))
		return -EPERM;
	return tamper_refuse(TAMPER_PTRACE, BPF_CORE_READ(task, tgid));
}

/* ---- BPF objects ---- */

static __always_inline int guard_object(__u32 kind, __u32 id)
{
	struct guard_object key = {.kind = kind, .id = id};

	return bpf_map_lookup_elem(&guard_objects, &key) != 0;
}

/*
 * Links have no hook of their own. To have one open does no harm, to detach it does; which one that
 * would be is settled after this, by a number that another thread may change. So none is. Programs
 * are not pinned: the one way to them is their number, the first word of `attr`, which is the
 * kernel's copy.
 */
SEC("lsm/bpf")
int BPF_PROG(guard_bpf, int cmd, void *attr)
{
	__u32 id;

	if (cmd != BPF_LINK_GET_FD_BY_ID && cmd != BPF_LINK_DETACH && cmd != BPF_LINK_UPDATE &&
	    cmd != BPF_PROG_GET_FD_BY_ID)
		return 0;
	if (!scope_current())
		return 0;
	if (cmd == BPF_PROG_GET_FD_BY_ID && !bpf_probe_read_kernel(&id, sizeof(id), attr) &&
	    !guard_object(GUARD_PROGRAM, id))
		return 0;
	return tamper_refuse(TAMPER_BPF, 0);
}

/* Some are pinned, and a path may lead elsewhere by the time that it is followed: asked when it was. */
SEC("lsm/bpf_map")
int BPF_PROG(guard_map, struct bpf_map *map)
{
	if (!scope_current() || !guard_object(GUARD_MAP, BPF_CORE_READ(map, id)))
		return 0;
	return tamper_refuse(TAMPER_BPF, 0);
}
