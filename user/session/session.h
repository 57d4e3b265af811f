/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SESSION_H
#define WARDEN_SESSION_H

#include "audit/event.h"
#include "policy/policy.h"
#include "wire.h"

/*
 * From records to audit events: knows the processes of the run and what each TLS stream has shown,
 * pairs decisions of requests with their text and their answers. Pure: time and limits are
 * arguments, events go to a callback.
 */

struct session;

/* Called for each event; it borrows everything until it returns. */
typedef void (*session_emit_fn)(void *ctx, const struct audit_event *ev);

struct session_options {
	const void *image;	     /* that decided; borrowed */
	const struct policy *policy; /* it was compiled from, or NULL; borrowed */
	enum capture capture;
	const char *run_id;
	const char *run_name;
	const char *cgroup;
	session_emit_fn emit;
	/* The build id of the program that a process runs, at that path (or NULL), or NULL. May be NULL itself. */
	const char *(*build_id)(void *ctx, const struct rec *r, const char *path);
	/* The TLS that it is likely to have used, static, or NULL. May be NULL itself. */
	const char *(*stack)(void *ctx, const struct rec *r);
	void *ctx;
};

struct session_counts {
	uint64_t programs;
	uint64_t destinations;
	uint64_t requests;
	uint64_t tool_calls;
	uint64_t refused;  /* denied or killed */
	uint64_t audited;  /* would have been denied */
	uint64_t tampered;
	uint64_t broken;   /* records that made no sense, or found no memory */
};

/* Returns 0 or -ENOMEM. */
int session_new(const struct session_options *options, struct session **ret);

/* From here on, `wall` ns added to a record's CLOCK_MONOTONIC are the wall clock's time; 0 before. */
void session_set_clock(struct session *s, int64_t wall);

/* Takes the next record, in order of time. */
void session_record(struct session *s, const struct rec *r);

/* Nothing more will come: ends what is open. */
void session_finish(struct session *s);

const struct session_counts *session_counts(const struct session *s);

/* Fills in what every event of the run has. `time` is the wall clock's. */
void session_event(const struct session *s, enum audit_type type, uint64_t time,
		   struct audit_event *ret);

void session_free(struct session **s);

#endif
