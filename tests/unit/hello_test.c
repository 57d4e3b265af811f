/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"

/* Bytes under construction. */
struct bytes {
	uint8_t data[70000];
	size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= sizeof(b->data));
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

/* A number of so many bytes. */
static void put_number(struct bytes *b, size_t number, size_t width)
{
	while (width--)
		put(b, (uint8_t[]){(uint8_t)(number >> 8 * width)}, 1);
}

/* Something with its length in front, of so many bytes. */
static void put_sized(struct bytes *b, const struct bytes *inner, size_t width)
{
	put_number(b, inner->len, width);
	put(b, inner->data, inner->len);
}

static void put_extension(struct bytes *b, unsigned int type, const void *data, size_t len)
{
	put_number(b, type, 2);
	put_number(b, len, 2);
	put(b, data, len);
}

static void put_name_of(struct bytes *b, unsigned int type, const void *name, size_t len)
{
	put_number(b, 0, 2);
	put_number(b, len + 5, 2);
	put_number(b, len + 3, 2);
	put_number(b, type, 1);
	put_number(b, len, 2);
	put(b, name, len);
}

static void put_server_name(struct bytes *b, const char *name)
{
	put_name_of(b, 0, name, strlen(name));
}

/* A ClientHello with these extensions, NULL: none at all. */
static struct bytes *message_of(const struct bytes *extensions)
{
	static struct bytes body, message;

	body.len = message.len = 0;
	put(&body, "\3\3", 2);
	put(&body, "0123456789abcdef0123456789abcdef", 32);
	put(&body, "\4same", 5);
	put(&body, "\0\4\x13\1\x13\2", 6);
	put(&body, "\1\0", 2);
	if (extensions)
		put_sized(&body, extensions, 2);
	put_number(&message, TLS_CLIENT_HELLO, 1);
	put_sized(&message, &body, 3);
	return &message;
}

static void put_record(struct bytes *b, unsigned int type, const void *data, size_t len)
{
	put_number(b, type, 1);
	put(b, "\3\1", 2);
	put_number(b, len, 2);
	put(b, data, len);
}

/* The message in records of at most `size` bytes. */
static struct bytes *sent(const struct bytes *message, size_t size)
{
	static struct bytes stream;

	stream.len = 0;
	for (size_t at = 0; at < message->len; at += size)
		put_record(&stream, TLS_HANDSHAKE, message->data + at,
			   message->len - at < size ? message->len - at : size);
	return &stream;
}

/* Reads a stream in pieces of `size` bytes, as packets bring it; 0: without passing over anything. */
static struct hello read_in_pieces(const struct bytes *stream, size_t size)
{
	struct hello h = {0};

	for (size_t i = 0; !size && i < stream->len && !hello_ended(&h); i++)
		hello_next(&h, stream->data[i]);
	if (!size)
		return h;

	for (size_t at = 0; at < stream->len && !hello_ended(&h); at += size) {
		size_t end = at + size < stream->len ? at + size : stream->len;

		for (size_t i = at; i < end && !hello_ended(&h);) {
			uint32_t n = hello_skip(&h, (uint32_t)(end - i));

			assert_true(n <= end - i);
			i += n;
			if (i < end && !hello_ended(&h))
				hello_next(&h, stream->data[i++]);
		}
	}
	return h;
}

/* Asserts that a stream says so, however it is cut. */
static void says(const struct bytes *stream, uint32_t state, const char *name)
{
	const size_t sizes[] = {0, 1, 2, 3, 5, 7, 64, 1460, 70000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hello h = read_in_pieces(stream, sizes[i]);

		assert_int_equal(h.state, state);
		if (state != HELLO_DONE)
			continue;
		assert_int_equal(h.name.len, strlen(name));
		assert_memory_equal(h.name.text, name, strlen(name) + 1);
	}
}

/* The same of a message, in records of several sizes. */
static void message_says(const struct bytes *message, uint32_t state, const char *name)
{
	const size_t sizes[] = {16384, 1, 6, 100};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		says(sent(message, sizes[i]), state, name);
}

static void extensions_say(const struct bytes *extensions, uint32_t state, const char *name)
{
	message_says(message_of(extensions), state, name);
}

static void name_says(const char *name, uint32_t state, const char *expected)
{
	struct bytes *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	put_server_name(b, name);
	extensions_say(b, state, expected);
	free(b);
}

static void test_names(void **state)
{
	char longest[254], longer[300];

	(void)state;
	name_says("api.example.com", HELLO_DONE, "api.example.com");
	name_says("API.Example.COM.", HELLO_DONE, "api.example.com");
	name_says("localhost", HELLO_DONE, "localhost");
	name_says("a\xc3\xa4.example", HELLO_DONE, "a??.example");
	name_says("a b", HELLO_DONE, "a?b");
	name_says("x*.example", HELLO_DONE, "x?.example");
	name_says("a..b", HELLO_BROKEN, NULL);
	name_says(".a", HELLO_BROKEN, NULL);
	name_says(".", HELLO_BROKEN, NULL);
	name_says("a..", HELLO_BROKEN, NULL);
	name_says("", HELLO_BROKEN, NULL);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[253] = 0;
	name_says(longest, HELLO_DONE, longest);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[299] = 0;
	name_says(longer, HELLO_BROKEN, NULL);
	longer[256] = 0;
	name_says(longer, HELLO_BROKEN, NULL);
}

/* A NUL in a name does not end it for us when a server might read on, nor the other way around. */
static void test_nul_in_name(void **state)
{
	struct bytes *b = calloc(1, sizeof(*b));

	(void)state;
	assert_non_null(b);
	put_name_of(b, 0, "good.test\0.evil.test", 20);
	extensions_say(b, HELLO_DONE, "good.test?.evil.test");
	free(b);
}

static void test_extensions(void **state)
{
	struct bytes *b = calloc(1, sizeof(*b));
	uint8_t key[1200] = {0};

	(void)state;
	assert_non_null(b);
	message_says(message_of(NULL), HELLO_DONE, "");
	extensions_say(b, HELLO_DONE, "");
	put_extension(b, 10, "\0\2\0\x1d", 4);
	extensions_say(b, HELLO_DONE, "");
	put_server_name(b, "api.test");
	extensions_say(b, HELLO_DONE, "api.test");
	put_extension(b, 23, "", 0);
	extensions_say(b, HELLO_DONE, "api.test");
	put_extension(b, 51, key, sizeof(key)); /* keys after quantum fill more than one packet */
	extensions_say(b, HELLO_DONE, "api.test");
	put_server_name(b, "api.test"); /* a second one */
	extensions_say(b, HELLO_BROKEN, NULL);
	free(b);
}

/* Lists of names that are none, or more than one. */
static void test_odd_lists(void **state)
{
	struct bytes *b = calloc(1, sizeof(*b));

	(void)state;
	assert_non_null(b);
	put_name_of(b, 1, "api.test", 8);
	extensions_say(b, HELLO_BROKEN, NULL);
	b->len = 0;
	put_extension(b, 0, "", 0);
	extensions_say(b, HELLO_BROKEN, NULL);
	b->len = 0;
	put_extension(b, 0, "\0\0", 2);
	extensions_say(b, HELLO_BROKEN, NULL);
	b->len = 0;
	put_extension(b, 0, "\0\x8\0\0\1a\0\0\1b", 10); /* two */
	extensions_say(b, HELLO_BROKEN, NULL);
	b->len = 0;
	put_extension(b, 0, "\0\4\0\0\2a", 6); /* longer than its list */
	extensions_say(b, HELLO_BROKEN, NULL);
	free(b);
}

/* Every length that does not fit into what holds it. */
static void test_lengths(void **state)
{
	const size_t places[] = {3 /* of the message */, 38 /* session */,
				 49 /* methods */, 52 /* extensions */, 56 /* extension */, 58, 61};
	struct bytes *b = calloc(1, sizeof(*b)), *message;

	(void)state;
	assert_non_null(b);
	put_server_name(b, "api.test");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (int by = -1; by <= 1; by += 2) {
			message = message_of(b);
			message->data[places[i]] += (uint8_t)by;
			message_says(message, HELLO_BROKEN, NULL);
		}
	}
	free(b);
}

static void test_other_records(void **state)
{
	struct bytes *b = calloc(1, sizeof(*b)), *stream = calloc(1, sizeof(*stream)), *message;

	(void)state;
	assert_true(b && stream);
	put_server_name(b, "api.test");
	message = message_of(b);
	put_record(stream, 0x15, "\1\x5a", 2); /* an alert that servers pass over */
	put_record(stream, 0x14, "\1", 1);
	put_record(stream, TLS_HANDSHAKE, "", 0);
	put_record(stream, TLS_HANDSHAKE, message->data, message->len);
	put_record(stream, 0x17, "early data", 10);
	says(stream, HELLO_DONE, "api.test");
	stream->len = 0;
	put_record(stream, TLS_HANDSHAKE, message->data, 20);
	put_record(stream, 0x15, "\1\x5a", 2); /* in its midst */
	put_record(stream, TLS_HANDSHAKE, message->data + 20, message->len - 20);
	says(stream, HELLO_BROKEN, NULL);
	stream->len = 0;
	put(stream, "GET / HTTP/1.1\r\n", 16);
	says(stream, HELLO_BROKEN, NULL);
	stream->len = 0;
	put_record(stream, TLS_HANDSHAKE, "\2\0\0\46", 4); /* a ServerHello */
	says(stream, HELLO_BROKEN, NULL);
	free(b);
	free(stream);
}

/* Whatever comes, the name stays in its place and lengths do not run under. */
static void test_random(void **state)
{
	struct bytes *b = calloc(1, sizeof(*b)), *message;

	(void)state;
	assert_non_null(b);
	put_extension(b, 10, "\0\2\0\x1d", 4);
	put_server_name(b, "api.test");
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		struct bytes *stream;
		struct hello whole, parted;

		message = message_of(b);
		stream = sent(message, 1 + (size_t)random() % 120);
		for (int n = (int)(random() % 4); n; n--)
			stream->data[(size_t)random() % stream->len] = (uint8_t)random();
		whole = read_in_pieces(stream, stream->len);
		parted = read_in_pieces(stream, (size_t)random() % 40);
		assert_memory_equal(&whole, &parted, sizeof(whole));
		assert_true(whole.name.len < DNS_TEXT && whole.state <= HELLO_BROKEN);
	}
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_nul_in_name),
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_odd_lists),
		cmocka_unit_test(test_lengths),	   cmocka_unit_test(test_other_records),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
