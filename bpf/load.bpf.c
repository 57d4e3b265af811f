/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Code that is loaded by another program: what a workload may not run it may not have run that way.
 *
 *   lsm(.s)/mmap_file, lsm/file_mprotect    EPERM
 */
#include "exec.bpf.h"

#define MODE_EXEC 0111 /* somebody may run it: libraries are mostly not so */

/* Numbers of other ABIs; in none of them do they map or protect memory. */
#define NR_EXECVE_32	11
#define NR_EXECVEAT_32	358
#define NR_EXECVE_X32	(0x40000000 | 520)
#define NR_EXECVEAT_X32 (0x40000000 | 545)

/* The kernel maps what it is about to run: that was decided on, and its loader is not what is meant. */
static __always_inline int exec_is_starting(void)
{
	unsigned long number = exec_syscall();

	return number == NR_EXECVE || number == NR_EXECVEAT || number == NR_EXECVE_32 ||
	       number == NR_EXECVEAT_32 || number == NR_EXECVE_X32 || number == NR_EXECVEAT_X32;
}

/*
 * Attack: have the loader run it (ld-linux.so FILE). What a program maps as code is asked for deny
 * entries alone, as an allow list names programs and not the libraries that they need. What it is
 * given as arguments is not known: entries with conditions refuse it. `hashed` is `file` where its
 * content can be looked at.
 */
static __always_inline int exec_load(struct file *file, struct file *hashed)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	const void *img;
	struct scratch *s;
	int ret = 0;

	if (exec_is_starting())
		return 0;
	img = image_current();
	if (img && !image_header(img)->kinds[KIND_EXEC].denies)
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	exec_start(img, s, 0);
	exec_inode(img, s, inode);
	if (BPF_CORE_READ(inode, i_mode) & MODE_EXEC || s->m.hit.deny != RULE_NONE ||
	    s->m.hit.conds)
		exec_names(img, s, file);
	s->m.hit.conds &= ~image_header(img)->conds.allow;
	exec_content(img, s, hashed, 0);
	s->act.flags |= ACTIVITY_ARGS_UNREAD | ACTIVITY_ENV_UNREAD;
	conds_settle(img, &s->act, &s->m.hit);
	if (s->m.hit.deny != RULE_NONE) {
		activity_decide(img, s);
		exec_send(s, TIER_LSM, EXEC_REFUSED | EXEC_LOADED);
		if (s->dec.verdict == VERDICT_KILL)
			bpf_send_signal(SIGKILL);
		ret = refused(&s->dec) ? -EPERM : 0;
	}
	scratch_release(s);
	return ret;
}

SEC("lsm/mmap_file")
int BPF_PROG(exec_map, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	if (!file || !(prot & PROT_EXEC) || !scope_current())
		return 0;
	return exec_load(file, 0);
}

/* The same where rules deny by hash. Whoever is outside pays for it that this one may sleep. */
SEC("lsm.s/mmap_file")
int BPF_PROG(exec_map_hashed, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags)
{
	if (!file || !(prot & PROT_EXEC) || !scope_current())
		return 0;
	return exec_load(file, file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(exec_protect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot)
{
	struct file *file;

	if (!(prot & PROT_EXEC) || !scope_current())
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	return file ? exec_load(file, 0) : 0;
}
