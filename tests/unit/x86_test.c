/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Lengths of instructions (user/x86.h), held against objdump(1): of this program, and of a Go program where
 * one was built. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tool.h"
#include "x86.h"

#define LENGTH_MAX 15
#define PART	   "0x100000" /* bytes of a large program that are looked at */

static const struct {
	const char *code; /* as long as it is */
	size_t len;
} insns[] = {
#define INSN(s) {s, sizeof(s) - 1}
	INSN("\xc3"),					/* ret */
	INSN("\xf3\xc3"),				/* repz ret */
	INSN("\x55"),					/* push %rbp */
	INSN("\x41\x57"),				/* push %r15 */
	INSN("\x48\x89\xe5"),				/* mov %rsp,%rbp */
	INSN("\x49\x3b\x66\x10"),			/* cmp 16(%r14),%rsp */
	INSN("\x4c\x8d\x64\x24\xb0"),			/* lea -80(%rsp),%r12 */
	INSN("\x4c\x8d\xa4\x24\x50\xff\xff\xff"),	/* the same, farther */
	INSN("\x0f\x86\x9b\x06\x00\x00"),		/* jbe */
	INSN("\xe9\xfb\xff\xff\xff"),			/* jmp */
	INSN("\x48\x81\xec\xd0\x00\x00\x00"),		/* sub $208,%rsp */
	INSN("\x66\x81\x3c\x25\x00\x00\x00\x00\x34\x12"), /* cmpw $0x1234,0 */
	INSN("\x66\x48\x81\xc0\x01\x00\x00\x00"),	/* REX.W wins over prefix 66 */
	INSN("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"), /* movabs */
	INSN("\x66\xb8\x01\x02"),			/* mov $513,%ax */
	INSN("\x48\xa1\x01\x02\x03\x04\x05\x06\x07\x08"), /* movabs ..,%rax */
	INSN("\xf6\x05\x01\x00\x00\x00\x80"),		/* testb $128,..(%rip) */
	INSN("\xf7\xc1\x01\x02\x03\x04"),		/* test $..,%ecx */
	INSN("\xf7\xd9"),				/* neg %ecx */
	INSN("\xc8\x10\x00\x00"),			/* enter */
	INSN("\xc2\x08\x00"),				/* ret $8 */
	INSN("\x0f\x1f\x84\x00\x00\x00\x00\x00"),	/* nop */
	INSN("\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"), /* nop */
	INSN("\x66\x44\x0f\xd6\xbc\x24\x20\x01\x00\x00"), /* movq %xmm15,288(%rsp) */
	INSN("\x66\x0f\x3a\x0f\xc1\x08"),		/* palignr */
	INSN("\x66\x0f\x38\x00\xc1"),			/* pshufb */
	INSN("\xc5\xf8\x77"),				/* vzeroupper */
	INSN("\xc5\xf9\x70\xc1\x1b"),			/* vpshufd */
	INSN("\xc4\xe2\x7d\x00\xc1"),			/* vpshufb */
	INSN("\xc4\xe3\x7d\x46\xc1\x20"),		/* vperm2i128 */
	INSN("\x62\xf1\xfd\x48\x6f\x04\x24"),		/* vmovdqa64 */
	INSN("\x42\x8b\x04\x85\x00\x00\x00\x00"),	/* mov 0(,%r8,4),%eax */
	INSN("\xf0\x48\x0f\xb1\x0d\x00\x00\x00\x00"),	/* lock cmpxchg */
};

static void test_insns(void **state)
{
	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		uint8_t code[32];

		memset(code, 0x24, sizeof(code)); /* would be a SIB */
		memcpy(code, insns[i].code, insns[i].len);
		if (x86_length(code, sizeof(code)) != insns[i].len)
			fail_msg("row %zu: %zu, not %zu", i, x86_length(code, sizeof(code)), insns[i].len);
		/* Never more than is there. */
		for (size_t left = 0; left < insns[i].len; left++)
			assert_true(x86_length(code, left) <= left);
	}
}

static void test_none(void **state)
{
	static const char *const none[] = {"\x06", "\x60", "\x9a", "\xea", "\x0f\x04", "\x66\xe9\x00\x00\x00\x00"};
	uint8_t prefixes[LENGTH_MAX + 1];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(x86_length((const uint8_t *)none[i], strlen(none[i])), 0);
	memset(prefixes, 0x66, sizeof(prefixes));
	assert_int_equal(x86_length(prefixes, sizeof(prefixes)), 0);
}

/* A line of objdump: "  401000:\t48 89 e5 \tmov ...". Returns how many bytes it has. */
static size_t bytes_of(const char *line, uint8_t out[LENGTH_MAX])
{
	const char *at = strstr(line, ":\t"), *end;
	size_t n = 0;
	int used;

	if (*line != ' ' || !at)
		return 0;
	at += 2;
	end = strchr(at, '\t');
	for (; end && at < end && n < LENGTH_MAX && sscanf(at, "%2hhx%n", &out[n], &used) == 1; n++)
		for (at += used; *at == ' '; at++)
			;
	return end && at == end ? n : 0;
}

static void compare(const char *path, size_t at_least)
{
	size_t count = 0, len;
	uint8_t code[LENGTH_MAX];
	char line[1024], command[512];
	FILE *p;

	snprintf(command, sizeof(command),
		 "s=$(objdump -h %s | awk '$2 == \".text\" { print \"0x\" $4 }') && "
		 "objdump -d -w -j .text --stop-address=$((s + " PART ")) %s", path, path);
	p = popen(command, "re");
	assert_non_null(p);
	while (fgets(line, sizeof(line), p)) {
		len = bytes_of(line, code);
		if (!len || strstr(line, "(bad)") || strstr(line, "\trex") ||
		    strstr(line, "\t.byte")) /* cut off, the last ones */
			continue;
		if (x86_length(code, len) != len)
			fail_msg("%s: %zu: %s", path, x86_length(code, len), line);
		count++;
	}
	assert_int_equal(pclose(p), 0);
	assert_true(count > at_least);
}

static void test_objdump(void **state)
{
	static const char *const paths[] = {"build/go/plain", "/bin/bash"};

	if (system("command -v objdump >/dev/null")) {
		print_message("skip: no objdump\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], R_OK) == 0)
			compare(paths[i], 50000);
	compare("/proc/$PPID/exe", 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insns),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_objdump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
