/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Trials of programs: a subject is refused an exec, or dies in it. */
#include "tiers_probe.h"

#include <errno.h>
#include <signal.h>

/* Has a fresh subject execute the program; tells what it died of, 0 when it could not begin. */
static int exec_and_die(struct probe *p, enum facility f)
{
	struct answer a;

	if (!probe_fresh(p, f))
		return 0;
	if (!subject_ask(&p->fresh, ORDER_EXEC, 0, &a)) {
		subject_kill(&p->fresh);
		return 0;
	}
	return subject_end(&p->fresh);
}

static void try_signal(struct probe *p)
{
	const enum facility f = FACILITY_EXEC_SIGNAL;
	bool killed = false;

	if (!probe_begin(p, f, TURN_EXEC_SIGNAL))
		return;
	for (int i = 0; i < PROBE_ATTEMPTS && !killed; i++)
		killed = exec_and_die(p, f) == SIGKILL;
	probe_end(p, f, killed, "the new program lives on");
}

/* Refused, its maker is told, and goes on; allowed, its final arguments are read. */
static void try_lsm(struct probe *p)
{
	const enum facility f = FACILITY_EXEC_LSM;
	struct answer a = {};
	int r;

	if (!probe_begin(p, f, TURN_EXEC_REFUSE) || !probe_fresh(p, f))
		return;
	r = subject_ask(&p->fresh, ORDER_EXEC, 0, &a);
	subject_kill(&p->fresh);
	if (r < 0 || a.value[0] != -EPERM)
		probe_end(p, f, false, "the refused program starts");
	else if (probe_begin(p, f, TURN_EXEC_ARGS))
		probe_end(p, f, exec_and_die(p, f) == SIGKILL,
			  "it cannot read the final arguments of a program");
}

void try_exec(struct probe *p)
{
	try_lsm(p);
	try_signal(p);
}
