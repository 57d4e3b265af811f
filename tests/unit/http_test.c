/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "http.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "http1.h"

/*
 * What the reader tells becomes a transcript, so that two ways to feed the same bytes can be
 * compared: "N>" is request N, "N<" response N; the spans of a body are joined.
 */
struct transcript {
	char text[1 << 16];
	size_t used;
	int in_body; /* 1 + direction of the line that is open */
};

static void __attribute__((format(printf, 2, 3))) say(struct transcript *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->in_body)
		t->text[t->used++] = '\n';
	t->in_body = 0;
	va_start(ap, fmt);
	n = vsnprintf(t->text + t->used, sizeof(t->text) - t->used, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && t->used + n + 2 < sizeof(t->text));
	t->used += n;
}

static const char *flag_names(uint32_t flags)
{
	static const char *const names[] = {"chunked", "length",   "close",  "upgrade",
					    "encoded", "absolute", "nohost", "toolong"};
	static char text[128];
	size_t i;

	text[0] = 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & 1U << i)
			strcat(strcat(text, " "), names[i]);
	return text;
}

static void check_message(const struct http_message *m)
{
	assert_true(m->method_len < HTTP1_METHOD_SIZE && !m->method[m->method_len]);
	assert_true(m->host_len < HTTP1_HOST_SIZE && !m->host[m->host_len]);
	assert_true(m->path_len < HTTP1_PATH_SIZE && strlen(m->path) == m->path_len);
}

static void on_head(void *arg, const struct http_message *m)
{
	check_message(m);
	if (m->direction == HTTP_REQUEST)
		say(arg, "%d> %s %s %s%s\n", (int)m->ordinal, m->method, m->host, m->path,
		    flag_names(m->flags));
	else
		say(arg, "%d< %u%s\n", (int)m->ordinal, m->status, flag_names(m->flags));
}

static void on_body(void *arg, const struct http_message *m, const void *data, size_t len)
{
	struct transcript *t = arg;

	if (t->in_body != 1 + (int)m->direction)
		say(t, "%d%c ", (int)m->ordinal, "><"[m->direction]);
	assert_true(t->used + len + 2 < sizeof(t->text));
	memcpy(t->text + t->used, data, len);
	t->used += len;
	t->in_body = 1 + m->direction;
}

static void on_end(void *arg, const struct http_message *m, bool complete)
{
	say(arg, "%d%c %s\n", (int)m->ordinal, "><"[m->direction], complete ? "end" : "cut");
}

static void on_stop(void *arg, enum http_direction direction, enum http_why why,
		    const struct http_message *unread)
{
	char text[64] = "";

	if (unread) {
		check_message(unread);
		snprintf(text, sizeof(text), " in %d", (int)unread->ordinal);
	}
	say(arg, "%c stop %s%s\n", "><"[direction], http_why_name(why), text);
}

static const struct http_handler handlers[2] = {
	{on_head, on_body, on_end, on_stop},
	{on_head, on_body, on_end, on_stop},
};

/* A script is pieces, each led by '>' or '<' for its direction; \1 alone ends, \2 alone is a gap.
 */
#define MAX_PIECES 8

static void feed(struct http *http, enum http_direction direction, const char *data, size_t len)
{
	/* a copy of the exact size, so that a sanitizer sees every read past the end */
	_free_ char *copy = malloc(len ?: 1);

	memcpy(copy, data, len);
	http_feed(http, direction, copy, len);
}

/* Feeds a script, each piece cut at `cut` and then into parts of up to `part` bytes (0: whole). */
static void play(struct transcript *t, const char *const *script, size_t cut, size_t part)
{
	_cleanup_(http_cleanup) struct http *http = NULL;
	size_t i, at, n, len;

	memset(t, 0, sizeof(*t));
	assert_int_equal(http_new(&http, handlers, t), 0);
	for (i = 0; i < MAX_PIECES && script[i]; i++) {
		enum http_direction direction = script[i][0] == '<';
		const char *data = script[i] + 1;

		len = strlen(data);
		if (data[0] == 1)
			http_end(http, direction);
		if (data[0] == 2)
			http_gap(http, direction);
		for (at = data[0] == 1 || data[0] == 2 ? len : 0; at < len; at += n) {
			n = len - at;
			if (part && n > part)
				n = 1 + rand() % part;
			if (at < cut && at + n > cut)
				n = cut - at;
			feed(http, direction, data + at, n);
		}
	}
	say(t, "%s", "");
}

static const struct {
	const char *name;
	const char *script[MAX_PIECES];
	const char *want;
} talks[] = {
	{"a request and its answer",
	 {">GET /a?q HTTP/1.1\r\nHost: Api.Example.:443\r\nAccept: */*\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
	 "0> GET api.example /a\n0> end\n0< 200 length\n0< abc\n0< end\n"},
	{"a body by length, then the next request",
	 {">POST /v1 HTTP/1.1\r\nhost:\ta \r\ncontent-LENGTH: 005 \r\n\r\nhelloGET / HTTP/1.1\nHost:b\n\n"},
	 "0> POST a /v1 length\n0> hello\n0> end\n1> GET b /\n1> end\n"},
	{"chunks, extensions and trailers",
	 {">PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
	  "5\r\nhello\r\n00A ;a=\"b\";c\r\n, 56789012\r\n0\r\nHost: b\r\nContent-Length: 9\r\n\r\n"
	  "GET / HTTP/1.1\r\nHost: c\r\n\r\n"},
	 "0> PUT a /x chunked\n0> hello, 56789012\n0> end\n1> GET c /\n1> end\n"},
	{"pipelining, HEAD and codes without a body",
	 {">HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
	  "GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n"
	  "HTTP/1.1 204\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "1\r\nx\r\n0\r\n\r\n"},
	 "0> HEAD a /1\n0> end\n1> GET a /2\n1> end\n2> GET a /3\n2> end\n3> GET a /4\n3> end\n"
	 "0< 200 length\n0< end\n1< 304 length\n1< end\n2< 204\n2< end\n"
	 "3< 200 chunked\n3< x\n3< end\n"},
	{"interim responses",
	 {">POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	  "<HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", ">ok",
	  "<HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
	 "0> POST a / length\n0> ok\n0> end\n0< 201 length\n0< end\n"},
	{"an answer before the request's end",
	 {">POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab",
	  "<HTTP/1.1 413 Too much\r\nContent-Length: 1\r\n\r\n!",
	  ">cdGET / HTTP/1.1\r\nHost: b\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 "0> POST a / length\n0> ab\n0< 413 length\n0< !\n0< end\n0> cd\n0> end\n"
	 "1> GET b /\n1> end\n1< 200 length\n1< end\n"},
	{"a body until the close",
	 {">GET / HTTP/1.0\r\nHost: a\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nall ", "<of it", "<\1"},
	 "0> GET a / close\n0> end\n0< 200 close\n0< all of it\n0< end\n"},
	{"a body cut short by the close",
	 {">GET / HTTP/1.1\r\nHost: a\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
	  "<\1"},
	 "0> GET a /\n0> end\n0< 200 length\n0< abc\n0< cut\n"},
	{"a head cut short by the close",
	 {">GET / HTTP/1.1\r\nHost: a\r\n", ">\1"},
	 "> stop end in 0\n"},
	{"a close between messages",
	 {">GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", ">\1", "<\1"},
	 "0> GET a /\n0> end\n"},
	{"a gap in a body",
	 {">POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", ">\2", ">defghi",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!HTTP/1.1 200 OK\r\n\r\n"},
	 "0> POST a / length\n0> abc\n0> cut\n> stop gap\n0< 200 length\n0< !\n0< end\n< stop unpaired\n"},
	{"a gap in a head",
	 {">GET /secret HTTP/1.1\r\nHo", ">\2", ">GET / HTTP/1.1\r\n\r\n", ">\1",
	  "<HTTP/1.1 200 OK\r\n\r\n"},
	 "> stop gap in 0\n< stop unpaired\n"},
	{"HTTP/2", {">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "<\200\200\200"}, "> stop h2\n"},
	{"no HTTP", {">\026\003\001\002", "<\026\003\003"}, "> stop not_http\n< stop unpaired\n"},
	{"an answer to nothing",
	 {"<HTTP/1.1 408 Timeout\r\n\r\n", ">GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	 "< stop unpaired\n0> GET a /\n0> end\n"},
	{"CONNECT accepted",
	 {">CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "<HTTP/1.1 200 Fine\r\n\r\n\026\003",
	  ">\026\003"},
	 "0> CONNECT h  absolute\n0> end\n0< 200\n> stop tunnel\n0< end\n< stop tunnel\n"},
	{"CONNECT refused",
	 {">CONNECT h HTTP/1.1\r\n\r\n", "<HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno",
	  ">CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", "<HTTP/1.1 200 Fine\r\n\r\n"},
	 "0> CONNECT h  absolute\n0> end\n0< 407 length\n0< no\n0< end\n"
	 "1> CONNECT h  absolute\n1> end\n1< 200\n> stop tunnel\n1< end\n< stop tunnel\n"},
	{"CONNECT that does not wait",
	 {">CONNECT h HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
	 "0> CONNECT h  absolute\n0> end\n> stop ambiguous\n"},
	{"an upgrade",
	 {">GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  "<HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\201\001x"},
	 "0> GET a /ws upgrade\n0> end\n0< 101 upgrade\n> stop tunnel\n0< end\n< stop tunnel\n"},
	{"an upgrade that is ignored",
	 {">GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ">GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"},
	 "0> GET a / upgrade\n0> end\n0< 200 length\n0< end\n1> GET a /2\n1> end\n"},
	{"a switch that nobody asked for",
	 {">POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
	  "<HTTP/1.1 101 Now\r\n\r\n"},
	 "0> POST a / length\n0> ab\n0< 101\n0> cut\n> stop ambiguous\n0< end\n< stop tunnel\n"},
	{"a switch for another request",
	 {">GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n",
	  "<HTTP/1.1 101 Now\r\n\r\n"},
	 "0> GET a /\n0> end\n1> GET a /ws upgrade\n1> end\n0< 101\n> stop ambiguous\n0< end\n< stop tunnel\n"},
	{"a request after the last one",
	 {">GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
	 "0> GET a / close\n0> end\n> stop ambiguous\n"},
	{"HTTP/1.0 kept alive",
	 {">GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"},
	 "0> GET  / nohost\n0> end\n1> GET  /2 close nohost\n1> end\n"},
	{"coded bodies",
	 {">POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity, gzip\r\nContent-Length: 1\r\n\r\nx",
	  "<HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 0\r\n\r\n"},
	 "0> POST a / length encoded\n0> x\n0> end\n0< 200 length\n0< end\n"},
};

static void talks_give_their_transcript(void **state)
{
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	size_t i;

	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		play(t, talks[i].script, 0, 0);
		if (strcmp(t->text, talks[i].want) != 0)
			print_error("in: %s\n", talks[i].name);
		assert_string_equal(t->text, talks[i].want);
	}
}

static void talks_split_anywhere_are_the_same(void **state)
{
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	size_t i, j, cut, longest;

	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		for (j = 0, longest = 0; j < MAX_PIECES && talks[i].script[j]; j++)
			if (strlen(talks[i].script[j]) > longest)
				longest = strlen(talks[i].script[j]);
		for (cut = 1; cut < longest; cut++) {
			play(t, talks[i].script, cut, 0);
			assert_string_equal(t->text, talks[i].want);
		}
		for (cut = 0; cut < 50; cut++) {
			play(t, talks[i].script, 0, 1 + cut % 7);
			assert_string_equal(t->text, talks[i].want);
		}
	}
}

/* Feeds one request, returns its head as "METHOD HOST PATH FLAGS" or why it was not read. */
static const char *head_of(struct transcript *t, const char *request)
{
	_free_ char *piece = NULL;
	const char *script[MAX_PIECES] = {};

	assert_true(asprintf(&piece, ">%s", request) > 0);
	script[0] = piece;
	play(t, script, 0, 0);
	*strchrnul(t->text, '\n') = 0;
	return t->text;
}

static const struct {
	const char *target;
	const char *want; /* host and path, or the reason to stop */
} targets[] = {
	{"/", "h /"},
	{"/a/b", "h /a/b"},
	{"/A//b/", "h /A/b/"},
	{"//admin/x", "h /admin/x"},
	{"///a////b//", "h /a/b/"},
	{"/%2fadmin", "h /admin"},
	{"/a%2f%2F/b%2f", "h /a/b/"},
	{"/a/.//b", "h /a/b"},
	{"/a/..//b", "h /b"},
	{"//", "h /"},
	{"//?x", "h /"},
	{"http://h//admin", "h /admin absolute"},
	{"/a/./b/.", "h /a/b/"},
	{"/a/../b", "h /b"},
	{"/a/b/..", "h /a/"},
	{"/..", "h /"},
	{"/../../x", "h /x"},
	{"/a//..", "ambiguous"},
	{"//../a", "ambiguous"},
	{"/a//b/../../c", "ambiguous"},
	{"/a/%2f%2e%2e/b", "ambiguous"},
	{"/a//./..?x", "ambiguous"},
	{"/a?//..", "h /a"},
	{"/a/b/../../../c/.././d", "h /d"},
	{"/...", "h /..."},
	{"/..a/.b/c.", "h /..a/.b/c."},
	{"/a%2f..%2fb", "h /b"},
	{"/%2e%2E/%2e/a", "h /a"},
	{"/a/.%2e", "h /"},
	{"/%61%20%3f%23", "h /a ?#"},
	{"/%2561", "h /%61"},
	{"/%252e%252e/a", "h /%2e%2e/a"},
	{"/%zz%4%%41%", "h /%zz%4%A%"},
	{"/%2/..", "h /"},
	{"/a?/../b?c", "h /a"},
	{"/a/..?x", "h /"},
	{"/a%5cb", "h /a\\b"},
	{"/\240b", "h /\240b"},
	{"/%a0", "h /\240"},
	{"/\240?", "h /\240"},
	{"*", "h *"},
	{"http://H", "h / absolute"},
	{"http://h.:80/a/../b", "h /b absolute"},
	{"HTTPS://h?x", "h / absolute"},
	{"http://other/", "ambiguous"},
	{"http://h/%2e./#", "ambiguous"},
	{"http://u@h/", "ambiguous"},
	{"http:///a", "ambiguous"},
	{"http:/h/", "ambiguous"},
	{"http://h#a", "ambiguous"},
	{"/a#b", "ambiguous"},
	{"/a\\..\\b", "ambiguous"},
	{"/a b", "ambiguous"},
	{" /a", "ambiguous"},
	{"/a\tb", "ambiguous"},
	{"/a\001", "ambiguous"},
	{"/ok%00/secret", "ambiguous"},
	{"/%00", "ambiguous"},
	{"/a?%00", "h /a"},
	{"/%2500", "h /%00"},
	{"/a?\177", "ambiguous"},
	{"a", "ambiguous"},
	{"%2fa", "ambiguous"},
	{"ftp://h/", "ambiguous"},
	{"*a", "ambiguous"},
};

static void targets_give_hosts_and_paths(void **state)
{
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	char request[512], want[512];
	size_t i;

	for (i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
			 targets[i].target);
		if (strchr(targets[i].want, ' '))
			snprintf(want, sizeof(want), "0> GET %s", targets[i].want);
		else
			snprintf(want, sizeof(want), "> stop %s in 0", targets[i].want);
		if (strcmp(head_of(t, request), want) != 0)
			print_error("target %s\n", targets[i].target);
		assert_string_equal(head_of(t, request), want);
	}
}

/*
 * RFC 3986 5.2.4 by the book, on a path that begins with '/', and then one slash for several.
 * Returns false where taking them for one before would give another path.
 */
static bool plain_canonical(const char *in, char *out)
{
	char decoded[512], *d = decoded, *last;
	bool empty = false;
	size_t used = 0, n;
	unsigned int c;
	char hex[3] = "";

	for (; *in; in++) {
		if (in[0] == '%' && isxdigit((unsigned char)in[1]) &&
		    isxdigit((unsigned char)in[2])) {
			memcpy(hex, in + 1, 2);
			c = strtoul(hex, NULL, 16);
			*d++ = c;
			in += 2;
		} else {
			*d++ = *in;
		}
	}
	*d = 0;
	for (d = decoded; *d; d += n) {
		n = 1 + strcspn(d + 1, "/");
		out[used] = 0;
		empty |= n == 1 && d[1];
		if (n == 3 && d[1] == '.' && d[2] == '.') {
			if (empty)
				return false;
			last = strrchr(out, '/');
			used = last ? last - out : 0;
		} else if (n != 2 || d[1] != '.') {
			memcpy(out + used, d, n);
			used += n;
			continue;
		}
		if (!d[n])
			out[used++] = '/';
	}
	out[used] = 0;
	for (used = 0, d = out; *d; d++)
		if (*d != '/' || d[1] != '/')
			out[used++] = *d;
	out[used] = 0;
	return true;
}

static void random_paths_are_canonical(void **state)
{
	static const char *const bits[] = {"/",   "/",   "/.", "/..", ".",   "a",
					   "%2e", "%2F", "%",  "%4",  "%41", "bc"};
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	char target[256], request[512], path[512], want[600];
	int i, j;

	for (i = 0; i < 20000; i++) {
		strcpy(target, "/");
		for (j = rand() % 16; j > 0; j--)
			strcat(target, bits[rand() % (sizeof(bits) / sizeof(bits[0]))]);
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
		if (plain_canonical(target, path))
			snprintf(want, sizeof(want), "0> GET h %s", path);
		else
			strcpy(want, "> stop ambiguous in 0");
		assert_string_equal(head_of(t, request), want);
	}
}

static const struct {
	const char *request;
	const char *want;
} heads[] = {
	/* accepted */
	{"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "0> GET [::1] /"},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "0> GET  / nohost"},
	{"GET / HTTP/1.1\r\n\r\n", "0> GET  / nohost"},
	{"\r\n\nGET / HTTP/1.1\r\nHost: a_b-c.1\r\n\r\n", "0> GET a_b-c.1 /"},
	{"PROPFIND / HTTP/1.9\r\nHost: a\r\n\r\n", "0> PROPFIND a /"},
	{"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", "0> PRI a *"},
	{"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\xff\r\n\r\n", "0> GET a /"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 00\r\n\r\n",
	 "0> GET a / length"},
	{"GET / HTTP/1.1\r\nHost: a\r\nXContent-Length: 1\r\nHosts: b\r\n\r\n", "0> GET a /"},
	{"GET / HTTP/1.1\r\nHost: a\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaahost: b\r\n\r\n",
	 "0> GET a /"},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, xclose\r\n\r\n", "0> GET a /"},
	/* read differently by different servers */
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: .a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "> stop ambiguous in 0"},
	{"GET http://ab/ HTTP/1.1\r\nHost: a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET http://a/ HTTP/1.1\r\nHost: ab\r\n\r\n", "> stop ambiguous in 0"},
	{"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a\r\rX: b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost: a\r\n\rX", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nHost\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\n: a\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nX: a\001\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	 "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: \r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: 18446744073709551617\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	 "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: \vchunked\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	 "> stop ambiguous in 0"},
	{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "> stop ambiguous in 0"},
	{"CONNECT a HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "> stop ambiguous in 0"},
	{"CONNECT a/b HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/2.0\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.1 \r\n\r\n", "> stop ambiguous in 0"},
	{"GET / HTTP/1.11\r\n\r\n", "> stop ambiguous in 0"},
	{"GET / http/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"GET /\r\n\r\n", "> stop ambiguous in 0"},
	{"GET a\r\n\r\n", "> stop ambiguous in 0"},
	{"get / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{" GET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"\rGET / HTTP/1.1\r\n\r\n", "> stop ambiguous"},
	{"\tGET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"\fGET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"\034GET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"\205GET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"\240GET / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\t/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\v/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\r/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\r / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\037/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST\240/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST \t/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST \205/ HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST /\240 HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST /\t HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST / \240HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST / HTTP/01.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST / HTTP/+1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST a HTTP/01.1\r\n\r\n", "> stop ambiguous in 0"},
	{"POST a  http/2\r\n\r\n", "> stop ambiguous in 0"},
	{"POST a\tHHTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"post / HTTP/01.1\r\n\r\n", "> stop ambiguous in 0"},
	{"post / HTTP/2.0\r\n\r\n", "> stop ambiguous in 0"},
	{"post /  HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	{"post /\r\n\r\n", "> stop ambiguous in 0"},
	{"post a HTTP/01.1\r\n\r\n", "> stop ambiguous in 0"},
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n\r\n", "> stop ambiguous in 0"},
	/* not HTTP */
	{"{\"jsonrpc\":\"2.0\"}", "> stop not_http"},
	{"EHLO mail.example\r\n", "> stop not_http"},
	{"set key 0 0 5\r\n", "> stop not_http"},
	{"PING\r\n", "> stop not_http"},
	{"PING\n", "> stop not_http"},
	{"*1\r\n$4\r\nPING\r\n", "> stop not_http"},
	{"POST a\r\n", "> stop not_http"},
	{"POST a HTTP 1.1\r\n", "> stop not_http"},
	{"POST a \001HTTP/1.1\r\n", "> stop not_http"},
	{"GE(T / HTTP/1.1\r\n", "> stop not_http"},
	{"\200\001", "> stop not_http"},
};

static void heads_are_read_or_refused(void **state)
{
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (strcmp(head_of(t, heads[i].request), heads[i].want) != 0)
			print_error("request %s\n", heads[i].request);
		assert_string_equal(head_of(t, heads[i].request), heads[i].want);
	}
}

#define CHUNKED_HEAD "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

static void odd_chunks_end_the_reader(void **state)
{
	static const char *const odd[] = {
		"5\nhello\r\n",
		"\r\n",
		"g\r\n",
		"5;a\nhello",
		"5 6\r\nhello",
		"5\r\nhello\n",
		"5\r\nhelloX\r",
		"5\r\nhello\rX",
		"5\rX",
		"0\r\nX : y",
		"0\r\n\rX",
		"-1\r\n",
		"0x5\r\nhello",
		"5;a\001\r\n",
		";a\r\n",
		"0\r\n a\r\n",
		"1234567890abcdef0\r\n",
	};
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	char request[256];
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(request, sizeof(request), CHUNKED_HEAD "%s", odd[i]);
		head_of(t, request);
		if (!strstr(t->text + strlen(t->text) + 1, "0> cut\n> stop ambiguous\n"))
			print_error("chunk %s\n", odd[i]);
		assert_non_null(
			strstr(t->text + strlen(t->text) + 1, "0> cut\n> stop ambiguous\n"));
	}
}

static void odd_responses_end_the_reader(void **state)
{
	static const char *const odd[] = {
		"<HTTP/1.1 20 OK\r\n",
		"<HTTP/1.1 2000 OK\r\n",
		"<HTTP/1.1 099 OK\r\n",
		"<HTTP/1.1  200 OK\r\n",
		"<HTTP/1.1 200 O\001K\r\n",
		"<HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"<HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	};
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	const char *script[MAX_PIECES] = {">GET / HTTP/1.1\r\nHost: a\r\n\r\n"};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		script[1] = odd[i];
		play(t, script, 0, 0);
		assert_string_equal(t->text, "0> GET a /\n0> end\n< stop ambiguous in 0\n");
	}
	script[1] = "<ICY 200 OK\r\n";
	play(t, script, 0, 0);
	assert_string_equal(t->text, "0> GET a /\n0> end\n< stop not_http\n");
}

/* Request `n` bytes of something in a head; the first line of the transcript. */
static const char *long_head(struct transcript *t, const char *before, size_t n, const char *after)
{
	_free_ char *request = malloc(strlen(before) + n + strlen(after) + 1);

	strcpy(request, before);
	memset(request + strlen(before), 'a', n);
	strcpy(request + strlen(before) + n, after);
	return head_of(t, request);
}

static void limits_are_exact(void **state)
{
	static const char *const host = "GET / HTTP/1.1\r\nHost: ", *const end = "\r\n\r\n";
	static const char *const path = "GET /", *const path_end = " HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char *const field = "GET / HTTP/1.1\r\nHost: h\r\nX:";
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	size_t room = HTTP1_HEAD_MAX - strlen(field) - 4;

	long_head(t, host, HTTP1_HOST_SIZE - 1, end);
	assert_int_equal(strlen(t->text), strlen("0> GET  /") + HTTP1_HOST_SIZE - 1);
	assert_string_equal(long_head(t, host, HTTP1_HOST_SIZE, end), "> stop ambiguous in 0");

	long_head(t, path, HTTP1_PATH_SIZE - 2, path_end);
	assert_int_equal(strlen(t->text), strlen("0> GET h ") + HTTP1_PATH_SIZE - 1);
	long_head(t, path, HTTP1_PATH_SIZE - 1, path_end);
	assert_non_null(strstr(t->text, "a toolong"));
	long_head(t, path, HTTP1_PATH_SIZE * 2, "/../../x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(strlen(t->text), strlen("0> GET h  toolong") + HTTP1_PATH_SIZE - 1);

	assert_string_equal(long_head(t, "POST %", HTTP1_PATH_SIZE - 8, "\r\n"), "> stop not_http");
	assert_string_equal(long_head(t, "POST %", HTTP1_PATH_SIZE, ""), "> stop ambiguous in 0");

	assert_string_equal(long_head(t, field, room, end), "0> GET h /");
	assert_string_equal(long_head(t, field, room + 1, end), "> stop head_too_long in 0");
}

static void many_requests_may_wait_for_answers(void **state)
{
	static const char *const request = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char *const response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	_free_ struct transcript *t = calloc(1, sizeof(*t));
	_cleanup_(http_cleanup) struct http *http = NULL;
	int i;

	assert_int_equal(http_new(&http, handlers, t), 0);
	for (i = 0; i < HTTP1_PAIRS; i++)
		http_feed(http, HTTP_REQUEST, request, strlen(request));
	for (i = 0; i < HTTP1_PAIRS; i++)
		http_feed(http, HTTP_RESPONSE, response, strlen(response));
	assert_non_null(strstr(t->text, "63< 200 length\n63< end\n"));

	for (i = 0; i <= HTTP1_PAIRS; i++)
		http_feed(http, HTTP_REQUEST, request, strlen(request));
	http_feed(http, HTTP_RESPONSE, response, strlen(response));
	assert_non_null(strstr(t->text, "< stop unpaired in 64\n"));
}

/* How BPF programs learn of answers: they have no reader of responses. */
static void first_bytes_answer(void **state)
{
	static const struct {
		const char *request, *answer;
		bool goes_on;
	} cases[] = {
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", true},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.0 404", true},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 40", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 101 Now\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 100 Go\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/2.1 200 OK\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1  200 OK\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "xHTTP/1.1 200 OK\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n", false},
		{"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 1HTTP/1.1 200", false},
		{"CONNECT a HTTP/1.1\r\n\r\n", "HTTP/1.1 407 No\r\n", true},
		{"CONNECT a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 Fine\r\n", false},
		{"CONNECT a HTTP/1.1\r\n\r\n", "HTTP/1.1 204 Fine\r\n", false},
	};
	_free_ struct http1 *reader = calloc(1, sizeof(*reader));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const text[] = {cases[i].request, "GET /2 HTTP/1.1\r\n\r\n"};

		http1_init(reader, HTTP1_REQUESTS);
		http1_answer_byte(reader, 'x'); /* before there is a question */
		for (size_t k = 0; k < 2; k++) {
			struct http1_step step = {.size = strlen(text[k])};

			while (!http1_step(reader, &step, (const __u8 *)text[k], ~0U))
				;
			for (const char *c = cases[i].answer; !k && *c; c++)
				http1_answer_byte(reader, (__u8)*c);
		}
		if ((reader->state != HTTP1_S_LOST) != cases[i].goes_on)
			print_error("answer %s\n", cases[i].answer);
		assert_int_equal(reader->state != HTTP1_S_LOST, cases[i].goes_on);
		assert_int_equal(reader->begun, 1 + cases[i].goes_on);
	}
}

/* BPF programs walk a piece in a fixed number of steps. */
static void steps_are_bounded(void **state)
{
	static const char *const before[] = {
		"GET /", "GET /", "GET /", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n", ""};
	static const char *const again[] = {"%a",   "%a%a%a/..", "/a/..",
					    "a:\n", "Host:\n",   "A / HTTP/1.1\n\n"};
	enum { PIECE = 16384 };
	_free_ struct http1 *reader = calloc(1, sizeof(*reader));
	_free_ __u8 *piece = malloc(PIECE);
	size_t i, j, used, steps;

	for (i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		struct http1_step step = {.size = PIECE};

		used = strlen(before[i]);
		memcpy(piece, before[i], used);
		for (j = 0; used < PIECE; used++, j++)
			piece[used] = again[i][j % strlen(again[i])];
		http1_init(reader, HTTP1_REQUESTS);
		for (steps = 1; !http1_step(reader, &step, piece, PIECE - 1); steps++)
			;
		assert_int_equal(step.pos, PIECE);
		assert_true(steps <= HTTP1_STEPS(PIECE));
	}
}

/* Damages a talk in a few places; the same bytes in other pieces must tell the same. */
static void random_damage_split_anywhere_is_the_same(void **state)
{
	_free_ struct transcript *whole = calloc(1, sizeof(*whole)),
				 *split = calloc(1, sizeof(*split));
	const char *script[MAX_PIECES];
	char copies[MAX_PIECES][512];
	int round, i, j;
	size_t len;

	for (round = 0; round < 20000; round++) {
		const char *const *talk = talks[rand() % (sizeof(talks) / sizeof(talks[0]))].script;

		memset(script, 0, sizeof(script));
		for (i = 0; i < MAX_PIECES && talk[i]; i++) {
			len = strlen(talk[i]);
			memcpy(copies[i], talk[i], len + 1);
			for (j = rand() % 3; j > 0 && len > 2; j--)
				copies[i][1 + rand() % (len - 1)] = " \r\n:/.%0,a;\t"[rand() % 12];
			script[i] = copies[i];
		}
		play(whole, script, 0, 0);
		play(split, script, 0, 1 + rand() % 20);
		assert_string_equal(split->text, whole->text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks_give_their_transcript),
		cmocka_unit_test(talks_split_anywhere_are_the_same),
		cmocka_unit_test(targets_give_hosts_and_paths),
		cmocka_unit_test(random_paths_are_canonical),
		cmocka_unit_test(heads_are_read_or_refused),
		cmocka_unit_test(odd_chunks_end_the_reader),
		cmocka_unit_test(odd_responses_end_the_reader),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(many_requests_may_wait_for_answers),
		cmocka_unit_test(first_bytes_answer),
		cmocka_unit_test(steps_are_bounded),
		cmocka_unit_test(random_damage_split_anywhere_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
