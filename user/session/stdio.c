/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * MCP between a process and its child, over the child's standard streams: calls of tools, and their answers.
 *
 * Text is recorded where it is read. So whoever read one direction is the one who writes the other, and as a
 * client reads answers before it calls anything it is known by then; else it is whoever started the child.
 * Answers are paired with calls by their id, each direction by itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/content.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "jsonrpc.h"
#include "session/internal.h"
#include "stream.h"

#define WINDOW	  64   /* records come in order */
#define CALLS_MAX 1024 /* that wait for an answer; of more the oldest is not paired */

/* A call that waits for its answer. */
struct call {
	struct call *next;
	uint64_t time; /* CLOCK_MONOTONIC, ns */
	char *activity;
	char *id; /* as JSON */
	char *name; /* the same, for people: a text has no quotes */
};

/* Of one direction. */
struct stdio_side {
	struct stdio *stdio;
	enum direction dir;
	struct rec reader; /* header of the latest record: who reads it */
	bool read;	   /* there was one */
	bool over;	   /* nothing more will come */
	struct stream *stream;
	struct jsonrpc *rpc;
	struct call *first, **last; /* calls in this direction, the oldest first */
	size_t calls;
	struct loss_count unread[JSONRPC_WHYS]; /* not yet told */
	bool told[JSONRPC_WHYS];		/* there was one before */
};

struct stdio {
	struct session *session;
	uint64_t id;
	uint32_t child, parent;
	struct stdio_side side[DIR_COUNT];
};

/* ---- what is said about whom ---- */

/* What every event says; `dir` is the one that a call was made in, `r` tells when. */
static void event_of_caller(struct stdio *t, enum direction dir, enum audit_type type, const struct rec *r,
			    struct audit_event *ev)
{
	struct session *s = t->session;
	struct stdio_side *back = &t->side[!dir];
	uint32_t tgid = dir == DIR_WRITE ? t->parent : t->child;
	const struct proc *p;

	if (back->read) {
		event_of(s, type, &back->reader, ev);
		ev->time = r->time + (uint64_t)s->wall;
		return;
	}
	session_event(s, type, r->time + (uint64_t)s->wall, ev);
	p = map_get(&s->procs, tgid);
	if (tgid)
		ev->process.pid = KNOWN(tgid);
	if (!p)
		return;
	ev->process.start = KNOWN(p->start);
	ev->process.ppid = KNOWN(p->ppid);
	ev->process.exe = p->exe;
}

/* ---- which server ---- */

static bool runs(const struct mcp_server *server, const char *path)
{
	const struct activity_name name = {.kind = KIND_EXEC, .text = path, .len = path ? strlen(path) : 0};

	for (size_t i = 0; path && i < server->exec.count; i++)
		if (pattern_matches(&server->exec.items[i], &name))
			return true;
	return false;
}

static const char *server_of_process(const struct session *s, uint32_t tgid)
{
	const struct policy *policy = s->o.policy;
	const struct proc *p = map_get(&s->procs, tgid);

	for (size_t i = 0; p && policy && i < policy->server_count; i++)
		if (runs(&policy->servers[i], p->script) || runs(&policy->servers[i], p->exe))
			return policy->servers[i].name;
	return NULL;
}

/* By whoever reads the calls, or by the child that was started with these streams: that may start another one. */
static const char *server_of(const struct stdio *t, enum direction dir)
{
	const struct stdio_side *side = &t->side[dir];
	const char *name = side->read ? server_of_process(t->session, side->reader.tgid) : NULL;

	if (!name && dir == DIR_WRITE)
		name = server_of_process(t->session, t->child);
	return name ? name : "unknown";
}

/* ---- calls ---- */

static void call_free(struct call *c)
{
	free(c->activity);
	free(c->id);
	free(c->name);
	free(c);
}

/* Takes out the oldest call with that id, or the oldest of all. NULL: there is none. */
static struct call *call_take(struct stdio_side *side, const struct jsonrpc_text *id)
{
	for (struct call **at = &side->first; *at; at = &(*at)->next) {
		struct call *c = *at;

		if (id && (strlen(c->id) != id->len || memcmp(c->id, id->at, id->len) != 0))
			continue;
		*at = c->next;
		if (!c->next)
			side->last = at;
		side->calls--;
		return c;
	}
	return NULL;
}

static void calls_drop(struct stdio_side *side)
{
	while (side->first)
		call_free(call_take(side, NULL));
}

/* Returns the call, which is the side's, or NULL without memory. */
static struct call *call_new(struct stdio_side *side, const struct jsonrpc_message *m)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->time = side->reader.time;
	c->id = strndup(m->id.at, m->id.len);
	c->name = jsonrpc_plain(&m->id);
	if (asprintf(&c->activity, "mcp:%s/%s", server_of(side->stdio, side->dir), m->tool ? m->tool : "") < 0)
		c->activity = NULL;
	if (!c->id || !c->name || !c->activity) {
		call_free(c);
		return NULL;
	}
	if (side->calls == CALLS_MAX)
		call_free(call_take(side, NULL));
	*side->last = c;
	side->last = &c->next;
	side->calls++;
	return c;
}

/* JSON as it was sent becomes a body, with a hash, of which no more is kept than policy wants. */
static void body_of(const struct session *s, const struct jsonrpc_text *text, struct body *b,
		    struct audit_body *ret)
{
	body_init(b, capture_limit(s));
	body_feed(b, text->at, text->len);
	body_finish(b, ret);
}

static void fill_call(const struct call *c, const struct stdio *t, char flow[32], struct audit_event *ev)
{
	snprintf(flow, 32, "p%llu", (unsigned long long)t->id);
	ev->activity = c->activity;
	ev->flow = flow;
	ev->call.id = c->name;
}

static void on_call(struct stdio_side *side, const struct jsonrpc_message *m)
{
	struct stdio *t = side->stdio;
	_cleanup_(body_free) struct body args = {0};
	struct call *c = call_new(side, m);
	struct audit_body arguments;
	struct audit_event ev;
	char flow[32];

	if (!c) {
		t->session->counts.broken++;
		return;
	}
	event_of_caller(t, side->dir, AUDIT_TOOL_CALL, &side->reader, &ev);
	fill_call(c, t, flow, &ev);
	if (m->arguments.at) {
		body_of(t->session, &m->arguments, &args, &arguments);
		ev.call.args = arguments.text;
		ev.call.args_len = arguments.len;
		ev.call.args_cut = arguments.truncated;
		ev.call.args_hash = arguments.sha256;
	}
	t->session->counts.tool_calls++;
	session_emit(t->session, &ev);
}

static void on_answer(struct stdio_side *side, const struct jsonrpc_message *m)
{
	struct stdio *t = side->stdio;
	struct call *c = call_take(&t->side[!side->dir], &m->id);
	_cleanup_(body_free) struct body result = {0};
	struct audit_event ev;
	char flow[32];

	if (!c) /* of something else than a tool */
		return;
	event_of_caller(t, !side->dir, AUDIT_TOOL_RESULT, &side->reader, &ev);
	fill_call(c, t, flow, &ev);
	ev.call.duration_ms = KNOWN((side->reader.time - c->time) / NS_PER_MS);
	ev.call.status = m->failed ? "error" : "ok";
	body_of(t->session, &m->result, &result, &ev.content.response);
	session_emit(t->session, &ev);
	call_free(c);
}

static void on_message(void *arg, const struct jsonrpc_message *m)
{
	if (m->kind == JSONRPC_REQUEST && !strcmp(m->method, "tools/call"))
		on_call(arg, m);
	else if (m->kind >= JSONRPC_RESULT)
		on_answer(arg, m);
}

/* ---- what is not read ---- */

static const char *const unread_reasons[JSONRPC_WHYS] = {
	[JSONRPC_TOO_LONG] = "mcp_line_too_long",
	[JSONRPC_BROKEN] = "mcp_line_unreadable",
	[JSONRPC_GAP] = "mcp_line_torn",
};

static void tell_unread(struct stdio_side *side, enum jsonrpc_why why)
{
	struct loss_count *l = &side->unread[why];
	struct audit_event ev;

	if (!l->records)
		return;
	event_of_caller(side->stdio, side->dir, AUDIT_LOSS, &side->reader, &ev);
	ev.loss.reason = unread_reasons[why];
	ev.loss.records = KNOWN(l->records);
	ev.loss.bytes = KNOWN(l->bytes);
	session_emit(side->stdio->session, &ev);
	*l = (struct loss_count){0};
}

/* The first one of a kind is told at once, the others together: whoever writes decides how many there are. */
static void on_unread(void *arg, enum jsonrpc_why why, uint64_t bytes)
{
	struct stdio_side *side = arg;

	side->unread[why].records++;
	side->unread[why].bytes += bytes;
	if (!side->told[why])
		tell_unread(side, why);
	side->told[why] = true;
}

static const struct jsonrpc_handler rpc_handler = {on_message, on_unread};

static void on_bytes(void *arg, uint64_t offset, const void *data, size_t len)
{
	jsonrpc_feed(((struct stdio_side *)arg)->rpc, data, len);
}

static void on_gap(void *arg, uint64_t from, uint64_t to)
{
	jsonrpc_gap(((struct stdio_side *)arg)->rpc, to - from);
}

static const struct stream_ops stream_ops = {.bytes = on_bytes, .gap = on_gap};

/* ---- streams ---- */

static void side_free(struct stdio_side *side)
{
	calls_drop(side);
	stream_free(side->stream);
	jsonrpc_free(side->rpc);
}

static void stdio_free(struct stdio *t)
{
	side_free(&t->side[DIR_WRITE]);
	side_free(&t->side[DIR_READ]);
	free(t);
}

static int side_open(struct stdio *t, enum direction dir)
{
	struct stdio_side *side = &t->side[dir];
	int r;

	side->stdio = t;
	side->dir = dir;
	side->last = &side->first;
	r = stream_new(&side->stream, WINDOW, &stream_ops, side);
	return r < 0 ? r : jsonrpc_new(&side->rpc, &rpc_handler, &t->session->stdio_held, side);
}

static struct stdio *stdio_of(struct session *s, uint64_t id)
{
	struct stdio *t = map_get(&s->stdios, id);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (t) {
		t->session = s;
		t->id = id;
		if (side_open(t, DIR_WRITE) == 0 && side_open(t, DIR_READ) == 0 &&
		    map_put(&s->stdios, id, t) == 0)
			return t;
		stdio_free(t);
	}
	s->counts.broken++;
	return NULL;
}

static void side_over(struct stdio_side *side)
{
	if (!side->over) {
		stream_finish(side->stream);
		jsonrpc_end(side->rpc);
	}
	side->over = true;
	for (enum jsonrpc_why why = 0; why < JSONRPC_WHYS; why++)
		tell_unread(side, why);
}

static void stdio_close(struct session *s, uint64_t id)
{
	struct stdio *t = map_take(&s->stdios, id);

	if (!t)
		return;
	side_over(&t->side[DIR_WRITE]);
	side_over(&t->side[DIR_READ]);
	stdio_free(t);
}

void stdio_open(struct session *s, const struct rec_pipe *r)
{
	struct stdio *t = stdio_of(s, r->stream);

	if (!t)
		return;
	t->child = r->child;
	t->parent = r->parent;
}

void stdio_data(struct session *s, const struct rec_data *r)
{
	struct stdio *t = stdio_of(s, r->stream);
	struct stdio_side *side = t ? &t->side[r->dir & 1] : NULL;

	if (!side || (!r->lost && r->rec.size < sizeof(*r) + r->len)) {
		s->counts.broken++;
		return;
	}
	side->reader = r->rec;
	side->read = true;
	side->over = false;
	stream_skip(side->stream, r->offset);
	if (r->lost)
		stream_skip(side->stream, r->offset + r->len);
	else if (stream_put(side->stream, r->offset, r + 1, r->len) < 0)
		s->counts.broken++;
}

void stdio_end(struct session *s, const struct rec_pipe_end *r)
{
	struct stdio *t = map_get(&s->stdios, r->stream);
	struct stdio_side *side;

	if (!t)
		return;
	side = &t->side[r->dir & 1];
	if (r->other)
		jsonrpc_forget(side->rpc);
	side_over(side);
	if (t->side[DIR_WRITE].over && t->side[DIR_READ].over)
		stdio_close(s, r->stream);
}

/* Answers may be read behind the server's end, and calls behind the client's; not when both have ended. */
void stdio_exit(struct session *s, uint32_t tgid)
{
	size_t at = 0;
	uint64_t key;
	struct stdio *t;

	while ((t = map_next(&s->stdios, &at, &key))) {
		for (enum direction dir = DIR_WRITE; dir < DIR_COUNT; dir++)
			if (t->side[dir].read ? t->side[dir].reader.tgid == tgid
					      : (dir == DIR_WRITE ? t->child : t->parent) == tgid)
				side_over(&t->side[dir]);
		if (t->side[DIR_WRITE].over && t->side[DIR_READ].over)
			stdio_close(s, key);
	}
}

void stdio_close_all(struct session *s)
{
	size_t at = 0;
	uint64_t key;

	while (map_next(&s->stdios, &at, &key))
		stdio_close(s, key);
	map_free(&s->stdios);
}
