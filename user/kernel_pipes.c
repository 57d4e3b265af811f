/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Standard streams of the workload's processes: where the programs go, and what is over. */
#include <bpf/bpf.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "kernel_internal.h"
#include "pipe.h"
#include "pipes.h"
#include "process.h"

#define IDLE_NS (60 * NS_PER_SEC)

const char *const pipes_readers[] = {"anon_pipe_read", "pipe_read", NULL};

void pipes_fit(struct bpf_program *p)
{
	if (strcmp(bpf_program__section_name(p), "fexit/pipe_read") != 0)
		return;
	for (size_t i = 0; pipes_readers[i]; i++)
		if (bpf_program__set_attach_target(p, 0, pipes_readers[i]) == 0)
			return;
}

/* What is left in a pipe may be read behind the child's end. */
static bool is_over(const struct pipe *p, uint64_t now)
{
	return p->child && now > p->used + IDLE_NS &&
	       !process_is((pid_t)p->child, p->child_start);
}

void kernel_pipes_sweep(struct kernel *k, uint64_t now)
{
	int map = bpf_map__fd(k->skel->maps.pipes);
	struct pipe_key key, next;
	struct pipe p;
	bool more = !bpf_map_get_next_key(map, NULL, &key);

	/* The next key is asked for before this one goes: without it the map would begin anew. */
	for (; more; key = next) {
		more = !bpf_map_get_next_key(map, &key, &next);
		if (!bpf_map_lookup_elem(map, &key, &p) && is_over(&p, now))
			bpf_map_delete_elem(map, &key);
	}
}

void kernel_pipes_passed(const struct kernel *k, uint64_t *ret_streams, uint64_t *ret_bytes)
{
	*ret_streams = __atomic_load_n(&k->skel->bss->pipes_passed, __ATOMIC_RELAXED);
	*ret_bytes = __atomic_load_n(&k->skel->bss->pipes_skipped, __ATOMIC_RELAXED);
}

static uint64_t skipped(const struct bpf_program *p)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_program__fd(p) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) < 0)
		return 0;
	return info.recursion_misses;
}

uint64_t kernel_pipes_missed(const struct kernel *k)
{
	uint64_t calls = skipped(k->skel->progs.pipe_call);
	uint64_t hooks = skipped(k->skel->progs.pipe_read) + skipped(k->skel->progs.pipe_receive) +
			 skipped(k->skel->progs.pipe_splice);

	log_debug("skipped: %llu at the end of system calls, %llu at functions of the kernel",
		  (unsigned long long)calls, (unsigned long long)hooks);
	if (!k->skel->rodata->pipe_calls || __atomic_load_n(&k->skel->bss->pipes_hooked, __ATOMIC_RELAXED))
		return hooks;
	if (bpf_program__fd(k->skel->progs.pipe_read) < 0)
		return calls;
	return calls < hooks ? calls : hooks;
}
