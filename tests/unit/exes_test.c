/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "elf64.h"
#include "exes.h"
#include "stacks.h"

/* This program's own, by another way. */
static char *own_build_id(void)
{
	_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf64 elf;
	char *id = NULL;

	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(elf64_build_id(&elf, &id), 0);
	elf64_close(&elf);
	return id;
}

/* When this process began, as records have it: to a tick. */
static uint64_t own_start(void)
{
	unsigned long long ticks = 0;
	FILE *f = fopen("/proc/self/stat", "re");
	int n;

	assert_non_null(f);
	n = fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks);
	fclose(f);
	assert_int_equal(n, 1);
	return ticks * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void looks_at_the_process(void **state)
{
	struct rec r = {.tgid = (uint32_t)getpid(), .start = own_start()};
	_free_ char *want = own_build_id();
	struct exes e = {};

	exes_look(&e, &r);
	assert_string_equal(exes_build_id(&e, &r, NULL), want);
	exes_drop(&e, r.tgid);
	assert_null(exes_build_id(&e, &r, NULL));
	exes_free(&e);
}

/* This program says in its own constants what it has. */
static void names_the_stack(void **state)
{
	static const char *const volatile path = "/somewhere/rustls-0.23.36/src/lib.rs";
	struct rec r = {.tgid = (uint32_t)getpid(), .start = own_start()};
	struct exes e = {};

	assert_non_null(path);
	assert_null(exes_stack(&e, &r));
	exes_look(&e, &r);
	assert_string_equal(exes_stack(&e, &r), "rustls");
	assert_null(exes_stack(&e, &(struct rec){.tgid = r.tgid, .start = 1}));
	assert_null(stack_of_process(0x7fffffff));
	exes_free(&e);
}

/* Nobody keeps us busy: not with many records, nor with many programs. */
static void searches_for_so_long(void **state)
{
	struct rec r = {.tgid = (uint32_t)getpid(), .start = own_start()};
	struct exes e = {};
	uint64_t spent;

	exes_look(&e, &r);
	spent = e.spent;
	assert_true(spent > 0);
	exes_look(&e, &r);
	assert_int_equal(e.spent, spent);
	exes_drop(&e, r.tgid);
	e.spent = EXES_SEARCH_NS;
	exes_look(&e, &r);
	assert_non_null(exes_build_id(&e, &r, NULL));
	assert_null(exes_stack(&e, &r));
	exes_free(&e);
}

/* One that had this number before: it is not known by this one's program. */
static void spares_another_process(void **state)
{
	struct rec r = {.tgid = (uint32_t)getpid(), .start = own_start() - 20000000};
	struct exes e = {};

	exes_look(&e, &r);
	assert_null(exes_build_id(&e, &r, NULL));
	assert_null(exes_build_id(&e, &r, "not/absolute"));
	exes_free(&e);
}

/* Of a process that is gone, the file at its path, if that is as old as the process. */
static void falls_back_on_the_path(void **state)
{
	struct timespec now;
	struct rec r = {.tgid = 0x7fffffff};
	_free_ char *want = own_build_id();
	char path[512];
	struct exes e = {};
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(n > 0);
	path[n] = 0;
	clock_gettime(CLOCK_BOOTTIME, &now);
	r.start = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
	exes_look(&e, &r);
	assert_string_equal(exes_build_id(&e, &r, path), want);
	exes_drop(&e, r.tgid);
	r.start -= 10ULL * 365 * 86400 * 1000000000; /* long before it was built */
	assert_null(exes_build_id(&e, &r, path));
	exes_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_at_the_process),
		cmocka_unit_test(searches_for_so_long),
		cmocka_unit_test(names_the_stack),
		cmocka_unit_test(spares_another_process),
		cmocka_unit_test(falls_back_on_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
