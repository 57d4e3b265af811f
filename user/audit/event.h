/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_EVENT_H
#define WARDEN_AUDIT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line of the audit trail, before it is written. It owns nothing: every pointer has to live
 * until trail_append() or audit_encode() returns.
 *
 * Absent means not known, and all zeros is absent: a NULL string, a number that is not `known`.
 * So `struct audit_event ev = {.type = ..., .time = ...}` claims nothing else, and nothing unknown
 * is ever written as 0. Objects of which nothing is known are left out altogether.
 *
 * Strings may hold any bytes but NUL; what is not UTF-8 in them is written as U+FFFD.
 */

enum audit_type {
	AUDIT_RUN_START,
	AUDIT_RUN_END,
	AUDIT_EXEC,
	AUDIT_EXIT,
	AUDIT_CONNECT,
	AUDIT_LISTEN,
	AUDIT_FILE,
	AUDIT_TOOL_CALL,
	AUDIT_TOOL_RESULT,
	AUDIT_MCP_CHANGED,
	AUDIT_MODEL_REQUEST,
	AUDIT_MODEL_RESPONSE,
	AUDIT_HTTP_REQUEST,
	AUDIT_HTTP_RESPONSE,
	AUDIT_OPAQUE,
	AUDIT_IDENTITY,
	AUDIT_POLICY_LOAD,
	AUDIT_POLICY_REJECT,
	AUDIT_LIMIT_WARN,
	AUDIT_BREAKER_OPEN,
	AUDIT_BREAKER_CLOSE,
	AUDIT_LOSS,
	AUDIT_HEARTBEAT,
	AUDIT_TAMPER,
	AUDIT_DAEMON_START,
	AUDIT_DAEMON_STOP,
	AUDIT_TYPES,
};

struct audit_number {
	uint64_t value;
	bool known;
};

#define KNOWN(v) ((struct audit_number){.value = (uint64_t)(v), .known = true})

struct audit_run {
	const char *id;   /* ULID */
	const char *name; /* the policy's, else the command's */
};

struct audit_identity {
	const char *user, *session, *tenant, *role, *region;
};

/* `id` and `parent_id` of the line are made of pid and start, when both are known. */
struct audit_process {
	struct audit_number pid;          /* the process (tgid), in the first pid namespace */
	struct audit_number start;        /* boot-time ns */
	struct audit_number tid;          /* the thread */
	struct audit_number ppid;         /* the parent process */
	struct audit_number parent_start; /* boot-time ns */
	struct audit_number uid;
	const char *exe; /* path of the program it runs */
	const char *comm;
};

/* What another policy than the first said of the same act. */
struct audit_also {
	const char *policy, *layer, *rule;
};

struct audit_decision {
	const char *verdict; /* by names.h; absent: nothing was decided */
	const char *layer;
	const char *rule; /* id, name or place */
	const char *reason;
	const char *policy; /* its name */
	struct audit_number generation;
	const char *at;      /* FILE:LINE:COLUMN */
	const char *matched; /* the glob */
	const char *tier;
	const char *error; /* what the agent sees: "EPERM" */
	const struct audit_also *also;
	size_t also_count;
};

struct audit_exec {
	const char *path;
	const char *args; /* all arguments, a NUL after each; NULL: not known */
	size_t args_len;  /* bytes, NULs included; a last one without NUL counts too */
	bool args_cut;    /* there were more; written as "args_truncated":true */
	const char *cwd;
	const char *sha256; /* of the file; NULL: no rule asked for it */
};

struct audit_net {
	const char *proto; /* tcp, udp, unix... */
	const char *addr;
	struct audit_number port;
	const char *host;
};

struct audit_http {
	const char *method, *host, *path;
	struct audit_number status;
};

/* One direction's body: what was kept of it, and what is known of the whole. */
struct audit_body {
	const void *text; /* any bytes; NULL: nothing was kept */
	size_t len;
	bool truncated;            /* `text` is not the whole */
	struct audit_number bytes; /* of the whole */
	const char *sha256;        /* of the whole, 64 hexadecimal digits */
};

struct audit_content {
	struct audit_body request, response;
};

/* A call of a tool, or its answer. */
struct audit_call {
	const char *id;
	const char *args; /* as they were sent, JSON; NULL: not known, or not kept */
	size_t args_len;
	bool args_cut;		/* there were more; written as "args_truncated":true */
	const char *args_hash;	/* of all of them, SHA-256 in hexadecimal digits */
	struct audit_number duration_ms;
	const char *status; /* "ok", "error" */
};

/* A connection whose text cannot be seen. */
struct audit_opaque {
	struct audit_number bytes; /* of text in its records that nobody has seen, when that was found */
	const char *build_id;      /* of the process's program; hexadecimal digits */
	const char *stack;         /* the TLS that it is likely to have used: see stacks.h */
};

struct audit_loss {
	const char *reason;
	struct audit_number records, bytes;
};

struct audit_end {
	const char *status;
	struct audit_number exit; /* as a shell says it: 128+signal when killed */
	struct audit_number duration_ms;
	struct audit_number tool_calls, model_calls, violations;
};

struct audit_event {
	enum audit_type type;
	uint64_t time; /* ns since 1970; always known */
	struct audit_run run;
	struct audit_identity identity;
	struct audit_process process;
	struct {
		const char *cgroup;
	} container;
	const char *activity;
	const char *tool;
	const char *flow;
	struct audit_decision decision;
	struct audit_exec exec;
	struct audit_net net;
	struct audit_http http;
	struct audit_call call;
	struct audit_content content;
	struct audit_opaque opaque;
	struct audit_loss loss;
	struct audit_end end;
	struct audit_number repeat;
};

#endif
