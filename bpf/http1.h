/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HTTP1_H
#define WARDEN_HTTP1_H

/*
 * Reads HTTP/1.x messages, one direction of one connection, from bytes that come in pieces of any
 * size: pipelined, kept alive, chunked. One code for BPF programs and for user space, so that both
 * see the same requests. No allocation, no loop, no recursion; http1_step() does a bounded piece of
 * work and leaves everything in memory, so a BPF program calls it from a bpf_loop() callback and
 * user space from a for loop, with the same results.
 *
 *	struct http1_step s = {.size = n};
 *
 *	while (!http1_step(p, &s, data, mask))
 *		switch (s.kind) ...	bytes s.pos to s.pos + s.len are the event's
 *
 * What it is for is refusing requests by their name, so it never guesses. Whatever two servers may
 * read differently (two hosts, two lengths, length and chunks, folded lines, blanks before a colon,
 * CR without LF, ...) ends the reader with HTTP1_LOST and HTTP1_AMBIGUOUS; the lines of a head may
 * end in a bare LF, as every server allows, the lines of chunks may not. What stays open is how a
 * server names paths: some decode twice, take %5c for '/', strip ";parameters" from segments, or
 * take a target that begins with "//" for a host and a path.
 */

#include "http1_head.h"

/* A reader that is zeroed, for requests, or was given to this may be used. */
HTTP1_INLINE void http1_init(struct http1 *p, __u32 kind)
{
	__builtin_memset(p, 0, __builtin_offsetof(struct http1, method));
	p->kind = kind;
}

/* --- chunks: after the head everything is strict --- */

HTTP1_INLINE __u32 http1_chunk_size(struct http1 *p, __u32 c)
{
	__u32 digit = http1_hex(c);

	if (digit < 16) {
		p->number = p->number << 4 | digit;
		return p->at++ < 15 ? HTTP1_MORE : http1_odd(p);
	}
	if (!p->at)
		return http1_odd(p);
	if (c == '\r')
		return http1_goto(p, HTTP1_S_CHUNK_LF);
	if (c == ';')
		return http1_goto(p, HTTP1_S_CHUNK_EXT);
	return http1_is_blank(c) ? http1_goto(p, HTTP1_S_CHUNK_SPACE) : http1_odd(p);
}

/* Behind the size: blanks, then the line's end or an extension. */
HTTP1_INLINE __u32 http1_chunk_ext(struct http1 *p, __u32 c)
{
	if (c == '\r')
		return http1_goto(p, HTTP1_S_CHUNK_LF);
	if (http1_is_blank(c))
		return HTTP1_MORE;
	if (http1_is_control(c) || (p->state == HTTP1_S_CHUNK_SPACE && c != ';'))
		return http1_odd(p);
	return http1_goto(p, HTTP1_S_CHUNK_EXT);
}

HTTP1_INLINE __u32 http1_chunk_line_end(struct http1 *p, __u32 c)
{
	if (c != '\n')
		return http1_odd(p);
	p->head_size = 0;
	p->left = p->number;
	p->number = 0;
	p->at = 0;
	if (p->left)
		return http1_goto(p, HTTP1_S_CHUNK);
	p->flags |= HTTP1_TRAILERS;
	return http1_goto(p, HTTP1_S_LINE);
}

HTTP1_INLINE __u32 http1_chunk_byte(struct http1 *p, __u32 c)
{
	if (p->state == HTTP1_S_CHUNK_SIZE)
		return http1_chunk_size(p, c);
	if (p->state == HTTP1_S_CHUNK_LF)
		return http1_chunk_line_end(p, c);
	if (p->state == HTTP1_S_CHUNK_END)
		return c == '\r' ? http1_goto(p, HTTP1_S_CHUNK_END_LF) : http1_odd(p);
	if (p->state == HTTP1_S_CHUNK_END_LF)
		return c == '\n' ? http1_goto(p, HTTP1_S_CHUNK_SIZE) : http1_odd(p);
	return http1_chunk_ext(p, c);
}

/* --- between messages --- */

HTTP1_INLINE __u32 http1_after_close(struct http1 *p, __u32 c)
{
	return c == '\r' || c == '\n' ? HTTP1_MORE : http1_odd(p);
}

/* What follows a CONNECT or an Upgrade depends on the answer, which has not come. */
HTTP1_INLINE __u32 http1_wait(struct http1 *p)
{
	return p->answered >= p->begun ? http1_again(p, HTTP1_S_IDLE) : http1_odd(p);
}

HTTP1_INLINE __u32 http1_message_done(struct http1 *p)
{
	if (p->flags & HTTP1_SWITCHES)
		p->state = HTTP1_S_TUNNEL;
	else if (p->kind == HTTP1_REQUESTS &&
		 (p->flags & HTTP1_UPGRADE || p->verb == HTTP1_CONNECT)) {
		p->state = HTTP1_S_WAIT;
		p->at = 0; /* of http1_answer_byte() */
	} else {
		p->state = p->flags & HTTP1_CLOSE ? HTTP1_S_CLOSED : HTTP1_S_IDLE;
	}
	return HTTP1_MESSAGE_DONE;
}

/* --- one byte --- */

HTTP1_INLINE __u32 http1_start_byte(struct http1 *p, __u32 c)
{
	switch (p->state) {
	case HTTP1_S_IDLE:
	case HTTP1_S_IDLE_CR: return http1_idle(p, c);
	case HTTP1_S_METHOD: return http1_method_byte(p, c);
	case HTTP1_S_TARGET: return http1_target_byte(p, c);
	case HTTP1_S_SCHEME: return http1_scheme_byte(p, c);
	case HTTP1_S_STRANGE: return http1_strange_byte(p, c);
	case HTTP1_S_SLASHES: return http1_slashes_byte(p, c);
	case HTTP1_S_AUTHORITY: return http1_authority_byte(p, c);
	case HTTP1_S_STAR: return http1_star_byte(p, c);
	case HTTP1_S_QUERY: return http1_query_byte(p, c);
	case HTTP1_S_VERSION: return http1_version_byte(p, c);
	default: return http1_status_byte(p, c);
	}
}

HTTP1_INLINE __u32 http1_field_byte(struct http1 *p, __u32 c)
{
	switch (p->state) {
	case HTTP1_S_NAME: return http1_name_byte(p, c);
	case HTTP1_S_SPACE: return http1_space_byte(p, c);
	case HTTP1_S_HOST: return http1_host_value(p, c);
	case HTTP1_S_NUMBER: return http1_number_byte(p, c);
	case HTTP1_S_LIST: return http1_list_byte(p, c);
	default: return http1_line_byte(p, c);
	}
}

/*
 * One byte that is not body. Returns enum http1_event; on HTTP1_AGAIN the same byte must be given
 * once more. Call http1_step() rather than this.
 */
HTTP1_FN __u32 http1_head_byte(struct http1 *p, __u32 c)
{
	if (!p) /* a global BPF function is verified for NULL too */
		return HTTP1_LOST;
	if (p->state == HTTP1_S_SKIP)
		return http1_skip_byte(p, c);
	if (p->state < HTTP1_S_PATH)
		return http1_start_byte(p, c);
	if (p->state < HTTP1_S_LINE_CR)
		return http1_path_byte(p, c);
	if (p->state < HTTP1_S_CHUNK_SIZE)
		return http1_field_byte(p, c);
	if (p->state < HTTP1_S_CLOSED)
		return http1_chunk_byte(p, c);
	return p->state == HTTP1_S_CLOSED ? http1_after_close(p, c) : http1_wait(p);
}

/* How many of the next bytes are body; ~0 when the connection's end is the body's. */
HTTP1_INLINE __u64 http1_body_left(const struct http1 *p)
{
	if (p->state == HTTP1_S_UNTIL_CLOSE)
		return ~0ULL;
	return p->state == HTTP1_S_BODY || p->state == HTTP1_S_CHUNK ? p->left : 0;
}

/* Takes `n` <= http1_body_left() bytes of body. */
HTTP1_INLINE void http1_body_take(struct http1 *p, __u64 n)
{
	if (p->state == HTTP1_S_UNTIL_CLOSE)
		return;
	p->left -= n;
	if (!p->left)
		p->state = p->state == HTTP1_S_BODY ? HTTP1_S_DONE : HTTP1_S_CHUNK_END;
}

/* --- the driver --- */

/* Where a reader is in a piece of bytes, and the last event. Start with all 0 but `size`. */
struct http1_step {
	__u32 kind; /* enum http1_event */
	__u32 pos;  /* the event's first byte in the piece */
	__u32 len;  /* and how many it has; the next step begins behind them */
	__u32 size; /* of the piece */
};

/* Steps that are enough for a piece of `n` bytes, whatever is in them. */
#define HTTP1_STEPS(n) (3 * (n) + HTTP1_PATH_SIZE + 8)

HTTP1_INLINE void http1_terminate(struct http1 *p)
{
	p->method[http1_index(p->method_len, HTTP1_METHOD_SIZE)] = 0;
	p->host[http1_index(p->host_len, HTTP1_HOST_SIZE)] = 0;
	p->path[http1_index(p->path_len, HTTP1_PATH_SIZE)] = 0;
}

/* The event for `left` > 0 bytes of which `c` is the first; `ret_len` of them are used up. */
HTTP1_INLINE __u32 http1_step_byte(struct http1 *p, __u32 c, __u32 left, __u32 *ret_len)
{
	__u32 event = http1_head_byte(p, c);

	if (event == HTTP1_AGAIN) {
		*ret_len = 0;
		return HTTP1_MORE;
	}
	*ret_len = 1;
	if (event != HTTP1_LOST && ++p->head_size > HTTP1_HEAD_MAX)
		event = http1_lose(p, HTTP1_HEAD_TOO_LONG);
	if (event == HTTP1_LOST)
		*ret_len = left;
	if (event != HTTP1_MORE)
		http1_terminate(p);
	return event;
}

#define HTTP1_STRIDE 16

/* How many of the next bytes, up to a stride, change nothing: most of a head is skipped. */
HTTP1_INLINE __u32 http1_skippable(const struct http1 *p, const __u8 *data, __u32 mask, __u64 at,
				   __u32 left)
{
	__u32 floor = p->state == HTTP1_S_SKIP ? ' ' : ' ' + 1;
	__u32 n;

	if (p->state != HTTP1_S_SKIP && p->state != HTTP1_S_QUERY)
		return 0;
	if (p->head_size > HTTP1_HEAD_MAX - HTTP1_STRIDE)
		return 0;
#pragma GCC unroll 16
	for (n = 0; n < HTTP1_STRIDE; n++) {
		http1_hide(at);
		if (n >= left || data[at & mask] < floor || data[at & mask] == 0x7f)
			break;
		at++;
	}
	return n;
}

/*
 * Does the next step in a piece of bytes. `mask` is the size, a power of two, of the memory behind
 * `data` less one, so that the verifier can follow; in user space ~0U.
 *
 * Returns 0 with an event in `s`, or 1 when the piece is used up and nothing is due.
 */
HTTP1_INLINE int http1_step(struct http1 *p, struct http1_step *s, const __u8 *data, __u32 mask)
{
	__u32 pos = s->pos + s->len;
	__u32 left = pos < s->size ? s->size - pos : 0;
	__u64 at = pos, body = http1_body_left(p);
	__u32 len = left;

	http1_hide(at);
	s->pos = pos;
	s->len = 0;
	if (p->state == HTTP1_S_DONE) {
		s->kind = http1_message_done(p);
		return 0;
	}
	s->kind = HTTP1_MORE;
	if (!left)
		return 1;
	if (body) {
		if (body < left)
			len = body;
		http1_body_take(p, len);
		s->kind = HTTP1_BODY;
	} else if (p->state >= HTTP1_S_TUNNEL) {
		s->kind = p->state == HTTP1_S_TUNNEL ? HTTP1_TUNNEL : HTTP1_LOST;
	} else {
		len = http1_skippable(p, data, mask, at, left);
		p->head_size += len;
		if (!len)
			s->kind = http1_step_byte(p, data[at & mask], left, &len);
	}
	s->len = len;
	return 0;
}

/* --- the other direction, and ends --- */

/* Loses the reader for a reason that is not in its bytes. */
HTTP1_INLINE void http1_give_up(struct http1 *p, __u32 why)
{
	http1_lose(p, why);
	http1_terminate(p);
}

/*
 * Tells the reader of responses what was asked. Call it before each piece of response bytes, with
 * every request byte that was sent before them already read: a response to a request whose head
 * was not read is HTTP1_UNPAIRED, because only the method tells whether a body follows.
 */
HTTP1_INLINE void http1_expect(struct http1 *response, const struct http1 *request)
{
	response->asked = request->asked;
	response->heads = request->heads;
	response->connects = request->connects;
}

/*
 * Tells the reader of requests that `response` has come to HTTP1_HEAD_DONE: after a CONNECT or an
 * Upgrade the connection is now a tunnel, or is not.
 */
HTTP1_INLINE void http1_answered(struct http1 *request, const struct http1 *response)
{
	request->answered = response->begun;
	if (!(response->flags & HTTP1_SWITCHES))
		return;
	if (request->state == HTTP1_S_WAIT && request->begun == response->begun)
		request->state = HTTP1_S_TUNNEL;
	else
		http1_give_up(request, HTTP1_AMBIGUOUS);
}

/* The most bytes that http1_answer_byte() asks for. */
#define HTTP1_ANSWER_LEN (HTTP1_VERSION_LEN + 5)

/*
 * Instead of http1_answered(), for whoever has no reader of responses: the next byte that came back
 * while the reader of requests waits. It takes the first bytes for the answer that decides; if they
 * are another one's, and this becomes a tunnel after all, what goes through it is no HTTP/1.x, which
 * ends the reader as well. Where they tell nothing (an interim response), the reader waits on.
 */
HTTP1_FN __u32 http1_answer_byte(struct http1 *p, __u32 c)
{
	__u32 at, fits;

	if (!p || p->state != HTTP1_S_WAIT || p->at >= HTTP1_ANSWER_LEN)
		return 0;
	at = p->at++;
	fits = c - '0' < 10;
	if (at < HTTP1_VERSION_LEN)
		fits = c == http1_version_text(at);
	if (at == HTTP1_VERSION_LEN + 1)
		fits = c == ' ';
	if (!fits)
		p->at = HTTP1_ANSWER_LEN;
	if (!fits || at < HTTP1_VERSION_LEN + 2)
		return 0;
	p->status = p->status * 10 + (c - '0');
	if (at == HTTP1_ANSWER_LEN - 1 && p->status >= (p->verb == HTTP1_CONNECT ? 300 : 200))
		p->answered = p->begun;
	return 0;
}

/* Whether a message has begun and not ended. */
HTTP1_INLINE int http1_inside(const struct http1 *p)
{
	return (p->state > HTTP1_S_IDLE_CR && p->state < HTTP1_S_CLOSED) ||
	       (p->state > HTTP1_S_WAIT && p->state < HTTP1_S_TUNNEL);
}

/* Bytes are missing here: nothing behind them can be read. */
HTTP1_INLINE void http1_gap(struct http1 *p)
{
	http1_give_up(p, HTTP1_GAP);
}

/* The direction's end. Returns 1 if that completes the message, which then gets HTTP1_MESSAGE_DONE.
 */
HTTP1_INLINE int http1_end(struct http1 *p)
{
	if (p->state != HTTP1_S_UNTIL_CLOSE)
		return 0;
	p->state = HTTP1_S_DONE;
	return 1;
}

#endif
