/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "watch_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "console.h"

/*
 * Only refusals and filling rings wake us, so that a record costs its sender little; the rest is
 * fetched at the latest after TICK_MAX. With nothing to fetch, the interval doubles up to that. While
 * there is as much to fetch as at BUSY_RECORDS, rings do not wake us either. How often that is depends:
 * plaintext fills caches and its ring within milliseconds; for events alone it is no more often than a
 * trail that may turn out to be unwritable asks for, because in a virtual machine each time that a
 * processor wakes up slows its neighbours down.
 */
#define TICK_MIN_MS    10
#define TICK_MAX_MS    160
#define TICK_BYTES_MS  1
#define TICK_EVENTS_MS 4
#define BUSY_RECORDS   64

#define WATCHED_NS (10 * NS_PER_SEC) /* for the first record; it takes milliseconds */
#define RUN_FDS	   4		     /* what a run waits for, besides resolvers */
#define PRINT_MS   100		     /* nobody who stops reading what we print may stop us */

uint64_t watch_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static bool enforcing(const struct watch *w)
{
	return w->o->policy && w->o->policy->mode == MODE_ENFORCE;
}

/* ---- events ---- */

static void emit(void *ctx, const struct audit_event *ev)
{
	struct watch *w = ctx;

	console_event(ev, w->o->trail_path, recorder_put(&w->recorder, ev));
}

static void audit_changed(void *ctx, const struct recorder *r)
{
	struct watch *w = ctx;
	bool deny = enforcing(w) && w->o->policy->on_audit_failure == CHOICE_DENY;

	if (w->kernel)
		kernel_set_audit_failed(w->kernel, r->error != 0);
	if (!r->error)
		log_error("the audit trail can be written again");
	else
		log_error("cannot write the audit trail %s: %s%s", w->o->trail_path,
			  strerror(-r->error),
			  deny ? "; new activities are denied (on_audit_failure: deny)" : "");
}

void watch_put(struct watch *w, enum audit_type type, struct audit_event *ev)
{
	struct audit_event own;

	session_event(w->session, type, time_now(), &own);
	ev->type = own.type;
	ev->time = own.time;
	ev->run = own.run;
	ev->container.cgroup = own.container.cgroup;
	recorder_put(&w->recorder, ev);
}

static void put_start(struct watch *w)
{
	struct audit_event start = {0}, load = {0};

	watch_put(w, AUDIT_RUN_START, &start);
	if (!w->o->policy)
		return;
	load.decision.policy = w->o->policy->name;
	load.decision.generation = KNOWN(1);
	load.decision.at = w->o->policy->file;
	watch_put(w, AUDIT_POLICY_LOAD, &load);
}

static int exit_status(const struct watch *w)
{
	if (w->refused)
		return WATCH_CANNOT_RUN;
	if (WIFSIGNALED(w->signals.status))
		return WATCH_SIGNALLED + WTERMSIG(w->signals.status);
	return WEXITSTATUS(w->signals.status);
}

static void put_end(struct watch *w)
{
	const struct session_counts *c = session_counts(w->session);
	struct audit_event end = {0};

	end.end.status = w->refused ? "refused" : w->signals.status ? "error" : "ok";
	end.end.exit = KNOWN(exit_status(w));
	end.end.duration_ms = KNOWN((watch_clock() - w->begun) / NS_PER_MS);
	if (w->stdio)
		end.end.tool_calls = KNOWN(c->tool_calls);
	end.end.violations = KNOWN(c->refused);
	watch_put(w, AUDIT_RUN_END, &end);
}

/* ---- the life of a run ---- */

static bool anybody_left(const struct watch *w)
{
	char text[64];
	ssize_t n = pread(w->populated, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = 0;
	return strstr(text, "populated 1");
}

/*
 * Ctrl-Z, or the like: the shell that started us gets its terminal back when we have stopped. What
 * has not stopped of the workload waits with us, for nobody would see what it does.
 */
static void pause_run(struct watch *w)
{
	watch_drain(w);
	cgroup_freeze(&w->cgroup, true);
	signals_stop(&w->signals);
	signals_handle(&w->signals); /* the command has its SIGCONT before it can be stopped anew */
	cgroup_freeze(&w->cgroup, false);
}

/* How long to wait after a fetch, in ms. */
static int next_tick(struct watch *w, struct kernel_fetched got, int tick)
{
	bool busy = got.records >= BUSY_RECORDS;

	if (w->held) /* it stops within microseconds */
		return TICK_BYTES_MS;
	kernel_set_awake(w->kernel, !busy ? AWAKE_SELDOM : got.bytes ? AWAKE_BYTES : AWAKE_EVENTS);
	if (busy)
		return got.bytes ? TICK_BYTES_MS : TICK_EVENTS_MS;
	if (got.records)
		return TICK_MIN_MS;
	return tick < TICK_MIN_MS ? TICK_MIN_MS : tick < TICK_MAX_MS ? 2 * tick : tick;
}

static int names_told(void *ctx, const void *msg, size_t len)
{
	struct watch *w = ctx;

	return kernel_names_told(w->kernel, msg, len);
}

static void loop_until_empty(struct watch *w)
{
	int tick = TICK_MIN_MS;
	bool said = false;

	while (!w->signals.ended || anybody_left(w)) {
		struct pollfd fds[RUN_FDS + RESOLVING] = {
			{.fd = w->signals.fd, .events = POLLIN},
			{.fd = kernel_events_fd(w->kernel), .events = POLLIN},
			{.fd = kernel_bytes_fd(w->kernel), .events = POLLIN},
			/* It stays readable until it is read, which anybody_left() does from then on. */
			{.fd = w->signals.ended ? w->populated : -1, .events = POLLPRI},
		};

		poll(fds, RUN_FDS + resolving_poll(&w->resolving, fds + RUN_FDS), tick);
		signals_handle(&w->signals);
		tick = next_tick(w, watch_drain(w), tick);
		if (signals_want_stop(&w->signals))
			pause_run(w);
		if (w->signals.end_rest)
			cgroup_destroy(w->cgroup.path, 0);
		if (w->signals.ended && !said && anybody_left(w)) {
			said = true;
			log_verbose("the command has ended; waiting for the processes it left");
		}
	}
}

/*
 * Waits for the record of the command's own exec. Without one the programs do not see this
 * workload, whatever the reason: then it does not run.
 */
static bool is_watched(struct watch *w)
{
	uint64_t deadline = watch_clock() + WATCHED_NS;

	while (!w->started && !w->refused && watch_clock() < deadline) {
		struct pollfd fd = {.fd = kernel_events_fd(w->kernel), .events = POLLIN};

		poll(&fd, 1, TICK_MIN_MS);
		watch_drain(w);
	}
	return w->started || w->refused;
}

static int settle(void *ctx)
{
	return kernel_settle(ctx);
}

/* Returns 0 when there is something to wait for, or the exit status. */
static int start_command(struct watch *w)
{
	const struct spawn s = {
		.path = w->o->path,
		.argv = w->o->argv,
		.user = w->o->user,
		.cgroup = w->cgroup.fd,
		.inside = settle,
		.ctx = w->kernel,
		.signals = &w->signals.was,
		.files = &w->limit,
	};
	int r = spawn_start(&s, &w->signals.pid);

	if (r < 0) {
		watch_drain_rest(w);
		log_error("%s: %s", w->o->argv[0], strerror(-r));
		w->refused = true;
		w->signals.ended = true;
		return 0;
	}
	if (is_watched(w))
		return 0;
	cgroup_destroy(w->cgroup.path, KILL_WAIT_MS);
	log_error("the kernel did not report the start of the command: it was not run unwatched");
	return 1;
}

static void summary(const struct watch *w)
{
	console_summary(session_counts(w->session), w->o->tiers, enforcing(w), w->o->trail_path);
}

static int live(struct watch *w)
{
	put_start(w);
	losses_put(&w->losses, "mounts_full", kernel_mounts_left_out(w->kernel), 0);
	recorder_flush(&w->recorder);
	if (w->recorder.error)
		return 1;
	if (start_command(w) != 0)
		return 1;
	loop_until_empty(w);
	watch_end_members(w);
	watch_drain_rest(w);
	session_finish(w->session);
	put_end(w);
	recorder_flush(&w->recorder);
	summary(w);
	return exit_status(w);
}

/* ---- begin and end ---- */

/* Each probed library takes several descriptors, and how many there will be is up to the workload. */
static void raise_limit(struct watch *w)
{
	struct rlimit most;

	getrlimit(RLIMIT_NOFILE, &w->limit);
	most = (struct rlimit){w->limit.rlim_max, w->limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &most);
}

static const char *build_id(void *ctx, const struct rec *r, const char *path)
{
	struct watch *w = ctx;

	return exes_build_id(&w->exes, r, path);
}

static const char *stack(void *ctx, const struct rec *r)
{
	struct watch *w = ctx;

	return exes_stack(&w->exes, r);
}

static int open_session(struct watch *w)
{
	const struct session_options so = {
		.image = w->o->image->data,
		.policy = w->o->policy,
		.capture = w->o->policy ? w->o->policy->capture : CAPTURE_EVIDENCE,
		.run_id = w->o->run_id,
		.run_name = w->o->run_name,
		.cgroup = w->cgroup.name,
		.emit = emit,
		.build_id = build_id,
		.stack = stack,
		.ctx = w,
	};

	w->recorder = (struct recorder){
		.trail = w->o->trail, .changed = audit_changed, .ctx = w};
	return session_new(&so, &w->session);
}

static int fail(int r, const char *what)
{
	log_error("%s: %s", what, strerror(-r));
	return r;
}

/* Only where policy asks: some tiers cost everybody on the machine something. */
static bool asks_stdio(const struct policy *p)
{
	return p && p->mcp_place.line && p->capture != CAPTURE_OFF;
}

static int open_kernel(struct watch *w)
{
	const struct kernel_options ko = {
		.cgroup = &w->cgroup,
		.tiers = w->o->tiers,
		.image = w->o->image,
		.resolvers = w->o->resolvers,
		.pins = w->o->place->pins,
		.policy_file = w->o->policy ? w->o->policy->file : NULL,
		.trail_file = w->o->trail_path,
		.run_file = w->o->place->file,
		.copy_bytes = !w->o->policy || w->o->policy->capture != CAPTURE_OFF,
		.stdio = w->stdio,
	};
	struct kernel_error error;
	int r = kernel_load(&ko, &w->kernel, &error);

	if (r < 0)
		log_error("%s", error.text);
	return r;
}

static int open_all(struct watch *w)
{
	_close_ int starting = runs_starting();
	char events[4200];
	int r = cgroup_create(w->o->place->cgroup, &w->cgroup);

	if (r < 0)
		return fail(r, "cannot make the workload's cgroup");
	snprintf(events, sizeof(events), "%s/cgroup.events", w->cgroup.path);
	w->populated = open(events, O_RDONLY | O_CLOEXEC);
	if (w->populated < 0)
		return fail(-errno, "cannot watch the workload's cgroup");
	r = signals_catch(&w->signals, &w->cgroup);
	if (r < 0)
		return fail(r, "cannot catch signals");
	r = open_session(w);
	if (r < 0)
		return fail(r, "cannot start the session");
	r = open_kernel(w);
	w->libraries.kernel = w->kernel;
	return r < 0 ? r : libraries_before_start(&w->libraries, w->o->path);
}

int watch_command(const struct watch_options *o)
{
	struct watch w = {.o = o, .cgroup = CGROUP_NONE, .populated = -1, .signals = SIGNALS_NONE};
	int status = 1;

	w.begun = watch_clock();
	w.stdio = asks_stdio(o->policy);
	w.losses = (struct losses){.put = watch_put_loss, .ctx = &w};
	w.libraries = (struct libraries){.gap = watch_put_gap, .ctx = &w};
	w.resolving = (struct resolving){.resolvers = o->resolvers, .told = names_told, .ctx = &w};
	log_patience = PRINT_MS;
	raise_limit(&w);
	if (open_all(&w) == 0)
		status = live(&w);
	/* Nothing may run on without its programs. */
	cgroup_destroy(o->place->cgroup, KILL_WAIT_MS);
	watch_end_members(&w);
	resolving_free(&w.resolving);
	kernel_close(&w.kernel);
	session_free(&w.session);
	order_free(&w.order);
	libraries_free(&w.libraries);
	exes_free(&w.exes);
	map_free(&w.gone);
	cgroup_release(&w.cgroup);
	if (w.populated >= 0)
		close(w.populated);
	signals_release(&w.signals);
	return status;
}
