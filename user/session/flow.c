/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Streams of plaintext. Two accounts of each come in: the kernel's decision on every request (flow_http), and
 * the plaintext itself (flow_data), which the reader of HTTP turns into messages. They are paired by
 * the number of the request. The event of a request is written when its body has passed, or at once
 * when it was refused or its text cannot be had. Then a phrase in its body, which the kernel finds
 * later, is an event more.
 */
#include "session/flow.h"

#include <stdlib.h>

#include "http1_state.h"

#define WINDOW	     65536     /* records come in order; a hole is a loss */
#define WINDOW_CLEAR (1U << 20) /* packets are read by several processors, of which one may be late by much */

/* With more requests without an answer, one half read, http1.h cannot tell whose the next one is. */
#define WAITING_MAX (HTTP1_PAIRS + 1)

/* ---- the reader of HTTP ---- */

static struct body *body_of(struct exchange *x, enum http_direction direction)
{
	return direction == HTTP_REQUEST ? &x->request : &x->response;
}

/*
 * Nothing more is decided on requests before this one; those that no answer can come to go. None is
 * older than one whose event is still to come, so that what stays is not looked at each time.
 */
static void drop_spent(struct flow *f, uint64_t ordinal)
{
	if (f->exchanges.count > WAITING_MAX)
		f->stopped[DIR_READ] = true;
	if (f->session->o.capture != CAPTURE_OFF && !f->stopped[DIR_READ])
		return;
	while (f->first && f->first->written && f->first->ordinal < ordinal)
		exchange_drop(f, f->first);
}

static void on_head(void *arg, const struct http_message *m)
{
	struct flow *f = arg;
	struct exchange *x;

	if (m->direction == HTTP_REQUEST) /* the record of its decision may have been lost */
		drop_spent(f, m->ordinal);
	x = exchange_of(f, m->ordinal);
	if (!x)
		return;
	if (m->direction == HTTP_REQUEST) {
		if (!x->method)
			exchange_name(x, m->method, m->method_len, m->host, m->host_len, m->path,
				      m->path_len);
		if (!x->decided)
			x->rec = f->rec;
	} else {
		x->status = m->status;
	}
}

static void on_body(void *arg, const struct http_message *m, const void *data, size_t len)
{
	struct exchange *x = exchange_find(arg, m->ordinal);

	if (x)
		body_feed(body_of(x, m->direction), data, len);
}

static void on_end(void *arg, const struct http_message *m, bool complete)
{
	struct flow *f = arg;
	struct exchange *x = exchange_find(f, m->ordinal);

	if (!x)
		return;
	if (!x->written)
		exchange_write_request(f, x, m->direction == HTTP_REQUEST ? complete : false);
	if (m->direction == HTTP_RESPONSE) {
		exchange_write_response(f, x, complete);
		exchange_drop(f, x);
	}
}

/* Text of this direction ends here: what waits for it is written as far as it is known. */
static void flow_stopped(struct flow *f, enum direction dir)
{
	f->stopped[dir] = true;
	for (struct exchange *x = f->first; x && dir == DIR_WRITE; x = x->next)
		if (x->decided && !x->written)
			exchange_write_request(f, x, false);
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
	exchange_drop_all(f);
	stream_free(f->stream[DIR_WRITE]);
	stream_free(f->stream[DIR_READ]);
	http_free(f->http);
	free(f);
}

static struct flow *flow_new(struct session *s, uint64_t id, const struct rec *r)
{
	struct flow *f = calloc(1, sizeof(*f));
	bool clear = r->type == REC_BIND && ((const struct rec_bind *)r)->clear;

	if (!f)
		return NULL;
	f->session = s;
	f->id = id;
	f->tgid = r->tgid;
	f->side[DIR_WRITE] = (struct flow_side){f, HTTP_REQUEST};
	f->side[DIR_READ] = (struct flow_side){f, HTTP_RESPONSE};
	if (http_new(&f->http, http_handlers, f) < 0 ||
	    stream_new(&f->stream[DIR_WRITE], WINDOW, &stream_ops, &f->side[DIR_WRITE]) < 0 ||
	    stream_new(&f->stream[DIR_READ], clear ? WINDOW_CLEAR : WINDOW, &stream_ops,
		       &f->side[DIR_READ]) < 0 ||
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

void flow_http(struct session *s, const struct rec_http *r)
{
	struct flow *f = flow_of(s, r->stream, &r->rec);
	struct exchange *x;

	if (!f || r->rec.size < sizeof(*r) + r->method_len + r->host_len + r->path_len) {
		s->counts.broken++;
		return;
	}
	drop_spent(f, r->ordinal);
	x = exchange_of(f, r->ordinal);
	if (!x)
		return;
	exchange_decide(x, r);
	if (x->written || !text_follows(f, &r->decision))
		exchange_write_request(f, x, false);
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
	/* Records of one direction come in order: what is missing before this one was lost. Not so of answers
	 * that were read from packets, as these came. */
	if (dir == DIR_WRITE || !f->bind.clear)
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

static bool has_flows(const struct session *s, uint32_t tgid)
{
	size_t at = 0;
	struct flow *f;

	while ((f = map_next(&s->streams, &at, NULL)))
		if (f->tgid == tgid)
			return true;
	return false;
}

void flow_close(struct session *s, uint64_t stream)
{
	struct flow *f = map_take(&s->streams, stream);
	uint32_t tgid;
	struct proc *p;

	if (!f)
		return;
	tgid = f->tgid;
	flow_end(f);
	p = map_get(&s->procs, tgid);
	if (p && p->exited && !has_flows(s, tgid))
		proc_drop(s, tgid);
}

bool flow_close_process(struct session *s, uint32_t tgid)
{
	size_t at = 0;
	uint64_t key;
	struct flow *f;

	while ((f = map_next(&s->streams, &at, &key)))
		if (f->tgid == tgid && !f->bind.clear)
			flow_close(s, key);
	return has_flows(s, tgid);
}

void flow_close_all(struct session *s)
{
	size_t at = 0;
	uint64_t key;

	while (map_next(&s->streams, &at, &key))
		flow_close(s, key);
	map_free(&s->streams);
}
