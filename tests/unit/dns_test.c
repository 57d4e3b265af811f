/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

/* A message under construction. */
struct message {
	uint8_t data[2 * DNS_SIZE];
	uint32_t len;
};

static void put(struct message *m, const void *data, size_t len)
{
	memcpy(m->data + m->len, data, len);
	m->len += (uint32_t)len;
}

static void put_u16(struct message *m, unsigned int n)
{
	put(m, (uint8_t[]){(uint8_t)(n >> 8), (uint8_t)n}, 2);
}

/* "www.example.com", without the end. */
static void put_labels(struct message *m, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		put(m, (uint8_t[]){(uint8_t)len}, 1);
		put(m, name, len);
		name += len + (name[len] == '.');
	}
}

static void put_name(struct message *m, const char *name)
{
	put_labels(m, name);
	put(m, "", 1);
}

static void put_pointer(struct message *m, unsigned int to)
{
	put_u16(m, 0xc000 | to);
}

static struct message *message(unsigned int flags, const char *name, unsigned int type)
{
	struct message *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	put_u16(m, 0x1234);
	put_u16(m, flags);
	put_u16(m, 1);
	put_u16(m, 0);
	put(m, "\0\0\0", 4);
	put_name(m, name);
	put_u16(m, type);
	put_u16(m, DNS_CLASS_IN);
	return m;
}

static void count_record(struct message *m)
{
	unsigned int n = m->data[6] * 256U + m->data[7] + 1;

	m->data[6] = (uint8_t)(n >> 8);
	m->data[7] = (uint8_t)n;
}

/* What stands behind the name of a record. */
static void put_record(struct message *m, unsigned int type, unsigned int ttl, const void *data,
		       size_t len)
{
	count_record(m);
	put_u16(m, type);
	put_u16(m, DNS_CLASS_IN);
	put_u16(m, ttl >> 16);
	put_u16(m, ttl & 0xffff);
	put_u16(m, (unsigned int)len);
	put(m, data, len);
}

static void put_a(struct message *m, const char *addr, unsigned int ttl)
{
	uint8_t bytes[16];
	bool v6 = strchr(addr, ':');

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes), 1);
	put_pointer(m, DNS_HEADER);
	put_record(m, v6 ? DNS_TYPE_AAAA : DNS_TYPE_A, ttl, bytes, v6 ? 16 : 4);
}

/* Reads it, and writes what is in it as "name,alias,... addr/ttl ... [cut]". Frees the message. */
static const char *read_message(struct message *m)
{
	static struct dns d;
	static char text[8192];
	uint8_t *data = calloc(1, DNS_SIZE);
	struct dns_ctx c = {.msg = data, .d = &d};
	char *at = text;

	assert_non_null(data);
	memset(&d, 0xaa, sizeof(d));
	memcpy(data, m->data, m->len < DNS_SIZE ? m->len : DNS_SIZE);
	*at = '\0';
	if (dns_question(&c, m->len)) {
		dns_records(&c);
		for (uint32_t i = 0; i < d.name_count; i++) {
			assert_int_equal(strlen((char *)d.names[i].text), d.names[i].len);
			at += sprintf(at, "%s%s", i ? "," : "", (char *)d.names[i].text);
		}
		for (uint32_t i = 0; i < d.addr_count; i++) {
			char addr[INET6_ADDRSTRLEN];

			inet_ntop(AF_INET6, d.addrs[i].addr, addr, sizeof(addr));
			at += sprintf(at, " %s/%u", addr, d.addrs[i].ttl);
		}
		if (d.cut)
			strcpy(at, " cut");
	}
	free(data);
	free(m);
	return text;
}

static void addresses_of_both_kinds(void **state)
{
	struct message *m = message(DNS_RESPONSE, "API.Example.com", DNS_TYPE_A);

	put_a(m, "192.0.2.7", 60);
	put_a(m, "2001:db8::1", 0x10001);
	assert_string_equal(read_message(m),
			    "api.example.com ::ffff:192.0.2.7/60 2001:db8::1/65537");
}

static void aliases_by_pointers(void **state)
{
	struct message *m = message(DNS_RESPONSE, "www.example.com", DNS_TYPE_AAAA);
	struct message alias = {};

	put_labels(&alias, "edge");
	put_pointer(&alias, DNS_HEADER + 4); /* example.com */
	put_pointer(m, DNS_HEADER);
	put_record(m, DNS_TYPE_CNAME, 300, alias.data, alias.len);
	alias.len = 0;
	put_name(&alias, "a.cdn.Example");
	put_pointer(m, DNS_HEADER);
	put_record(m, DNS_TYPE_CNAME, 300, alias.data, alias.len);
	put_a(m, "2001:db8::2", 5);
	assert_string_equal(read_message(m),
			    "www.example.com,edge.example.com,a.cdn.example 2001:db8::2/5");
}

/* Their names are written out, and other records stand between. */
static void other_records_are_passed_over(void **state)
{
	struct message *m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);

	put_name(m, "something.else.example");
	put_record(m, 46, 1, "signature", 9);
	put_name(m, "a.b");
	put_record(m, DNS_TYPE_A, 1, "\x0a\0\0\1", 4);
	put_pointer(m, DNS_HEADER);
	put_record(m, DNS_TYPE_A, 1, "\x0a\0\0\1\2", 5); /* no address */
	assert_string_equal(read_message(m), "a.b ::ffff:10.0.0.1/1");
}

/* A dot inside of a label would make one name of another. */
static void bytes_that_hosts_do_not_have(void **state)
{
	struct message *m = message(DNS_RESPONSE, "x", DNS_TYPE_A);

	m->len = DNS_HEADER;
	put(m, "\7a.b c\0d\3com", 13);
	put_u16(m, DNS_TYPE_A);
	put_u16(m, DNS_CLASS_IN);
	assert_string_equal(read_message(m), "a?b?c?d.com");
}

static void what_is_no_question_for_addresses(void **state)
{
	struct message *m = message(DNS_RESPONSE, "a.b", 16);

	assert_string_equal(read_message(m), "");
	m = message(DNS_RESPONSE | 0x2800, "a.b", DNS_TYPE_A); /* an update */
	assert_string_equal(read_message(m), "");
	m = message(DNS_RESPONSE, "", DNS_TYPE_A);
	assert_string_equal(read_message(m), "");
	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	m->data[5] = 2; /* questions */
	assert_string_equal(read_message(m), "");
	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	m->data[m->len - 1] = 3; /* class */
	assert_string_equal(read_message(m), "");
}

static void every_cut_of_a_message(void **state)
{
	struct message *whole = message(DNS_RESPONSE, "www.example.com", DNS_TYPE_A);

	put_a(whole, "192.0.2.1", 9);
	put_a(whole, "192.0.2.2", 9);
	for (uint32_t len = 0; len <= whole->len; len++) {
		struct message *m = calloc(1, sizeof(*m));
		const char *text;

		assert_non_null(m);
		put(m, whole->data, len);
		text = read_message(m);
		if (len < 33)
			assert_string_equal(text, "");
		else if (len < whole->len)
			assert_non_null(strstr(text, " cut"));
		else
			assert_null(strstr(text, " cut"));
	}
	free(whole);
}

static void pointers_that_lead_nowhere(void **state)
{
	struct message *m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);

	m->len = DNS_HEADER;
	put_pointer(m, DNS_HEADER); /* to itself */
	put_u16(m, DNS_TYPE_A);
	put_u16(m, DNS_CLASS_IN);
	assert_string_equal(read_message(m), "");

	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	m->len = DNS_HEADER;
	put_pointer(m, 40); /* ahead */
	put_u16(m, DNS_TYPE_A);
	put_u16(m, DNS_CLASS_IN);
	put_name(m, "later.example");
	assert_string_equal(read_message(m), "");
}

static void names_of_any_length(void **state)
{
	static const char label[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
	char name[400], want[500];
	struct message *m;

	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	m = message(DNS_RESPONSE, name, DNS_TYPE_A);
	put_a(m, "192.0.2.1", 1);
	snprintf(want, sizeof(want), "%s ::ffff:192.0.2.1/1", name);
	assert_int_equal(strlen(name), 253);
	assert_string_equal(read_message(m), want);
	snprintf(name, sizeof(name), "%s.%s.%s.%s", label, label, label, label);
	assert_string_equal(read_message(message(DNS_RESPONSE, name, DNS_TYPE_A)), "");
}

static void more_than_there_is_room_for(void **state)
{
	struct message *m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	const char *text;

	for (uint32_t i = 0; i < DNS_ADDRS; i++)
		put_a(m, "192.0.2.1", i);
	text = read_message(m);
	assert_null(strstr(text, "cut"));
	assert_non_null(strstr(text, "/63"));

	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	for (uint32_t i = 0; i <= DNS_ADDRS; i++)
		put_a(m, "192.0.2.1", i);
	assert_non_null(strstr(read_message(m), "/63 cut"));

	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	for (uint32_t i = 0; i < DNS_NAMES; i++) {
		put_pointer(m, DNS_HEADER);
		put_record(m, DNS_TYPE_CNAME, 1, "\1c", 3);
	}
	assert_string_equal(read_message(m), "a.b,c,c,c,c,c,c,c cut");

	m = message(DNS_RESPONSE, "a.b", DNS_TYPE_A);
	put_pointer(m, DNS_HEADER);
	m->data[m->len + 10 + 3 * DNS_SIZE / 4] = 0;
	put_record(m, 16, 1, m->data, 3 * DNS_SIZE / 4);
	put_a(m, "192.0.2.1", 1);
	put_pointer(m, DNS_HEADER);
	put_record(m, 16, 1, m->data, DNS_SIZE / 2);
	assert_string_equal(read_message(m), "a.b ::ffff:192.0.2.1/1 cut");
}

static void a_truncated_one_says_so(void **state)
{
	struct message *m = message(DNS_RESPONSE | DNS_TRUNCATED, "a.b", DNS_TYPE_A);

	put_a(m, "192.0.2.1", 1);
	assert_string_equal(read_message(m), "a.b ::ffff:192.0.2.1/1 cut");
}

/* Any bytes: nothing but the bounds is promised. */
static void any_bytes(void **state)
{
	uint64_t random = 1;

	for (int round = 0; round < 20000; round++) {
		struct message *m = message(DNS_RESPONSE, "www.example.com", DNS_TYPE_A);

		put_a(m, "192.0.2.1", 1);
		put_pointer(m, DNS_HEADER);
		put_record(m, DNS_TYPE_CNAME, 1, "\1c\xc0\x0c", 4);
		for (int i = 0; i < 4; i++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			m->data[(random >> 33) % m->len] = (uint8_t)(random >> 20);
		}
		read_message(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_both_kinds),
		cmocka_unit_test(aliases_by_pointers),
		cmocka_unit_test(other_records_are_passed_over),
		cmocka_unit_test(bytes_that_hosts_do_not_have),
		cmocka_unit_test(what_is_no_question_for_addresses),
		cmocka_unit_test(every_cut_of_a_message),
		cmocka_unit_test(pointers_that_lead_nowhere),
		cmocka_unit_test(names_of_any_length),
		cmocka_unit_test(more_than_there_is_room_for),
		cmocka_unit_test(a_truncated_one_says_so),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
