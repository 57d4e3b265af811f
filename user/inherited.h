/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_INHERITED_H
#define WARDEN_INHERITED_H

#include "base/buf.h"
#include "decide.h"

/*
 * Sockets that the command would inherit from whoever started warden. They are not made in the workload,
 * so that hooks on its cgroup do not see them, and what they are connected to was never asked. (What is
 * only connected to a unix socket and is standard input, output or error, is where a service's output
 * goes: it may stay.)
 *
 * Looks at the open files of this process that an exec does not close. `tier` is that of net. Returns 0,
 * -EPERM with a sentence in `complaint` if the image refuses one, or another -errno. Sockets that are not
 * connected may stay where later connects are seen (TIER_LSM).
 */
int inherited_check(const void *img, enum tier tier, struct buf *complaint);

#endif
