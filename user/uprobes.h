/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_UPROBES_H
#define WARDEN_UPROBES_H

/*
 * Many uprobes on one file as one link (BPF_TRACE_UPROBE_MULTI, kernels since 6.6). Where it works,
 * attaching and above all detaching take a fraction of the time: the kernel waits for its readers
 * once and not once a probe. Raw system calls, because libbpf has it only since 1.3.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPROBES_MULTI_TYPE 48 /* enum bpf_attach_type: BPF_TRACE_UPROBE_MULTI */

/* Whether the kernel knows such links: it is asked for an impossible one. */
bool uprobes_multi_works(void);

struct uprobes {
	const char *path;
	const uint64_t *offsets; /* in the file */
	const uint64_t *cookies; /* one for each */
	size_t count;
	bool at_return;
};

/*
 * Attaches a program that was loaded with expected attach type UPROBES_MULTI_TYPE. Returns the
 * descriptor of the link, or -errno.
 */
int uprobes_attach(int prog, const struct uprobes *u);

#endif
