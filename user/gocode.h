/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_GOCODE_H
#define WARDEN_GOCODE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where a function of a Go program is probed. Its return address cannot be taken away, as uretprobes do:
 * stacks of goroutines move, and Go reads them. So there are probes on each RET; and one behind the check of
 * the stack at the entry, because a call whose stack is too small, or whose goroutine is to pause, begins
 * there once more. Behind it is what makes the frame. Both are on the stack and in registers as at the entry.
 */
struct go_code {
	uint32_t start; /* of the first instruction behind the check */
	uint32_t rets[32];
	size_t ret_count;
};

/*
 * Reads the code of a function that takes its arguments in registers (Go 1.17 and later), `size` bytes with
 * the padding behind them, and its table of stack depths, which says from instruction to instruction how far
 * the stack pointer is from where it was at the entry. The two are independent of each other: every place
 * where the depth changes has to be where an instruction begins, and returns are where it is 0 once more.
 * Returns 0; -EBADMSG when anything is not as Go's compiler writes it: then nothing may be probed.
 */
int go_code_read(const uint8_t *code, size_t size, const uint8_t *depths, size_t depths_len,
		 struct go_code *ret);

#endif
