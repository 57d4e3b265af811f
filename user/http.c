/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>

#include "http1.h"

#define PIECE (1U << 30) /* http1_step() counts in 32 bits */

struct side {
	struct http1 reader;
	uint64_t heads; /* heads reported */
	bool open;      /* head reported, end not */
	bool stopped;
};

struct http {
	const struct http_handler *handlers;
	void *arg;
	struct side sides[2];
};

static const struct {
	uint32_t flag;
	enum http_why why;
} reasons[] = {
	{HTTP1_GAP, HTTP_WHY_GAP},           {HTTP1_H2, HTTP_WHY_H2},
	{HTTP1_NOT_HTTP, HTTP_WHY_NOT_HTTP}, {HTTP1_HEAD_TOO_LONG, HTTP_WHY_TOO_LONG},
	{HTTP1_UNPAIRED, HTTP_WHY_UNPAIRED},
};

static const char *const why_names[] = {
	[HTTP_WHY_TUNNEL] = "tunnel",
	[HTTP_WHY_H2] = "h2",
	[HTTP_WHY_NOT_HTTP] = "not_http",
	[HTTP_WHY_AMBIGUOUS] = "ambiguous",
	[HTTP_WHY_TOO_LONG] = "head_too_long",
	[HTTP_WHY_UNPAIRED] = "unpaired",
	[HTTP_WHY_GAP] = "gap",
	[HTTP_WHY_END] = "end",
};

const char *http_why_name(enum http_why why)
{
	return why_names[why];
}

int http_new(struct http **ret_http, const struct http_handler *handlers, void *arg)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->handlers = handlers;
	http->arg = arg;
	http1_init(&http->sides[HTTP_REQUEST].reader, HTTP1_REQUESTS);
	http1_init(&http->sides[HTTP_RESPONSE].reader, HTTP1_RESPONSES);
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	free(http);
}

static struct http_message describe(const struct http *http, enum http_direction direction)
{
	const struct http1 *p = &http->sides[direction].reader;

	return (struct http_message){
		.direction = direction,
		.ordinal = p->begun - 1,
		.flags = p->flags & HTTP1_PUBLIC_FLAGS,
		.status = p->status,
		.length = p->length,
		.method = p->method,
		.host = p->host,
		.path = p->path,
		.method_len = p->method_len,
		.host_len = p->host_len,
		.path_len = p->path_len,
	};
}

static void report_head(struct http *http, enum http_direction direction)
{
	struct http_message message = describe(http, direction);
	struct side *side = &http->sides[direction];

	side->heads = side->reader.begun;
	side->open = true;
	if (http->handlers[direction].head)
		http->handlers[direction].head(http->arg, &message);
	if (direction == HTTP_RESPONSE)
		http1_answered(&http->sides[HTTP_REQUEST].reader, &side->reader);
}

static void report_body(struct http *http, enum http_direction direction, const void *data,
			size_t len)
{
	struct http_message message = describe(http, direction);

	if (http->handlers[direction].body)
		http->handlers[direction].body(http->arg, &message, data, len);
}

static void report_end(struct http *http, enum http_direction direction, bool complete)
{
	struct http_message message = describe(http, direction);
	struct side *side = &http->sides[direction];

	if (!side->open)
		return;
	side->open = false;
	if (http->handlers[direction].end)
		http->handlers[direction].end(http->arg, &message, complete);
}

static void stop(struct http *http, enum http_direction direction, enum http_why why)
{
	struct http_message message = describe(http, direction);
	struct side *side = &http->sides[direction];
	bool unread =
		side->reader.begun > side->heads && why != HTTP_WHY_H2 && why != HTTP_WHY_NOT_HTTP;

	report_end(http, direction, false);
	side->stopped = true;
	if (why == HTTP_WHY_H2)
		http->sides[!direction].stopped = true;
	if (http->handlers[direction].stop)
		http->handlers[direction].stop(http->arg, direction, why, unread ? &message : NULL);
}

static enum http_why why_lost(const struct http1 *p)
{
	size_t i;

	if (p->state == HTTP1_S_TUNNEL)
		return HTTP_WHY_TUNNEL;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (p->flags & reasons[i].flag)
			return reasons[i].why;
	return HTTP_WHY_AMBIGUOUS;
}

/* Stops what cannot be read on. An answer may have ended the direction of requests too. */
static void stop_lost(struct http *http)
{
	int i;

	for (i = HTTP_REQUEST; i <= HTTP_RESPONSE; i++) {
		struct side *side = &http->sides[i];

		if (!side->stopped && side->reader.state >= HTTP1_S_TUNNEL)
			stop(http, i, why_lost(&side->reader));
	}
}

static void feed_piece(struct http *http, enum http_direction direction, const unsigned char *data,
		       uint32_t len)
{
	struct side *side = &http->sides[direction];
	struct http1_step step = {.size = len};

	while (!side->stopped && !http1_step(&side->reader, &step, data, ~0U)) {
		if (step.kind == HTTP1_HEAD_DONE)
			report_head(http, direction);
		else if (step.kind == HTTP1_BODY)
			report_body(http, direction, data + step.pos, step.len);
		else if (step.kind == HTTP1_MESSAGE_DONE)
			report_end(http, direction, true);
		stop_lost(http);
	}
}

void http_feed(struct http *http, enum http_direction direction, const void *data, size_t len)
{
	struct side *side = &http->sides[direction];
	const unsigned char *bytes = data;
	size_t n;

	if (direction == HTTP_RESPONSE)
		http1_expect(&side->reader, &http->sides[HTTP_REQUEST].reader);
	for (; len && !side->stopped; bytes += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		feed_piece(http, direction, bytes, n);
	}
}

void http_gap(struct http *http, enum http_direction direction)
{
	if (http->sides[direction].stopped)
		return;
	http1_gap(&http->sides[direction].reader);
	stop_lost(http);
}

void http_end(struct http *http, enum http_direction direction)
{
	struct side *side = &http->sides[direction];

	if (side->stopped)
		return;
	if (http1_end(&side->reader))
		feed_piece(http, direction, NULL, 0);
	if (http1_inside(&side->reader) && !side->open) {
		http1_terminate(&side->reader);
		stop(http, direction, HTTP_WHY_END);
	}
	report_end(http, direction, false);
	side->stopped = true;
}
