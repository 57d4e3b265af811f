/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Finding Go's crypto/tls (user/gotls.h, gotable.h, gocode.h): in a file that is made here, byte by byte, in
 * what is broken of it, and in real ones where a Go toolchain has built some.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "gocode.h"
#include "gotls.h"
#include "tool.h"

/* ---- code ---- */

/* A function of 32 bytes: the check, a frame of one word, a return, and what enlarges the stack. */
static const uint8_t code[32] = {
	0x49, 0x3b, 0x66, 0x10,			/* 0: cmp 16(%r14),%rsp */
	0x76, 0x06,				/* 4: jbe 12 */
	0x55,					/* 6: push %rbp */
	0x48, 0x89, 0xe5,			/* 7: mov %rsp,%rbp */
	0x5d,					/* 10: pop %rbp */
	0xc3,					/* 11: ret */
	0xe8, 0x00, 0x00, 0x00, 0x00,		/* 12: call */
	0xeb, 0xed,				/* 17: jmp 0 */
	0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
};

/* 0 for 7 bytes, 8 for 4, 0 for 21. */
static const uint8_t depths[] = {2, 7, 16, 4, 15, 21, 0};

static void test_code(void **state)
{
	struct go_code c;

	assert_int_equal(go_code_read(code, sizeof(code), depths, sizeof(depths), &c), 0);
	assert_int_equal(c.start, 6);
	assert_int_equal(c.ret_count, 1);
	assert_int_equal(c.rets[0], 11);
}

static void test_nops_before_ret(void **state)
{
	const uint8_t d[] = {2, 7, 16, 3, 15, 22, 0}; /* it is back in front of a nop */
	uint8_t other[sizeof(code)];
	struct go_code c;

	memcpy(other, code, sizeof(code));
	memcpy(other + 7, "\x66\x90\x5d\x90", 4); /* xchg %ax,%ax; pop; nop */
	assert_int_equal(go_code_read(other, sizeof(other), d, sizeof(d), &c), 0);
	assert_int_equal(c.rets[0], 11);
}

/* One byte is another one: whatever is not as compilers write it is refused. */
static void test_broken_code(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte;
	} rows[] = {
		{"no check", 0, 0x48},
		{"the check jumps elsewhere", 4, 0x77},
		{"the check jumps backwards", 5, 0x80},
		{"the check jumps out of the function", 5, 0x7f},
		{"an instruction that is none", 7, 0x06},
		{"a longer instruction, so that a change lies within", 10, 0xe8},
		{"no return where the stack is back", 11, 0x50},
		{"a return too early", 7, 0xc3},
		{"it does not begin anew", 18, 0xee},
		{"the check jumps into the midst of an instruction", 5, 0x07},
		{"no instruction behind the end", 31, 0x06},
	};
	struct go_code c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t other[sizeof(code)];

		memcpy(other, code, sizeof(code));
		other[rows[i].at] = rows[i].byte;
		if (go_code_read(other, sizeof(other), depths, sizeof(depths), &c) != -EBADMSG)
			fail_msg("%s: found", rows[i].what);
	}
}

static void test_broken_depths(void **state)
{
	struct go_code c;

	for (size_t len = 0; len < sizeof(depths) - 1; len++) {
		uint8_t *d = malloc(len + 1); /* so that reading beyond is noticed */

		memcpy(d, depths, len);
		assert_int_equal(go_code_read(code, sizeof(code), d, len, &c), -EBADMSG);
		free(d);
	}
	for (size_t i = 0; i < sizeof(depths) - 2; i++) {
		uint8_t other[sizeof(depths)];

		memcpy(other, depths, sizeof(depths));
		other[i] += 1 + !(i % 2); /* another depth, another length */
		assert_int_equal(go_code_read(code, sizeof(code), other, sizeof(other), &c), -EBADMSG);
	}
}

/* ---- a file ---- */

#define TEXT	  0x400200 /* address of the first function, 0x200 bytes into the file */
#define TABLE	  0x400
#define NAMES	  0x48
#define DEPTHS	  0x200
#define FUNCTIONS 0x240
#define FILE_SIZE 0x1000
#define DATA	  0x800

static const char *const names[] = {
	"crypto/tls.(*Conn).Close",	      "crypto/tls.(*Conn).Read",
	"crypto/tls.(*Conn).clientHandshake", "crypto/tls.(*Conn).writeRecordLocked",
};

#define COUNT (sizeof(names) / sizeof(names[0]))

static void put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void put64(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void put_table(uint8_t *t)
{
	const uint64_t fields[] = {COUNT, 1, TEXT, NAMES, 0x180, 0x180, DEPTHS, FUNCTIONS};
	uint8_t *name = t + NAMES + 1;
	size_t record = (2 * COUNT + 1) * 4;

	put32(t, 0xfffffff1);
	put32(t + 4, 0x08010000);
	for (size_t i = 0; i < 8; i++)
		put64(t + 8 + 8 * i, fields[i]);
	memcpy(t + DEPTHS + 1, depths, sizeof(depths));
	for (size_t i = 0; i < COUNT; i++, record += 20) {
		strcpy((char *)name, names[i]);
		put32(t + FUNCTIONS + 8 * i, (uint32_t)(i * sizeof(code)));
		put32(t + FUNCTIONS + 8 * i + 4, (uint32_t)record);
		put32(t + FUNCTIONS + record, (uint32_t)(i * sizeof(code)));
		put32(t + FUNCTIONS + record + 4, (uint32_t)(name - t - NAMES));
		put32(t + FUNCTIONS + record + 16, 1);
		name += strlen(names[i]) + 1;
	}
	put32(t + FUNCTIONS + 8 * COUNT, COUNT * sizeof(code));
}

/* A program without sections: only Go's mark at the beginning of its data tells what it is. */
static void make(uint8_t file[FILE_SIZE])
{
	const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	const Elf64_Phdr segments[2] = {
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = DATA},
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = DATA, .p_vaddr = 0x600000,
		 .p_filesz = FILE_SIZE - DATA},
	};

	memset(file, 0, FILE_SIZE);
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), segments, sizeof(segments));
	for (size_t i = 0; i < COUNT; i++)
		memcpy(file + 0x200 + i * sizeof(code), code, sizeof(code));
	put_table(file + TABLE);
	memcpy(file + DATA + 32, "\xff Go buildinf:", 14);
}

/* What is found in a file of these bytes; the count of sites, or -errno. */
static int search(const uint8_t *bytes, size_t len, struct tls_site **ret)
{
	int fd = memfd_create("go", MFD_CLOEXEC), r;
	struct elf64 elf;
	size_t count = 0;

	*ret = NULL;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	r = elf64_open(fd, &elf);
	if (r == 0) {
		r = gotls_sites(&elf, ret, &count);
		elf64_close(&elf);
	}
	close(fd);
	return r < 0 ? r : (int)count;
}

static int search_made(const uint8_t *bytes)
{
	struct tls_site *sites;
	int r = search(bytes, FILE_SIZE, &sites);

	free(sites);
	return r;
}

static void test_made(void **state)
{
	static const struct tls_site want[] = {
		{"crypto/tls.(*Conn).writeRecordLocked", 0x260 + 6, 0, ABI_GO_RECORD, SITE_GO_WRITE},
		{"crypto/tls.(*Conn).writeRecordLocked", 0x260 + 11, 0, ABI_GO_RECORD, SITE_GO_LEAVE},
		{"crypto/tls.(*Conn).Read", 0x220 + 6, 0, ABI_GO, SITE_GO_READ},
		{"crypto/tls.(*Conn).Read", 0x220 + 11, 0, ABI_GO, SITE_GO_LEAVE},
		{"crypto/tls.(*Conn).clientHandshake", 0x240 + 6, 0, ABI_GO, SITE_CLEAR},
		{"crypto/tls.(*Conn).Close", 0x200 + 6, 0, ABI_GO, SITE_GO_CLOSE},
		{"crypto/tls.(*Conn).Close", 0x200 + 11, 0, ABI_GO, SITE_GO_LEAVE},
	};
	static uint8_t file[FILE_SIZE];
	struct tls_site *sites;

	make(file);
	assert_int_equal(search(file, sizeof(file), &sites), sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_string_equal(sites[i].function, want[i].function);
		assert_int_equal(sites[i].offset, want[i].offset);
		assert_int_equal(sites[i].abi, want[i].abi);
		assert_int_equal(sites[i].kind, want[i].kind);
	}
	free(sites);
}

/* Formats and places that are not what they should be. */
static void test_other_tables(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint32_t value;
		size_t size;
	} rows[] = {
		{"no mark of Go's", DATA + 34, 'X', 1},
		{"a format that is not known", TABLE, 0xfffffff2, 4},
		{"words of four bytes", TABLE + 7, 4, 1},
		{"more functions than there is room for", TABLE + 8, 0x10000, 4},
		{"no functions", TABLE + 8, 0, 4},
		{"names beyond the end", TABLE + 8 + 8 * 4, 0x7fffffff, 4},
		{"functions beyond the end", TABLE + 8 + 8 * 7, 0x7fffffff, 4},
		{"text elsewhere", TABLE + 8 + 8 * 2, TEXT + 16, 4},
		{"text where there is none", TABLE + 8 + 8 * 2, 0x10000000, 4},
		{"a record beyond the end", TABLE + FUNCTIONS + 4, 0x7fffffff, 4},
		{"records in no order", TABLE + FUNCTIONS + 4 + 8, 0, 4},
		{"a record of another function", TABLE + FUNCTIONS + 36, 0x20, 4},
		{"no depths", TABLE + FUNCTIONS + 36 + 16, 0x7fffffff, 4},
		{"other depths", TABLE + FUNCTIONS + 36 + 16, 2, 4},
		{"a function that ends before it begins", TABLE + FUNCTIONS + 8, 0xffffff00, 4},
		{"another name", TABLE + NAMES + 5, 'x', 1},
	};
	static uint8_t file[FILE_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(file);
		memcpy(file + rows[i].at, &rows[i].value, rows[i].size);
		if (search_made(file) != -ENOENT)
			fail_msg("%s: %d", rows[i].what, search_made(file));
	}
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % n;
}

/* Whatever the bytes are: nothing is read beyond the file, and no site is outside of the code. */
static void test_mutations(void **state)
{
	static uint8_t file[FILE_SIZE];

	for (int round = 0; round < 20000; round++) {
		struct tls_site *sites;
		size_t len = random_below(4) ? FILE_SIZE : random_below(FILE_SIZE);
		int n;

		make(file);
		for (uint32_t i = 0, changes = 1 + random_below(4); i < changes; i++)
			file[random_below(FILE_SIZE)] = (uint8_t)random_below(256);
		n = search(file, len, &sites);
		for (int i = 0; i < n; i++)
			assert_true(sites[i].offset < len);
		free(sites);
	}
}

/* ---- real ones ---- */

static int search_file(const char *path)
{
	struct tls_file *f = NULL;
	int r = tlsfile_read(path, &f);

	if (r == 0) {
		r = (int)f->count;
		for (int i = 0; i < r; i++)
			assert_true(f->sites[i].abi == ABI_GO || f->sites[i].abi == ABI_GO_RECORD);
	}
	tlsfile_free(f);
	return r;
}

static void test_real(void **state)
{
	static const char *const paths[] = {"build/go/plain", "build/go/stripped", "build/go/pie"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (access(paths[i], R_OK) < 0) {
			print_message("skip: %s was not built\n", paths[i]);
			continue;
		}
		/* Five functions and their returns, those of three: none is left out. */
		assert_true(search_file(paths[i]) > 15);
	}
	assert_int_equal(search_file("/bin/sh"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_nops_before_ret),
		cmocka_unit_test(test_broken_code),
		cmocka_unit_test(test_broken_depths),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_other_tables),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
