/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_KERNEL_INTERNAL_H
#define WARDEN_KERNEL_INTERNAL_H

/* Shared by the files of the kernel side; nobody else includes it. */

#include <bpf/libbpf.h>

#include "kernel.h"
#include "warden.skel.h"

struct kernel {
	struct warden_bpf *skel;
	struct ring_buffer *bytes, *events;
	size_t link_count; /* pinned; none is kept open, there may be thousands */
	char *pins;
	enum tier plaintext;
	bool multi; /* many probes are one link */
	bool receives; /* the program that notes who receives is attached */
	bool holds; /* see kernel_holds() */
	bool answers_read; /* see kernel_read_answers() */
	int cgroup;	   /* the workload's; the caller's descriptor */
	uint64_t mounts_left_out;

	kernel_record_fn fn; /* while draining */
	void *ctx;
	size_t budget;	    /* bytes that may still be fetched */
	uint64_t newest;    /* time of the record that was fetched last */
	uint64_t fetched;   /* records, since the start */
};

/* ---- kernel_records.c ---- */

/* Returns 0 or -errno. */
int kernel_open_rings(struct kernel *k);

/* ---- kernel_guard.c: what the workload has to leave alone; each returns 0 or -errno ---- */

/* Before loading: which program warden is. */
int kernel_guard_self(struct kernel *k);

/* Behind loading: files, maps and programs. */
int kernel_guard(struct kernel *k, const struct kernel_options *o);

/* A map that is made later. */
int kernel_guard_map(struct kernel *k, int fd);

/* ---- kernel_probes.c: links, and probes on TLS files ---- */

/* The descriptor of a libbpf link, which is then ours alone; or -errno. */
int link_take(struct bpf_link *link);

/* Takes the link, and pins it under a name of its own: it outlives this process. 0 or -errno. */
int link_keep(struct kernel *k, int link, const char *name);

/* ---- kernel_names.c ---- */

/* Before and behind loading. The latter returns 0 or -errno. */
void kernel_names_configure(struct kernel *k, const struct resolvers *r);
int kernel_names_begin(struct kernel *k, const struct resolvers *r);

#endif
