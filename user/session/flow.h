/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SESSION_FLOW_H
#define WARDEN_SESSION_FLOW_H

/* A TLS stream and the requests on it. Shared by flow.c and exchange.c. */

#include "audit/content.h"
#include "base/map.h"
#include "http.h"
#include "session/internal.h"
#include "stream.h"

/* One request, from its decision or its first byte to the end of its answer. */
struct exchange {
	struct exchange *prev, *next; /* in the order in which they became known */
	uint64_t ordinal;
	struct rec rec; /* header of the decision's record: process and time */
	struct decision decision;
	uint32_t found[PHRASE_WAYS]; /* of that record, too */
	bool decided;
	bool written; /* an event of the request is out */
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
	struct exchange *first, *last;
	struct map exchanges; /* the same, by their numbers: an agent decides how many wait */
};

/* The exchange with that number, or NULL. */
struct exchange *exchange_find(struct flow *f, uint64_t ordinal);

/* The same, made when it is not there; NULL without memory. */
struct exchange *exchange_of(struct flow *f, uint64_t ordinal);

void exchange_name(struct exchange *x, const char *method, size_t method_len, const char *host,
		   size_t host_len, const char *path, size_t path_len);

/*
 * Takes over what the kernel has decided: at the end of the head, and again where a phrase turns up
 * (in the body, or before the head has ended). Of several decisions before the request's event the
 * strictest counts; each one behind it is to have an event of its own.
 */
void exchange_decide(struct exchange *x, const struct rec_http *r);

/* An event of the request; without `whole` the end of its body is missing. */
void exchange_write_request(struct flow *f, struct exchange *x, bool whole);
void exchange_write_response(struct flow *f, struct exchange *x, bool whole);

void exchange_drop(struct flow *f, struct exchange *x);
void exchange_drop_all(struct flow *f);

#endif
