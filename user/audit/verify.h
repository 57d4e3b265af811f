/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_VERIFY_H
#define WARDEN_AUDIT_VERIFY_H

#include <stdint.h>

#include "audit/chain.h"

struct verify {
	uint64_t lines;      /* good ones, before the first bad one */
	char why[CHAIN_WHY]; /* what is wrong with line `lines` + 1; "" when all are good */
};

/*
 * Checks a trail from its first line to the end of what `fd` gives. Returns 0 when it is whole (an
 * empty one is); -EBADMSG when a line is bad: no JSON, changed, missing, out of order, longer than
 * CHAIN_LINE_MAX, or torn, without a newline at the end; another -errno when it could not be read.
 * `ret` is set in the first two cases.
 */
int verify_trail(int fd, struct verify *ret);

#endif
