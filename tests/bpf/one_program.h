/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_ONE_PROGRAM_H
#define TESTS_BPF_ONE_PROGRAM_H

/*
 * Loads one program of warden's object and nothing else, or some together, and keeps what the verifier
 * says of each. Include from one file of a test.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decide.h"
#include "pipes.h"
#include "warden.skel.h"

#define ONE_PROGRAMS 128

static char one_own_log[1 << 20];		 /* of a program that is loaded alone */
static char one_logs[ONE_PROGRAMS][1 << 16];	 /* of those that are loaded together, in the object's order */
static const char *one_log = one_own_log;	 /* of the program that is asked about */

static inline int one_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static inline void one_close(struct warden_bpf **skel)
{
	warden_bpf__destroy(*skel);
}

/* Of <linux/bpf.h> since 6.7; the names are not in every distribution's headers. */
#define ONE_UNIX_CONNECT ((enum bpf_attach_type)49)
#define ONE_UNIX_SENDMSG ((enum bpf_attach_type)50)

/* Programs for unix sockets: libbpf before 1.3 does not know their sections. */
static inline void one_complete(struct bpf_program *p)
{
	if (bpf_program__type(p) != BPF_PROG_TYPE_UNSPEC)
		return;
	bpf_program__set_type(p, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(
		p, strstr(bpf_program__name(p), "sendmsg") ? ONE_UNIX_SENDMSG : ONE_UNIX_CONNECT);
}

static inline void one_choose(struct warden_bpf *skel, const char *name)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, skel->obj)
	{
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
		one_complete(p);
	}
	p = bpf_object__find_program_by_name(skel->obj, name);
	pipes_fit(p);
	bpf_program__set_log_level(p, 4);
	bpf_program__set_log_buf(p, one_own_log, sizeof(one_own_log));
}

/* Loads what was chosen, with all that can be switched off. Returns 0 or -errno. */
static inline int one_load_chosen(struct warden_bpf *skel, enum tier tier)
{
	static int template = -1; /* of the maps that hold policies */
	int r;

	if (template < 0)
		template = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", 4, IMAGE_MIN_SIZE, 1, NULL);
	skel->rodata->image_mask = IMAGE_MIN_SIZE - 1;
	skel->rodata->tier_plaintext = tier;
	skel->rodata->copy_bytes = 1;
	skel->rodata->file_hashes = 1;
	skel->rodata->names_kept = 1;
	skel->rodata->pipe_calls = 1;
	r = bpf_map__set_inner_map_fd(skel->maps.images, template);
	return r < 0 ? r : warden_bpf__load(skel);
}

/* Loads the program of that name. Returns its file descriptor, which is the skeleton's, or -errno. */
static inline int one_load(struct warden_bpf *skel, const char *name, enum tier tier)
{
	int r;

	one_own_log[0] = '\0';
	one_log = one_own_log;
	one_choose(skel, name);
	r = one_load_chosen(skel, tier);
	return r < 0 ? r : bpf_program__fd(bpf_object__find_program_by_name(skel->obj, name));
}

/*
 * Loads all for which `chosen` holds, in a fraction of the time that it takes one by one: most of that is
 * for maps and for the kernel's types. Returns 0, or -errno when the kernel refuses any of them.
 */
static inline int one_load_some(struct warden_bpf *skel, bool (*chosen)(const struct bpf_program *),
				enum tier tier)
{
	struct bpf_program *p;
	size_t n = 0;

	bpf_object__for_each_program(p, skel->obj)
	{
		bool load = chosen(p);

		bpf_program__set_autoload(p, load);
		one_complete(p);
		if (!load)
			continue;
		if (n == ONE_PROGRAMS)
			return -E2BIG;
		bpf_program__set_log_level(p, 4);
		bpf_program__set_log_buf(p, one_logs[n++], sizeof(one_logs[0]));
	}
	return one_load_chosen(skel, tier);
}

/* How many instructions the verifier has walked. */
static inline unsigned long one_instructions(void)
{
	const char *at = strstr(one_log, "processed ");

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
}

#endif
