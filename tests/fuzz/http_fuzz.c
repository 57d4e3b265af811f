/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Random bytes in both directions, fed in the given pieces and again byte by byte: both must tell
 * the same, every head has one end, and names are what they promise to be.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>

#include "http1.h"

struct told {
	uint64_t digest;
	bool open[2];
	bool stopped[2];
	uint64_t heads[2];
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void mix(struct told *told, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (; len; bytes++, len--)
		told->digest = (told->digest ^ *bytes) * 0x100000001b3ULL;
}

static void mix_number(struct told *told, uint64_t number)
{
	mix(told, &number, sizeof(number));
}

static void check_path(const struct http_message *m)
{
	size_t i;

	if (!m->path_len || m->path[0] == '*' || m->flags & HTTP1_PATH_TOO_LONG)
		return;
	check(m->path[0] == '/');
	for (i = 0; i < m->path_len; i++) {
		const char *at = m->path + i;
		size_t left = m->path_len - i;

		if (*at != '/')
			continue;
		check(left < 2 || at[1] != '/');
		check(left < 3 || memcmp(at, "/./", 3) != 0);
		check(left < 4 || memcmp(at, "/../", 4) != 0);
		check(left != 2 || at[1] != '.');
		check(left != 3 || at[1] != '.' || at[2] != '.');
	}
}

static void check_host(const struct http_message *m)
{
	size_t i;

	for (i = 0; i < m->host_len; i++)
		check(m->host[i] > ' ' && !(m->host[i] >= 'A' && m->host[i] <= 'Z'));
	check(!m->host_len || m->host[m->host_len - 1] != '.');
}

static void mix_message(struct told *told, const struct http_message *m)
{
	check(strnlen(m->method, HTTP1_METHOD_SIZE) == m->method_len);
	check(strnlen(m->host, HTTP1_HOST_SIZE) == m->host_len);
	check(strnlen(m->path, HTTP1_PATH_SIZE) == m->path_len);
	mix_number(told, m->ordinal);
	mix_number(told, m->flags | (uint64_t)m->status << 32);
	mix_number(told, m->length);
	mix(told, m->method, m->method_len);
	mix(told, m->host, m->host_len);
	mix(told, m->path, m->path_len);
}

static void on_head(void *arg, const struct http_message *m)
{
	struct told *told = arg;

	check(!told->open[m->direction] && !told->stopped[m->direction]);
	check(m->ordinal == told->heads[m->direction]++);
	told->open[m->direction] = true;
	check_path(m);
	check_host(m);
	mix(told, "h", 1);
	mix_message(told, m);
}

static void on_body(void *arg, const struct http_message *m, const void *data, size_t len)
{
	struct told *told = arg;

	check(told->open[m->direction] && len > 0);
	mix(told, data, len);
}

static void on_end(void *arg, const struct http_message *m, bool complete)
{
	struct told *told = arg;

	check(told->open[m->direction]);
	told->open[m->direction] = false;
	mix(told, complete ? "e" : "c", 1);
	mix_number(told, m->ordinal);
}

static void on_stop(void *arg, enum http_direction direction, enum http_why why,
		    const struct http_message *unread)
{
	struct told *told = arg;

	check(!told->open[direction] && !told->stopped[direction]);
	told->stopped[direction] = true;
	mix(told, http_why_name(why), strlen(http_why_name(why)));
	if (unread)
		mix_message(told, unread);
}

static const struct http_handler handlers[2] = {
	{on_head, on_body, on_end, on_stop},
	{on_head, on_body, on_end, on_stop},
};

/* Bytes up to the next 0xff; after it one that says what comes next: direction, gap, end. */
static uint64_t play(const uint8_t *data, size_t size, size_t part)
{
	struct told told = {};
	struct http *http = NULL;
	enum http_direction direction = HTTP_REQUEST;
	size_t n;

	check(http_new(&http, handlers, &told) == 0);
	for (; size; data += n, size -= n) {
		if (data[0] == 0xff && size > 1) {
			direction = data[1] & 1;
			if (data[1] % 16 == 14 || data[1] % 16 == 15)
				http_gap(http, direction);
			if (data[1] % 16 == 12 || data[1] % 16 == 13)
				http_end(http, direction);
			n = 2;
			continue;
		}
		for (n = 1; n < size && data[n] != 0xff && (!part || n < part); n++)
			;
		http_feed(http, direction, data, n);
	}
	http_end(http, HTTP_REQUEST);
	http_end(http, HTTP_RESPONSE);
	check(!told.open[0] && !told.open[1]);
	http_free(http);
	return told.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole = play(data, size, 0);

	check(play(data, size, 1) == whole);
	check(play(data, size, 7) == whole);
	return 0;
}
