/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HTTP1_HEAD_H
#define WARDEN_HTTP1_HEAD_H

/* Start lines, fields, and what they say about the bytes after the head (RFC 9112). */

#include "http1_name.h"

/* --- start lines --- */

HTTP1_INLINE void http1_begin(struct http1 *p)
{
	p->begun++;
	p->length = 0;
	p->flags = 0;
	p->verb = HTTP1_ANY_VERB;
	p->status = 0;
	p->minor = 0;
	p->head_size = 0;
	p->field = HTTP1_F_OTHER;
	p->at = 0;
	p->method_len = 0;
	p->host_len = 0;
	p->path_len = 0;
	http1_word_clear(p);
}

/* Blank lines before a request are left over by old clients; all servers skip them. */
HTTP1_INLINE __u32 http1_idle(struct http1 *p, __u32 c)
{
	if (p->kind == HTTP1_RESPONSES) {
		if (p->begun >= p->asked)
			return http1_lose(p, HTTP1_UNPAIRED);
		http1_begin(p);
		return http1_again(p, HTTP1_S_STATUS);
	}
	if (c == '\n')
		return http1_goto(p, HTTP1_S_IDLE);
	if (c == '\r' && p->state == HTTP1_S_IDLE)
		return http1_goto(p, HTTP1_S_IDLE_CR);
	if (p->state == HTTP1_S_IDLE_CR)
		return http1_odd(p);
	http1_begin(p);
	return http1_again(p, HTTP1_S_METHOD);
}

HTTP1_INLINE __u32 http1_method_end(struct http1 *p)
{
	if (!p->method_len)
		return http1_odd(p);
	if (http1_word_is(p, "get"))
		p->verb = HTTP1_GET;
	if (http1_word_is(p, "head"))
		p->verb = HTTP1_HEAD;
	if (http1_word_is(p, "connect"))
		p->verb = HTTP1_CONNECT;
	if (http1_word_is(p, "pri"))
		p->verb = HTTP1_PRI;
	return http1_goto(p, HTTP1_S_TARGET);
}

HTTP1_INLINE __u32 http1_method_byte(struct http1 *p, __u32 c)
{
	__u64 at = http1_index(p->method_len, HTTP1_METHOD_SIZE);

	if (p->at) /* behind a CR */
		return c == '\n' ? http1_alien(p) : http1_odd(p);
	if (c == ' ')
		return http1_method_end(p);
	if (c == '\r') {
		p->at = 1;
		return HTTP1_MORE;
	}
	if (http1_is_space(c) && c != '\n')
		return http1_odd(p);
	if (!http1_is_token(c))
		return http1_alien(p);
	if (p->method_len >= HTTP1_METHOD_SIZE - 1)
		return http1_odd(p);
	if (c - 'a' < 26) /* some servers ignore the case of methods */
		p->flags |= HTTP1_ODD_LINE;
	p->method[at] = c;
	p->method_len++;
	http1_word_add(p, c);
	return HTTP1_MORE;
}

#define HTTP1_VERSION_LEN 7
#define HTTP1_VERSION_ANY 5 /* of it: "HTTP/" */

/* The byte at `at` of "HTTP/1.". */
HTTP1_INLINE __u32 http1_version_text(__u32 at)
{
	const __u64 text = 'H' | 'T' << 8 | 'T' << 16 | (__u64)'P' << 24 | (__u64)'/' << 32 |
			   (__u64)'1' << 40 | (__u64)'.' << 48;

	return text >> (8 * (at & 7)) & 0xff;
}

/* A target that no server should take; a version behind it tells whether this is HTTP at all. */
HTTP1_INLINE __u32 http1_odd_target(struct http1 *p)
{
	p->at = 0;
	return http1_again(p, HTTP1_S_STRANGE);
}

/*
 * The rest of such a line. Servers differ in what parts its words and in the versions they take, so
 * HTTP/ anywhere is enough. GET without a version is HTTP/0.9, which some servers speak.
 */
HTTP1_INLINE __u32 http1_strange_byte(struct http1 *p, __u32 c)
{
	if (c == '\n' || (http1_is_control(c) && !http1_is_space(c)))
		return p->verb == HTTP1_GET ? http1_odd(p) : http1_alien(p);
	if (http1_lower(c) == http1_lower(http1_version_text(p->at)))
		p->at++;
	else
		p->at = http1_lower(c) == 'h';
	if (p->at == HTTP1_VERSION_ANY || p->head_size > HTTP1_PATH_SIZE)
		return http1_odd(p);
	return HTTP1_MORE;
}

HTTP1_INLINE __u32 http1_target_byte(struct http1 *p, __u32 c)
{
	http1_word_clear(p);
	if (c == ' ')
		return http1_odd(p);
	if (p->verb == HTTP1_CONNECT) {
		http1_host_begin(p);
		return http1_again(p, HTTP1_S_AUTHORITY);
	}
	if (c == '/') {
		http1_path_begin(p);
		return http1_goto(p, HTTP1_S_PATH);
	}
	if (c == '*') {
		http1_path_put(p, c);
		return http1_goto(p, HTTP1_S_STAR);
	}
	return http1_again(p, HTTP1_S_SCHEME);
}

HTTP1_INLINE __u32 http1_scheme_byte(struct http1 *p, __u32 c)
{
	if (c != ':') {
		if (http1_letter(c) > 26)
			return http1_odd_target(p);
		http1_word_add(p, c);
		return HTTP1_MORE;
	}
	if (!http1_word_is(p, "http") && !http1_word_is(p, "https"))
		return http1_odd_target(p);
	p->at = 0;
	return http1_goto(p, HTTP1_S_SLASHES);
}

/* OPTIONS * asks about the server as a whole. */
HTTP1_INLINE __u32 http1_star_byte(struct http1 *p, __u32 c)
{
	return c == ' ' ? http1_version_begin(p) : http1_odd(p);
}

HTTP1_INLINE __u32 http1_slashes_byte(struct http1 *p, __u32 c)
{
	if (c != '/')
		return http1_odd(p);
	if (!p->at++)
		return HTTP1_MORE;
	http1_host_begin(p);
	return http1_goto(p, HTTP1_S_AUTHORITY);
}

HTTP1_INLINE __u32 http1_authority_byte(struct http1 *p, __u32 c)
{
	if (c != ' ' && c != '/' && c != '?')
		return http1_host_byte(p, c);
	if (http1_host_end(p) == HTTP1_LOST || !p->host_len)
		return http1_odd(p);
	p->flags |= HTTP1_ABSOLUTE;
	if (p->verb == HTTP1_CONNECT)
		return c == ' ' ? http1_version_begin(p) : http1_odd(p);
	http1_path_begin(p);
	if (c == '/')
		return http1_goto(p, HTTP1_S_PATH);
	return c == '?' ? http1_goto(p, HTTP1_S_QUERY) : http1_version_begin(p);
}

/* The rest of the target is not part of any name. */
HTTP1_INLINE __u32 http1_query_byte(struct http1 *p, __u32 c)
{
	if (c == ' ')
		return http1_version_begin(p);
	return http1_is_control(c) ? http1_odd(p) : HTTP1_MORE;
}

HTTP1_INLINE __u32 http1_line_end(struct http1 *p, __u32 c, __u32 otherwise)
{
	if (c == '\r')
		return http1_goto(p, HTTP1_S_LINE_CR);
	return c == '\n' ? http1_goto(p, HTTP1_S_LINE) : otherwise;
}

HTTP1_INLINE __u32 http1_version_byte(struct http1 *p, __u32 c)
{
	__u32 at = p->at++;

	if (at < HTTP1_VERSION_LEN) {
		if (c == http1_version_text(at))
			return HTTP1_MORE;
		if (at == 5 && c == '2' && p->verb == HTTP1_PRI && p->begun == 1)
			return http1_lose(p, HTTP1_H2);
		return http1_odd(p);
	}
	if (at == HTTP1_VERSION_LEN) {
		p->minor = c - '0';
		if (c - '0' >= 10 || p->flags & HTTP1_ODD_LINE)
			return http1_odd(p);
		return HTTP1_MORE;
	}
	if (c != '\r' && c != '\n')
		return http1_odd(p);
	return http1_line_end(p, c, HTTP1_MORE);
}

/* HTTP/1.x, a blank, three digits, then a reason or none. */
HTTP1_INLINE __u32 http1_status_byte(struct http1 *p, __u32 c)
{
	__u32 at = p->at++;

	if (at < HTTP1_VERSION_LEN)
		return c == http1_version_text(at) ? HTTP1_MORE : http1_alien(p);
	if (at == HTTP1_VERSION_LEN) {
		p->minor = c - '0';
		return c - '0' < 10 ? HTTP1_MORE : http1_odd(p);
	}
	if (at == HTTP1_VERSION_LEN + 1)
		return c == ' ' ? HTTP1_MORE : http1_odd(p);
	if (at < HTTP1_VERSION_LEN + 5) {
		p->status = p->status * 10 + (c - '0');
		return c - '0' < 10 && p->status ? HTTP1_MORE : http1_odd(p);
	}
	if (c != ' ' && c != '\r' && c != '\n')
		return http1_odd(p);
	p->state = HTTP1_S_SKIP;
	return http1_line_end(p, c, HTTP1_MORE);
}

/* --- fields --- */

HTTP1_INLINE __u32 http1_field_of(const struct http1 *p)
{
	if (p->flags & HTTP1_TRAILERS)
		return HTTP1_F_OTHER;
	if (http1_word_is(p, "host"))
		return p->kind == HTTP1_REQUESTS ? HTTP1_F_HOST : HTTP1_F_OTHER;
	if (http1_word_is(p, "content-length"))
		return HTTP1_F_LENGTH;
	if (http1_word_is(p, "transfer-encoding"))
		return HTTP1_F_TRANSFER;
	if (http1_word_is(p, "content-encoding"))
		return HTTP1_F_ENCODING;
	if (http1_word_is(p, "connection"))
		return HTTP1_F_CONNECTION;
	if (http1_word_is(p, "upgrade"))
		return HTTP1_F_UPGRADE;
	return HTTP1_F_OTHER;
}

HTTP1_INLINE __u32 http1_name_byte(struct http1 *p, __u32 c)
{
	if (c != ':') {
		if (!http1_is_token(c))
			return http1_odd(p);
		http1_word_add(p, c);
		return HTTP1_MORE;
	}
	if (!p->word[0])
		return http1_odd(p);
	p->field = http1_field_of(p);
	http1_word_clear(p);
	p->number = 0;
	http1_host_begin(p);
	if ((p->field == HTTP1_F_HOST && p->flags & HTTP1_SAW_HOST) ||
	    (p->field == HTTP1_F_TRANSFER && p->flags & HTTP1_CHUNKED))
		return http1_odd(p);
	if (p->field == HTTP1_F_HOST)
		p->flags |= HTTP1_SAW_HOST;
	return http1_goto(p, HTTP1_S_SPACE);
}

HTTP1_INLINE __u32 http1_space_byte(struct http1 *p, __u32 c)
{
	if (http1_is_blank(c))
		return HTTP1_MORE;
	if (p->field == HTTP1_F_OTHER)
		return http1_again(p, HTTP1_S_SKIP);
	if (p->field == HTTP1_F_HOST)
		return http1_again(p, HTTP1_S_HOST);
	return http1_again(p, p->field == HTTP1_F_LENGTH ? HTTP1_S_NUMBER : HTTP1_S_LIST);
}

HTTP1_INLINE __u32 http1_skip_byte(struct http1 *p, __u32 c)
{
	if (c >= ' ' && c != 0x7f)
		return HTTP1_MORE;
	if (c == '\t')
		return HTTP1_MORE;
	if (c != '\r' && c != '\n')
		return http1_odd(p);
	return http1_line_end(p, c, HTTP1_MORE);
}

HTTP1_INLINE __u32 http1_host_value(struct http1 *p, __u32 c)
{
	if (http1_is_blank(c))
		return http1_host_part_end(p, HTTP1_H_SPACE);
	if (c != '\r' && c != '\n')
		return http1_host_byte(p, c);
	if (http1_host_end(p) == HTTP1_LOST)
		return HTTP1_LOST;
	return http1_line_end(p, c, HTTP1_MORE);
}

/* Two equal lengths are one; no digit, two numbers or 2^60 and more are nobody's length. */
HTTP1_INLINE __u32 http1_number_end(struct http1 *p, __u32 c)
{
	if (!p->at || (p->flags & HTTP1_HAS_LENGTH && p->length != p->number))
		return http1_odd(p);
	p->flags |= HTTP1_HAS_LENGTH;
	p->length = p->number;
	return http1_line_end(p, c, HTTP1_MORE);
}

HTTP1_INLINE __u32 http1_number_byte(struct http1 *p, __u32 c)
{
	if (c == '\r' || c == '\n')
		return http1_number_end(p, c);
	if (http1_is_blank(c)) {
		p->host_part = HTTP1_H_SPACE;
		return HTTP1_MORE;
	}
	if (c - '0' >= 10 || p->host_part == HTTP1_H_SPACE || p->number >> 56)
		return http1_odd(p);
	p->number = p->number * 10 + (c - '0');
	p->at = 1;
	return HTTP1_MORE;
}

/* One element of a list, or one of its words. */
HTTP1_INLINE __u32 http1_list_word(struct http1 *p)
{
	if (!p->word[0])
		return HTTP1_MORE;
	if (p->field == HTTP1_F_TRANSFER) {
		if (p->flags & HTTP1_CHUNKED || !http1_word_is(p, "chunked"))
			return http1_odd(p);
		p->flags |= HTTP1_CHUNKED;
	} else if (p->field == HTTP1_F_CONNECTION) {
		if (http1_word_is(p, "close"))
			p->flags |= HTTP1_CLOSE;
		if (http1_word_is(p, "keep-alive"))
			p->flags |= HTTP1_KEEP_ALIVE;
	} else if (p->field == HTTP1_F_UPGRADE) {
		p->flags |= HTTP1_UPGRADE;
	} else if (!http1_word_is(p, "identity")) {
		p->flags |= HTTP1_ENCODED;
	}
	http1_word_clear(p);
	return HTTP1_MORE;
}

/* Transfer-Encoding is the one word "chunked": with anything more, servers differ. */
HTTP1_INLINE __u32 http1_list_byte(struct http1 *p, __u32 c)
{
	__u32 transfer = p->field == HTTP1_F_TRANSFER;
	__u32 end = c == '\r' || c == '\n';

	if (!end && !http1_is_blank(c) && (c != ',' || transfer)) {
		if (http1_is_control(c))
			return http1_odd(p);
		http1_word_add(p, c);
		return HTTP1_MORE;
	}
	if (http1_list_word(p) == HTTP1_LOST)
		return HTTP1_LOST;
	if (end && transfer && !(p->flags & HTTP1_CHUNKED))
		return http1_odd(p);
	return http1_line_end(p, c, HTTP1_MORE);
}

/* --- the end of the head --- */

HTTP1_INLINE __u32 http1_body_begin(struct http1 *p, __u32 otherwise)
{
	p->at = 0;
	p->number = 0;
	p->left = p->length;
	if (p->flags & HTTP1_CHUNKED)
		p->state = HTTP1_S_CHUNK_SIZE;
	else if (p->flags & HTTP1_HAS_LENGTH)
		p->state = p->length ? HTTP1_S_BODY : HTTP1_S_DONE;
	else
		p->state = otherwise;
	return HTTP1_HEAD_DONE;
}

/* From here on the request may be answered. */
HTTP1_INLINE void http1_ask(struct http1 *p)
{
	__u64 bit = 1ULL << ((p->begun - 1) & (HTTP1_PAIRS - 1));

	p->heads = p->verb == HTTP1_HEAD ? p->heads | bit : p->heads & ~bit;
	p->connects = p->verb == HTTP1_CONNECT ? p->connects | bit : p->connects & ~bit;
	p->asked = p->begun;
}

HTTP1_INLINE __u32 http1_request_head(struct http1 *p)
{
	if (!p->host_len)
		p->flags |= HTTP1_NO_HOST;
	if (p->verb == HTTP1_CONNECT && (p->flags & HTTP1_CHUNKED || p->length))
		return http1_odd(p);
	http1_ask(p);
	return http1_body_begin(p, HTTP1_S_DONE);
}

/* What request the current response answers: HEAD and CONNECT change what follows its head. */
HTTP1_INLINE int http1_answers(const struct http1 *p, __u64 requests)
{
	return requests >> ((p->begun - 1) & (HTTP1_PAIRS - 1)) & 1;
}

HTTP1_INLINE __u32 http1_response_head(struct http1 *p)
{
	if (p->asked - p->begun >= HTTP1_PAIRS)
		return http1_lose(p, HTTP1_UNPAIRED);
	if (p->status < 200 && p->status != 101) {
		p->begun--; /* interim: the answer itself follows */
		return http1_goto(p, HTTP1_S_IDLE);
	}
	if (p->status == 101 || (p->status < 300 && http1_answers(p, p->connects))) {
		p->flags |= HTTP1_SWITCHES;
		p->state = HTTP1_S_DONE;
		return HTTP1_HEAD_DONE;
	}
	if (p->status == 204 || p->status == 304 || http1_answers(p, p->heads)) {
		p->state = HTTP1_S_DONE;
		return HTTP1_HEAD_DONE;
	}
	if (!(p->flags & (HTTP1_CHUNKED | HTTP1_HAS_LENGTH)))
		p->flags |= HTTP1_CLOSE;
	return http1_body_begin(p, HTTP1_S_UNTIL_CLOSE);
}

HTTP1_INLINE __u32 http1_head_end(struct http1 *p)
{
	if (p->flags & HTTP1_TRAILERS)
		return http1_goto(p, HTTP1_S_DONE);
	if (p->flags & HTTP1_CHUNKED && (p->flags & HTTP1_HAS_LENGTH || !p->minor))
		return http1_odd(p);
	if (!p->minor && !(p->flags & HTTP1_KEEP_ALIVE))
		p->flags |= HTTP1_CLOSE;
	return p->kind == HTTP1_REQUESTS ? http1_request_head(p) : http1_response_head(p);
}

/* A line's first byte, or what must be the LF of a line's end. */
HTTP1_INLINE __u32 http1_line_byte(struct http1 *p, __u32 c)
{
	if (p->state == HTTP1_S_LINE_CR)
		return c == '\n' ? http1_goto(p, HTTP1_S_LINE) : http1_odd(p);
	if (c == '\n')
		return http1_head_end(p);
	if (p->state == HTTP1_S_LINES_CR || http1_is_blank(c)) /* blank: a folded line */
		return http1_odd(p);
	if (c == '\r')
		return http1_goto(p, HTTP1_S_LINES_CR);
	http1_word_clear(p);
	return http1_again(p, HTTP1_S_NAME);
}

#endif
