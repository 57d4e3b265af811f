/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SESSION_INTERNAL_H
#define WARDEN_SESSION_INTERNAL_H

/* Shared by the files of the session; nobody else includes it. */

#include "base/map.h"
#include "policy/pattern.h"
#include "session/session.h"

struct proc {
	uint64_t start;
	uint32_t tgid;
	uint32_t ppid;
	bool exited; /* and is kept for streams that go on: see flow_close_process() */
	char *exe;   /* NULL: not known */
	char *script;  /* that `exe` was started for; NULL: none, or not known */
	char *started; /* the same, of the exec that is going on */
};

struct session {
	struct session_options o;
	int64_t wall; /* ns to add to CLOCK_MONOTONIC */
	struct session_counts counts;
	struct map procs;   /* tgid -> struct proc */
	struct map streams; /* stream -> struct flow */
	struct map stdios;  /* stream -> struct stdio */
	size_t stdio_held;  /* bytes of lines that their readers keep */
};

/* ---- proc.c ---- */

/* The process of a record, made on first sight; it inherits its parent's program. */
struct proc *proc_of(struct session *s, const struct rec *r);
void proc_exec(struct proc *p, const char *path, size_t len);
/* A script is being started: what opens it comes next. NULL: it was refused. */
void proc_script(struct proc *p, const char *path);
void proc_drop(struct session *s, uint32_t tgid);
void proc_free_all(struct session *s);

/* ---- exchange.c ---- */

/* How many bytes of a body policy wants to have kept. */
size_t capture_limit(const struct session *s);

/* ---- judge.c ---- */

/* Strings of one decision; lives as long as the event that points into it. */
struct judgement {
	char at[4200];
	char *reason; /* owned */
};

/*
 * The name is for pattern_matches(), to tell which glob it was; `found`, of the record, tells which
 * phrase (NULL where there is none).
 */
void judge(const struct session *s, const struct decision *d, const struct activity_name *name,
	   const uint32_t *found, const char *activity, struct judgement *j,
	   struct audit_decision *ret);
void judgement_done(struct judgement *j);

/* The first tool of the policy that the activity is, or NULL. */
const char *tool_of(const struct session *s, const struct activity_name *name);

/* Counts a decision. */
void judge_count(struct session *s, const struct decision *d);

/* ---- phrase.c ---- */

/*
 * The phrase that broke the content rule with that number, as the policy writes it; NULL when it
 * cannot be told. `found` is of the decision's record.
 */
const char *phrase_of(const struct session *s, uint32_t number, const uint32_t found[PHRASE_WAYS]);

/* ---- flow.c: streams of plaintext ---- */

void flow_http(struct session *s, const struct rec_http *r);
void flow_bind(struct session *s, const struct rec_bind *r);
void flow_data(struct session *s, const struct rec_data *r);
void flow_close(struct session *s, uint64_t stream);

/*
 * Ends the TLS streams of a process that has exited. Returns whether it has others: what the kernel has still
 * to send of these leaves later, and they end by themselves.
 */
bool flow_close_process(struct session *s, uint32_t tgid);
void flow_close_all(struct session *s);

/* ---- stdio.c: MCP between a process and its child ---- */

void stdio_open(struct session *s, const struct rec_pipe *r);
void stdio_data(struct session *s, const struct rec_data *r);
void stdio_end(struct session *s, const struct rec_pipe_end *r);
void stdio_exit(struct session *s, uint32_t tgid);
void stdio_close_all(struct session *s);

/* ---- session.c ---- */

/* What every event says about its process and time. */
void event_of(struct session *s, enum audit_type type, const struct rec *r,
	      struct audit_event *ret);
void session_emit(struct session *s, const struct audit_event *ev);

/* Writes an address, or "" for a family that has none. */
void addr_text(uint16_t family, const uint8_t addr[16], char ret[64]);

/* The activity name of a destination. */
void net_activity(uint16_t family, const uint8_t addr[16], uint16_t port, uint8_t proto,
		  const char *path, size_t path_len, char *ret, size_t size);

#endif
