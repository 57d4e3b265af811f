/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What the kernel side tells of a run: fetched, put in order, handed on; and what cannot wait for that. */
#include "watch_internal.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "sockets.h"

/* Records younger than this may still be overtaken by older ones that another CPU is writing. */
#define HORIZON_NS    2000000ULL
#define CLOCK_STEP_NS ((int64_t)NS_PER_MS) /* less is no step of a clock, but of ours between two */
#define SWEEP_NS      (60 * NS_PER_SEC)
#define FORGET_NS     (NS_PER_SEC / 10) /* between two looks through all TLS objects */

/* ---- losses ---- */

void watch_put_loss(void *ctx, struct audit_event *ev)
{
	watch_put(ctx, AUDIT_LOSS, ev);
}

static void look_for_losses(struct watch *w)
{
	struct loss_count now[LOSS_COUNT];

	if (kernel_losses(w->kernel, now) < 0)
		return;
	losses_look(&w->losses, now, session_counts(w->session)->broken);
	losses_put(&w->losses, "out_of_memory", w->order.lost, 0);
	w->order.lost = 0;
	losses_put(&w->losses, "names_unresolved", w->resolving.failed, 0);
	w->resolving.failed = 0;
}

/* ---- what cannot wait for order ---- */

static bool is_refused(const struct decision *d)
{
	return d->verdict == VERDICT_DENY || d->verdict == VERDICT_KILL;
}

/* The first thing that the command's process does is its exec. */
static void note_first_exec(struct watch *w, const struct rec_exec *r)
{
	if (w->started || (w->signals.pid && (pid_t)r->rec.tgid != w->signals.pid))
		return;
	if (!(r->flags & EXEC_REFUSED))
		w->started = true;
	w->refused = is_refused(&r->decision);
}

/* Ends the socket that carried a refused request, so that nobody waits for an answer. */
static void destroy_socket(struct watch *w, uint64_t cookie, const struct rec *r)
{
	int e = cookie ? socket_destroy(cookie, (pid_t)r->tgid) : -ENOENT;

	if (e == 0)
		kernel_forget_socket(w->kernel, cookie);
	else if (e != -ENOENT)
		log_debug("cannot destroy a socket: %s", strerror(-e));
}

/* Whom the programs could not kill on the spot. Whether their records have come does not matter. */
static void kill_doomed(struct watch *w)
{
	int r = kernel_kill_doomed(w->kernel);

	if (r == -ENOSPC && !w->kill_all) {
		w->kill_all = true;
		log_error("too many processes had to be killed: the workload is ended");
	} else if (r < 0 && r != -ENOSPC) {
		log_error("cannot kill a process: %s", strerror(-r));
	}
	if (w->kill_all) {
		cgroup_destroy(w->cgroup.path, 0);
		kernel_destroy_members(w->kernel, 0);
	}
}

void watch_end_members(struct watch *w)
{
	int r = w->kernel ? kernel_destroy_members(w->kernel, KILL_WAIT_MS) : 0;

	if (r < 0)
		log_error("processes of the workload are left, outside of its cgroup: %s",
			  strerror(-r));
}

static void on_bind(struct watch *w, const struct rec_bind *r)
{
	int e = r->clear ? kernel_read_answers(w->kernel) : 0;

	if (e < 0)
		log_error("answers to HTTP without TLS are not seen: %s", strerror(-e));
	if (r->dead)
		destroy_socket(w, r->cookie, &r->rec);
}

static void on_raw(void *ctx, const struct rec *r)
{
	struct watch *w = ctx;

	if (r->type == REC_RESOLVE) { /* what the workload waits for; not an activity of anybody's */
		if (w->o->resolvers && r->size >= sizeof(struct rec_resolve))
			resolving_record(&w->resolving, (const struct rec_resolve *)r, watch_clock());
		return;
	}
	if (r->type == REC_HELD) /* it was to wake us, for kernel_release_held() */
		return;
	if (r->type == REC_EXEC && r->size >= sizeof(struct rec_exec))
		note_first_exec(w, (const struct rec_exec *)r);
	if (r->type == REC_OPAQUE)
		exes_look(&w->exes, r);
	if (r->type == REC_HTTP && r->size >= sizeof(struct rec_http) &&
	    is_refused(&((const struct rec_http *)r)->decision))
		destroy_socket(w, ((const struct rec_http *)r)->cookie, r);
	if (r->type == REC_BIND && r->size >= sizeof(struct rec_bind))
		on_bind(w, (const struct rec_bind *)r);
	if ((r->type == REC_OPAQUE || r->type == REC_CLAIM) && r->size >= sizeof(struct rec_net) &&
	    is_refused(&((const struct rec_net *)r)->decision))
		destroy_socket(w, ((const struct rec_net *)r)->cookie, r);
	order_put(&w->order, r);
}

/* ---- records in order ---- */

/* A library that was not known before the start: what passed until now, or ever, is not seen. */
void watch_put_gap(void *ctx, const struct rec *r, const char *path, bool probed)
{
	struct audit_event ev = {0};

	ev.process.pid = KNOWN(r->tgid);
	ev.process.start = KNOWN(r->start);
	ev.process.comm = *r->comm ? r->comm : NULL;
	ev.exec.path = path;
	ev.loss.reason = probed ? "tls_library_mapped_late" : "tls_library_not_probed";
	watch_put(ctx, AUDIT_LOSS, &ev);
	if (probed)
		log_notice("%s was mapped after the start: its earlier plaintext was not seen", path);
}

static void on_ordered(void *ctx, const struct rec *r)
{
	struct watch *w = ctx;

	session_record(w->session, r);
	libraries_record(&w->libraries, r);
	if (r->type == REC_EXIT) {
		exes_drop(&w->exes, r->tgid);
		map_put(&w->gone, r->tgid, w);
	}
}

/* Removes the TLS objects of processes that have ended: of many at once, for it looks at them all. */
static void forget_processes(struct watch *w)
{
	uint64_t now = watch_clock();

	if (!w->gone.count || now - w->forgot < FORGET_NS)
		return;
	kernel_forget_processes(w->kernel, &w->gone);
	map_free(&w->gone);
	w->forgot = now;
}

static void sweep_names(struct watch *w)
{
	uint64_t now = watch_clock();

	if (!w->o->resolvers || now - w->swept < SWEEP_NS)
		return;
	kernel_names_sweep(w->kernel, now);
	w->swept = now;
}

/* Where kernel code is preempted, a program may not have run when something was read. */
static void look_at_pipes(struct watch *w, bool last)
{
	uint64_t now = watch_clock(), missed, streams, bytes;

	if (!w->stdio || (!last && now - w->swept_pipes < SWEEP_NS))
		return;
	kernel_pipes_sweep(w->kernel, now);
	w->swept_pipes = now;
	missed = kernel_pipes_missed(w->kernel);
	losses_put(&w->losses, "stdio_hooks_skipped", missed - w->missed_pipes, 0);
	w->missed_pipes = missed;
	if (!last)
		return;
	kernel_pipes_passed(w->kernel, &streams, &bytes);
	log_debug("not copied, as no JSON-RPC: %llu standard streams, %llu bytes",
		  (unsigned long long)streams, (unsigned long long)bytes);
}

/* Goes on asking for what was truncated; the workload's own answers pass when nothing is asked any more. */
static void resolve(struct watch *w)
{
	if (w->resolving.ticket && resolving_go(&w->resolving, watch_clock()))
		kernel_names_resolved(w->kernel, w->resolving.ticket);
}

/*
 * Records have the time of a clock that stands still while the machine sleeps, and that nobody sets.
 * Their events have the wall clock's, wherever it went since the start of the run.
 */
static void follow_clock(struct watch *w)
{
	uint64_t before = watch_clock(), wall = time_now();
	int64_t ahead = (int64_t)(wall - before);

	if (watch_clock() - before > (uint64_t)CLOCK_STEP_NS)
		return; /* interrupted in between: the next time will do */
	if (ahead - w->wall > CLOCK_STEP_NS || w->wall - ahead > CLOCK_STEP_NS) {
		w->wall = ahead;
		session_set_clock(w->session, ahead);
	}
}

struct kernel_fetched watch_drain(struct watch *w)
{
	uint64_t now = watch_clock();
	struct kernel_fetched got = kernel_drain(w->kernel, on_raw, w);

	kill_doomed(w);
	w->held = kernel_release_held(w->kernel, libraries_look, &w->libraries);
	resolve(w);
	follow_clock(w);
	order_release(&w->order, (got.upto < now ? got.upto : now) - HORIZON_NS, on_ordered, w);
	forget_processes(w);
	sweep_names(w);
	look_at_pipes(w, false);
	look_for_losses(w);
	recorder_flush(&w->recorder);
	return got;
}

void watch_drain_rest(struct watch *w)
{
	uint64_t unaccounted = 0;

	while (watch_drain(w).records)
		;
	order_release(&w->order, UINT64_MAX, on_ordered, w);
	if (kernel_unaccounted(w->kernel, &unaccounted) == 0)
		losses_put(&w->losses, "unaccounted", unaccounted, 0);
	look_at_pipes(w, true);
	look_for_losses(w);
}
