/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "recorder.h"

static void set_error(struct recorder *r, int error)
{
	bool changed = !error != !r->error;

	r->error = error;
	if (changed && r->changed)
		r->changed(r->ctx, r);
}

/* Says how many events are missing, once there is room again. */
static int put_loss(struct recorder *r, const struct audit_event *ev)
{
	struct audit_event loss = {
		.type = AUDIT_LOSS,
		.time = ev->time,
		.run = ev->run,
		.loss = {.reason = "audit_write_failed", .records = KNOWN(r->unwritten)},
	};

	return trail_append(r->trail, &loss);
}

uint64_t recorder_put(struct recorder *r, const struct audit_event *ev)
{
	int e = r->unwritten ? put_loss(r, ev) : 0;

	if (e == 0) {
		r->unwritten = 0;
		e = trail_append(r->trail, ev);
	}
	if (e < 0)
		r->unwritten++;
	set_error(r, e);
	return e < 0 ? 0 : trail_seq(r->trail);
}
