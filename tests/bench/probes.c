/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 *   probes empty CMD   puts probes that do nothing where warden would put its own before it starts
 *                      CMD; prints "ready", and takes them off when its standard input ends
 *   probes stats       has the kernel measure the time of all BPF programs; prints "ready", and
 * ends that when its standard input ends, or it does probes loaded      prints "ID NAME" of every
 * BPF program that the kernel holds
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "empty.skel.h"
#include "tlsfiles.h"
#include "uprobes.h"

#define SITES_MAX 64 /* in one file */

struct sites {
	uint64_t offsets[SITES_MAX];
	uint64_t cookies[SITES_MAX];
	size_t count;
};

static int fail(int r, const char *what)
{
	fprintf(stderr, "probes: %s: %s\n", what, strerror(-r));
	return r;
}

static void hold(void)
{
	char c;

	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/* ---- probes that do nothing ---- */

static int attach_single(struct bpf_program *p, const char *path, const struct sites *s,
			 bool at_return)
{
	for (size_t i = 0; i < s->count; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return);

		if (!bpf_program__attach_uprobe_opts(p, -1, path, s->offsets[i], &opts))
			return -errno;
	}
	return 0;
}

/* Links stay open until this process ends. */
static int attach(struct bpf_program *p, const char *path, const struct sites *s, bool at_return)
{
	const struct uprobes u = {path, s->offsets, s->cookies, s->count, at_return};
	int r;

	if (!s->count) /* as of a library that only makes objects */
		return 0;
	if (!uprobes_multi_works())
		return attach_single(p, path, s, at_return);
	r = uprobes_attach(bpf_program__fd(p), &u);
	return r < 0 ? r : 0;
}

static int attach_file(struct empty_bpf *skel, const struct tls_file *file)
{
	struct sites enter = {0}, leave = {0};
	char path[TLSFILE_ATTACH_PATH];
	int r;

	for (size_t i = 0; i < file->count && i < SITES_MAX; i++) {
		const struct tls_site *site = &file->sites[i];

		enter.offsets[enter.count++] = site->offset;
		if (site->kind == SITE_WRITE || site->kind == SITE_READ)
			leave.offsets[leave.count++] = site->offset;
	}
	tlsfile_attach_path(file, path);
	r = attach(skel->progs.empty_leave, path, &leave, true);
	return r < 0 ? r : attach(skel->progs.empty_enter, path, &enter, false);
}

static int load(struct empty_bpf *skel)
{
	if (uprobes_multi_works()) {
		const enum bpf_attach_type multi = (enum bpf_attach_type)UPROBES_MULTI_TYPE;

		bpf_program__set_expected_attach_type(skel->progs.empty_enter, multi);
		bpf_program__set_expected_attach_type(skel->progs.empty_leave, multi);
	}
	return empty_bpf__load(skel);
}

static int empty(const char *cmd)
{
	struct empty_bpf *skel = empty_bpf__open();
	struct tls_files files = {0};
	int r = skel ? load(skel) : -errno;

	if (r < 0)
		return fail(r, "cannot load");
	r = tlsfiles_before_start(cmd, environ, &files);
	if (r < 0)
		return fail(r, "cannot look for TLS libraries");
	for (size_t i = 0; i < files.count; i++) {
		r = attach_file(skel, files.files[i]);
		if (r < 0)
			return fail(r, files.files[i]->path);
	}
	hold();
	empty_bpf__destroy(skel);
	tlsfiles_free(&files);
	return 0;
}

/* ---- how long programs run ---- */

/* The kernel stops measuring when nobody has that open any more. */
static int stats(void)
{
	_close_ int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (fd < 0)
		return fail(-errno, "cannot have run times measured");
	hold();
	return 0;
}

/* ---- what is loaded ---- */

static void print_program(uint32_t id)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	_close_ int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
		printf("%u %s\n", id, info.name);
}

static int loaded(void)
{
	uint32_t id = 0;

	while (bpf_prog_get_next_id(id, &id) == 0)
		print_program(id);
	return errno == ENOENT ? 0 : fail(-errno, "cannot list programs");
}

int main(int argc, char **argv)
{
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (argc == 3 && !strcmp(argv[1], "empty"))
		return empty(argv[2]) < 0;
	if (argc == 2 && !strcmp(argv[1], "stats"))
		return stats() < 0;
	if (argc == 2 && !strcmp(argv[1], "loaded"))
		return loaded() < 0;
	fprintf(stderr, "usage: probes empty CMD | probes stats | probes loaded\n");
	return 2;
}
