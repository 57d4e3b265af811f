/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel_internal.h"
#include "members.h"
#include "mount_names.h"
#include "pipes.h"
#include "uprobes.h"

/* Of <linux/bpf.h> since 6.7; the names are not in every distribution's headers. */
#define ATTACH_UNIX_CONNECT ((enum bpf_attach_type)49)
#define ATTACH_UNIX_SENDMSG ((enum bpf_attach_type)50)

/* ---- which programs are needed ---- */

static bool with_lsm_exec(const struct kernel_options *o)
{
	return o->tiers->exec == TIER_LSM;
}

static bool with_hashes(const struct kernel_options *o)
{
	return with_lsm_exec(o) && o->tiers->facility[FACILITY_EXEC_HASH].works;
}

/* Rules that deny by a hash, which is asked of what is mapped as code, too. */
static bool with_hashed_map(const struct kernel_options *o)
{
	const struct image_conds *c = &image_header(o->image->data)->conds;

	return with_hashes(o) && c->need[COND_HASH].any & ~c->allow;
}

static bool with_plain_map(const struct kernel_options *o)
{
	return with_lsm_exec(o) && !with_hashed_map(o);
}

static bool with_signal_exec(const struct kernel_options *o)
{
	return o->tiers->exec != TIER_LSM;
}

static bool with_lsm_net(const struct kernel_options *o)
{
	/* The hook on sendmsg is what makes a dead socket fail at once, too. */
	return o->tiers->net == TIER_LSM;
}

static bool with_cgroup_net(const struct kernel_options *o)
{
	return o->tiers->net != TIER_LSM;
}

static bool with_unix(const struct kernel_options *o)
{
	return o->tiers->net != TIER_LSM && o->tiers->facility[FACILITY_NET_UNIX].works;
}

static bool with_guard(const struct kernel_options *o)
{
	return o->tiers->facility[FACILITY_GUARD].works;
}

/* Where policy would not have text pass that nobody sees. */
static bool with_hold(const struct kernel_options *o)
{
	const struct image_header *h = image_header(o->image->data);

	return o->tiers->exec == TIER_LSM && o->tiers->plaintext != TIER_NONE &&
	       (h->opaque == CHOICE_DENY || h->kinds[KIND_HTTP].ruled);
}

static bool with_sysctl(const struct kernel_options *o)
{
	return o->tiers->facility[FACILITY_SYSCTL].works;
}

static bool with_override(const struct kernel_options *o)
{
	return o->tiers->plaintext == TIER_OVERRIDE;
}

static bool without_override(const struct kernel_options *o)
{
	return o->tiers->plaintext != TIER_OVERRIDE;
}

static bool with_names(const struct kernel_options *o)
{
	return o->resolvers;
}

/* HTTP without TLS: where rules ask for requests, or the trail is to have them. */
static bool with_clear(const struct kernel_options *o)
{
	return o->copy_bytes || image_header(o->image->data)->kinds[KIND_HTTP].ruled;
}

static bool with_lsm_pipe(const struct kernel_options *o)
{
	return o->stdio && with_lsm_exec(o);
}

static bool with_other_pipe(const struct kernel_options *o)
{
	return o->stdio && !with_lsm_exec(o);
}

static bool with_pipe_hooks(const struct kernel_options *o)
{
	return o->stdio && o->tiers->facility[FACILITY_STDIO_HOOK].works;
}

static bool with_pipe_calls(const struct kernel_options *o)
{
	return o->stdio && o->tiers->facility[FACILITY_STDIO_SYSCALL].works;
}

static bool always(const struct kernel_options *o)
{
	return true;
}

enum attach_how {
	ATTACH_AUTO,
	ATTACH_CGROUP,
	ATTACH_PROBE,
	ATTACH_STAGE, /* called by another one */
	ATTACH_LATER, /* to the cgroup, when it is needed */
	ATTACH_NONE,
};

static const struct {
	const char *name;
	bool (*needed)(const struct kernel_options *);
	enum attach_how how;
} programs[] = {
	{"scope_newtask", always, ATTACH_AUTO},
	{"scope_attach", always, ATTACH_AUTO},
	{"scope_settle", always, ATTACH_NONE},
	{"exec_exit", always, ATTACH_AUTO},
	{"exec_check", with_lsm_exec, ATTACH_AUTO},
	{"exec_committed", with_lsm_exec, ATTACH_AUTO},
	{"exec_map", with_plain_map, ATTACH_AUTO},
	{"exec_map_hashed", with_hashed_map, ATTACH_AUTO},
	{"exec_protect", with_lsm_exec, ATTACH_AUTO},
	{"exec_done", with_signal_exec, ATTACH_AUTO},
	{"net_connect", with_lsm_net, ATTACH_AUTO},
	{"net_sendmsg", with_lsm_net, ATTACH_AUTO},
	{"create_socket", with_lsm_net, ATTACH_AUTO},
	{"create_ours", with_lsm_net, ATTACH_AUTO},
	{"create_accepted", with_lsm_net, ATTACH_AUTO},
	{"create_received", with_lsm_net, ATTACH_AUTO},
	{"create_device", with_lsm_net, ATTACH_AUTO},
	{"listen_bind", with_lsm_net, ATTACH_AUTO},
	{"listen_listen", with_lsm_net, ATTACH_AUTO},
	{"create_sock", with_cgroup_net, ATTACH_CGROUP},
	{"broker_connect", with_lsm_net, ATTACH_AUTO},
	{"net_connect4", with_cgroup_net, ATTACH_CGROUP},
	{"net_connect6", with_cgroup_net, ATTACH_CGROUP},
	{"net_sendmsg4", with_cgroup_net, ATTACH_CGROUP},
	{"net_sendmsg6", with_cgroup_net, ATTACH_CGROUP},
	{"net_connect_unix", with_unix, ATTACH_CGROUP},
	{"net_sendmsg_unix", with_unix, ATTACH_CGROUP},
	{"dns_egress", with_names, ATTACH_CGROUP},
	{"dns_ingress", with_names, ATTACH_CGROUP},
	{"dns_told", with_names, ATTACH_NONE},
	{"guard_kill", with_guard, ATTACH_AUTO},
	{"guard_sigio", with_guard, ATTACH_AUTO},
	{"guard_limit", with_guard, ATTACH_AUTO},
	{"guard_ptrace", with_guard, ATTACH_AUTO},
	{"guard_bpf", with_guard, ATTACH_AUTO},
	{"guard_map", with_guard, ATTACH_AUTO},
	{"held_map", with_hold, ATTACH_AUTO},
	{"file_open", with_guard, ATTACH_AUTO},
	{"file_truncate", with_guard, ATTACH_AUTO},
	{"file_create", with_guard, ATTACH_AUTO},
	{"file_symlink", with_guard, ATTACH_AUTO},
	{"file_link", with_guard, ATTACH_AUTO},
	{"file_unlink", with_guard, ATTACH_AUTO},
	{"file_rename", with_guard, ATTACH_AUTO},
	{"file_sysctl", with_sysctl, ATTACH_CGROUP},
	{"wire_egress", always, ATTACH_CGROUP},
	{"wire_release", always, ATTACH_CGROUP},
	{"clear_egress", with_clear, ATTACH_STAGE},
	{"clear_ingress", with_clear, ATTACH_LATER},
	{"pipe_read", with_pipe_hooks, ATTACH_AUTO},
	{"pipe_receive", with_pipe_hooks, ATTACH_AUTO},
	{"pipe_splice", with_pipe_hooks, ATTACH_AUTO},
	{"pipe_call", with_pipe_calls, ATTACH_AUTO},
	{"pipe_committed", with_lsm_pipe, ATTACH_AUTO},
	{"pipe_exec", with_other_pipe, ATTACH_AUTO},
	{"tls_write_enter", without_override, ATTACH_PROBE},
	{"tls_write_override", with_override, ATTACH_PROBE},
	{"tls_read_enter", always, ATTACH_PROBE},
	{"tls_leave", always, ATTACH_PROBE},
	{"tls_handshake", always, ATTACH_PROBE},
	{"tls_greeting", always, ATTACH_PROBE},
	{"tls_clear", always, ATTACH_PROBE},
	{"tls_free", always, ATTACH_PROBE},
	{"tls_close", always, ATTACH_PROBE},
	{"tls_bio", always, ATTACH_PROBE},
	{"tls_make", always, ATTACH_PROBE},
	{"tls_made", always, ATTACH_PROBE},
	{"tls_layer", always, ATTACH_PROBE},
	{"seal_start", always, ATTACH_PROBE},
	{"seal_received", always, ATTACH_NONE},
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

static void choose_programs(struct kernel *k, const struct kernel_options *o)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		bpf_program__set_autoload(program(k, programs[i].name), programs[i].needed(o));

	for (size_t i = 0; i < PROGRAMS && k->multi; i++)
		if (programs[i].how == ATTACH_PROBE)
			bpf_program__set_expected_attach_type(
				program(k, programs[i].name),
				(enum bpf_attach_type)UPROBES_MULTI_TYPE);

	if (with_pipe_hooks(o))
		pipes_fit(k->skel->progs.pipe_read);

	/* libbpf before 1.3 does not know these sections. */
	bpf_program__set_type(k->skel->progs.net_connect_unix, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(k->skel->progs.net_connect_unix, ATTACH_UNIX_CONNECT);
	bpf_program__set_type(k->skel->progs.net_sendmsg_unix, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(k->skel->progs.net_sendmsg_unix, ATTACH_UNIX_SENDMSG);
}

static int configure(struct kernel *k, const struct kernel_options *o)
{
	uint64_t *key = (uint64_t *)&k->skel->rodata->digest_key;

	k->skel->rodata->image_mask = o->image->size - 1;
	k->skel->rodata->scope_cgroup = o->cgroup->id;
	k->skel->rodata->tier_plaintext = o->tiers->plaintext;
	k->skel->rodata->tier_socket = tiers_socket(o->tiers);
	k->skel->rodata->file_hashes = with_hashes(o);
	k->skel->rodata->copy_bytes = o->copy_bytes;
	k->skel->rodata->clear_read = with_clear(o);
	k->skel->rodata->pipe_calls = with_pipe_calls(o);
	kernel_names_configure(k, o->resolvers);
	if (!o->stdio)
		bpf_map__set_max_entries(k->skel->maps.pipes, 1);
	return getrandom(key, sizeof(*key), 0) == sizeof(*key) ? 0 : -EIO;
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
	return kernel_guard_map(k, fd);
}

/* So that whoever cleans up behind us finds the workload's processes wherever they are. */
static int pin_members(struct kernel *k)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/" DOOMED_PIN, k->pins);
	if (bpf_obj_pin(bpf_map__fd(k->skel->maps.doomed), path) < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/" MEMBERS_PIN, k->pins); /* last: it says that both are there */
	return bpf_obj_pin(bpf_map__fd(k->skel->maps.members), path) < 0 ? -errno : 0;
}

#define MOUNTINFO "/proc/self/mountinfo"

static int make_room_for_mounts(struct kernel *k)
{
	_fclose_ FILE *f = fopen(MOUNTINFO, "re");
	int room = f ? mount_names_room(f) : -errno;

	return room < 0 ? room : bpf_map__set_max_entries(k->skel->maps.mounts, (uint32_t)room);
}

static int name_mounts(struct kernel *k)
{
	_fclose_ FILE *f = fopen(MOUNTINFO, "re");
	int left_out = f ? mount_names_fill(bpf_map__fd(k->skel->maps.mounts), f) : -errno;

	if (left_out < 0)
		return left_out;
	k->mounts_left_out = (uint64_t)left_out;
	return 0;
}

uint64_t kernel_mounts_left_out(const struct kernel *k)
{
	return k->mounts_left_out;
}

/* The object file that warden carries with it has been read: its pages need not stay. */
static void forget_object_file(void)
{
	size_t size, page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)warden_bpf__elf_bytes(&size), to = (from + size) & ~(page - 1);

	from = (from + page - 1) & ~(page - 1);
	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

static int load_programs(struct kernel *k, const struct kernel_options *o,
			 struct kernel_error *error)
{
	_close_ int template = image_map(o->image);
	int r;

	if (template < 0)
		return fail(error, -errno, "cannot make the map of", "the policy");
	choose_programs(k, o);
	r = kernel_guard_self(k);
	if (r < 0)
		return fail(error, r, "cannot tell the file of", "warden's program");
	r = configure(k, o);
	if (r < 0)
		return fail(error, r, "no random numbers for", "warden's programs");
	r = make_room_for_mounts(k);
	if (r < 0)
		return fail(error, r, "cannot tell", "which mounts there are");
	bpf_map__set_inner_map_fd(k->skel->maps.images, template);
	forget_object_file(); /* most of it has been copied */
	r = warden_bpf__load(k->skel);
	if (r < 0)
		return fail(error, r, "this kernel refuses", "warden's programs (see --debug)");
	r = publish(k, o->image);
	if (r < 0)
		return fail(error, r, "cannot publish", "the policy");
	r = name_mounts(k);
	if (r < 0)
		return fail(error, r, "cannot tell the kernel side", "which mounts there are");
	r = kernel_names_begin(k, o->resolvers);
	if (r < 0)
		return fail(error, r, "cannot tell the kernel side", "who names addresses");
	r = kernel_guard(k, o);
	if (r < 0)
		return fail(error, r, "cannot tell the kernel side", "what is warden's");
	r = pin_members(k);
	return r < 0 ? fail(error, r, "cannot pin", "maps") : 0;
}

/* ---- attaching ---- */

static int attach_one(struct kernel *k, size_t i, const struct kernel_options *o)
{
	struct bpf_program *p = program(k, programs[i].name);
	struct bpf_link *link;
	int r;

	if (programs[i].how == ATTACH_CGROUP)
		link = bpf_program__attach_cgroup(p, o->cgroup->fd);
	else
		link = bpf_program__attach(p);
	r = link_take(link);
	return r < 0 ? r : link_keep(k, r, programs[i].name);
}

/* The one program that another one calls. The kernel empties such a map when nobody has it open, or pinned. */
static int set_stage(struct kernel *k)
{
	int map = bpf_map__fd(k->skel->maps.stages), fd = bpf_program__fd(k->skel->progs.clear_egress);
	uint32_t zero = 0;
	char path[512];

	snprintf(path, sizeof(path), "%s/stages", k->pins);
	return bpf_map_update_elem(map, &zero, &fd, BPF_ANY) < 0 || bpf_obj_pin(map, path) < 0 ? -errno : 0;
}

int kernel_read_answers(struct kernel *k)
{
	int r;

	if (k->answers_read)
		return 0;
	k->answers_read = true;
	r = link_take(bpf_program__attach_cgroup(k->skel->progs.clear_ingress, k->cgroup));
	if (r >= 0)
		r = link_keep(k, r, "clear_ingress");
	__atomic_store_n(&k->skel->bss->answers_read, 1, __ATOMIC_RELEASE);
	return r;
}

static int attach_all(struct kernel *k, const struct kernel_options *o, struct kernel_error *error)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		int r;

		if (!programs[i].needed(o))
			continue;
		if (programs[i].how == ATTACH_STAGE)
			r = set_stage(k);
		else if (programs[i].how < ATTACH_PROBE)
			r = attach_one(k, i, o);
		else
			continue;
		if (r < 0)
			return fail(error, r, "cannot attach", programs[i].name);
	}
	return 0;
}

/* ---- state ---- */

int kernel_settle(struct kernel *k)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	struct timespec now;
	uint64_t ns;

	/* What the kernel dates files by; the exact time may be some milliseconds ahead of it. */
	if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
		return -errno;
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	__atomic_store_n(&k->skel->bss->run_began, ns, __ATOMIC_RELEASE);
	if (bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.scope_settle), &opts) < 0)
		return -errno;
	return opts.retval ? -ENOTDIR : 0;
}

void kernel_set_audit_failed(struct kernel *k, bool failed)
{
	__atomic_store_n(&k->skel->bss->audit_failed, failed, __ATOMIC_RELEASE);
}

void kernel_set_awake(struct kernel *k, enum awake awake)
{
	__atomic_store_n(&k->skel->bss->reader_awake, awake, __ATOMIC_RELEASE);
}

int kernel_kill_doomed(struct kernel *k)
{
	if (__atomic_load_n(&k->skel->bss->doomed_full, __ATOMIC_ACQUIRE))
		return -ENOSPC;
	return doomed_kill(bpf_map__fd(k->skel->maps.doomed));
}

int kernel_destroy_members(struct kernel *k, int timeout_ms)
{
	return members_destroy(bpf_map__fd(k->skel->maps.members),
			       bpf_map__fd(k->skel->maps.doomed), timeout_ms);
}

void kernel_forget_socket(struct kernel *k, uint64_t cookie)
{
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.dead), &cookie);
}

/* Keys of the maps below. */
union process_key {
	struct { /* struct object_key of bpf/object.bpf.h */
		uint64_t address;
		uint32_t tgid;
		uint32_t exec_id;
	} object;
	struct { /* struct goroutine_call of bpf/warden.bpf.h; of `entered` the first half */
		uint64_t strand;
		uint64_t depth;
	} call;
};

static uint64_t process_of_object(const union process_key *key)
{
	return key->object.tgid;
}

static uint64_t process_of_goroutine(const union process_key *key)
{
	return key->call.strand >> STRAND_PROCESS_SHIFT;
}

static void forget(const struct bpf_map *map, uint64_t (*process)(const union process_key *),
		   const struct map *tgids)
{
	union process_key key, next, *at = NULL;
	int fd = bpf_map__fd(map);
	bool doomed = false;

	/* A deleted key cannot be gone on from: each is deleted once its successor is known. */
	while (bpf_map_get_next_key(fd, at, &next) == 0) {
		if (doomed)
			bpf_map_delete_elem(fd, &key);
		key = next;
		at = &key;
		doomed = map_get(tgids, process(&key));
	}
	if (doomed)
		bpf_map_delete_elem(fd, &key);
}

void kernel_forget_processes(struct kernel *k, const struct map *tgids)
{
	forget(k->skel->maps.objects, process_of_object, tgids);
	forget(k->skel->maps.goroutine_calls, process_of_goroutine, tgids);
	forget(k->skel->maps.entered, process_of_goroutine, tgids);
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
	k->cgroup = options->cgroup->fd;
	k->holds = with_hold(options);
	k->multi = uprobes_multi_works();
	k->pins = strdup(options->pins);
	k->skel = warden_bpf__open();
	r = k->pins && k->skel ? load_programs(k, options, error)
			       : fail(error, -ENOMEM, "cannot open", "warden's programs");
	if (r == 0) {
		r = kernel_open_rings(k);
		if (r < 0)
			fail(error, r, "cannot map", "the rings");
	}
	forget_object_file();
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
	ring_buffer__free(k->bytes);
	ring_buffer__free(k->events);
	warden_bpf__destroy(k->skel);
	free(k->pins);
	free(k);
}
