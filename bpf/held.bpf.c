/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Code that nobody has looked at: it may bring a TLS library, and what that sends before it is probed
 * would not be seen.
 *
 *   lsm/mmap_file   stops the process until user space has looked, and probed what there is
 *
 * A stop, and not a refusal, so that nobody notices: it takes effect before the thread returns to its
 * own code, and user space continues the process. Who continues it earlier gains nothing, because a
 * handshake that no probe has seen is opaque. Each file is asked about once.
 */
#include "held.h"
#include "warden.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HELD_THREADS);
	__type(key, struct held_thread);
	__type(value, struct held);
} held SEC(".maps");

/* Full means that further files are asked about each time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOOKED_FILES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct held_file);
	__type(value, __u8);
} looked SEC(".maps");

__u32 held_seen = 0; /* somebody is in `held`; user space clears it before it looks there */

/* So that user space looks at once. Without room in the ring it does so by itself a little later. */
static __always_inline void held_wake(void)
{
	struct scratch *s = scratch_claim();

	if (!s)
		return;
	record_start(s, REC_HELD, sizeof(struct rec));
	record_send_event(s, RECORD_URGENT);
	scratch_release(s);
}

SEC("lsm/mmap_file")
int BPF_PROG(held_map, struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags)
{
	struct held_thread thread = {};
	struct held now = {};
	struct inode *inode;
	__u64 id;

	if (!file || !(prot & PROT_EXEC) || !scope_current())
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	now.file.ino = BPF_CORE_READ(inode, i_ino);
	now.file.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	now.file.generation = BPF_CORE_READ(inode, i_generation);
	if (bpf_map_lookup_elem(&looked, &now.file))
		return 0;
	id = bpf_get_current_pid_tgid();
	thread.tgid = id >> 32;
	thread.tid = id;
	now.start = BPF_CORE_READ(bpf_get_current_task_btf(), group_leader, start_boottime);
	if (bpf_map_update_elem(&held, &thread, &now, BPF_ANY)) {
		loss_add(LOSS_STORAGE, 0);
		return -EPERM;
	}
	__sync_lock_test_and_set(&held_seen, 1);
	if (bpf_send_signal(SIGSTOP)) {
		bpf_map_delete_elem(&held, &thread);
		return -EPERM;
	}
	held_wake();
	return 0;
}
