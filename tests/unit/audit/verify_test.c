/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "audit/chain.h"
#include "testing.h"

#define LINES 6

static struct buf good; /* a trail of LINES lines */

static int make_trail(void **state)
{
	if (make_dir(state) || append_samples(in_dir("good"), 0, LINES))
		return -1;
	good = read_file(in_dir("good"));
	return 0;
}

static int drop_trail(void **state)
{
	buf_free(&good);
	return remove_dir(state);
}

/* Where line `n`, from 0, begins. */
static size_t line_at(int n)
{
	const char *p = good.data;

	while (n--)
		p = strchr(p, '\n') + 1;
	return (size_t)(p - good.data);
}

static void add_line(struct buf *to, int n)
{
	buf_add(to, good.data + line_at(n), line_at(n + 1) - line_at(n));
}

/* `text` is bad in line `line`, from 1, and what is said of it begins with `why`. */
static void assert_bad(const struct buf *text, uint64_t line, const char *why)
{
	struct verify v;

	write_file(in_dir("bad"), text->data, text->len);
	assert_int_equal(verify_path(in_dir("bad"), &v), -EBADMSG);
	assert_int_equal(v.lines + 1, line);
	assert_memory_equal(v.why, why, strlen(why));
}

static void test_good(void **state)
{
	assert_verifies(in_dir("good"), LINES);
	write_file(in_dir("empty"), "", 0);
	assert_verifies(in_dir("empty"), 0);
}

/* The hash is what sha256sum says of the line up to `,"hash"`. */
static void test_hash_by_another_program(void **state)
{
	char command[256], digest[65] = "";
	FILE *f;

	snprintf(command, sizeof(command),
		 "head -n 2 %s | tail -n 1 | sed 's/,\"hash\".*//' | tr -d '\\n' | sha256sum",
		 in_dir("good"));
	f = popen(command, "r");
	assert_int_equal(fread(digest, 1, 64, f), 64);
	pclose(f);
	assert_memory_equal(good.data + line_at(2) - 64 - 3, digest, 64);
}

static void test_first_prev_is_zeros(void **state)
{
	assert_non_null(strstr(good.data, ",\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"sha256:"));
	assert_true(strstr(good.data, CHAIN_FIRST) < good.data + line_at(1));
	assert_int_equal(strlen(CHAIN_FIRST), 7 + 64);
}

/* One bit anywhere in the trail, newlines included. */
static void test_any_bit(void **state)
{
	struct verify v;

	for (size_t i = 0; i < good.len; i++) {
		_buf_ struct buf text = {};
		int r;

		buf_add(&text, good.data, good.len);
		text.data[i] ^= (char)(1 << i % 8);
		write_file(in_dir("bad"), text.data, text.len);
		r = verify_path(in_dir("bad"), &v);
		if (r != -EBADMSG)
			print_error("byte %zu changed: %d\n", i, r);
		assert_int_equal(r, -EBADMSG);
		assert_true(i < line_at((int)v.lines + 1));
		assert_true(v.why[0]);
	}
}

static void test_changed(void **state)
{
	_buf_ struct buf text = {};
	char *verdict;

	buf_add(&text, good.data, good.len);
	verdict = memmem(text.data, text.len, "\"audit\"", 7);
	memcpy(verdict, "\"allow\"", 7);
	assert_bad(&text, 3, "hash differs");
}

/* Somebody who knows the format changes a line and makes its hash anew. */
static void test_changed_and_sealed(void **state)
{
	_buf_ struct buf text = {}, line = {};
	struct sha256 sha = {};
	char hash[CHAIN_HASH_TEXT];

	add_line(&line, 2);
	memcpy(memmem(line.data, line.len, "\"audit\"", 7), "\"allow\"", 7);
	line.len -= strlen(",\"hash\":\"" CHAIN_FIRST "\"}\n");
	assert_int_equal(chain_seal(&line, &sha, hash), 0);
	sha256_free(&sha);
	add_line(&text, 0);
	add_line(&text, 1);
	buf_add(&text, line.data, line.len);
	add_line(&text, 3);
	assert_bad(&text, 4, "prev differs");
}

static void test_removed(void **state)
{
	for (int gone = 0; gone < LINES - 1; gone++) {
		_buf_ struct buf text = {};

		for (int i = 0; i < LINES; i++)
			if (i != gone)
				add_line(&text, i);
		assert_bad(&text, (uint64_t)gone + 1, "seq is ");
	}
}

static void test_moved_and_doubled(void **state)
{
	_buf_ struct buf moved = {}, doubled = {};

	add_line(&moved, 0);
	add_line(&moved, 2);
	add_line(&moved, 1);
	assert_bad(&moved, 2, "seq is 3, not 2: lines are missing or moved");
	add_line(&doubled, 0);
	add_line(&doubled, 0);
	assert_bad(&doubled, 2, "seq is 1, not 2: lines are missing or moved");
}

/* Of another trail: the right number, another past. */
static void test_foreign_line(void **state)
{
	_buf_ struct buf text = {};
	struct buf other;
	char *second;

	assert_int_equal(append_samples(in_dir("other"), 3, 3), 0);
	other = read_file(in_dir("other"));
	second = strchr(other.data, '\n') + 1;
	add_line(&text, 0);
	buf_add(&text, second, (size_t)(strchr(second, '\n') + 1 - second));
	assert_bad(&text, 2, "prev differs");
	buf_free(&other);
}

/* Every place at which the last line can be torn. */
static void test_torn(void **state)
{
	for (size_t len = line_at(LINES - 1) + 1; len < good.len; len++) {
		const struct buf text = {.data = good.data, .len = len};

		assert_bad(&text, LINES, "torn: ");
	}
}

static void test_not_ours(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{"\n", "not a JSON object (at byte 1)"},
		{"hello\n", "not a JSON object (at byte 1)"},
		{"{\"a\":1}x\n", "not a JSON object (at byte 8)"},
		{"[]\n", "not a JSON object"},
		{"{}\n", "no \"v\""},
		{"{\"v\":1,\"seq\":1}\n", "no \"prev\""},
		{"{\"v\":2,\"seq\":1,\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"" CHAIN_FIRST "\"}\n",
		 "\"v\" is not what"},
		{"{\"v\":1,\"seq\":1.0,\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"" CHAIN_FIRST
		 "\"}\n",
		 "\"seq\" is not what"},
		{"{\"v\":1,\"seq\":1,\"seq\":1,\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"" CHAIN_FIRST
		 "\"}\n",
		 "\"seq\" is not what"},
		{"{\"v\":1,\"seq\":1,\"prev\":\"md5:00\",\"hash\":\"" CHAIN_FIRST "\"}\n",
		 "\"prev\" is not what"},
		{"{\"v\":1,\"seq\":1,\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"" CHAIN_FIRST
		 "\",\"x\":1}\n",
		 "\"hash\" is not at the end"},
		{"{\"v\":1,\"seq\":1,\"prev\":\"" CHAIN_FIRST "\",\"hash\":\"" CHAIN_FIRST "\"}\n",
		 "hash differs"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct buf text = {.data = (char *)cases[i].text,
					 .len = strlen(cases[i].text)};

		assert_bad(&text, 1, cases[i].why);
	}
}

/* The same to a reader of JSON, but not the bytes that were hashed. */
static void test_blanks_around(void **state)
{
	_buf_ struct buf before = {}, behind = {};

	buf_add_char(&before, ' ');
	add_line(&before, 0);
	assert_bad(&before, 1, "does not begin with \"{\"");
	add_line(&behind, 0);
	behind.len--;
	buf_add_str(&behind, "\r\n");
	assert_bad(&behind, 1, "\"hash\" is not at the end of the line");
}

static void test_too_long(void **state)
{
	int fd = open(in_dir("long"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct verify v;

	assert_int_equal(write(fd, good.data, line_at(1)), line_at(1));
	assert_int_equal(ftruncate(fd, (off_t)(line_at(1) + CHAIN_LINE_MAX + 1)), 0);
	close(fd);
	assert_int_equal(verify_path(in_dir("long"), &v), -EBADMSG);
	assert_int_equal(v.lines, 1);
	assert_string_equal(v.why, "longer than 64 MiB");
}

/* seq beyond what doubles hold. */
static void test_large_seq(void **state)
{
	const char start[] = "{\"v\":1,\"seq\":18446744073709551615,\"prev\":\"" CHAIN_FIRST "\"";
	struct chain chain = {.seq = UINT64_MAX - 1, .hash = CHAIN_FIRST};
	struct sha256 sha = {};
	char hash[CHAIN_HASH_TEXT], why[CHAIN_WHY];
	_buf_ struct buf line = {};

	buf_add_str(&line, start);
	assert_int_equal(chain_seal(&line, &sha, hash), 0);
	chain.seq--;
	assert_int_equal(chain_check(&chain, line.data, line.len - 1, &sha, why), -EBADMSG);
	assert_string_equal(why, "seq is 18446744073709551615, not 18446744073709551614: "
				 "lines are missing or moved");
	chain.seq++;
	assert_int_equal(chain_check(&chain, line.data, line.len - 1, &sha, why), 0);
	assert_true(chain.seq == UINT64_MAX);
	assert_string_equal(chain.hash, hash);
	sha256_free(&sha);
}

static void test_cannot_read(void **state)
{
	struct verify v;

	assert_int_equal(verify_path("/", &v), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_hash_by_another_program),
		cmocka_unit_test(test_first_prev_is_zeros),
		cmocka_unit_test(test_any_bit),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_changed_and_sealed),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_moved_and_doubled),
		cmocka_unit_test(test_foreign_line),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_blanks_around),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_large_seq),
		cmocka_unit_test(test_cannot_read),
	};

	return cmocka_run_group_tests_name("audit/verify", tests, make_trail, drop_trail);
}
