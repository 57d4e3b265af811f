/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RPC_H
#define WARDEN_RPC_H

/*
 * Does a stream of lines begin like JSON-RPC? One byte after the other, with a number for a state, so that
 * the size of the pieces does not matter:
 *
 *   blanks and blank lines, { or [, and in that line, which may be long, somewhere "jsonrpc"
 *
 * Where in its line the word stands is up to the writer: some put it last.
 */

#include "types.h"

enum rpc_head {
	RPC_START, /* blanks and blank lines */
	RPC_LINE,  /* in the first line; `step` bytes are those of "jsonrpc", quotes included */
	RPC_YES,   /* it does */
	RPC_NO,    /* it does not */
};

#define RPC_STEP	   8 /* bits of the state below `step` */
#define RPC_LINE_MAX   (8U << 20) /* bytes of a line that are read; a first line ends there as well */
#define RPC_BLANKS_MAX 4096 /* in front of the first line */

static __always_inline __u32 rpc_head_of(__u32 state)
{
	return state & ((1U << RPC_STEP) - 1);
}

static __always_inline int rpc_is_blank(__u32 c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The state behind one more byte; 0 is the first. RPC_YES and RPC_NO stay. */
static __always_inline __u32 rpc_next(__u32 state, __u32 c)
{
	const __u64 word = 0x226370726e6f736aULL; /* jsonrpc", the first letter lowest */
	__u32 step = state >> RPC_STEP;

	switch (rpc_head_of(state)) {
	case RPC_START:
		if (rpc_is_blank(c))
			return RPC_START;
		return c == '{' || c == '[' ? RPC_LINE : RPC_NO;
	case RPC_LINE:
		if (c == '\n')
			return RPC_NO;
		if (step && c == (word >> ((step - 1) & 7) * 8 & 0xff))
			return step == 8 ? RPC_YES : RPC_LINE | (step + 1) << RPC_STEP;
		return RPC_LINE | (c == '"') << RPC_STEP;
	}
	return state;
}

#endif
