/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs are made by the compiler, of functions that raise their errors as those of AWS-LC do. Each check has a
 * program that only it refuses. What is real is in tests/agents.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "awslc.h"
#include "tlsfiles.h"
#include "tool.h"

static char *dir;

static const char source[] =
	"#define HIDDEN __attribute__((noinline, noclone))\n"
	"#ifndef FILE_NAME\n"
	"#define FILE_NAME \"/aws-lc/crypto/fipsmodule/cipher/aead.c\"\n"
	"#endif\n"
	"#ifndef TOO_LARGE\n"
	"#define TOO_LARGE 0x75\n"
	"#endif\n"
	"#ifndef GATHER\n"
	"#define GATHER 0x68\n"
	"#endif\n"
	"#ifndef CALLED\n"
	"#define CALLED\n"
	"#endif\n"
	"volatile int sink;\n"
	"HIDDEN void put(int lib, int unused, int reason, const char *file, int line)\n"
	"{ sink += lib + unused + reason + file[0] + line; }\n"
	"#define RAISE(n) do { put(30, 0, n, FILE_NAME, __LINE__); return 0; } while (0)\n"
	"HIDDEN int scatter(long *c, long n) { if (c[0] == n) RAISE(0x70);\n"
	"if (c[1] == n) RAISE(0x73); put(n, 0, 0, (char *)c, 1); return sink; }\n"
	"HIDDEN int gather(long *c, long n) { if (c[0] == n) RAISE(0x73);\n"
	"if (c[1] == n) RAISE(GATHER); put(n, 0, 0, (char *)c, 2); return sink; }\n"
	"HIDDEN int seal(long *c, long n) { if (c[0] == n) RAISE(TOO_LARGE);\n"
	"if (c[1] == n) RAISE(0x67); if (c[2] == n) RAISE(0x73); put(n, 0, 0, (char *)c, 3); CALLED;\n"
	"return sink; }\n"
	"HIDDEN int open_(long *c, long n) { if (c[0] == n) RAISE(0x73); if (c[1] == n) RAISE(0x65);\n"
	"if (c[2] == n) RAISE(0x67);\n"
	"#ifdef INLINED\n"
	"if (c[3] == n) RAISE(0x68);\n"
	"#endif\n"
	"put(n, 0, 0, (char *)c, 4); return sink; }\n"
	"HIDDEN int init(long *c, long n) { if (c[0] == n) RAISE(0x7c); if (c[1] == n) RAISE(0x78);\n"
	"put(n, 0, 0, (char *)c, 5); return sink; }\n"
	"HIDDEN int directed(long *c, long n) { if (c[0] == n) RAISE(0x78);\n"
	"put(n, 0, 0, (char *)c, 6); return sink; }\n"
	"#ifdef MORE\n"
	"HIDDEN int more(long *c, long n) { if (c[0] == n) RAISE(MORE); put(n, 0, 0, (char *)c, 7); return sink; }\n"
	"#else\n"
	"#define more(c, n) 0\n"
	"#endif\n"
	"int main(int argc, char **argv)\n"
	"{ long *c = (long *)argv; return scatter(c, argc) + gather(c, argc) + seal(c, argc) + open_(c, argc)\n"
	"+ init(c, argc) + directed(c, argc) + more(c, argc); }\n";

static int find(const char *options, struct elf64_function found[AWSLC_FUNCTIONS], const char **ret_why)
{
	struct mentions m = {0};
	char path[256];
	struct elf64 f;
	int fd, r;

	snprintf(path, sizeof(path), "%s/a", dir);
	tool_write(dir, "a.c", 0600, source);
	assert_true(tool_run("gcc -w -O2 -s %s -o %s %s.c 2>&1", options, path, path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf64_open(fd, &f), 0);
	*ret_why = NULL;
	r = mentions_find(&f, &m);
	if (r == 0)
		r = awslc_find(&f, &m, found, ret_why);
	mentions_free(&m);
	elf64_close(&f);
	close(fd);
	return r;
}

static void finds(const char *options)
{
	static const char *const names[AWSLC_FUNCTIONS] = {
		[AWSLC_SEAL] = "seal",	     [AWSLC_SEAL_SCATTER] = "scatter",
		[AWSLC_OPEN] = "open_",	     [AWSLC_OPEN_GATHER] = "gather",
		[AWSLC_INIT] = "init",	     [AWSLC_INIT_WITH_DIRECTION] = "directed",
		[AWSLC_START] = "_start",
	};
	struct elf64_function found[AWSLC_FUNCTIONS];
	const char *why;

	assert_int_equal(find(options, found, &why), 0);
	assert_true(tool_run("gcc -w -O2 %s -o %s/a.debug %s/a.c 2>&1", options, dir, dir));
	for (size_t i = 0; i < AWSLC_FUNCTIONS; i++) {
		char *text = tool_output("objdump -dF %s/a.debug | sed -n 's/^[0-9a-f]* <%s> (File Offset: "
					 "\\(.*\\)):/\\1/p'", dir, names[i]);

		assert_int_equal(found[i].offset, strtoull(text, NULL, 16));
		free(text);
	}
}

static void test_found(void **state)
{
	finds("-fcf-protection");
	finds("-fcf-protection -DINLINED -static-pie");
	finds("-fno-omit-frame-pointer -DFILE_NAME='\"/elsewhere/crypto/fipsmodule/cipher/aead.c\"'");
}

static void refuses(const char *options, int error)
{
	struct elf64_function found[AWSLC_FUNCTIONS];
	const char *why;

	assert_int_equal(find(options, found, &why), error);
	assert_true(!why == (error != -EUCLEAN));
}

static void test_refused(void **state)
{
	refuses("-fcf-protection -DFILE_NAME='\"/crypto/cipher/aead.c\"'", -ENOENT);
	refuses("-fcf-protection -DTOO_LARGE=0x76", -EUCLEAN);
	refuses("-fcf-protection -DTOO_LARGE=2", -EUCLEAN);
	refuses("-fcf-protection -DGATHER=0x73", -EUCLEAN);
	refuses("-fcf-protection -DMORE=0x78", -EUCLEAN); /* another one like it */
	refuses("-fcf-protection -DMORE=0x66", -EUCLEAN);
	refuses("-fcf-protection -DCALLED='scatter(c, n)'", -EUCLEAN);
	refuses("-fcf-protection -fno-asynchronous-unwind-tables", -EUCLEAN);
	refuses("-fcf-protection=none", -EUCLEAN); /* nothing says that these are whole functions */
}

/* What a file has besides goes on being probed. */
static void test_file(void **state)
{
	struct elf64_function found[AWSLC_FUNCTIONS];
	struct tls_file *f;
	char path[256];
	const char *why;

	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(find("-fcf-protection", found, &why), 0);
	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_null(f->doubt);
	assert_int_equal(f->count, AWSLC_FUNCTIONS);
	assert_int_equal(f->sites[AWSLC_SEAL].kind, SITE_SEAL);
	assert_int_equal(f->sites[AWSLC_OPEN].abi, ABI_OPEN);
	assert_int_equal(f->sites[AWSLC_START].kind, SITE_START);
	tlsfile_free(f);

	assert_int_equal(find("-fcf-protection -DMORE=0x66", found, &why), -EUCLEAN);
	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_string_equal(f->doubt, why);
	assert_int_equal(f->count, 0);
	tlsfile_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_file),
	};
	int r;

	dir = tool_directory();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	tool_directory_remove(dir);
	return r;
}
