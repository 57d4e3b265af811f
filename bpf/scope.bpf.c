/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Who belongs to the workload: the tasks of its cgroup, and all that they ever started.
 *
 *   tp_btf/task_newtask        a child inherits membership before it can run (io_uring's threads too);
 *                              one that is born outside of the cgroup is killed, its parent too
 *   tp_btf/cgroup_attach_task  a member that moves a task out of the cgroup is killed, and the task if
 *                              it is one of the workload
 *   syscall                    the first process of the workload says from where it runs
 *
 * Attack: leave the cgroup, then do what policy forbids. Membership is kept in task storage as
 * well, which goes where the task goes; but programs on the cgroup do not see who has left it. If it
 * cannot be written the parent is killed: a child that nobody watches is worse than an agent that
 * stops.
 */
#include "warden.bpf.h"

const volatile __u64 image_mask = 0;
const volatile __u64 scope_cgroup = 0;
const volatile __u32 tier_plaintext = TIER_NONE;
const volatile __u32 tier_socket = TIER_NONE;
const volatile __u8 file_hashes = 0;
const volatile __u8 copy_bytes = 0;
const volatile __u64 digest_key = 0;

__u32 audit_failed = 0;
__u32 events_lost = 0;
__u32 scope_level = 0;
__u64 run_began = 0;
__u32 doomed_full = 0;
__u32 doomed_seen = 0;
__u32 reader_awake = 0;
__u32 dead_seen = 0;

/* Tries one slot, and stops when it is ours; one call too many says that none was free. */
static long scratch_try(__u32 i, void *first)
{
	__u32 slot = (*(__u32 *)first + i) % SCRATCH_SLOTS;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);

	if (i >= SCRATCH_SLOTS || !s)
		return 1;
	return !s->owner && !__sync_val_compare_and_swap(&s->owner, 0, 1);
}

__weak __noinline int scratch_slot(void)
{
	__u32 first = bpf_get_smp_processor_id() * 8; /* kept: we may go on on another CPU */
	long tried = loop(SCRATCH_SLOTS + 1, scratch_try, &first);

	return tried <= SCRATCH_SLOTS ? (int)((first + (__u32)tried - 1) % SCRATCH_SLOTS) : -1;
}

/* True when a cgroup is the workload's or below it. */
static __always_inline int scope_has_cgroup(struct cgroup *cgroup)
{
	struct cgroup *ancestor;

	if (BPF_CORE_READ(cgroup, level) < (int)scope_level)
		return 0;
	if (bpf_core_read(&ancestor, sizeof(ancestor), &cgroup->ancestors[scope_level]))
		return 0;
	return BPF_CORE_READ(ancestor, kn, id) == scope_cgroup;
}

/* Kills another process than the current one. Linux 6.13 and newer can; else returns an error. */
extern int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type,
				__u64 value) __ksym __weak;

static __always_inline int scope_kill(struct task_struct *task)
{
	if (!bpf_send_signal_task)
		return -EPERM;
	return bpf_send_signal_task(task, SIGKILL, PIDTYPE_TGID, 0);
}

#define CLONE_THREAD 0x10000

/* Notes how the process of a new task began: its TLS objects are those that the other one had then. */
static __always_inline void scope_note_fork(struct member *m, __u64 clone_flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct member *old = bpf_task_storage_get(&members, task, 0, 0);
	__u32 *imported;

	if (!(clone_flags & CLONE_THREAD)) {
		m->forked = bpf_ktime_get_ns();
		m->exec_id = BPF_CORE_READ(task, self_exec_id);
		m->origin = BPF_CORE_READ(task, tgid);
		imported = bpf_map_lookup_elem(&importers, &m->origin);
		m->imports = (imported && *imported == m->exec_id) ||
			     (old && old->imports && old->exec_id == m->exec_id);
		return;
	}
	if (old) {
		m->imports = old->imports;
		m->forked = old->forked;
		m->exec_id = old->exec_id;
		m->origin = old->origin;
	}
}

SEC("tp_btf/task_newtask")
int BPF_PROG(scope_newtask, struct task_struct *child, __u64 clone_flags)
{
	struct member *m;
	int outside;

	if (!scope_current())
		return 0;
	/* CLONE_INTO_CGROUP puts a child elsewhere without moving anybody. */
	outside = !scope_has_cgroup(BPF_CORE_READ(child, cgroups, dfl_cgrp));
	if (doom_meets() || outside) { /* one who is to die leaves nobody behind */
		doom(child);
		scope_kill(child);
	}
	m = bpf_task_storage_get(&members, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (m)
		scope_note_fork(m, clone_flags);
	if (!outside && m)
		return 0;
	if (!m)
		loss_add(LOSS_STORAGE, 0);
	bpf_send_signal(SIGKILL);
	tamper_report(outside ? TAMPER_LEFT_CGROUP : TAMPER_NO_MEMBER, BPF_CORE_READ(child, tgid));
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(scope_attach, struct cgroup *to, const char *path, struct task_struct *task,
	     _Bool threadgroup)
{
	int ours;

	if (!scope_current() || scope_has_cgroup(to))
		return 0;
	/*
	 * Two are to die, the one that moves and the one that is moved, but interrupts are off here,
	 * and then one program can send one signal. The one that is outside by now comes first.
	 */
	ours = bpf_task_storage_get(&members, task, 0, 0) != 0;
	if (ours)
		doom(task);
	doom(bpf_get_current_task_btf());
	if (!ours || scope_kill(task))
		bpf_send_signal(SIGKILL);
	tamper_report(TAMPER_LEFT_CGROUP, BPF_CORE_READ(task, tgid));
	return 0;
}

/*
 * Run once by the first process, inside the cgroup and before its exec. Depths that user space can
 * read are relative to its cgroup namespace; the kernel's are not. Returns 0, or 1 when it is in
 * another cgroup than was said.
 */
SEC("syscall")
int scope_settle(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	if (BPF_CORE_READ(cgroup, kn, id) != scope_cgroup)
		return 1;
	scope_level = BPF_CORE_READ(cgroup, level);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
