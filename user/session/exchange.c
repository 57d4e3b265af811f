/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The requests of a TLS stream, from decision and text to their events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "session/flow.h"

size_t capture_limit(const struct session *s)
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

struct exchange *exchange_find(struct flow *f, uint64_t ordinal)
{
	return map_get(&f->exchanges, ordinal);
}

static struct exchange *exchange_new(struct flow *f, uint64_t ordinal)
{
	size_t limit = capture_limit(f->session);
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->ordinal = ordinal;
	if (body_init(&x->request, limit) < 0 || body_init(&x->response, limit) < 0 ||
	    map_put(&f->exchanges, ordinal, x) < 0) {
		exchange_free(x);
		return NULL;
	}
	return x;
}

struct exchange *exchange_of(struct flow *f, uint64_t ordinal)
{
	struct exchange *x = exchange_find(f, ordinal);

	if (x)
		return x;
	x = exchange_new(f, ordinal);
	if (!x) {
		f->session->counts.broken++;
		return NULL;
	}
	x->prev = f->last;
	*(f->last ? &f->last->next : &f->first) = x;
	f->last = x;
	return x;
}

void exchange_drop(struct flow *f, struct exchange *x)
{
	*(x->prev ? &x->prev->next : &f->first) = x->next;
	*(x->next ? &x->next->prev : &f->last) = x->prev;
	map_take(&f->exchanges, x->ordinal);
	exchange_free(x);
}

void exchange_drop_all(struct flow *f)
{
	while (f->first)
		exchange_drop(f, f->first);
	map_free(&f->exchanges);
}

void exchange_name(struct exchange *x, const char *method, size_t method_len, const char *host,
		   size_t host_len, const char *path, size_t path_len)
{
	free(x->method);
	free(x->host);
	free(x->path);
	x->method = strndup(method, method_len);
	x->host = host_len ? strndup(host, host_len) : NULL;
	x->path = strndup(path, path_len);
}

void exchange_decide(struct exchange *x, const struct rec_http *r)
{
	const char *method = (const char *)(r + 1);
	const char *host = method + r->method_len;
	const char *path = host + r->host_len;

	if (!x->method || !r->phase)
		exchange_name(x, method, r->method_len, host, r->host_len, path, r->path_len);
	if (x->decided && !x->written && r->decision.verdict < x->decision.verdict)
		return;
	x->rec = r->rec;
	x->decision = r->decision;
	memcpy(x->found, r->found, sizeof(x->found));
	x->decided = true;
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

void exchange_write_request(struct flow *f, struct exchange *x, bool whole)
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

	event_of(s, AUDIT_HTTP_REQUEST, &x->rec, &ev);
	snprintf(flow, sizeof(flow), "f%llu",
		 (unsigned long long)(f->bound ? f->bind.cookie : f->id));
	ev.activity = activity;
	ev.tool = x->method ? tool_of(s, &name) : NULL;
	ev.flow = flow;
	fill_net(f, addr, &ev.net);
	fill_http(x, &ev.http);
	if (x->decided) {
		judge(s, &x->decision, &name, x->found, activity, &j, &ev.decision);
		judge_count(s, &x->decision);
	}
	if (!whole)
		body_gap(&x->request, 0);
	if (s->o.capture != CAPTURE_OFF)
		body_finish(&x->request, &ev.content.request);
	s->counts.requests += !x->written;
	x->written = true;
	session_emit(s, &ev);
	judgement_done(&j);
}

void exchange_write_response(struct flow *f, struct exchange *x, bool whole)
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
