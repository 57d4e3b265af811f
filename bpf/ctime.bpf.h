/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CTIME_BPF_H
#define WARDEN_CTIME_BPF_H

/*
 * Whether a file was changed since the run began: its content, its mode, its names. By ctime, which
 * no call sets; it is the kernel's clock at that moment, as coarse as the file system keeps it.
 */

#include "warden.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ctime_pair {
	s64 tv_sec;
	long tv_nsec;
};

struct inode___plain { /* before 6.6 */
	struct ctime_pair i_ctime;
};

struct inode___hidden { /* before 6.11 */
	struct ctime_pair __i_ctime;
};

struct inode___apart {
	s64 i_ctime_sec;
	u32 i_ctime_nsec;
};

#pragma clang attribute pop

#define CTIME_SEC  1000000000ULL
#define CTIME_LAST (CTIME_SEC * 9)    /* seconds; what is later, or before 1970, is not believed */
#define CTIME_NSEC ((1ULL << 30) - 1) /* from 6.13 on there is a flag above */

/* Reads its two parts. Returns 0 on a kernel that keeps it in yet another way. */
static __always_inline int ctime_read(void *inode, __u64 *sec, __u64 *nsec)
{
	struct inode___plain *plain = inode;
	struct inode___hidden *hidden = inode;
	struct inode___apart *apart = inode;

	if (bpf_core_field_exists(apart->i_ctime_sec)) {
		*sec = BPF_CORE_READ(apart, i_ctime_sec);
		*nsec = BPF_CORE_READ(apart, i_ctime_nsec);
	} else if (bpf_core_field_exists(hidden->__i_ctime)) {
		*sec = BPF_CORE_READ(hidden, __i_ctime.tv_sec);
		*nsec = BPF_CORE_READ(hidden, __i_ctime.tv_nsec);
	} else if (bpf_core_field_exists(plain->i_ctime)) {
		*sec = BPF_CORE_READ(plain, i_ctime.tv_sec);
		*nsec = BPF_CORE_READ(plain, i_ctime.tv_nsec);
	} else {
		return 0;
	}
	return 1;
}

/* True also when it cannot be told. */
static __always_inline int ctime_is_new(struct inode *inode)
{
	__u64 sec = 0, nsec = 0;

	if (!ctime_read(inode, &sec, &nsec) || sec > CTIME_LAST)
		return 1;
	nsec &= CTIME_NSEC;
	return sec * CTIME_SEC + nsec + BPF_CORE_READ(inode, i_sb, s_time_gran) > run_began;
}

#endif
