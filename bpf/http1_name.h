/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HTTP1_NAME_H
#define WARDEN_HTTP1_NAME_H

/* Bytes, words, hosts and paths: how text becomes the names that policy compares. */

#include "http1_state.h"

#define HTTP1_BIT(c)      (1ULL << ((c)&63))
#define HTTP1_RANGE(a, b) ((HTTP1_BIT(b) << 1) - HTTP1_BIT(a))

#define HTTP1_DIGITS  HTTP1_RANGE('0', '9')
#define HTTP1_LETTERS (HTTP1_RANGE('A', 'Z') | HTTP1_RANGE('a', 'z'))
#define HTTP1_HEX     (HTTP1_RANGE('A', 'F') | HTTP1_RANGE('a', 'f'))
#define HTTP1_TOKEN_LOW                                                                            \
	(HTTP1_DIGITS | HTTP1_BIT('!') | HTTP1_RANGE('#', '\'') | HTTP1_RANGE('*', '+') |          \
	 HTTP1_RANGE('-', '.'))
#define HTTP1_TOKEN_HIGH (HTTP1_LETTERS | HTTP1_RANGE('^', '`') | HTTP1_BIT('|') | HTTP1_BIT('~'))

/* Sets of ASCII bytes, 0-63 in `low` and 64-127 in `high`. */
HTTP1_INLINE int http1_in(__u32 c, __u64 low, __u64 high)
{
	return c < 128 && ((c & 64 ? high : low) >> (c & 63) & 1);
}

/* RFC 9110 5.6.2. */
HTTP1_INLINE int http1_is_token(__u32 c)
{
	return http1_in(c, HTTP1_TOKEN_LOW, HTTP1_TOKEN_HIGH);
}

HTTP1_INLINE int http1_is_control(__u32 c)
{
	return c < ' ' || c == 0x7f;
}

HTTP1_INLINE int http1_is_blank(__u32 c)
{
	return c == ' ' || c == '\t';
}

/* Where Python's split() parts words, and with it http.server those of a start line. */
HTTP1_INLINE int http1_is_space(__u32 c)
{
	return http1_in(c, HTTP1_RANGE('\t', '\r') | HTTP1_RANGE(0x1c, ' '), 0) || c == 0x85 ||
	       c == 0xa0;
}

/* 0-15, or 16 for what is no hexadecimal digit. */
HTTP1_INLINE __u32 http1_hex(__u32 c)
{
	if (c - '0' < 10)
		return c - '0';
	c |= 0x20;
	return c - 'a' < 6 ? c - 'a' + 10 : 16;
}

HTTP1_INLINE __u32 http1_lower(__u32 c)
{
	return c - 'A' < 26 ? c | 0x20 : c;
}

/*
 * Names of methods, fields and codings are compared as words: five bits a letter, case ignored, the
 * last twelve letters in word[0], twelve before them in word[1]. No letter has the code 0, so two
 * texts of which one is shorter than 24 letters are equal exactly if their words are: unlike a
 * hash, nobody can construct a field that is taken for another.
 */
#define HTTP1_WORD_LETTERS 12
#define HTTP1_WORD_MASK    ((1ULL << 60) - 1)

HTTP1_INLINE __u64 http1_letter(__u32 c)
{
	if ((c | 0x20) - 'a' < 26)
		return (c | 0x20) - 'a' + 1;
	return c == '-' ? 27 : 31;
}

HTTP1_INLINE void http1_word_clear(struct http1 *p)
{
	p->word[0] = 0;
	p->word[1] = 0;
}

HTTP1_INLINE void http1_word_add(struct http1 *p, __u32 c)
{
	p->word[1] = (p->word[1] << 5 | p->word[0] >> 55) & HTTP1_WORD_MASK;
	p->word[0] = (p->word[0] << 5 | http1_letter(c)) & HTTP1_WORD_MASK;
}

/* Up to twelve letters from `s` on, as a constant. */
HTTP1_INLINE __u64 http1_word(const char *s, __u32 n)
{
	__u64 word = 0;
	__u32 i;

#pragma GCC unroll 12
	for (i = 0; i < HTTP1_WORD_LETTERS; i++)
		if (i < n)
			word = word << 5 | http1_letter(s[i]);
	return word;
}

#define HTTP1_TAIL(n) ((n) > HTTP1_WORD_LETTERS ? (n)-HTTP1_WORD_LETTERS : 0)

/* Whether the word read is `text`, a literal in lower case of at most 23 letters. */
#define http1_word_is(p, text)                                                                     \
	((p)->word[0] == http1_word((text) + HTTP1_TAIL(sizeof(text) - 1),                         \
				    sizeof(text) - 1 - HTTP1_TAIL(sizeof(text) - 1)) &&            \
	 (p)->word[1] == http1_word(text, HTTP1_TAIL(sizeof(text) - 1)))

/* --- hosts --- */

HTTP1_INLINE void http1_host_begin(struct http1 *p)
{
	p->at = 0;
	p->host_part = HTTP1_H_NAME;
}

/* Writes one byte of the host, or, where the target named it already, compares it. */
HTTP1_INLINE __u32 http1_host_put(struct http1 *p, __u32 c)
{
	__u64 at = http1_index(p->at, HTTP1_HOST_SIZE);

	if (p->at >= HTTP1_HOST_SIZE - 1)
		return http1_odd(p);
	if (p->field != HTTP1_F_HOST || !(p->flags & HTTP1_ABSOLUTE))
		p->host[at] = c;
	else if (p->at < p->host_len && (__u8)p->host[at] != c)
		return http1_odd(p);
	p->at++;
	return HTTP1_MORE;
}

/* The name is over; one dot at its end is not part of it. */
HTTP1_INLINE __u32 http1_host_part_end(struct http1 *p, __u32 part)
{
	if (p->host_part == HTTP1_H_IPV6)
		return http1_odd(p);
	if (p->host_part == HTTP1_H_DOT)
		p->at--;
	p->host_part = part;
	return HTTP1_MORE;
}

HTTP1_INLINE __u32 http1_host_name(struct http1 *p, __u32 c)
{
	if (c == ':')
		return p->at ? http1_host_part_end(p, HTTP1_H_PORT) : http1_odd(p);
	if (c == '[' && !p->at) {
		p->host_part = HTTP1_H_IPV6;
		return http1_host_put(p, c);
	}
	if (c == '.') {
		if (!p->at || p->host_part == HTTP1_H_DOT)
			return http1_odd(p);
		p->host_part = HTTP1_H_DOT;
		return http1_host_put(p, c);
	}
	if (!http1_in(c, HTTP1_DIGITS | HTTP1_BIT('-'), HTTP1_LETTERS | HTTP1_BIT('_')))
		return http1_odd(p);
	p->host_part = HTTP1_H_NAME;
	return http1_host_put(p, c);
}

HTTP1_INLINE __u32 http1_host_ipv6(struct http1 *p, __u32 c)
{
	if (c == ']')
		p->host_part = HTTP1_H_IPV6_END;
	else if (!http1_in(c, HTTP1_DIGITS | HTTP1_BIT(':') | HTTP1_BIT('.'), HTTP1_HEX))
		return http1_odd(p);
	return http1_host_put(p, c);
}

/* One byte of a host with an optional port. User names, lists and escapes are refused. */
HTTP1_INLINE __u32 http1_host_byte(struct http1 *p, __u32 c)
{
	if (p->host_part == HTTP1_H_PORT)
		return c - '0' < 10 ? HTTP1_MORE : http1_odd(p);
	if (p->host_part == HTTP1_H_IPV6_END)
		return c == ':' ? http1_host_part_end(p, HTTP1_H_PORT) : http1_odd(p);
	if (p->host_part == HTTP1_H_SPACE)
		return http1_odd(p);
	c = http1_lower(c);
	return p->host_part == HTTP1_H_IPV6 ? http1_host_ipv6(p, c) : http1_host_name(p, c);
}

HTTP1_INLINE __u32 http1_host_end(struct http1 *p)
{
	if (http1_host_part_end(p, HTTP1_H_SPACE) == HTTP1_LOST)
		return HTTP1_LOST;
	if (p->field == HTTP1_F_HOST && p->flags & HTTP1_ABSOLUTE)
		return p->at == p->host_len ? HTTP1_MORE : http1_odd(p);
	p->host_len = p->at;
	return HTTP1_MORE;
}

HTTP1_INLINE __u32 http1_version_begin(struct http1 *p)
{
	p->at = 0;
	return http1_goto(p, HTTP1_S_VERSION);
}

/*
 * --- paths: RFC 3986 5.2.4 after one percent decoding, with one slash for several ---
 *
 * Most servers take several slashes for one. Those that do not agree with the others about what
 * ".." behind an empty segment drops.
 */

HTTP1_INLINE void http1_path_put(struct http1 *p, __u32 c)
{
	__u64 at = http1_index(p->path_len, HTTP1_PATH_SIZE);

	if (p->path_len >= HTTP1_PATH_SIZE - 1) {
		p->flags |= HTTP1_PATH_TOO_LONG;
		return;
	}
	p->path[at] = c;
	p->path_len++;
}

HTTP1_INLINE void http1_path_begin(struct http1 *p)
{
	p->path_len = 0;
	p->segment = 0;
	p->escape = 0;
	http1_path_put(p, '/');
}

/* Ends a segment; the state is `next`, or one that comes to it after dropping the segment before.
 */
HTTP1_INLINE __u32 http1_path_segment(struct http1 *p, __u32 c, __u32 next)
{
	__u32 segment = p->segment;

	p->segment = 0;
	p->state = next;
	if (segment == 2 && p->flags & HTTP1_EMPTY_SEGMENT)
		return http1_odd(p);
	if (!segment && c == '/') { /* there is a slash already */
		p->flags |= HTTP1_EMPTY_SEGMENT;
		return HTTP1_MORE;
	}
	if (p->flags & HTTP1_PATH_TOO_LONG)
		return HTTP1_MORE;
	if (segment == 1 || segment == 2)
		p->path_len -= segment;
	else if (c == '/')
		http1_path_put(p, c);
	if (segment == 2 && p->path_len > 1) {
		p->path_len--;
		p->resume = next;
		p->state = HTTP1_S_POP;
	}
	return HTTP1_MORE;
}

/* One decoded byte. A NUL is refused by some servers, ends the path for others, or is a part of it.
 */
HTTP1_INLINE __u32 http1_path_add(struct http1 *p, __u32 c)
{
	if (!c)
		return http1_odd(p);
	if (c == '/')
		return http1_path_segment(p, c, HTTP1_S_PATH);
	p->segment = c == '.' && p->segment < 2 ? p->segment + 1 : 3;
	http1_path_put(p, c);
	return http1_goto(p, HTTP1_S_PATH);
}

/* `path` ends within the segment to drop, or at the slash before it. */
HTTP1_INLINE __u32 http1_path_pop(struct http1 *p)
{
	__u64 last = http1_index(p->path_len - 1, HTTP1_PATH_SIZE);

	if (p->path_len <= 1 || p->path[last] == '/')
		return http1_again(p, p->resume);
	p->path_len--;
	return HTTP1_AGAIN;
}

HTTP1_INLINE __u32 http1_path_raw(struct http1 *p, __u32 c)
{
	if (c == '%')
		return http1_goto(p, HTTP1_S_ESCAPE);
	if (c == ' ' && http1_is_space(p->escape)) /* a part of the path, or not */
		return http1_odd(p);
	if (c == ' ' || c == '?') {
		if (http1_path_segment(p, c, HTTP1_S_PATH_END) == HTTP1_LOST)
			return HTTP1_LOST;
		return HTTP1_AGAIN;
	}
	/* Servers take '#' for the path's end or for a part of it, and some '\' for '/'. A line's
	 * end without a version was HTTP/0.9. */
	if (http1_is_control(c) || c == '#' || c == '\\')
		return http1_odd(p);
	p->escape = c;
	return http1_path_add(p, c);
}

/* After % and after its first digit. What is no escape stays as it is. */
HTTP1_INLINE __u32 http1_path_escape(struct http1 *p, __u32 c)
{
	__u32 digit = http1_hex(c);

	if (p->state == HTTP1_S_ESCAPE_NO) {
		http1_path_add(p, p->escape);
		return HTTP1_AGAIN;
	}
	if (p->state == HTTP1_S_ESCAPE) {
		p->escape = digit < 16 ? c : '%';
		if (digit < 16)
			return http1_goto(p, HTTP1_S_ESCAPE_2);
		http1_path_add(p, '%');
		return HTTP1_AGAIN;
	}
	if (digit < 16)
		return http1_path_add(p, (http1_hex(p->escape) << 4 | digit) & 0xff);
	http1_path_add(p, '%');
	return http1_again(p, HTTP1_S_ESCAPE_NO);
}

HTTP1_INLINE __u32 http1_path_byte(struct http1 *p, __u32 c)
{
	if (p->state == HTTP1_S_PATH)
		return http1_path_raw(p, c);
	if (p->state == HTTP1_S_POP)
		return http1_path_pop(p);
	if (p->state == HTTP1_S_PATH_END)
		return c == '?' ? http1_goto(p, HTTP1_S_QUERY) : http1_version_begin(p);
	return http1_path_escape(p, c);
}

#endif
