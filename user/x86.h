/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_X86_H
#define WARDEN_X86_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length in bytes of the x86-64 instruction that begins at `code`, of which `left` bytes may be read;
 * 0 when it is none that compilers write, or not all of it is there. What an instruction does is not told.
 * From tables of opcodes (Intel's manual, volume 2, appendix A): with it a function is walked from its
 * first instruction on, so that a probe is never put into the midst of one.
 */
size_t x86_length(const uint8_t *code, size_t left);

#define X86_RET 0xc3

#endif
