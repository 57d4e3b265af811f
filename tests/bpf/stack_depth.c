/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Every function of a uprobe program stays at 48 bytes of stack or less. Above, some kernels give
 * the program a private stack for each processor; uprobe programs are preempted, and then two tasks
 * write to the same one. The verifier's log says how deep each function is.
 *
 *   stack_depth [-v]     -v: prints every function. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "decide.h"
#include "warden.skel.h"

#define DEPTH_MAX     48
#define LOG_SIZE      (1 << 20)
#define FUNCTIONS_MAX 64

static char log_text[LOG_SIZE];
static bool verbose;
static int template = -1; /* of the maps that hold policies */

static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void close_skel(struct warden_bpf **skel)
{
	warden_bpf__destroy(*skel);
}

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

/* ---- loading one program of the object, and nothing else ---- */

static int prepare(struct warden_bpf *skel, const char *name, enum tier tier)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, skel->obj)
	{
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
		if (bpf_program__type(p) == BPF_PROG_TYPE_UNSPEC) /* this libbpf does not know it */
			bpf_program__set_type(p, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	}
	p = bpf_object__find_program_by_name(skel->obj, name);
	bpf_program__set_log_level(p, 4);
	bpf_program__set_log_buf(p, log_text, sizeof(log_text));
	/* With all that can be switched off. */
	skel->rodata->image_mask = IMAGE_MIN_SIZE - 1;
	skel->rodata->tier_plaintext = tier;
	skel->rodata->copy_bytes = 1;
	return bpf_map__set_inner_map_fd(skel->maps.images, template);
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

	for (const char *at = log_text; (at = strstr(at, "\nsubprog ")) && n < FUNCTIONS_MAX;
	     at++) {
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
	const char *at = strstr(log_text, "stack depth ");
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

static unsigned long instructions(void)
{
	const char *at = strstr(log_text, "processed ");

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
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
	       name, deepest, instructions());
	for (int i = 0; i < count; i++)
		if (verbose || functions[i].depth > DEPTH_MAX)
			printf("    %3u %s\n", functions[i].depth, functions[i].name);
	return failed;
}

/* Returns 0, or 1 when it failed. Not every kernel takes tls_write_override. */
static int check_program(const char *name, enum tier tier)
{
	_cleanup_(close_skel) struct warden_bpf *skel = warden_bpf__open();
	struct function functions[FUNCTIONS_MAX] = {};
	int count, r;

	if (!skel || prepare(skel, name, tier) < 0) {
		printf("not ok %s\n    cannot be prepared: %s\n", name, strerror(errno));
		return 1;
	}
	log_text[0] = '\0';
	r = warden_bpf__load(skel);
	if (r == -EACCES && tier == TIER_OVERRIDE) {
		printf("skip %s # this kernel lets no program write registers\n", name);
		return 0;
	}
	if (r < 0) {
		printf("not ok %s\n    this kernel refuses it: %s\n", name, strerror(-r));
		return 1;
	}
	count = read_functions(bpf_program__fd(bpf_object__find_program_by_name(skel->obj, name)),
			       functions);
	if (count < 0) {
		printf("not ok %s\n    the depths are not in this log:\n%.400s\n", name, log_text);
		return 1;
	}
	return judge(name, functions, count);
}

int main(int argc, char **argv)
{
	_cleanup_(close_skel) struct warden_bpf *skel = NULL;
	struct bpf_program *p;
	int failed = 0, checked = 0;

	verbose = argc > 1 && !strcmp(argv[1], "-v");
	libbpf_set_print(be_silent);
	if (geteuid()) {
		printf("skip stack depth # not root\n");
		return 0;
	}
	template = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", 4, IMAGE_MIN_SIZE, 1, NULL);
	skel = warden_bpf__open();
	bpf_object__for_each_program(p, skel ? skel->obj : NULL)
	{
		const char *name = bpf_program__name(p);

		if (!is_uprobe(p))
			continue;
		failed |= check_program(name, strstr(name, "override") ? TIER_OVERRIDE : TIER_LSM);
		checked++;
	}
	if (!checked)
		printf("not ok stack depth\n    no uprobe program was found\n");
	return failed || !checked;
}
