/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Trials of what keeps a workload from warden itself, and from the settings of the machine. */
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

void try_sysctl(struct probe *p)
{
	const enum facility f = FACILITY_SYSCTL;
	struct answer a;

	if (!probe_begin(p, f, TURN_SYSCTL) || !probe_ask(p, f, ORDER_SYSCTL, 0, &a))
		return;
	probe_end(p, f, a.value[0] == -EPERM, "a setting can be read");
}
