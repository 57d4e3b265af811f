/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What all trials have in common: reasons, turns, and subjects that may fail. */
#include "tiers_probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>

void probe_fail(struct probe *p, enum facility f, const char *fmt, ...)
{
	struct facility_result *r = &p->tiers.facility[f];
	va_list ap;

	r->works = false;
	va_start(ap, fmt);
	vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

/* Errors that are gone when there is memory again, or less at work. */
static bool may_pass(int r)
{
	return r == -ENOMEM || r == -EAGAIN || r == -EINTR || r == -EBUSY || r == -ENOSPC ||
	       r == -EMFILE || r == -ENFILE;
}

void probe_fail_program(struct probe *p, size_t program, const char *fmt, int r)
{
	if (!may_pass(r))
		p->refused |= probe_programs[program].facilities;
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		if (probe_programs[program].facilities & 1U << f) {
			p->out |= 1U << f;
			probe_fail(p, f, fmt ?: probe_refusals[f], strerrorname_np(-r) ?: "?");
		}
}

struct probe_bpf__bss *probe_begin(struct probe *p, enum facility f, enum probe_turn turn)
{
	if (p->out & 1U << f)
		return NULL;
	p->object->bss->runs = 0;
	__atomic_store_n(&p->object->bss->turn, turn, __ATOMIC_SEQ_CST);
	return p->object->bss;
}

void probe_end(struct probe *p, enum facility f, bool ok, const char *but)
{
	struct probe_bpf__bss *seen = p->object->bss;

	__atomic_store_n(&seen->turn, TURN_NONE, __ATOMIC_SEQ_CST);
	if (ok)
		p->tiers.facility[f] = (struct facility_result){.works = true};
	else if (!seen->runs)
		probe_fail(p, f, "its program loads and attaches, but is never run%s",
			   !strcmp(facility_names[f].tier, "lsm")
				   ? ": bpf is not in the kernel's list of LSMs (lsm=...)"
				   : "");
	else
		probe_fail(p, f, "its program runs, but %s", but);
}

static void fail_subject(struct probe *p, enum facility f, int r)
{
	probe_fail(p, f,
		   r == -EPIPE ? "the process that it was tried on died"
			       : "the process that it was tried on did not answer");
}

bool probe_ask(struct probe *p, enum facility f, enum order order, int argument, struct answer *ret)
{
	int r = subject_ask(&p->subject, order, argument, ret);

	if (r < 0)
		fail_subject(p, f, r);
	return !r;
}

bool probe_fresh(struct probe *p, enum facility f)
{
	int r = subject_start(&p->fresh, &p->kit);

	if (r < 0)
		probe_fail(p, f, "no process can be started to try it on (%s)", strerror(-r));
	return !r;
}
