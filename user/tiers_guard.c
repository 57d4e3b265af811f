/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* A trial of what keeps a workload from warden itself. */
#include "tiers_probe.h"

#include <errno.h>

void try_guard(struct probe *p)
{
	const enum facility f = FACILITY_GUARD;
	struct answer a;

	if (!probe_begin(p, f, TURN_GUARD) || !probe_ask(p, f, ORDER_GUARD, 0, &a))
		return;
	probe_end(p, f, a.value[0] == -EPERM, "truncate() goes through");
}
