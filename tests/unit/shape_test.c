/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* How streams begin (bpf/shape.h): what is HTTP, whatever its method, and what is not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>

#include "shape.h"

struct opening {
	const char *text;
	size_t len;
	size_t known; /* after so many bytes; 0: it need not be known at the end */
};

#define TEXT(s)	      {s, sizeof(s) - 1, 0}
#define KNOWN_AT(n, s) {s, sizeof(s) - 1, n}

static const struct opening requests[] = {
	KNOWN_AT(5, "GET / HTTP/1.1\r\n"),
	KNOWN_AT(5, "get / HTTP/1.1\r\n"),
	KNOWN_AT(7, "\r\nGET / HTTP/1.1\r\n"),
	KNOWN_AT(6, "\tGET / HTTP/1.0\r\n"),
	KNOWN_AT(6, "\xa0GET / HTTP/1.0\r\n"),
	KNOWN_AT(5, "GET\t/ HTTP/1.0\r\n"),
	KNOWN_AT(5, "GET\r/ HTTP/1.0\r\n"),
	KNOWN_AT(5, "GET\x1c/ HTTP/1.0\r\n"),
	KNOWN_AT(7, "GET   / HTTP/1.0\r\n"),
	KNOWN_AT(10, "PROPFIND / HTTP/1.1\r\n"),
	KNOWN_AT(5, "FOO / HTTP/1.1\r\n"),
	KNOWN_AT(5, "M-S /x"),
	KNOWN_AT(43, "AN-EXTRAORDINARILY-LONG-METHOD-OF-40-BYTE /"),
	KNOWN_AT(9, "GET http://h/ HTTP/1.1\r\n"),
	KNOWN_AT(10, "GET HTTPS://h/ HTTP/1.1\r\n"),
	TEXT("CONNECT h.example:443 HTTP/1.1\r\n"),
	TEXT("OPTIONS * HTTP/1.1\r\n"),
	TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	TEXT("POST x:/y HTTP/1.0\r\n"),
	TEXT("GET x http/1.0\r\n"),
	TEXT("GET htt HTTP/1.0\r\n"),
};

static const struct opening others[] = {
	TEXT("\x16\x03\x01\x02\x00\x01"),			  /* TLS */
	TEXT("EHLO h.example\r\n"),				  /* SMTP */
	TEXT("HELO http.example\r\n"),
	TEXT("MAIL FROM:<a@b> SIZE=10\r\n"),
	TEXT("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),	  /* SSH */
	TEXT("SSH-2.0-Renci.SshNet.SshClient.0.0.1-and-more\r\n"),
	TEXT("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),		  /* Redis */
	TEXT("PING\r\n"),
	TEXT("GET key\r\n"),
	TEXT("get key other\r\n"),				  /* memcached */
	TEXT("set key 0 0 5\r\n/path\r\n"),
	TEXT("\x20\x00\x00\x01\x85\xa6\xff\x01\x00\x00\x00\x01"), /* MySQL */
	TEXT("\x00\x00\x00\x08\x04\xd2\x16\x2f"),		  /* Postgres */
	TEXT("\x10\x10\x00\x04MQTT"),
	TEXT("AMQP\x00\x00\x09\x01"),
	TEXT("CONNECT {\"verbose\":false}\r\n"),		  /* NATS */
	TEXT("CONNECT\naccept-version:1.2\n"),			  /* STOMP */
	TEXT("a001 LOGIN user word\r\n"),			  /* IMAP */
	TEXT("USER guest * 0 :name\r\n"),			  /* IRC */
	TEXT("DESCRIBE rtsp://h/ RTSP/1.0\r\n"),
	TEXT("REGISTER sip:h SIP/2.0\r\n"),
	TEXT("@RSYNCD: 31.0\n"),
	TEXT("{\"id\": 1}\n"),
	TEXT("/path\r\n"),
	TEXT("servers.web1.cpu 3.2 1234\n"),
	TEXT("two words\n/and a line\n"),
};

/* The state at the end; the number of bytes after which it was known. */
static uint32_t state_of(const struct opening *o, size_t *ret_known)
{
	uint32_t state = 0;

	*ret_known = 0;
	for (size_t i = 0; i < o->len; i++) {
		state = shape_next(state, (unsigned char)o->text[i]);
		if (!*ret_known && shape_of(state) >= SHAPE_HTTP)
			*ret_known = i + 1;
	}
	return shape_of(state);
}

static void test_requests(void **state)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		size_t known;
		uint32_t shape = state_of(&requests[i], &known);

		if (shape != SHAPE_HTTP || (requests[i].known && known != requests[i].known))
			fail_msg("<%s>: %u after %zu bytes", requests[i].text, shape, known);
	}
}

static void test_others(void **state)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t known;
		uint32_t shape = state_of(&others[i], &known);

		if (shape != SHAPE_OTHER)
			fail_msg("<%s>: %u after %zu bytes", others[i].text, shape, known);
	}
}

static void test_undecided(void **state)
{
	const struct opening open[] = {TEXT(""), TEXT("\r\n\r\n"), TEXT("GET"), TEXT("GET "),
				       TEXT("GET http"), TEXT("CONNECT h:443"), TEXT("A B HTTP")};
	size_t known;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_true(state_of(&open[i], &known) < SHAPE_HTTP);
}

static void test_tokens(void **state)
{
	static const char others_of_token[] = "\"(),/:;<=>?@[\\]{}";

	for (uint32_t c = 0; c < 256; c++) {
		bool token = c > ' ' && c < 127;

		for (const char *at = others_of_token; *at; at++)
			token &= c != (unsigned char)*at;
		assert_int_equal(shape_is_token(c), token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
