/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * TLS streams. Two accounts of each come in: the kernel's decision on every request (flow_http), and
 * the plaintext itself (flow_data), which the reader of HTTP turns into messages. They are paired by
 * the number of the request. The event of a request is written when its body has passed, or at once
 * when it was refused or its text cannot be had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/content.h"
#include "base/cleanup.h"
#include "http.h"
#include "http1_state.h"
#include "session/internal.h"
#include "stream.h"

#define WINDOW 65536 /* records come in order; a hole is a loss */

/* With more requests without an answer, one half read, http1.h cannot tell whose the next one is. */
#define WAITING_MAX (HTTP1_PAIRS + 1)

/* One request, from its decision or its first byte to the end of its answer. */
struct exchange {
	struct exchange *next;
	uint64_t ordinal;
	struct rec rec; /* header of the decision's record: process and time */
	struct decision decision;
	bool decided;
	bool written; /* the request's event is out */
	bool again;   /* and this is another one, about its body */
	bool answered;
	char *method, *host, *path;
	uint32_t status;
	struct body request, response;
};

struct flow_side {
	struct flow *flow;
	enum http_direction direction;
};

struct flow {
	struct session *session;
	uint64_t id;
	uint32_t tgid;
	struct rec rec; /* header of the latest record: whom an answer belongs to */
	struct rec_bind bind;
	bool bound;
	struct flow_side side[DIR_COUNT];
	struct stream *stream[DIR_COUNT];
	struct http *http;
	bool stopped[DIR_COUNT]; /* no text of this direction any more */
	struct exchange *first;
	size_t waiting; /* exchanges in the list */
	uint64_t heads; /* requests whose head was decided */
};

/* ---- exchanges ---- */

static size_t capture_limit(const struct session *s)
{
	static const size_t limits[] = {
		[CAPTURE_OFF] = CONTENT_METADATA,
		[CAPTURE_METADATA] = CONTENT_METADATA,
		[CAPTURE_EVIDENCE] = CONTENT_EVIDENCE,
		[CAPTURE_FULL] = CONTENT_FULL,
	};

	return limits[s->o.capture];
}

static void exchange_free(struct exchange *x)
{
	free(x->method);
	free(x->host);
	free(x->path);
	body_free(&x->request);
	body_free(&x->response);
	free(x);
}

static struct exchange *exchange_find(struct flow *f, uint64_t ordinal)
{
	for (struct exchange *x = f->first; x; x = x->next)
		if (x->ordinal == ordinal)
			return x;
	return NULL;
}

/* The exchange with that number, made when it is not there; NULL without memory. */
static struct exchange *exchange_of(struct flow *f, uint64_t ordinal)
{
	struct exchange *x = exchange_find(f, ordinal);
	struct exchange **end = &f->first;

	if (x)
		return x;
	x = calloc(1, sizeof(*x));
	if (!x) {
		f->session->counts.broken++;
		return NULL;
	}
	x->ordinal = ordinal;
	if (body_init(&x->request, capture_limit(f->session)) < 0 ||
	    body_init(&x->response, capture_limit(f->session)) < 0) {
		exchange_free(x);
		f->session->counts.broken++;
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = x;
	f->waiting++;
	return x;
}

static void exchange_drop(struct flow *f, struct exchange *x)
{
	struct exchange **at = &f->first;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	f->waiting--;
	exchange_free(x);
}

static void exchange_name(struct exchange *x, const char *method, size_t method_len,
			  const char *host, size_t host_len, const char *path, size_t path_len)
{
	if (x->method)
		return;
	x->method = strndup(method, method_len);
	x->host = host_len ? strndup(host, host_len) : NULL;
	x->path = strndup(path, path_len);
}

/* ---- events ---- */

static void fill_net(const struct flow *f, char addr[64], struct audit_net *ret)
{
	if (!f->bound)
		return;
	addr_text(f->bind.family, f->bind.remote, addr);
	ret->proto = "tcp";
	ret->addr = addr;
	ret->port = KNOWN(f->bind.remote_port);
}

static void fill_http(const struct exchange *x, struct audit_http *ret)
{
	ret->method = x->method;
	ret->host = x->host;
	ret->path = x->path;
}

static char *http_activity(const struct exchange *x)
{
	char *text = NULL;

	if (!x->method || asprintf(&text, "http:%s %s%s", x->method, x->host ? x->host : "",
				   x->path ? x->path : "") < 0)
		return NULL;
	return text;
}

static void write_request(struct flow *f, struct exchange *x, bool whole)
{
	struct session *s = f->session;
	_free_ char *activity = http_activity(x);
	struct activity_name name = {.kind = KIND_HTTP,
				     .method = x->method,
				     .host = x->host ? x->host : "",
				     .path = x->path ? x->path : ""};
	char addr[64], flow[32];
	struct judgement j = {.reason = NULL};
	struct audit_event ev;

	if (x->written)
		return;
	x->written = true;
	event_of(s, AUDIT_HTTP_REQUEST, &x->rec, &ev);
	snprintf(flow, sizeof(flow), "f%llu",
		 (unsigned long long)(f->bound ? f->bind.cookie : f->id));
	ev.activity = activity;
	ev.tool = x->method ? tool_of(s, &name) : NULL;
	ev.flow = flow;
	fill_net(f, addr, &ev.net);
	fill_http(x, &ev.http);
	if (x->decided) {
		judge(s, &x->decision, &name, activity, &j, &ev.decision);
		judge_count(s, &x->decision);
	}
	if (!whole)
		body_gap(&x->request, 0);
	if (s->o.capture != CAPTURE_OFF)
		body_finish(&x->request, &ev.content.request);
	s->counts.requests += !x->again;
	session_emit(s, &ev);
	judgement_done(&j);
	body_free(&x->request);
}

static void write_response(struct flow *f, struct exchange *x, bool whole)
{
	_free_ char *activity = http_activity(x);
	char addr[64], flow[32];
	struct audit_event ev;

	event_of(f->session, AUDIT_HTTP_RESPONSE, &f->rec, &ev);
	snprintf(flow, sizeof(flow), "f%llu",
		 (unsigned long long)(f->bound ? f->bind.cookie : f->id));
	ev.activity = activity;
	ev.flow = flow;
	fill_net(f, addr, &ev.net);
	fill_http(x, &ev.http);
	ev.http.status = KNOWN(x->status);
	if (!whole)
		body_gap(&x->response, 0);
	if (f->session->o.capture != CAPTURE_OFF)
		body_finish(&x->response, &ev.content.response);
	session_emit(f->session, &ev);
}

/* ---- the reader of HTTP ---- */

static struct body *body_of(struct exchange *x, enum http_direction direction)
{
	return direction == HTTP_REQUEST ? &x->request : &x->response;
}

static void on_head(void *arg, const struct http_message *m)
{
	struct flow *f = arg;
	struct exchange *x = exchange_of(f, m->ordinal);

	if (!x)
		return;
	if (m->direction == HTTP_REQUEST) {
		exchange_name(x, m->method, m->method_len, m->host, m->host_len, m->path,
			      m->path_len);
		if (!x->decided)
			x->rec = f->rec;
	} else {
		x->status = m->status;
		x->answered = true;
	}
}

static void on_body(void *arg, const struct http_message *m, const void *data, size_t len)
{
	struct exchange *x = exchange_find(arg, m->ordinal);

	if (x && !(m->direction == HTTP_REQUEST && x->written))
		body_feed(body_of(x, m->direction), data, len);
}

/* No answer to what was asked will be read: a request is done with when it is written. */
static bool unanswerable(const struct flow *f)
{
	return f->stopped[DIR_READ] || f->session->o.capture == CAPTURE_OFF;
}

/* Text of this direction ends here: what waits for it is written as far as it is known. */
static void flow_stopped(struct flow *f, enum direction dir)
{
	struct exchange *next;

	f->stopped[dir] = true;
	for (struct exchange *x = f->first; x; x = next) {
		next = x->next;
		if (dir == DIR_WRITE && x->decided)
			write_request(f, x, false);
		if (unanswerable(f) && x->written && !x->answered)
			exchange_drop(f, x);
	}
}

/* The request's event is out: keeps what an answer can still be paired with, and no more. */
static void request_done(struct flow *f, struct exchange *x)
{
	if (unanswerable(f) && !x->answered)
		exchange_drop(f, x);
	else if (f->waiting > WAITING_MAX)
		flow_stopped(f, DIR_READ);
}

static void on_end(void *arg, const struct http_message *m, bool complete)
{
	struct flow *f = arg;
	struct exchange *x = exchange_find(f, m->ordinal);

	if (!x)
		return;
	write_request(f, x, m->direction == HTTP_REQUEST ? complete : false);
	if (m->direction == HTTP_REQUEST) {
		request_done(f, x);
		return;
	}
	write_response(f, x, complete);
	exchange_drop(f, x);
}

static void on_stop(void *arg, enum http_direction direction, enum http_why why,
		    const struct http_message *unread)
{
	flow_stopped(arg, direction == HTTP_REQUEST ? DIR_WRITE : DIR_READ);
}

static const struct http_handler http_handlers[] = {
	[HTTP_REQUEST] = {on_head, on_body, on_end, on_stop},
	[HTTP_RESPONSE] = {on_head, on_body, on_end, on_stop},
};

static void on_bytes(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct flow_side *side = arg;

	http_feed(side->flow->http, side->direction, data, len);
}

static void on_gap(void *arg, uint64_t from, uint64_t to)
{
	struct flow_side *side = arg;

	http_gap(side->flow->http, side->direction);
}

static const struct stream_ops stream_ops = {.bytes = on_bytes, .gap = on_gap};

/* ---- flows ---- */

static void flow_free(struct flow *f)
{
	struct exchange *next;

	for (struct exchange *x = f->first; x; x = next) {
		next = x->next;
		exchange_free(x);
	}
	stream_free(f->stream[DIR_WRITE]);
	stream_free(f->stream[DIR_READ]);
	http_free(f->http);
	free(f);
}

static struct flow *flow_new(struct session *s, uint64_t id, const struct rec *r)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->session = s;
	f->id = id;
	f->tgid = r->tgid;
	f->side[DIR_WRITE] = (struct flow_side){f, HTTP_REQUEST};
	f->side[DIR_READ] = (struct flow_side){f, HTTP_RESPONSE};
	if (http_new(&f->http, http_handlers, f) < 0 ||
	    stream_new(&f->stream[DIR_WRITE], WINDOW, &stream_ops, &f->side[DIR_WRITE]) < 0 ||
	    stream_new(&f->stream[DIR_READ], WINDOW, &stream_ops, &f->side[DIR_READ]) < 0 ||
	    map_put(&s->streams, id, f) < 0) {
		flow_free(f);
		return NULL;
	}
	return f;
}

static struct flow *flow_of(struct session *s, uint64_t id, const struct rec *r)
{
	struct flow *f = map_get(&s->streams, id);

	if (!f)
		f = flow_new(s, id, r);
	if (f)
		f->rec = *r;
	else
		s->counts.broken++;
	return f;
}

/* True when the request's text is on its way: then its event waits for it. */
static bool text_follows(const struct flow *f, const struct decision *d)
{
	return f->session->o.capture != CAPTURE_OFF && !f->stopped[DIR_WRITE] &&
	       d->verdict != VERDICT_DENY && d->verdict != VERDICT_KILL;
}

/* A decision on the body of a request whose event is out already gets an event of its own. */
static void note_phase(struct flow *f, struct exchange *x, const struct rec_http *r)
{
	if (!r->phase)
		f->heads = r->ordinal + 1;
	else if (x->written || (!x->decided && r->ordinal < f->heads))
		x->again = true;
	if (x->again)
		x->written = false;
}

void flow_http(struct session *s, const struct rec_http *r)
{
	const char *method = (const char *)(r + 1);
	const char *host = method + r->method_len;
	const char *path = host + r->host_len;
	struct flow *f = flow_of(s, r->stream, &r->rec);
	struct exchange *x;

	if (!f || r->rec.size < sizeof(*r) + r->method_len + r->host_len + r->path_len) {
		s->counts.broken++;
		return;
	}
	x = exchange_of(f, r->ordinal);
	if (!x)
		return;
	exchange_name(x, method, r->method_len, host, r->host_len, path, r->path_len);
	note_phase(f, x, r);
	x->rec = r->rec;
	x->decision = r->decision;
	x->decided = true;
	if (text_follows(f, &r->decision))
		return;
	write_request(f, x, false);
	request_done(f, x);
}

void flow_bind(struct session *s, const struct rec_bind *r)
{
	struct flow *f = flow_of(s, r->stream, &r->rec);

	if (!f)
		return;
	f->bind = *r;
	f->bound = true;
}

void flow_data(struct session *s, const struct rec_data *r)
{
	struct flow *f = flow_of(s, r->stream, &r->rec);
	enum direction dir = r->dir & 1;

	if (!f || (!r->lost && r->rec.size < sizeof(*r) + r->len)) {
		s->counts.broken++;
		return;
	}
	/* Records of one direction come in order: what is missing before this one was lost. */
	stream_skip(f->stream[dir], r->offset);
	if (r->lost)
		stream_skip(f->stream[dir], r->offset + r->len);
	else if (stream_put(f->stream[dir], r->offset, r + 1, r->len) < 0)
		s->counts.broken++;
}

static void flow_end(struct flow *f)
{
	stream_finish(f->stream[DIR_WRITE]);
	stream_finish(f->stream[DIR_READ]);
	http_end(f->http, HTTP_REQUEST);
	http_end(f->http, HTTP_RESPONSE);
	flow_stopped(f, DIR_WRITE);
	flow_free(f);
}

void flow_close(struct session *s, uint64_t stream)
{
	struct flow *f = map_take(&s->streams, stream);

	if (f)
		flow_end(f);
}

static void close_where(struct session *s, uint32_t tgid, bool all)
{
	size_t at = 0;
	uint64_t key;
	struct flow *f;

	while ((f = map_next(&s->streams, &at, &key)))
		if (all || f->tgid == tgid)
			flow_close(s, key);
}

void flow_close_process(struct session *s, uint32_t tgid)
{
	close_where(s, tgid, false);
}

void flow_close_all(struct session *s)
{
	close_where(s, 0, true);
	map_free(&s->streams);
}
