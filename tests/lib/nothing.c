/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A program that does nothing, successfully, for tests that run hundreds: neither loader nor libraries,
 * which are most of what true(1) costs, and most of what an emulated machine then does.
 */
__attribute__((noreturn)) void _start(void)
{
	__asm__ volatile("syscall" : : "a"(231 /* exit_group */), "D"(0));
	__builtin_unreachable();
}
