/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HTTP_H
#define WARDEN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the HTTP/1.x messages of one connection, both directions, with the reader that the BPF
 * programs use (bpf/http1.h), and pairs them: the n-th response answers the n-th request, also when
 * it comes before that request has ended. Interim (1xx) responses are skipped. Bodies are passed on
 * as they come, transfer coding removed, content coding not. Memory is fixed, about 9 KiB.
 *
 * A direction that cannot be read on is stopped, once and for good, and says why.
 */

struct http;

enum http_direction {
	HTTP_REQUEST,
	HTTP_RESPONSE,
};

enum http_why {
	HTTP_WHY_TUNNEL,    /* another protocol follows, as both sides agreed (CONNECT, 101) */
	HTTP_WHY_H2,        /* HTTP/2 framing; reported once for both directions */
	HTTP_WHY_NOT_HTTP,  /* the first bytes are no HTTP */
	HTTP_WHY_AMBIGUOUS, /* HTTP that servers read differently */
	HTTP_WHY_TOO_LONG,  /* a head of more than HTTP1_HEAD_MAX bytes */
	HTTP_WHY_UNPAIRED,  /* a response whose request was not seen */
	HTTP_WHY_GAP,       /* bytes are missing */
	HTTP_WHY_END,       /* the direction ended within a head */
};

/* A word for logs, such as "ambiguous". */
const char *http_why_name(enum http_why why);

/* Valid during the callback. Texts have a NUL behind them and none within. */
struct http_message {
	enum http_direction direction;
	uint64_t ordinal; /* from 0; equal in a request and its response */
	uint32_t
		flags; /* HTTP1_CHUNKED, HTTP1_ENCODED, ...: enum http1_flag in bpf/http1_state.h */
	uint32_t status;    /* of responses */
	uint64_t length;    /* Content-Length, if flags has HTTP1_HAS_LENGTH */
	const char *method; /* of requests, as are host and path */
	const char *host;   /* lower case, no port; empty with HTTP1_NO_HOST */
	const char *path;   /* canonical, no query */
	size_t method_len;
	size_t host_len;
	size_t path_len;
};

/* For one direction. Any may be NULL. None may call into the reader. */
struct http_handler {
	void (*head)(void *arg, const struct http_message *message);
	void (*body)(void *arg, const struct http_message *message, const void *data, size_t len);
	/* Once for each head. `complete` is false when the rest cannot be read or did not come. */
	void (*end)(void *arg, const struct http_message *message, bool complete);
	/* No more calls for this direction. `unread` is the message whose head could not be read to
	 * its end, as far as it was, or NULL. */
	void (*stop)(void *arg, enum http_direction direction, enum http_why why,
		     const struct http_message *unread);
};

/*
 * `handlers` are two, by enum http_direction, and must outlive the reader.
 * Returns 0 and the reader, which the caller owns, or -ENOMEM.
 */
int http_new(struct http **ret_http, const struct http_handler *handlers, void *arg);

/* `http` may be NULL. */
void http_free(struct http *http);

/*
 * The next bytes of a direction. Request bytes must be fed before the response bytes that came
 * after them, or the response is HTTP_WHY_UNPAIRED.
 */
void http_feed(struct http *http, enum http_direction direction, const void *data, size_t len);

/* Bytes are missing here. The message they belong to ends incomplete, and the direction stops. */
void http_gap(struct http *http, enum http_direction direction);

/* The direction was closed: ends bodies that last until then, and is silent about what follows. */
void http_end(struct http *http, enum http_direction direction);

static inline void http_cleanup(struct http **http)
{
	http_free(*http);
}

#endif
