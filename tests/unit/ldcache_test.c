/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "ldcache.h"
#include "unit/tool.h"

#define HEADER 48
#define ENTRY  24

static void put32(char *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

/* A cache of two x86-64 libraries and one for i386, `before` bytes into `out`. */
static size_t make_table(char *out, size_t before)
{
	static const char strings[] = "libz.so\0/x/libz.so\0liby.so\0/y/liby.so";
	static const uint32_t entries[3][3] = {{0x0303, 0, 8}, {0x0803, 19, 27}, {0x0303, 19, 27}};
	uint32_t at = HEADER + 3 * ENTRY;
	char *t = out + before;

	memset(t, 0, at);
	memcpy(t, "glibc-ld.so.cache1.1", 20);
	put32(t + 20, 3);
	put32(t + 24, sizeof(strings));
	for (size_t i = 0; i < 3; i++) {
		put32(t + HEADER + i * ENTRY, entries[i][0]);
		put32(t + HEADER + i * ENTRY + 4, at + entries[i][1]);
		put32(t + HEADER + i * ENTRY + 8, at + entries[i][2]);
	}
	memcpy(t + at, strings, sizeof(strings));
	return before + at + sizeof(strings);
}

static int open_bytes(const char *dir, const char *data, size_t len, struct ldcache *c)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cache", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
	return ldcache_open(path, c);
}

static void assert_made(const struct ldcache *c)
{
	struct ldcache_entry e;
	size_t i = 0;

	assert_true(ldcache_next(c, &i, &e));
	assert_string_equal(e.name, "libz.so");
	assert_string_equal(e.path, "/x/libz.so");
	assert_true(ldcache_next(c, &i, &e));
	assert_string_equal(e.name, "liby.so");
	assert_string_equal(e.path, "/y/liby.so");
	assert_false(ldcache_next(c, &i, &e));
	assert_false(ldcache_next(c, &i, &e));
}

static void test_made(void **state)
{
	char *dir = tool_directory(), data[1024];
	struct ldcache c;

	assert_int_equal(open_bytes(dir, data, make_table(data, 0), &c), 0);
	assert_made(&c);
	ldcache_close(&c);
	tool_directory_remove(dir);
}

/* Older versions of glibc put a table of the older format in front. */
static void test_behind_old(void **state)
{
	char *dir = tool_directory(), data[1024] = "ld.so-1.7.0";
	struct ldcache c;

	put32(data + 12, 3); /* 16 + 3 * 12 bytes, aligned to 56 */
	assert_int_equal(open_bytes(dir, data, make_table(data, 56), &c), 0);
	assert_made(&c);
	ldcache_close(&c);
	put32(data + 12, 0xffffffff);
	assert_int_equal(open_bytes(dir, data, sizeof(data), &c), -EBADMSG);
	put32(data + 12, 0);
	assert_int_equal(open_bytes(dir, data, 16, &c), -EBADMSG);
	tool_directory_remove(dir);
}

static void test_broken(void **state)
{
	char *dir = tool_directory(), data[1024];
	size_t len = make_table(data, 0);
	struct ldcache_entry e;
	struct ldcache c;
	size_t i = 0;

	for (size_t n = 0; n < HEADER + 3 * ENTRY; n++)
		assert_int_equal(open_bytes(dir, data, n, &c), -EBADMSG);
	for (size_t n = HEADER + 3 * ENTRY; n < len; n++) { /* strings cut off */
		assert_int_equal(open_bytes(dir, data, n, &c), 0);
		for (i = 0; ldcache_next(&c, &i, &e);)
			assert_true(strlen(e.name) + strlen(e.path) < sizeof(data));
		ldcache_close(&c);
	}
	put32(data + HEADER + 4, 0x7fffffff);
	put32(data + HEADER + 2 * ENTRY + 8, 0xffffffff);
	assert_int_equal(open_bytes(dir, data, len, &c), 0);
	i = 0;
	assert_false(ldcache_next(&c, &i, &e));
	ldcache_close(&c);
	put32(data + 20, 0xffffffff);
	assert_int_equal(open_bytes(dir, data, len, &c), -EBADMSG);
	data[0] = 'G';
	assert_int_equal(open_bytes(dir, data, len, &c), -EBADMSG);
	tool_directory_remove(dir);
	assert_int_equal(ldcache_open("/nonexistent/cache", &c), -ENOENT);
}

/* The cache of this machine, as ldconfig prints it. */
static void test_real(void **state)
{
	const char *tool = "PATH=$PATH:/sbin:/usr/sbin ldconfig -p";
	struct ldcache_entry e;
	char *text, line[4096];
	struct ldcache c;
	size_t lines = 0, entries = 0;

	need_file(LDCACHE_PATH);
	text = tool_output("%s 2>&1", tool);
	need(text, "ldconfig");
	assert_int_equal(ldcache_open(LDCACHE_PATH, &c), 0);
	for (size_t i = 0; ldcache_next(&c, &i, &e); entries++) {
		snprintf(line, sizeof(line), "\t%s (libc6,x86-64", e.name);
		assert_non_null(strstr(text, line));
		snprintf(line, sizeof(line), " => %s\n", e.path);
		assert_non_null(strstr(text, line));
	}
	for (const char *p = text; (p = strstr(p, "libc6,x86-64")); p++)
		lines++;
	assert_int_equal(entries, lines);
	assert_true(entries > 0);
	ldcache_close(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_behind_old),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests_name("ldcache", tests, NULL, NULL);
}
