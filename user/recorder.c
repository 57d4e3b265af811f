/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "recorder.h"

static void set_error(struct recorder *r, int error)
{
	bool changed = !error != !r->error;

	r->error = error;
	if (changed && r->changed)
		r->changed(r->ctx, r);
}

/* Says how many events are missing, as soon as there may be room again. */
static int put_loss(struct recorder *r, const struct audit_event *ev)
{
	struct audit_event loss = {
		.type = AUDIT_LOSS,
		.time = ev->time,
		.run = ev->run,
		.loss = {.reason = "audit_write_failed", .records = KNOWN(r->unwritten)},
	};
	uint64_t seq;
	int e = trail_add(r->trail, &loss, &seq);

	if (e < 0)
		return e;
	r->waiting++;
	r->said = r->unwritten;
	return 0;
}

uint64_t recorder_put(struct recorder *r, const struct audit_event *ev)
{
	uint64_t seq = 0;
	int e = r->unwritten && !r->said ? put_loss(r, ev) : 0;

	if (e == 0)
		e = trail_add(r->trail, ev, &seq);
	if (e < 0) {
		r->unwritten++;
		set_error(r, e);
		return 0;
	}
	r->waiting++;
	if (r->error || trail_waiting(r->trail) >= RECORDER_BATCH)
		recorder_flush(r);
	return r->error ? 0 : seq;
}

void recorder_flush(struct recorder *r)
{
	uint64_t lost;
	bool untold;
	int e;

	if (!r->waiting) /* which says nothing about what can be written */
		return;
	e = trail_flush(r->trail, &lost);
	/* The event that says how many are missing comes first: if any is written, that one is. */
	untold = r->said && lost == r->waiting;
	if (untold)
		lost--;
	else
		r->unwritten -= r->said;
	r->unwritten += lost;
	r->said = r->waiting = 0;
	set_error(r, e);
}
