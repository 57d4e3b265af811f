/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The names of addresses: what the kernel side is told, and what is over. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "kernel_internal.h"

void kernel_names_configure(struct kernel *k, const struct resolvers *r)
{
	if (!r) {
		bpf_map__set_max_entries(k->skel->maps.names, 1);
		bpf_map__set_max_entries(k->skel->maps.queries, 1);
		return;
	}
	k->skel->rodata->names_kept = 1;
	k->skel->rodata->names_netns = r->netns;
	k->skel->rodata->names_interfaces = r->interfaces;
}

int kernel_names_begin(struct kernel *k, const struct resolvers *r)
{
	for (size_t i = 0; r && i < r->count; i++) {
		struct resolver value = {.local = r->local[i]};

		if (bpf_map_update_elem(bpf_map__fd(k->skel->maps.resolvers), r->addr[i], &value,
					BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

int kernel_names_told(struct kernel *k, const void *msg, size_t len)
{
	struct dns_told told = {.len = (uint32_t)len};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &told, .ctx_size_in = sizeof(told));

	memcpy(told.msg, msg, len < DNS_SIZE ? len : DNS_SIZE);
	if (bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.dns_told), &opts) < 0)
		return -errno;
	return (int)opts.retval;
}

void kernel_names_resolved(struct kernel *k, uint64_t ticket)
{
	__atomic_store_n(&k->skel->bss->resolves_done, ticket, __ATOMIC_RELEASE);
}

/*
 * Removes a name that is over, if it is the last of its address: the programs look no further than the
 * first slot that is empty. When they have filled the next one meanwhile, it comes back.
 */
static void remove_last(int map, const struct name_key *key, const struct name_entry *entry)
{
	struct name_key next = *key;
	struct name_entry other;

	next.slot++;
	if (next.slot < NAMES_SLOTS && !bpf_map_lookup_elem(map, &next, &other))
		return;
	bpf_map_delete_elem(map, key);
	if (next.slot < NAMES_SLOTS && !bpf_map_lookup_elem(map, &next, &other))
		bpf_map_update_elem(map, key, entry, BPF_NOEXIST);
}

void kernel_names_sweep(struct kernel *k, uint64_t now)
{
	int map = bpf_map__fd(k->skel->maps.names);
	struct name_key key, next;
	struct name_entry entry;
	bool more = !bpf_map_get_next_key(map, NULL, &key);

	/* The next key is asked for before this one goes: without it the map would begin anew. */
	for (; more; key = next) {
		more = !bpf_map_get_next_key(map, &key, &next);
		if (!bpf_map_lookup_elem(map, &key, &entry) && entry.until < now)
			remove_last(map, &key, &entry);
	}
}
