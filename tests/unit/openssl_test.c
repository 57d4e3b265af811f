/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs are made by the compiler, of functions that raise their errors as those of OpenSSL do. Each check has
 * a program that only it refuses. What is real is in tests/e2e/stacks.sh, and in tests/agents.
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

#include "openssl.h"
#include "tlsfiles.h"
#include "tool.h"

static char *dir;

static const char source[] =
	"#include <stddef.h>\n"
	"#define HIDDEN __attribute__((noinline, noclone))\n"
	"volatile int sink;\n"
	"HIDDEN void debug(const char *file, int line, const char *function)\n"
	"{ sink += line + file[0] + function[0]; }\n"
	"#define RAISE(name) debug(\"ssl_lib.c\", __LINE__, name)\n"
	"#ifndef NAME\n"
	"#define NAME \"ssl_write_internal\"\n"
	"#endif\n"
	"#ifndef FIRST\n"
	"#define FIRST\n"
	"#endif\n"
	"#ifdef VERSION\n"
	"const char version[] = VERSION;\n"
	"#else\n"
	"const char version[] = \"none\";\n"
	"#endif\n"
	"#ifdef FLAGS\n"
	"#define PARAMETER unsigned long flags,\n"
	"#define ARGUMENT 0,\n"
	"#else\n"
	"#define PARAMETER\n"
	"#define ARGUMENT\n"
	"#endif\n"
	"HIDDEN int write_in(void **s, const void *b, size_t n, PARAMETER size_t *w)\n"
	"{ FIRST; if (!s[1]) { RAISE(NAME); return -1; } *w = n; debug(b, 0, b); return sink; }\n"
	"HIDDEN int read_in(void **s, void *b, size_t n, size_t *w)\n"
	"{ if (!s[1]) { RAISE(\"ssl_read_internal\"); return -1; } *w = n; debug(b, 0, b); return sink; }\n"
	"HIDDEN int clear(void **s)\n"
	"{ if (!s[1]) { RAISE(\"SSL_clear\"); return 0; } return ((int (*)(void **))s[1])(s); }\n"
	"HIDDEN int shake(void **s)\n"
	"{ clear(s); if (!s[2]) { RAISE(\"SSL_do_handshake\"); return -1; } debug(s[2], 0, s[2]); return sink; }\n"
	"HIDDEN void *new(void **c)\n"
	"{ if (!c) { RAISE(\"SSL_new\"); return 0; } debug(c[1], 1, c[2]); return c[3]; }\n"
	"HIDDEN int write_out(void *s, const void *b, int n)\n"
	"{ size_t w; int r = write_in(s, b, n, ARGUMENT &w); return r > 0 ? (int)w : r; }\n"
	"HIDDEN int read_out(void *s, void *b, int n)\n"
	"{ size_t w; int r = read_in(s, b, n, &w); return r > 0 ? (int)w : r; }\n"
	"#ifdef TWICE\n"
	"HIDDEN void again(void) { RAISE(NAME); sink++; }\n"
	"#else\n"
	"void again(void) { }\n"
	"#endif\n"
	"int main(int argc, char **argv)\n"
	"{ void *s = new((void **)argv); again(); shake(s);\n"
	"return write_out(s, argv, argc) + read_out(s, argv, argc) + version[argc]; }\n";

/* Compiles it so, without symbols. Returns what openssl_find() does. */
static int find(const char *options, struct openssl *ret, const char **ret_why)
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
		r = openssl_find(&f, &m, ret, ret_why);
	mentions_free(&m);
	elf64_close(&f);
	close(fd);
	return r;
}

/* Where the symbol table says that a function is; that of the same program with symbols. */
static uint64_t place(const char *name)
{
	char *text = tool_output("objdump -dF %s/a.debug | sed -n 's/^[0-9a-f]* <%s> (File Offset: \\(.*\\)):/\\1/p'",
				 dir, name);
	uint64_t at = strtoull(text, NULL, 16);

	free(text);
	assert_true(at > 0);
	return at;
}

static void finds(const char *options, enum tls_abi write)
{
	static const char *const names[OPENSSL_FUNCTIONS] = {
		[OPENSSL_WRITE] = "write_in", [OPENSSL_READ] = "read_in", [OPENSSL_HANDSHAKE] = "shake",
		[OPENSSL_CLEAR] = "clear",    [OPENSSL_NEW] = "new",
	};
	struct openssl found;
	const char *why;

	assert_int_equal(find(options, &found, &why), 0);
	assert_int_equal(found.write, write);
	assert_true(tool_run("gcc -w -O2 %s -o %s/a.debug %s/a.c 2>&1", options, dir, dir));
	for (size_t i = 0; i < OPENSSL_FUNCTIONS; i++) {
		assert_int_equal(found.functions[i].offset, place(names[i]));
		assert_true(found.functions[i].size > 0);
	}
	assert_true(found.functions[OPENSSL_WRITE].ret_distance > 0);
}

static void test_found(void **state)
{
	finds("", ABI_SSL_EX);
	finds("-static -fPIE -Wl,--eh-frame-hdr", ABI_SSL_EX);
	finds("-static-pie -DFLAGS", ABI_SSL_EX2);
	finds("-fcf-protection -DFLAGS -DVERSION='\"OpenSSL 3.6.4 25 Aug 2026\"'", ABI_SSL_EX2);
	finds("-DVERSION='\"OpenSSL 3.0.19 27 Jan 2026\"'", ABI_SSL_EX);
}

static void refuses(const char *options, int error)
{
	struct openssl found;
	const char *why;

	assert_int_equal(find(options, &found, &why), error);
	assert_true(!why == (error != -EUCLEAN));
}

static void test_refused(void **state)
{
	refuses("-DNAME='\"ssl_write_outside\"'", -ENOENT);
	refuses("-DNAME='\"my ssl_write_internal\"'", -ENOENT);
	refuses("-DTWICE", -EUCLEAN);
	refuses("-DVERSION='\"OpenSSL 3.3.0 9 Apr 2024\"'", -EUCLEAN);
	refuses("-DFLAGS -DVERSION='\"OpenSSL 3.2.1 30 Jan 2024\"'", -EUCLEAN);
	refuses("-falign-functions=1 -Os -DFLAGS", -EUCLEAN);
	/* An instruction that no compiler writes in front of the error, and one that is not to be probed. */
	refuses("-DFIRST='asm volatile(\"jmp 1f\\n.byte 6\\n1:\" ::: \"memory\")'", -EUCLEAN);
	refuses("-static -fno-pie", -ENOENT); /* the addresses of its texts are loaded otherwise */
	refuses("-static -fPIE", -EUCLEAN); /* it has no table for unwinding */
	refuses("-fno-asynchronous-unwind-tables", -EUCLEAN);
}

/* A file in doubt is known as one, and has no probes. */
static void test_file(void **state)
{
	struct openssl found;
	struct tls_file *f;
	char path[256];
	const char *why;

	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(find("-DFLAGS", &found, &why), 0);
	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_null(f->doubt);
	assert_int_equal(f->count, OPENSSL_FUNCTIONS);
	assert_string_equal(f->sites[0].function, "ssl_write_internal");
	assert_int_equal(f->sites[0].kind, SITE_WRITE);
	assert_int_equal(f->sites[0].abi, ABI_SSL_EX2);
	assert_int_equal(f->sites[OPENSSL_NEW].kind, SITE_MAKE);
	tlsfile_free(f);

	assert_int_equal(find("-DTWICE", &found, &why), -EUCLEAN);
	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_string_equal(f->doubt, why);
	assert_int_equal(f->count, 0);
	tlsfile_free(f);
}

/* Whatever is in the file, it is read to an end. */
static void test_damaged(void **state)
{
	struct openssl found;
	unsigned int seed = 1;
	const char *why;
	char path[256];
	off_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(find("-DFLAGS", &found, &why), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	for (int i = 0; i < 500; i++) {
		unsigned char byte = (unsigned char)rand_r(&seed);
		struct tls_file *f = NULL;

		assert_int_equal(pwrite(fd, &byte, 1, i % 2 ? rand_r(&seed) % size : rand_r(&seed) % 0x400), 1);
		if (tlsfile_read(path, &f) == 0)
			tlsfile_free(f);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_damaged),
	};
	int r;

	dir = tool_directory();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	tool_directory_remove(dir);
	return r;
}
