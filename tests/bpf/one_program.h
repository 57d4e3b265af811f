/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_ONE_PROGRAM_H
#define TESTS_BPF_ONE_PROGRAM_H

/*
 * Loads one program of warden's object and nothing else, and keeps what the verifier says of it.
 * Include from one file of a test.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decide.h"
#include "warden.skel.h"

static char one_log[1 << 20]; /* of the program that was loaded last */

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
	bpf_program__set_log_level(p, 4);
	bpf_program__set_log_buf(p, one_log, sizeof(one_log));
}

/*
 * Loads the program of that name, with all that can be switched off. Returns its file descriptor,
 * which is the skeleton's, or -errno.
 */
static inline int one_load(struct warden_bpf *skel, const char *name, enum tier tier)
{
	static int template = -1; /* of the maps that hold policies */
	int r;

	one_log[0] = '\0';
	if (template <0)
		template = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", 4, IMAGE_MIN_SIZE, 1, NULL);
	one_choose(skel, name);
	skel->rodata->image_mask = IMAGE_MIN_SIZE - 1;
	skel->rodata->tier_plaintext = tier;
	skel->rodata->copy_bytes = 1;
	skel->rodata->file_hashes = 1;
	skel->rodata->names_kept = 1;
	r = bpf_map__set_inner_map_fd(skel->maps.images, template);
	if (!r)
		r = warden_bpf__load(skel);
	return r < 0 ? r : bpf_program__fd(bpf_object__find_program_by_name(skel->obj, name));
}

/* How many instructions the verifier has walked. */
static inline unsigned long one_instructions(void)
{
	const char *at = strstr(one_log, "processed ");

	return at ? strtoul(at + strlen("processed "), NULL, 10) : 0;
}

#endif
