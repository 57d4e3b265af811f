/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Loading the programs. libbpf loads all programs of an object or none, and reads the kernel's
 * types again for each object, which is what would take longest here. So there is one object,
 * libbpf makes its maps and fits its programs to this kernel, and at the moment where it would
 * load one, that is done here, result kept; libbpf gets to load a program that does nothing.
 */
#include "tiers_probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/libbpf_log.h"
#include "base/log.h"

#define LOG_SIZE (1U << 20)

/* ---- where tracing and LSM programs go ---- */

static uint32_t find_hook(const struct btf *btf, const struct probe_program *row)
{
	uint32_t kind = row->attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC;
	int id = row->hook ? btf__find_by_name_kind(btf, row->hook, kind) : 0;

	for (size_t i = 0; id <= 0 && row->hooks && row->hooks[i]; i++)
		id = btf__find_by_name_kind(btf, row->hooks[i], kind);
	return id > 0 ? (uint32_t)id : 0;
}

static int find_hooks(struct probe *p)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -errno;
	for (size_t i = 0; i < PROBE_PROGRAMS; i++)
		p->hooks[i] = find_hook(btf, &probe_programs[i]);
	btf__free(btf);
	return 0;
}

/* ---- loading one ---- */

/* Once more, for what the verifier has to say; only for people who debug. */
static void log_refusal(enum bpf_prog_type type, const struct bpf_program *prog,
			struct bpf_prog_load_opts opts)
{
	_free_ char *text = log_level >= LOG_DEBUG ? calloc(1, LOG_SIZE) : NULL;
	int fd;

	if (!text)
		return;
	opts.log_level = 1;
	opts.log_buf = text;
	opts.log_size = LOG_SIZE;
	fd = bpf_prog_load(type, bpf_program__name(prog), "Dual BSD/GPL", bpf_program__insns(prog),
			   bpf_program__insn_cnt(prog), &opts);
	if (fd >= 0)
		close(fd);
	log_debug("%s is refused:", bpf_program__name(prog));
	libbpf_log_text(text);
}

static void load_one(struct probe *p, size_t i, const struct bpf_program *prog,
		     const struct bpf_prog_load_opts *from)
{
	const struct probe_program *row = &probe_programs[i];
	struct bpf_prog_load_opts opts = *from;
	int fd;

	opts.sz = sizeof(opts); /* libbpf may be newer, and its own longer */
	if (row->hook && !p->hooks[i]) {
		probe_fail_program(p, i,
				   row->type == BPF_PROG_TYPE_LSM
					   ? "this kernel is built without BPF LSM (%s)"
				   : row->attach == BPF_TRACE_FEXIT
					   ? "this kernel has no such function (%s)"
					   : "this kernel has no such tracepoint (%s)",
				   -ENOENT);
		return;
	}
	opts.expected_attach_type = row->type == BPF_PROG_TYPE_KPROBE ? 0 : row->attach;
	opts.attach_btf_id = p->hooks[i];
	opts.prog_flags |= row->flags;
	fd = bpf_prog_load(row->type, row->name, "Dual BSD/GPL", bpf_program__insns(prog),
			   bpf_program__insn_cnt(prog), &opts);
	if (fd < 0) {
		probe_fail_program(p, i, NULL, fd);
		log_refusal(row->type, prog, opts);
	}
	p->programs[i] = fd < 0 ? -1 : fd;
}

static struct probe *loading; /* the probing that libbpf is at work for */

/* libbpf is about to load a program. */
static int on_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct probe *p = loading;

	for (size_t i = 0; i < PROBE_PROGRAMS; i++)
		if (!strcmp(probe_programs[i].name, bpf_program__name(prog)))
			load_one(p, i, prog, opts);
	opts->func_info_cnt = opts->line_info_cnt = 0; /* they describe the program as it was */
	return bpf_program__set_insns(prog, nothing, sizeof(nothing) / sizeof(nothing[0]));
}

/* ---- loading all ---- */

static int load_object(struct probe *p)
{
	p->object = probe_bpf__open();
	if (!p->object)
		return -errno;
	p->object->rodata->target = p->cgroup.id;
	return probe_bpf__load(p->object);
}

/* Registered for good: libbpf 1.1 frees its list twice if the last handler is taken back. */
static int take_over_loading(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = on_load);
	static int handler = -1;

	if (handler < 0)
		handler = libbpf_register_prog_handler("probe/", BPF_PROG_TYPE_SOCKET_FILTER, 0,
						       &opts);
	return handler < 0 ? handler : 0;
}

int probe_load(struct probe *p)
{
	int r = find_hooks(p);

	if (!r)
		r = take_over_loading();
	if (r < 0)
		return r;
	loading = p;
	r = load_object(p);
	loading = NULL;
	return r;
}
