/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel_internal.h"
#include "uprobes.h"

#define SITES_MAX 128 /* of one kind in one file */

/* ---- links ---- */

int link_keep(struct kernel *k, int link, const char *name)
{
	_close_ int fd = link;
	char path[512];

	snprintf(path, sizeof(path), "%s/%zu_%s", k->pins, k->link_count, name);
	if (bpf_obj_pin(fd, path) < 0)
		return -errno;
	k->link_count++;
	return 0;
}

int link_take(struct bpf_link *link)
{
	int fd = link ? fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return -errno;
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
	return fd;
}

/* Unpins and detaches the link that was taken last. */
static void link_drop(struct kernel *k)
{
	char path[512], name[32];
	DIR *dir = opendir(k->pins);
	struct dirent *e;

	k->link_count--;
	snprintf(name, sizeof(name), "%zu_", k->link_count);
	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, name, strlen(name))) {
			snprintf(path, sizeof(path), "%s/%s", k->pins, e->d_name);
			unlink(path);
		}
	if (dir)
		closedir(dir);
}

/* ---- probes on TLS files ---- */

static struct bpf_program *enter_program(struct kernel *k, enum site_kind kind)
{
	struct bpf_program *write = k->plaintext == TIER_OVERRIDE ? k->skel->progs.tls_write_override
								  : k->skel->progs.tls_write_enter;
	struct bpf_program *const by_kind[SITE_KINDS] = {
		[SITE_WRITE] = write,
		[SITE_READ] = k->skel->progs.tls_read_enter,
		[SITE_HANDSHAKE] = k->skel->progs.tls_handshake,
		[SITE_GREETING] = k->skel->progs.tls_greeting,
		[SITE_CLEAR] = k->skel->progs.tls_clear,
		[SITE_FREE] = k->skel->progs.tls_free,
		[SITE_BIO] = k->skel->progs.tls_bio,
		[SITE_MAKE] = k->skel->progs.tls_make,
		[SITE_LAYER] = k->skel->progs.tls_layer,
		[SITE_SEAL] = write,
		[SITE_START] = k->skel->progs.seal_start,
		[SITE_GO_LEAVE] = k->skel->progs.tls_leave,
		[SITE_GO_WRITE] = write,
		[SITE_GO_READ] = k->skel->progs.tls_read_enter,
		[SITE_GO_CLOSE] = k->skel->progs.tls_close,
	};

	return by_kind[kind];
}

/* NULL: nobody asks how it ends. */
static struct bpf_program *leave_program(struct kernel *k, enum site_kind kind)
{
	struct bpf_program *const by_kind[SITE_KINDS] = {
		[SITE_WRITE] = k->skel->progs.tls_leave,
		[SITE_READ] = k->skel->progs.tls_leave,
		[SITE_MAKE] = k->skel->progs.tls_made,
	};

	return by_kind[kind];
}

/* The sites of a file that one program is attached to, in the form of struct uprobes. */
struct batch {
	uint64_t offsets[SITES_MAX];
	uint64_t cookies[SITES_MAX];
	size_t count;
};

static void batch_add(struct batch *b, const struct tls_site *site)
{
	if (b->count == SITES_MAX)
		return;
	b->offsets[b->count] = site->offset;
	b->cookies[b->count++] = site->abi | site->ret_distance << SITE_RET_SHIFT;
}

static int attach_single(struct bpf_program *p, const char *path, uint64_t offset, uint64_t cookie,
			 bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return, .bpf_cookie = cookie);

	return link_take(bpf_program__attach_uprobe_opts(p, -1, path, offset, &opts));
}

static int attach_batch(struct kernel *k, struct bpf_program *p, const char *path,
			const struct batch *b, bool at_return)
{
	const char *name = bpf_program__name(p);
	int r = 0;

	if (k->multi && b->count) {
		const struct uprobes u = {path, b->offsets, b->cookies, b->count, at_return};

		r = uprobes_attach(bpf_program__fd(p), &u);
		return r < 0 ? r : link_keep(k, r, name);
	}
	for (size_t i = 0; i < b->count && r >= 0; i++) {
		r = attach_single(p, path, b->offsets[i], b->cookies[i], at_return);
		if (r >= 0)
			r = link_keep(k, r, name);
	}
	return r;
}

/* Which socket a thread receives from is asked when there is a file that needs it. */
static int attach_received(struct kernel *k, const struct batch *sealing)
{
	struct bpf_program *p = k->skel->progs.seal_received;
	int r;

	if (!sealing->count || k->receives || !bpf_program__autoload(p))
		return 0;
	r = link_take(bpf_program__attach(p));
	if (r >= 0)
		r = link_keep(k, r, bpf_program__name(p));
	k->receives = r >= 0;
	return r;
}

int kernel_probe_file(struct kernel *k, const struct tls_file *file)
{
	struct batch by_kind[SITE_KINDS] = {0};
	char path[TLSFILE_ATTACH_PATH];
	size_t before = k->link_count;
	int r = 0;

	for (size_t i = 0; i < file->count; i++)
		batch_add(&by_kind[file->sites[i].kind], &file->sites[i]);
	tlsfile_attach_path(file, path);
	r = attach_received(k, &by_kind[SITE_SEAL]);
	/* Returns first: a call that was decided on is then always seen to its end. */
	for (int kind = 0; kind < SITE_KINDS && r >= 0; kind++)
		if (leave_program(k, kind))
			r = attach_batch(k, leave_program(k, kind), path, &by_kind[kind], true);
	for (int kind = 0; kind < SITE_KINDS && r >= 0; kind++)
		r = attach_batch(k, enter_program(k, kind), path, &by_kind[kind], false);
	while (r < 0 && k->link_count > before)
		link_drop(k);
	return r < 0 ? r : 0;
}
