/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_JSONRPC_H
#define WARDEN_JSONRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads JSON-RPC 2.0 as MCP has it over stdio: a message a line, or several of them as an array. One
 * direction of one stream, in pieces of any size. Lines of more than RPC_LINE_MAX bytes (bpf/rpc.h), and of
 * less where all readers together hold JSONRPC_HELD_MAX, are not read; what is not read is told. Lines that
 * begin with neither { nor [ are no messages to anybody, and nothing is said of them.
 *
 * Where a key stands twice in an object the last one counts, as it does for readers in JavaScript, Python and
 * Go. Messages without "jsonrpc" are messages.
 */

#define JSONRPC_HELD_MAX ((size_t)64 << 20)

struct jsonrpc;

enum jsonrpc_kind {
	JSONRPC_REQUEST,
	JSONRPC_NOTIFICATION,
	JSONRPC_RESULT,
	JSONRPC_ERROR,
};

enum jsonrpc_why {
	JSONRPC_TOO_LONG, /* a line */
	JSONRPC_BROKEN,	  /* it begins like a message, but is no JSON, or nested too deeply (json.h) */
	JSONRPC_GAP,	  /* parts of it are missing */
	JSONRPC_WHYS,
};

/* JSON as it was sent. `at` is NULL when there is none. */
struct jsonrpc_text {
	const char *at;
	size_t len;
};

/* Valid during the callback. */
struct jsonrpc_message {
	enum jsonrpc_kind kind;
	const char *method;	    /* of requests and notifications */
	struct jsonrpc_text id;	    /* of all but notifications */
	struct jsonrpc_text params; /* of requests and notifications */
	struct jsonrpc_text result; /* of answers: result or error */
	const char *tool;	       /* of the request tools/call: params.name, or NULL */
	struct jsonrpc_text arguments; /* params.arguments, of the same */
	bool failed; /* of answers: an error, or a result with isError */
};

/* Neither may call into the reader. */
struct jsonrpc_handler {
	void (*message)(void *arg, const struct jsonrpc_message *message);
	/* So many bytes of a line, as far as they were seen, or of a part of it, are not read. */
	void (*unread)(void *arg, enum jsonrpc_why why, uint64_t bytes);
};

/*
 * `held` counts the bytes that all readers that share it keep; it and `handler` must outlive the reader.
 * Returns 0 and the reader, which the caller owns, or -ENOMEM.
 */
int jsonrpc_new(struct jsonrpc **ret_reader, const struct jsonrpc_handler *handler, size_t *held, void *arg);

/* NULL is fine. */
void jsonrpc_free(struct jsonrpc *reader);

/* A value for people: a string without quotes and escapes, else as it was sent. To be freed; NULL without memory. */
char *jsonrpc_plain(const struct jsonrpc_text *text);

/* The next bytes. */
void jsonrpc_feed(struct jsonrpc *reader, const void *data, size_t len);

/* So many bytes are missing here. What follows is read from the next line on. */
void jsonrpc_gap(struct jsonrpc *reader, uint64_t missing);

/* What is kept of a line was no beginning of a message: nothing is said of it. */
void jsonrpc_forget(struct jsonrpc *reader);

/* Nothing more will come: a last line may have no newline. */
void jsonrpc_end(struct jsonrpc *reader);

#endif
