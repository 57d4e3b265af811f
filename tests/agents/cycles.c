/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * cycles FILE COUNT: puts probes that do nothing where warden would put its own in this file, and takes them
 * off again, so many times. Prints how long it took until they were there for the first time, the file being
 * examined before, and all of it, how many cycles there were, and how often a probe was met meanwhile.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "empty.skel.h"
#include "tlsfiles.h"
#include "uprobes.h"

#define SITES_MAX 32
#define HOLD_US	  2000 /* so long they stay */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(int r, const char *what)
{
	fprintf(stderr, "cycles: %s: %s\n", what, strerror(-r));
	return 1;
}

/* Once on and off. `ret_on` receives when they were on. Returns 0 or -errno. */
static int cycle(struct empty_bpf *skel, const struct tls_file *file, double *ret_on)
{
	uint64_t enter[SITES_MAX], leave[SITES_MAX], cookies[SITES_MAX] = {0};
	struct uprobes entries = {.offsets = enter, .cookies = cookies};
	struct uprobes returns = {.offsets = leave, .cookies = cookies, .at_return = true};
	char path[TLSFILE_ATTACH_PATH];
	_close_ int on_return = -1, on_entry = -1;

	tlsfile_attach_path(file, path);
	entries.path = returns.path = path;
	for (size_t i = 0; i < file->count && i < SITES_MAX; i++) {
		const struct tls_site *site = &file->sites[i];

		enter[entries.count++] = site->offset;
		if (site->kind == SITE_WRITE || site->kind == SITE_READ || site->kind == SITE_MAKE)
			leave[returns.count++] = site->offset;
	}
	on_return = uprobes_attach(bpf_program__fd(skel->progs.empty_leave), &returns);
	if (on_return < 0)
		return on_return;
	on_entry = uprobes_attach(bpf_program__fd(skel->progs.empty_enter), &entries);
	*ret_on = now_ms();
	usleep(HOLD_US);
	return on_entry < 0 ? on_entry : 0;
}

static unsigned long long runs(const struct bpf_program *p)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) < 0 ? 0 : info.run_cnt;
}

static int load(struct empty_bpf *skel)
{
	const enum bpf_attach_type multi = (enum bpf_attach_type)UPROBES_MULTI_TYPE;

	bpf_program__set_expected_attach_type(skel->progs.empty_enter, multi);
	bpf_program__set_expected_attach_type(skel->progs.empty_leave, multi);
	return empty_bpf__load(skel);
}

int main(int argc, char **argv)
{
	struct empty_bpf *skel = empty_bpf__open();
	double start, on, first = 0;
	struct tls_file *file = NULL;
	int r, stats, i;

	if (argc != 3 || !skel)
		return 2;
	r = load(skel);
	if (r < 0)
		return fail(r, "cannot load");
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		return fail(stats, "cannot count");
	start = now_ms();
	r = tlsfile_read(argv[1], &file);
	if (r < 0 || !file->count)
		return fail(r, argv[1]);
	for (i = 0; i < atoi(argv[2]); i++) {
		r = cycle(skel, file, &on);
		if (r < 0)
			return fail(r, "cannot attach");
		if (!i)
			first = on - start;
	}
	printf("%.0f ms until they were there, %.0f ms in all, %d cycles, %llu times met\n", first,
	       now_ms() - start, i, runs(skel->progs.empty_enter) + runs(skel->progs.empty_leave));
	close(stats);
	tlsfile_free(file);
	empty_bpf__destroy(skel);
	return 0;
}
