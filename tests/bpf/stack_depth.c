/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Every function of a uprobe program stays at 48 bytes of stack or less. Above, some kernels give
 * the program a private stack for each processor; uprobe programs are preempted, and then two tasks
 * write to the same one. The verifier's log says how deep each function is.
 *
 *   stack_depth [-v]     -v: prints every function. Needs root.
 */
#include <bpf/btf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "one_program.h"

#define DEPTH_MAX     48
#define FUNCTIONS_MAX 128

static bool verbose;

static void free_btf(struct btf **btf)
{
	btf__free(*btf);
}

static bool is_uprobe(const struct bpf_program *p)
{
	const char *section = bpf_program__section_name(p);

	section += *section == '?';
	return !strncmp(section, "uprobe", 6) || !strncmp(section, "uretprobe", 9);
}

/* ---- what the verifier has said ---- */

struct function {
	char name[64];
	unsigned int depth;
};

/* Newer kernels have a line each: "subprog 1 (NAME) static insns_self 9 insns_total 9 stack 8". */
static int read_lines(struct function *functions)
{
	int n = 0;

	for (const char *at = one_log; (at = strstr(at, "\nsubprog ")) && n < FUNCTIONS_MAX; at++) {
		struct function *f = &functions[n];

		if (sscanf(at,
			   "\nsubprog %*u (%63[^)]) %*s insns_self %*u insns_total %*u stack %u",
			   f->name, &f->depth) == 2)
			n++;
	}
	return n;
}

/* Older ones have one line, "stack depth 40+0+48", in the order of the functions. */
static int read_line(struct function *functions)
{
	const char *at = strstr(one_log, "stack depth ");
	int n = 0;

	for (at = at ? at + strlen("stack depth") : NULL; at && n < FUNCTIONS_MAX; n++) {
		functions[n].depth = (unsigned int)strtoul(at + 1, (char **)&at, 10);
		if (*at != '+')
			at = NULL;
	}
	return n;
}

/* Adds the names to depths without. Returns how many functions the program has. */
static int read_names(int fd, struct function *functions)
{
	struct bpf_func_info info[FUNCTIONS_MAX];
	struct bpf_prog_info prog = {
		.func_info = (uintptr_t)info,
		.nr_func_info = FUNCTIONS_MAX,
		.func_info_rec_size = sizeof(info[0]),
	};
	_cleanup_(free_btf) struct btf *btf = NULL;
	uint32_t len = sizeof(prog);

	if (bpf_obj_get_info_by_fd(fd, &prog, &len) < 0)
		return -errno;
	btf = btf__load_from_kernel_by_id(prog.btf_id);
	if (!btf || prog.nr_func_info > FUNCTIONS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < prog.nr_func_info; i++) {
		const struct btf_type *t = btf__type_by_id(btf, info[i].type_id);

		snprintf(functions[i].name, sizeof(functions[i].name), "%s",
			 t ? btf__name_by_offset(btf, t->name_off) : "?");
	}
	return (int)prog.nr_func_info;
}

/* The functions of a loaded program. Returns how many, or -1 when the log does not tell of all. */
static int read_functions(int fd, struct function *functions)
{
	int n = read_lines(functions);

	if (!n)
		n = read_line(functions);
	return n > 0 && n == read_names(fd, functions) ? n : -1;
}

/* ---- one program ---- */

static int judge(const char *name, struct function *functions, int count)
{
	unsigned int deepest = 0;
	int failed = 0;

	for (int i = 0; i < count; i++) {
		if (functions[i].depth > deepest)
			deepest = functions[i].depth;
		failed |= functions[i].depth > DEPTH_MAX;
	}
	printf("%s %s (deepest %u bytes, %lu instructions verified)\n", failed ? "not ok" : "ok",
	       name, deepest, one_instructions());
	for (int i = 0; i < count; i++)
		if (verbose || functions[i].depth > DEPTH_MAX)
			printf("    %3u %s\n", functions[i].depth, functions[i].name);
	return failed;
}

/* A program that is loaded. Returns 0, or 1 when it failed. */
static int check_loaded(const char *name, int fd)
{
	struct function functions[FUNCTIONS_MAX] = {};
	int count = read_functions(fd, functions);

	if (count < 0) {
		printf("not ok %s\n    the depths are not in this log:\n%.400s\n", name, one_log);
		return 1;
	}
	return judge(name, functions, count);
}

/* Returns 0, or 1 when it failed. Not every kernel takes tls_write_override. */
static int check_program(const char *name, enum tier tier)
{
	_cleanup_(one_close) struct warden_bpf *skel = warden_bpf__open();
	int fd = skel ? one_load(skel, name, tier) : -errno;

	if (fd == -EACCES && tier == TIER_OVERRIDE) {
		printf("skip %s # this kernel lets no program write registers\n", name);
		return 0;
	}
	if (fd < 0) {
		printf("not ok %s\n    this kernel refuses it: %s\n", name, strerror(-fd));
		return 1;
	}
	return check_loaded(name, fd);
}

static bool is_override(const struct bpf_program *p)
{
	return strstr(bpf_program__name(p), "override");
}

static bool is_common(const struct bpf_program *p)
{
	return is_uprobe(p) && !is_override(p);
}

int main(int argc, char **argv)
{
	_cleanup_(one_close) struct warden_bpf *skel = NULL;
	struct bpf_program *p;
	int failed = 0, checked = 0;
	bool together;

	verbose = argc > 1 && !strcmp(argv[1], "-v");
	libbpf_set_print(one_silent);
	if (geteuid()) {
		printf("skip stack depth # not root\n");
		return 0;
	}
	skel = warden_bpf__open();
	together = skel && one_load_some(skel, is_common, TIER_LSM) == 0;
	bpf_object__for_each_program(p, skel ? skel->obj : NULL)
	{
		const char *name = bpf_program__name(p);

		if (is_override(p)) {
			failed |= check_program(name, TIER_OVERRIDE);
		} else if (is_common(p) && together) {
			one_log = one_logs[checked++];
			failed |= check_loaded(name, bpf_program__fd(p));
		} else if (is_common(p)) {
			checked++;
			failed |= check_program(name, TIER_LSM);
		}
	}
	if (!checked)
		printf("not ok stack depth\n    no uprobe program was found\n");
	return failed || !checked;
}
