/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "uprobes.h"
#include "warden.skel.h"

#define SITE_EX	       1ULL /* bpf/tls.bpf.c */
#define SITE_RET_SHIFT 8
#define SITE_KINDS     (SITE_FREE + 1)
#define SITES_MAX      16 /* of one kind in one file */

/* Of <linux/bpf.h> since 6.7; the names are not in every distribution's headers. */
#define ATTACH_UNIX_CONNECT ((enum bpf_attach_type)49)
#define ATTACH_UNIX_SENDMSG ((enum bpf_attach_type)50)

struct kernel {
	struct warden_bpf *skel;
	struct ring_buffer *rings; /* bytes, then events: in this order they are read */
	int *links; /* pinned */
	size_t link_count;
	char *pins;
	enum tier plaintext;
	bool multi; /* many probes are one link */
	kernel_record_fn fn; /* while draining */
	void *ctx;
};

/* ---- which programs a set of tiers needs ---- */

static bool with_lsm_exec(const struct tiers *t)
{
	return t->exec == TIER_LSM;
}

static bool with_signal_exec(const struct tiers *t)
{
	return t->exec != TIER_LSM;
}

static bool with_lsm_net(const struct tiers *t)
{
	/* The hook on sendmsg is what makes a dead socket fail at once, too. */
	return t->net == TIER_LSM;
}

static bool with_cgroup_net(const struct tiers *t)
{
	return t->net != TIER_LSM;
}

static bool with_unix(const struct tiers *t)
{
	return t->net != TIER_LSM && t->facility[FACILITY_NET_UNIX].works;
}

static bool with_override(const struct tiers *t)
{
	return t->plaintext == TIER_OVERRIDE;
}

static bool without_override(const struct tiers *t)
{
	return t->plaintext != TIER_OVERRIDE;
}

static bool always(const struct tiers *t)
{
	return true;
}

enum attach_how { ATTACH_AUTO, ATTACH_CGROUP, ATTACH_PROBE, ATTACH_NONE };

static const struct {
	const char *name;
	bool (*needed)(const struct tiers *);
	enum attach_how how;
} programs[] = {
	{"scope_newtask", always, ATTACH_AUTO},
	{"scope_attach", always, ATTACH_AUTO},
	{"scope_settle", always, ATTACH_NONE},
	{"exec_exit", always, ATTACH_AUTO},
	{"exec_check", with_lsm_exec, ATTACH_AUTO},
	{"exec_committed", with_lsm_exec, ATTACH_AUTO},
	{"exec_done", with_signal_exec, ATTACH_AUTO},
	{"net_connect", with_lsm_net, ATTACH_AUTO},
	{"net_sendmsg", with_lsm_net, ATTACH_AUTO},
	{"net_connect4", with_cgroup_net, ATTACH_CGROUP},
	{"net_connect6", with_cgroup_net, ATTACH_CGROUP},
	{"net_sendmsg4", with_cgroup_net, ATTACH_CGROUP},
	{"net_sendmsg6", with_cgroup_net, ATTACH_CGROUP},
	{"net_connect_unix", with_unix, ATTACH_CGROUP},
	{"net_sendmsg_unix", with_unix, ATTACH_CGROUP},
	{"wire_egress", always, ATTACH_CGROUP},
	{"tls_write_enter", without_override, ATTACH_PROBE},
	{"tls_write_override", with_override, ATTACH_PROBE},
	{"tls_read_enter", always, ATTACH_PROBE},
	{"tls_leave", always, ATTACH_PROBE},
	{"tls_handshake", always, ATTACH_PROBE},
	{"tls_free", always, ATTACH_PROBE},
};

#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

static struct bpf_program *program(struct kernel *k, const char *name)
{
	return bpf_object__find_program_by_name(k->skel->obj, name);
}

/* ---- loading ---- */

static int fail(struct kernel_error *error, int r, const char *what, const char *which)
{
	snprintf(error->text, sizeof(error->text), "%s %s: %s", what, which, strerror(-r));
	return r;
}

static void choose_programs(struct kernel *k, const struct tiers *tiers)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		bpf_program__set_autoload(program(k, programs[i].name), programs[i].needed(tiers));

	for (size_t i = 0; i < PROGRAMS && k->multi; i++)
		if (programs[i].how == ATTACH_PROBE)
			bpf_program__set_expected_attach_type(
				program(k, programs[i].name),
				(enum bpf_attach_type)UPROBES_MULTI_TYPE);

	/* libbpf before 1.3 does not know these sections. */
	bpf_program__set_type(k->skel->progs.net_connect_unix, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(k->skel->progs.net_connect_unix, ATTACH_UNIX_CONNECT);
	bpf_program__set_type(k->skel->progs.net_sendmsg_unix, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(k->skel->progs.net_sendmsg_unix, ATTACH_UNIX_SENDMSG);
}

static void configure(struct kernel *k, const struct kernel_options *o)
{
	k->skel->rodata->image_mask = o->image->size - 1;
	k->skel->rodata->scope_cgroup = o->cgroup->id;
	k->skel->rodata->tier_plaintext = o->tiers->plaintext;
	k->skel->rodata->copy_bytes = o->copy_bytes;
}

static int image_map(const struct image_block *image)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "warden_image", sizeof(uint32_t), image->size, 1,
			      NULL);
}

/* A new generation: built aside, then switched by one update. */
static int publish(struct kernel *k, const struct image_block *image)
{
	uint32_t zero = 0;
	_close_ int fd = image_map(image);

	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(fd, &zero, image->data, BPF_ANY) < 0)
		return -errno;
	if (bpf_map_update_elem(bpf_map__fd(k->skel->maps.images), &zero, &fd, BPF_ANY) < 0)
		return -errno;
	return 0;
}

static int load_programs(struct kernel *k, const struct kernel_options *o,
			 struct kernel_error *error)
{
	_close_ int template = image_map(o->image);
	int r;

	if (template < 0)
		return fail(error, -errno, "cannot make the map of", "the policy");
	choose_programs(k, o->tiers);
	configure(k, o);
	bpf_map__set_inner_map_fd(k->skel->maps.images, template);
	r = warden_bpf__load(k->skel);
	if (r < 0)
		return fail(error, r, "this kernel refuses", "warden's programs (see --debug)");
	r = publish(k, o->image);
	return r < 0 ? fail(error, r, "cannot publish", "the policy") : 0;
}

/* ---- links ---- */

/* Takes the link, and pins it under a name of its own: it outlives this process. */
static int keep_link(struct kernel *k, int link, const char *name)
{
	_close_ int fd = link;
	char path[512];
	int *links;

	snprintf(path, sizeof(path), "%s/%zu_%s", k->pins, k->link_count, name);
	links = reallocarray(k->links, k->link_count + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	k->links = links;
	if (bpf_obj_pin(fd, path) < 0)
		return -errno;
	k->links[k->link_count++] = TAKE_FD(fd);
	return 0;
}

/* The descriptor of a libbpf link, which is then ours alone. */
static int take_link(struct bpf_link *link)
{
	int fd = link ? fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return -errno;
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
	return fd;
}

/* Unpins and detaches the link that was taken last. */
static void drop_link(struct kernel *k)
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
	close(k->links[k->link_count]);
}

static int attach_one(struct kernel *k, size_t i, const struct kernel_options *o)
{
	struct bpf_program *p = program(k, programs[i].name);
	struct bpf_link *link;
	int r;

	if (programs[i].how == ATTACH_CGROUP)
		link = bpf_program__attach_cgroup(p, o->cgroup->fd);
	else
		link = bpf_program__attach(p);
	r = take_link(link);
	return r < 0 ? r : keep_link(k, r, programs[i].name);
}

static int attach_all(struct kernel *k, const struct kernel_options *o, struct kernel_error *error)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		int r;

		if (!programs[i].needed(o->tiers) || programs[i].how >= ATTACH_PROBE)
			continue;
		r = attach_one(k, i, o);
		if (r < 0)
			return fail(error, r, "cannot attach", programs[i].name);
	}
	return 0;
}

/* ---- probes on TLS files ---- */

static struct bpf_program *site_program(struct kernel *k, enum site_kind kind)
{
	struct bpf_program *const by_kind[] = {
		[SITE_WRITE] = k->plaintext == TIER_OVERRIDE ? k->skel->progs.tls_write_override
							     : k->skel->progs.tls_write_enter,
		[SITE_READ] = k->skel->progs.tls_read_enter,
		[SITE_HANDSHAKE] = k->skel->progs.tls_handshake,
		[SITE_FREE] = k->skel->progs.tls_free,
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
	b->cookies[b->count++] = (site->ex ? SITE_EX : 0) | site->ret_distance << SITE_RET_SHIFT;
}

static int attach_single(struct bpf_program *p, const char *path, uint64_t offset, uint64_t cookie,
			 bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = at_return, .bpf_cookie = cookie);

	return take_link(bpf_program__attach_uprobe_opts(p, -1, path, offset, &opts));
}

static int attach_batch(struct kernel *k, struct bpf_program *p, const char *path,
			const struct batch *b, bool at_return)
{
	const char *name = bpf_program__name(p);
	int r = 0;

	if (k->multi && b->count) {
		const struct uprobes u = {path, b->offsets, b->cookies, b->count, at_return};

		r = uprobes_attach(bpf_program__fd(p), &u);
		return r < 0 ? r : keep_link(k, r, name);
	}
	for (size_t i = 0; i < b->count && r >= 0; i++) {
		r = attach_single(p, path, b->offsets[i], b->cookies[i], at_return);
		if (r >= 0)
			r = keep_link(k, r, name);
	}
	return r;
}

int kernel_probe_file(struct kernel *k, const struct tls_file *file)
{
	struct batch by_kind[SITE_KINDS] = {0}, leave = {0};
	char path[TLSFILE_ATTACH_PATH];
	size_t before = k->link_count;
	int r;

	for (size_t i = 0; i < file->count; i++) {
		const struct tls_site *site = &file->sites[i];

		batch_add(&by_kind[site->kind], site);
		if (site->kind == SITE_WRITE || site->kind == SITE_READ)
			batch_add(&leave, site);
	}
	tlsfile_attach_path(file, path);
	/* Returns first: a call that was decided on is then always seen to its end. */
	r = attach_batch(k, k->skel->progs.tls_leave, path, &leave, true);
	for (size_t kind = 0; kind < SITE_KINDS && r >= 0; kind++)
		r = attach_batch(k, site_program(k, (enum site_kind)kind), path, &by_kind[kind],
				 false);
	while (r < 0 && k->link_count > before)
		drop_link(k);
	return r < 0 ? r : 0;
}

/* ---- records ---- */

static int on_record(void *ctx, void *data, size_t size)
{
	struct kernel *k = ctx;
	const struct rec *r = data;

	if (size >= sizeof(*r) && r->size <= size && r->size >= sizeof(*r))
		k->fn(k->ctx, r);
	return 0;
}

int kernel_drain(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	int n;

	k->fn = fn;
	k->ctx = ctx;
	n = ring_buffer__consume(k->rings);
	return n > 0 ? n : 0;
}

int kernel_event_fd(const struct kernel *k)
{
	return ring_buffer__epoll_fd(k->rings);
}

static int make_rings(struct kernel *k, struct kernel_error *error)
{
	k->rings = ring_buffer__new(bpf_map__fd(k->skel->maps.bytes), on_record, k, NULL);
	if (!k->rings ||
	    ring_buffer__add(k->rings, bpf_map__fd(k->skel->maps.events), on_record, k) < 0)
		return fail(error, -errno, "cannot map", "the rings");
	return 0;
}

/* ---- state ---- */

int kernel_settle(struct kernel *k)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.scope_settle), &opts) < 0)
		return -errno;
	return opts.retval ? -ENOTDIR : 0;
}

void kernel_set_audit_failed(struct kernel *k, bool failed)
{
	__atomic_store_n(&k->skel->bss->audit_failed, failed, __ATOMIC_RELEASE);
}

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

void kernel_forget_socket(struct kernel *k, uint64_t cookie)
{
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.dead), &cookie);
}

struct object_key { /* bpf/object.bpf.h */
	uint64_t address;
	uint32_t tgid;
	uint32_t exec_id;
};

void kernel_forget_process(struct kernel *k, uint32_t tgid)
{
	int fd = bpf_map__fd(k->skel->maps.objects);
	struct object_key key, next, *at = NULL;
	bool doomed = false;

	/* A deleted key cannot be gone on from: each is deleted once its successor is known. */
	while (bpf_map_get_next_key(fd, at, &next) == 0) {
		if (doomed)
			bpf_map_delete_elem(fd, &key);
		key = next;
		at = &key;
		doomed = key.tgid == tgid;
	}
	if (doomed)
		bpf_map_delete_elem(fd, &key);
}

/* ---- begin and end ---- */

int kernel_load(const struct kernel_options *options, struct kernel **ret,
		struct kernel_error *error)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return fail(error, -ENOMEM, "cannot load", "programs");
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	k->plaintext = options->tiers->plaintext;
	k->multi = uprobes_multi_works();
	k->pins = strdup(options->pins);
	k->skel = warden_bpf__open();
	r = k->pins && k->skel ? load_programs(k, options, error)
			       : fail(error, -ENOMEM, "cannot open", "warden's programs");
	if (r == 0)
		r = make_rings(k, error);
	if (r == 0)
		r = attach_all(k, options, error);
	if (r < 0) {
		kernel_close(&k);
		return r;
	}
	*ret = k;
	return 0;
}

void kernel_close(struct kernel **kp)
{
	struct kernel *k = TAKE_PTR(*kp);

	if (!k)
		return;
	for (size_t i = 0; i < k->link_count; i++)
		close(k->links[i]);
	free(k->links);
	ring_buffer__free(k->rings);
	warden_bpf__destroy(k->skel);
	free(k->pins);
	free(k);
}
