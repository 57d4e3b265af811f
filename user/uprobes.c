/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "uprobes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FLAG_RETURN 1 /* BPF_F_UPROBE_MULTI_RETURN */

/* The part of union bpf_attr that BPF_LINK_CREATE reads (linux/bpf.h since 6.6). */
struct link_create {
	uint32_t prog;
	uint32_t target;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid; /* 0: every process */
	uint32_t reserved;
};

int uprobes_attach(int prog, const struct uprobes *u)
{
	struct link_create attr = {
		.prog = (uint32_t)prog,
		.attach_type = UPROBES_MULTI_TYPE,
		.path = (uintptr_t)u->path,
		.offsets = (uintptr_t)u->offsets,
		.cookies = (uintptr_t)u->cookies,
		.count = (uint32_t)u->count,
		.multi_flags = u->at_return ? FLAG_RETURN : 0,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

bool uprobes_multi_works(void)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const uint64_t offset = 1, cookie = 0;
	const struct uprobes impossible = {
		.path = "/", .offsets = &offset, .cookies = &cookie, .count = 1};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)UPROBES_MULTI_TYPE);
	_close_ int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "warden_multi", "GPL", nothing,
					 sizeof(nothing) / sizeof(nothing[0]), &opts);

	/* A kernel that knows them complains of the file, another one of the request. */
	return prog >= 0 && uprobes_attach(prog, &impossible) == -EBADF;
}
