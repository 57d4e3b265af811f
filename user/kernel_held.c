/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Processes that wait for a look at what they map (bpf/held.bpf.c). */
#include <bpf/bpf.h>
#include <signal.h>
#include <string.h>

#include "held.h"
#include "kernel_internal.h"

struct waiting {
	struct held_thread thread;
	struct held held;
};

/* The file needs no look any more, and the process goes on. */
static void release(struct kernel *k, const struct waiting *w)
{
	uint8_t one = 1;

	bpf_map_update_elem(bpf_map__fd(k->skel->maps.looked), &w->held.file, &one, BPF_ANY);
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.held), &w->thread);
	kill((pid_t)w->thread.tgid, SIGCONT);
}

bool kernel_holds(const struct kernel *k)
{
	return k->holds;
}

size_t kernel_release_held(struct kernel *k, kernel_look_fn look, void *ctx)
{
	int held = bpf_map__fd(k->skel->maps.held);
	struct held_thread at, next, *from = NULL;
	struct waiting done[HELD_THREADS];
	size_t n = 0, waiting = 0;

	if (!__atomic_exchange_n(&k->skel->bss->held_seen, 0, __ATOMIC_ACQ_REL))
		return 0;
	/* Deleted behind the walk: a deleted key cannot be gone on from. */
	while (n < HELD_THREADS && bpf_map_get_next_key(held, from, &next) == 0) {
		struct waiting *w = &done[n];

		at = w->thread = next;
		from = &at;
		if (bpf_map_lookup_elem(held, &at, &w->held) < 0)
			continue;
		if (look(ctx, (pid_t)at.tgid, (pid_t)at.tid, w->held.start))
			n++;
		else
			waiting++;
	}
	for (size_t i = 0; i < n; i++)
		release(k, &done[i]);
	if (waiting)
		__atomic_store_n(&k->skel->bss->held_seen, 1, __ATOMIC_RELEASE);
	return waiting;
}
