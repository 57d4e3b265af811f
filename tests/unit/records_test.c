/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "quic.h"
#include "records.h"

/* Bytes under construction. */
static uint8_t stream[400000];
static size_t stream_len;

static void begin(void)
{
	stream_len = 0;
}

static void put_record(unsigned int type, size_t size)
{
	uint8_t head[] = {(uint8_t)type, 3, 3, (uint8_t)(size >> 8), (uint8_t)size};

	assert_true(stream_len + sizeof(head) + size <= sizeof(stream));
	memcpy(stream + stream_len, head, sizeof(head));
	memset(stream + stream_len + sizeof(head), 0x16, size); /* like a header, if it was taken for one */
	stream_len += sizeof(head) + size;
}

/* Reads the stream in pieces of `size` bytes, as packets bring it; 0: without passing over anything. */
static struct records read_in_pieces(size_t size)
{
	struct records r;
	size_t at = 0;

	records_init(&r, 0);

	while (!size && at < stream_len && !records_next(&r, stream[at]))
		at++;
	for (; size && at < stream_len && r.phase != RECORDS_BROKEN; at += size) {
		size_t end = at + size < stream_len ? at + size : stream_len;

		for (size_t i = at; i < end;) {
			uint32_t n = records_skip(&r, (uint32_t)(end - i));

			assert_true(n <= end - i);
			i += n;
			if (i < end && records_next(&r, stream[i++]))
				break;
		}
	}
	return r;
}

/* The same, however it comes. */
static struct records read_all(void)
{
	static const size_t sizes[] = {0, 1, 2, 3, 5, 7, 1460, 65536, sizeof(stream)};
	struct records first = read_in_pieces(sizes[0]);

	for (size_t i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct records r = read_in_pieces(sizes[i]);

		assert_memory_equal(&r, &first, sizeof(r));
	}
	return first;
}

static void assert_text(const struct records *r, uint64_t text, uint32_t count)
{
	assert_int_equal(r->phase, RECORDS_TEXT);
	assert_int_equal(r->text, text);
	assert_int_equal(r->count, count);
}

static void hello13(void)
{
	begin();
	put_record(22, 512);
	put_record(20, 1);
}

static void reads_tls13(void **state)
{
	static const struct {
		size_t finished, over;
	} suites[] = {{36 + 17, 17}, {52 + 17, 17}, {36 + 9, 9}};
	struct records r;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		hello13();
		put_record(23, suites[i].finished);
		r = read_all();
		assert_text(&r, 0, 0);
		put_record(23, 200 + suites[i].over);
		put_record(23, 16384 + suites[i].over);
		put_record(23, 3); /* there is nothing less than nothing */
		r = read_all();
		assert_text(&r, 200 + 16384, 2);
		assert_int_equal(r.small, RECORDS_SMALL - 1);
	}
}

/* Without a change of ciphers; and with a second ClientHello behind it. */
static void reads_other_handshakes_of_tls13(void **state)
{
	struct records r;

	begin();
	put_record(22, 512);
	put_record(23, 53);
	put_record(23, 117);
	r = read_all();
	assert_text(&r, 100, 1);

	hello13();
	put_record(22, 540);
	put_record(23, 69);
	put_record(23, 117);
	r = read_all();
	assert_text(&r, 100, 1);
}

/* A certificate comes before Finished: in records of its own, or together with it. */
static void reads_a_certificate(void **state)
{
	struct records r;

	hello13();
	put_record(23, 25);
	put_record(23, 2900);
	put_record(23, 281);
	put_record(23, 53);
	put_record(23, 217);
	r = read_all();
	assert_text(&r, 200, 1);

	hello13();
	put_record(23, 3000);
	put_record(23, 217);
	r = read_all();
	assert_int_equal(r.phase, RECORDS_SECRET); /* nobody can tell yet */
	put_record(23, 6000);
	put_record(23, 100 + 17);
	r = read_all();
	assert_text(&r, 6000 - 17 + 100, 2);
}

/* It is known for what it was by what ends it. */
static void reads_early_data(void **state)
{
	struct records r;

	hello13();
	put_record(23, 1000 + 17);
	put_record(23, 500 + 17);
	put_record(23, 4 + 17);
	r = read_all();
	assert_int_equal(r.phase, RECORDS_SECRET);
	put_record(23, 53);
	r = read_all();
	assert_text(&r, 1500, 1);
	put_record(23, 100 + 17);
	r = read_all();
	assert_text(&r, 1600, 2);

	hello13(); /* it was not taken: the server asked for nothing to end */
	put_record(23, 1000 + 17);
	put_record(23, 53);
	r = read_all();
	assert_text(&r, 0, 0);
}

static void reads_tls12(void **state)
{
	/* Bytes beyond the text: exact, or at most a block more than the least. */
	static const struct {
		size_t finished, over;
	} suites[] = {
		{16 + 24, 24},	   /* GCM */
		{16 + 16, 16},	   /* ChaCha20 */
		{64, 48 + 15},	   /* CBC: nonce 16, SHA-1 20, padding 12 */
		{16 + 32 + 20, 52 + 15}, /* the same, MAC last */
	};
	struct records r;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		begin();
		put_record(22, 250);
		put_record(22, 2000); /* a certificate */
		put_record(22, 70);
		put_record(20, 1);
		put_record(22, suites[i].finished);
		put_record(23, 300 + suites[i].over);
		put_record(21, 2 + suites[i].over);
		put_record(22, 500 + suites[i].over); /* another handshake is text as well */
		r = read_all();
		assert_text(&r, 800, 2);
		assert_int_equal(r.spare, RECORDS_SPARE - 2);
	}
}

/* Short records pass, of a client: 24, with 24 bytes. */
static void spares_short_records(void **state)
{
	struct records r;

	for (size_t n = 0; n <= RECORDS_PIECE + 1; n++) {
		size_t bytes = n ? RECORDS_SPARE / n : 100, most = n > RECORDS_PIECE ? 0 : bytes;
		size_t spared = most < RECORDS_SMALL ? most : RECORDS_SMALL;

		hello13();
		put_record(23, 53);
		for (int i = 0; i < 30; i++)
			put_record(23, n + 17);
		r = read_all();
		assert_text(&r, (30 - spared) * n, (uint32_t)(30 - spared));
	}
	records_init(&r, 1);
	r.phase = RECORDS_TEXT;
	r.size = 3000; /* a ticket, with a certificate */
	for (int i = 0; i < 6; i++)
		records_count(&r);
	assert_text(&r, 3000, 1);
}

static void limits_the_handshake(void **state)
{
	struct records r;

	begin();
	for (size_t sum = 0; sum < RECORDS_SHAKE; sum += 1024)
		put_record(22, 1024);
	r = read_all();
	assert_int_equal(r.phase, RECORDS_CLEAR);
	put_record(22, 1);
	r = read_all();
	assert_int_equal(r.phase, RECORDS_BROKEN);

	hello13(); /* in secret, it is counted from there on */
	put_record(23, 7679);
	r = read_all();
	assert_int_equal(r.phase, RECORDS_SECRET);
	put_record(23, 54);
	r = read_all();
	assert_text(&r, 37, 1);
}

static void finds_what_is_no_record(void **state)
{
	static const uint8_t bad[][5] = {
		{19, 3, 3, 0, 1},    {25, 3, 3, 0, 1},	       {'P', 'O', 'S', 'T', ' '},
		{23, 2, 3, 0, 1},    {23, 3, 3, 0x41, 0x01}, {23, 3, 3, 0xff, 0xff},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct records r;

		hello13();
		put_record(23, 53);
		r = read_all();
		assert_int_equal(r.phase, RECORDS_TEXT);
		memcpy(stream + stream_len, bad[i], sizeof(bad[i]));
		stream_len += sizeof(bad[i]);
		r = read_all();
		assert_int_equal(r.phase, RECORDS_BROKEN);
	}
}

/* Every byte is either of a header or passed over, whatever its value. */
static void reads_a_megabyte(void **state)
{
	struct records r;

	hello13();
	put_record(23, 53);
	for (int i = 0; i < 20; i++)
		put_record(23, RECORD_MAX);
	r = read_all();
	assert_text(&r, 20ULL * (RECORD_MAX - 17), 20);
	assert_int_equal(r.begun, 23);
}

static void knows_quic(void **state)
{
	static const struct {
		uint8_t first;
		uint32_t version;
		int is;
	} heads[] = {
		{0xc0, 1, 1},	       {0xff, 1, 1},	      {0xd3, 0x6b3343cf, 1}, {0xc0, 0xff00001d, 1},
		{0xc0, 0x0a0a0a0a, 1}, {0xc0, 0xfafafafa, 1}, {0xc0, 0x51303530, 1}, {0xc0, 0xfaceb002, 1},
		{0x40, 1, 0},	       {0x80, 1, 0},	      {0x00, 1, 0},	     {0xc0, 0, 0},
		{0xc0, 2, 0},	       {0xc0, 0x34010000, 0}, {0xff, 0xff010000, 0}, {0xc0, 0x51515151, 0},
		{0xc0, 0x0a0a0a0b, 0},
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		uint32_t v = heads[i].version;
		uint8_t b[QUIC_HEAD] = {heads[i].first, (uint8_t)(v >> 24), (uint8_t)(v >> 16),
					(uint8_t)(v >> 8), (uint8_t)v};

		assert_int_equal(quic_is_long(b), heads[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_tls13),
		cmocka_unit_test(reads_other_handshakes_of_tls13),
		cmocka_unit_test(reads_a_certificate),
		cmocka_unit_test(reads_early_data),
		cmocka_unit_test(reads_tls12),
		cmocka_unit_test(spares_short_records),
		cmocka_unit_test(limits_the_handshake),
		cmocka_unit_test(finds_what_is_no_record),
		cmocka_unit_test(reads_a_megabyte),
		cmocka_unit_test(knows_quic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
