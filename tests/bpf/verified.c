/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * How many instructions the verifier walks in each program, on this kernel: a table, in which
 * growth is seen long before a kernel refuses a program. Fails when one comes near the limit.
 *
 *   verified [PERCENT]     of the limit, from where on it is a failure (50). Needs root.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "one_program.h"

#define LIMIT        1000000 /* BPF_COMPLEXITY_LIMIT_INSNS of every kernel since 5.2 */
#define PROGRAMS_MAX 128
#define COLUMNS      3

static struct row {
	char name[32];
	unsigned long instructions;
} rows[PROGRAMS_MAX];

static int row_count;
#define LOG_SHOWN 500 /* bytes of the verifier's log, of which the last ones have the error */

static char missing[1024]; /* names, a blank before each */

static bool is_lsm(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	section += *section == '?';
	return !strncmp(section, "lsm", 3);
}

/* What not every kernel, or not every configuration of one, can run. */
static bool may_be_missing(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	return is_lsm(p) || !strncmp(section, "fexit", 5) || strstr(section, "unix") ||
	       strstr(bpf_program__name(p), "override");
}

static bool is_common(const struct bpf_program *p)
{
	return !may_be_missing(p);
}

static bool is_other(const struct bpf_program *p)
{
	return may_be_missing(p) && !is_lsm(p);
}

/* The kernel has no such programs at all: it has not even begun to walk this one, or not far. */
static bool is_missing(const struct bpf_program *p, int error)
{
	bool registers = error == -EACCES && strstr(one_log, "invalid bpf_context access");

	return may_be_missing(p) && (!one_instructions() || registers);
}

/* Returns 0, or 1 when it has too many instructions. */
static int judge(const char *name, unsigned long instructions, unsigned long most)
{
	if (row_count < PROGRAMS_MAX) {
		snprintf(rows[row_count].name, sizeof(rows[row_count].name), "%s", name);
		rows[row_count++].instructions = instructions;
	}
	if (!instructions || instructions > most) {
		printf("not ok %s\n    %lu instructions, 1 to %lu are right\n", name, instructions,
		       most);
		return 1;
	}
	printf("ok %s\n", name);
	return 0;
}

/* Returns 0, or 1 when it failed. */
static int check_program(const struct bpf_program *p, unsigned long most)
{
	_cleanup_(one_close) struct warden_bpf *skel = warden_bpf__open();
	const char *name = bpf_program__name(p);
	bool override = strstr(name, "override");
	int fd = skel ? one_load(skel, name, override ? TIER_OVERRIDE : TIER_LSM) : -errno;
	unsigned long instructions = one_instructions();

	if (fd < 0 && is_missing(p, fd)) {
		snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", name);
		return 0;
	}
	if (fd < 0 || !instructions) {
		size_t said = strlen(one_log);

		printf("not ok %s\n    %s, after %lu instructions; the verifier's last words:\n%s\n", name,
		       fd < 0 ? strerror(-fd) : "nothing was said of it", instructions,
		       one_log + (said > LOG_SHOWN ? said - LOG_SHOWN : 0));
		return 1;
	}
	return judge(name, instructions, most);
}

/* Those for which `chosen` holds, together if the kernel takes all of them. Returns 0, or 1 when one failed. */
static int check_some(bool (*chosen)(const struct bpf_program *), unsigned long most)
{
	_cleanup_(one_close) struct warden_bpf *skel = warden_bpf__open();
	bool together = skel && one_load_some(skel, chosen, TIER_LSM) == 0;
	struct bpf_program *p;
	int failed = 0, n = 0;

	bpf_object__for_each_program(p, skel ? skel->obj : NULL)
	{
		if (!chosen(p))
			continue;
		one_log = one_logs[n++];
		failed |= together ? judge(bpf_program__name(p), one_instructions(), most)
				   : check_program(p, most);
	}
	return failed;
}

static int by_instructions(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->instructions > y->instructions ? -1 : x->instructions < y->instructions;
}

/* Lines that begin with '#' are shown by tests/run-all as they are. */
static void print_table(void)
{
	struct utsname system = {};

	uname(&system);
	qsort(rows, (size_t)row_count, sizeof(rows[0]), by_instructions);
	printf("# Linux %s, instructions verified (of %d):", system.release, LIMIT);
	for (int i = 0; i < row_count; i++)
		printf("%s%-20s %7lu", i % COLUMNS ? "   " : "\n#   ", rows[i].name,
		       rows[i].instructions);
	printf("\n");
}

int main(int argc, char **argv)
{
	unsigned long percent = argc > 1 ? strtoul(argv[1], NULL, 10) : 50;
	unsigned long most = LIMIT / 100 * percent;
	int failed;

	libbpf_set_print(one_silent);
	if (geteuid()) {
		printf("skip instructions verified # not root\n");
		return 0;
	}
	failed = check_some(is_common, most) | check_some(is_lsm, most) | check_some(is_other, most);
	if (!row_count)
		printf("not ok instructions verified\n    of no program\n");
	else
		print_table();
	if (*missing)
		printf("skip instructions verified # not on this kernel:%s\n", missing);
	return failed || !row_count;
}
