/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kernel_internal.h"

/* A workload that writes as fast as we read must not keep us here, nor fill our memory. */
#define FETCH_MAX ((size_t)4 << 20)

static int on_record(void *ctx, void *data, size_t size)
{
	struct kernel *k = ctx;
	const struct rec *r = data;

	k->fetched++;
	if (size >= sizeof(*r) && r->size <= size && r->size >= sizeof(*r)) {
		k->newest = r->time;
		k->fn(k->ctx, r);
	}
	if (size >= k->budget)
		return -EAGAIN;
	k->budget -= size;
	return 0;
}

/* Returns the time up to which all is fetched: without end when the ring is empty. */
static uint64_t fetch(struct kernel *k, struct ring_buffer *ring)
{
	k->budget = FETCH_MAX;
	return ring_buffer__consume(ring) == -EAGAIN ? k->newest : UINT64_MAX;
}

struct kernel_fetched kernel_drain(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	uint64_t before = k->fetched, bytes, events;
	struct kernel_fetched ret;

	k->fn = fn;
	k->ctx = ctx;
	bytes = fetch(k, k->bytes);
	ret.bytes = k->fetched - before;
	events = fetch(k, k->events);
	if (events == UINT64_MAX) /* there is room again */
		__atomic_store_n(&k->skel->bss->events_lost, 0, __ATOMIC_RELEASE);
	ret.upto = bytes < events ? bytes : events;
	ret.records = k->fetched - before;
	return ret;
}

int kernel_bytes_fd(const struct kernel *k)
{
	return ring_buffer__epoll_fd(k->bytes);
}

int kernel_events_fd(const struct kernel *k)
{
	return ring_buffer__epoll_fd(k->events);
}

int kernel_open_rings(struct kernel *k)
{
	k->bytes = ring_buffer__new(bpf_map__fd(k->skel->maps.bytes), on_record, k, NULL);
	k->events = ring_buffer__new(bpf_map__fd(k->skel->maps.events), on_record, k, NULL);
	return k->bytes && k->events ? 0 : -errno;
}

/* ---- what was lost ---- */

int kernel_losses(struct kernel *k, struct loss_count *ret)
{
	int cpus = libbpf_num_possible_cpus();
	_free_ struct loss_count *each = cpus > 0 ? calloc((size_t)cpus, sizeof(*each)) : NULL;

	if (!each)
		return -ENOMEM;
	for (uint32_t i = 0; i < LOSS_COUNT; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.losses), &i, each) < 0)
			return -errno;
		ret[i] = (struct loss_count){0};
		for (int cpu = 0; cpu < cpus; cpu++) {
			ret[i].records += each[cpu].records;
			ret[i].bytes += each[cpu].bytes;
		}
	}
	return 0;
}

int kernel_unaccounted(struct kernel *k, uint64_t *ret)
{
	int cpus = libbpf_num_possible_cpus();
	_free_ uint64_t *each = cpus > 0 ? calloc((size_t)cpus, sizeof(*each)) : NULL;
	struct loss_count lost[LOSS_COUNT];
	uint64_t sent = 0, known;
	uint32_t zero = 0;
	int r;

	if (!each)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.sequences), &zero, each) < 0)
		return -errno;
	for (int cpu = 0; cpu < cpus; cpu++)
		sent += each[cpu];
	r = kernel_losses(k, lost);
	if (r < 0)
		return r;
	known = k->fetched + lost[LOSS_EVENTS_RING].records + lost[LOSS_BYTES_RING].records;
	*ret = sent > known ? sent - known : 0;
	return 0;
}
