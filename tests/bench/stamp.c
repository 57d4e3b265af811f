/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A program whose first instructions write what time it is (CLOCK_MONOTONIC, a struct timespec) to
 * standard output, and whose next ones end it. Without a C library, so that nothing comes before.
 */
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long a, long b, long c)
{
	long r;

	asm volatile("syscall"
		     : "=a"(r)
		     : "a"(number), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return r;
}

__attribute__((force_align_arg_pointer)) void _start(void)
{
	struct timespec ts;

	call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&ts, 0);
	call(SYS_write, 1, (long)&ts, sizeof(ts));
	call(SYS_exit_group, 0, 0, 0);
}
