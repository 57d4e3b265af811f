/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Attaching the programs: to the cgroup, to hooks, and to the function in the first subject. */
#include "tiers_probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define UPROBE_EVENTS "/sys/bus/event_source/devices/uprobe/"

/* ---- probes on the function ---- */

struct uprobe_event {
	uint32_t type;
	uint64_t at_return; /* bit in `config` */
};

struct function {
	struct uprobe_event event;
	struct probed_function place;
};

/* A small number out of a file of sysfs, as `fmt` reads it. Returns it or -errno. */
static int read_number(const char *path, const char *fmt)
{
	_fclose_ FILE *f = fopen(path, "re");
	int n;

	if (!f)
		return -errno;
	return fscanf(f, fmt, &n) == 1 ? n : -EIO;
}

/* What all probes have in common. Returns 0, or -errno when the kernel has no probes. */
static int read_uprobe_event(struct uprobe_event *ret)
{
	int type = read_number(UPROBE_EVENTS "type", "%d");
	int bit = read_number(UPROBE_EVENTS "format/retprobe", "config:%d");

	if (type < 0 || bit < 0)
		return type < 0 ? type : bit;
	*ret = (struct uprobe_event){.type = (uint32_t)type, .at_return = 1ULL << bit};
	return 0;
}

static int attach_to_function(struct probe *p, size_t i, const struct function *f)
{
	const struct probe_program *row = &probe_programs[i];
	bool overrides = row->facilities & 1U << FACILITY_PLAINTEXT_OVERRIDE;
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .perf_event.bpf_cookie = overrides ? f->place.to_ret : PROBE_COOKIE);
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = f->event.type,
		.config = row->at_return ? f->event.at_return : 0,
		.uprobe_path = (uint64_t)(uintptr_t) "/proc/self/exe",
		.probe_offset = f->place.offset,
	};
	_close_ int event = (int)syscall(SYS_perf_event_open, &attr, p->subject.pid, -1, -1,
					 PERF_FLAG_FD_CLOEXEC); /* in that process only */

	return event < 0 ? -errno : bpf_link_create(p->programs[i], event, BPF_PERF_EVENT, &opts);
}

/* ---- all of them ---- */

static int attach_one(struct probe *p, size_t i, const struct function *f)
{
	const struct probe_program *row = &probe_programs[i];

	if (row->hook)
		return bpf_raw_tracepoint_open(NULL, p->programs[i]);
	if (row->attach != BPF_PERF_EVENT)
		return bpf_link_create(p->programs[i], p->cgroup.fd, row->attach, NULL);
	return attach_to_function(p, i, f);
}

void probe_attach(struct probe *p)
{
	struct function f = {};
	const char *why = "its program loads but cannot be attached (%s)";
	const char *no_probes = "this kernel has no probes on functions (" UPROBE_EVENTS ": %s)";
	int without = read_uprobe_event(&f.event);

	if (!without && probed_function_find(&f.place) < 0) {
		without = -ENOENT;
		no_probes = "warden's own program file cannot be probed (%s)";
	}
	for (size_t i = 0; i < PROBE_PROGRAMS; i++) {
		if (p->programs[i] < 0)
			continue;
		if (without && probe_programs[i].attach == BPF_PERF_EVENT) {
			probe_fail_program(p, i, no_probes, without);
			continue;
		}
		p->links[i] = attach_one(p, i, &f);
		if (p->links[i] < 0)
			probe_fail_program(p, i, why, p->links[i]);
	}
}

void probe_detach_hooks(struct probe *p)
{
	for (size_t i = 0; i < PROBE_PROGRAMS; i++)
		if (probe_programs[i].hook && p->links[i] >= 0)
			close(TAKE_FD(p->links[i]));
}
