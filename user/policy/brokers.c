/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/brokers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/pattern.h"

/*
 * Paths are those that clients pass and servers bind, /var/run for /run included: a path that is
 * passed is known by its spelling on some tiers. All are of streams (bpf/broker.bpf.c). Files are those
 * that are written, whatever led there.
 */
#define RUN(path) "/run/" path, "/var/run/" path

const struct broker brokers[BROKERS] = {
	{"broker:docker",
	 KIND_NET,
	 {RUN("docker.sock"), "/run/user/*/docker.sock", "/home/*/.docker/*/docker.sock"},
	 "Docker starts containers with any rights for who reaches it"},
	{"broker:containerd",
	 KIND_NET,
	 {RUN("containerd/containerd.sock"), RUN("containerd/containerd.sock.ttrpc")},
	 "containerd starts containers with any rights for who reaches it"},
	{"broker:podman",
	 KIND_NET,
	 {RUN("podman/podman.sock"), "/run/user/*/podman/podman.sock"},
	 "Podman starts containers for who reaches it"},
	{"broker:crio",
	 KIND_NET,
	 {RUN("crio/crio.sock")},
	 "CRI-O starts containers with any rights for who reaches it"},
	{"broker:buildkit",
	 KIND_NET,
	 {RUN("buildkit/buildkitd.sock"), "/run/user/*/buildkit*/buildkitd.sock"},
	 "BuildKit runs commands for who reaches it"},
	{"broker:lxd",
	 KIND_NET,
	 {"/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
	  "/var/lib/incus/unix.socket"},
	 "LXD starts containers with any rights for who reaches it"},
	{"broker:libvirt",
	 KIND_NET,
	 {RUN("libvirt/*-sock"), "/run/user/*/libvirt/*-sock"},
	 "libvirt starts machines with any file as their disk for who reaches it"},
	{"broker:kubelet",
	 KIND_NET,
	 {"/var/lib/kubelet/*.sock"},
	 "the kubelet hands out devices to who reaches it"},
	{"broker:snapd",
	 KIND_NET,
	 {RUN("snapd.socket")},
	 "snapd installs programs for who reaches it"},
	{"broker:dbus",
	 KIND_NET,
	 {RUN("dbus/system_bus_socket")},
	 "systemd, over the system bus, starts programs for who reaches it"},
	{"broker:dbus-session",
	 KIND_NET,
	 {"/run/user/*/bus"},
	 "systemd, over the session bus, starts programs for who reaches it"},
	{"broker:systemd",
	 KIND_NET,
	 {RUN("systemd/private"), "/run/user/*/systemd/private"},
	 "systemd starts programs for who reaches it"},
	{"broker:tmux",
	 KIND_NET,
	 {"/tmp/tmux-*/*", "/run/user/*/tmux-*/*"},
	 "a tmux server runs commands for who reaches it"},
	{"broker:screen",
	 KIND_NET,
	 {RUN("screen/S-*/*"), "/tmp/screens/S-*/*", "/home/*/.screen/*"},
	 "screen runs commands for who reaches it"},
	{"broker:zellij",
	 KIND_NET,
	 {"/run/user/*/zellij/*", "/tmp/zellij-*/*"},
	 "a Zellij server runs commands for who reaches it"},
	{"broker:emacs",
	 KIND_NET,
	 {"/run/user/*/emacs/*", "/tmp/emacs*/*"},
	 "an Emacs server runs commands for who reaches it"},
	{"broker:cron",
	 KIND_FILE,
	 {"/etc/crontab", "/etc/anacrontab", "/etc/cron.*/*", "/etc/crontabs/*", "/var/spool/cron/*",
	  "/etc/logrotate.conf", "/etc/logrotate.d/*"},
	 "cron runs commands for who writes its files"},
	{"broker:at",
	 KIND_FILE,
	 {"/var/spool/at/*", "/var/spool/atjobs/*", "/var/spool/atspool/*"},
	 "atd runs commands for who writes its files"},
	{"broker:units",
	 KIND_FILE,
	 {"/etc/systemd/*", "/run/systemd/system/*", "/run/systemd/transient/*", "/run/systemd/generator*",
	  "/run/user/*/systemd/*", "/lib/systemd/*", "/usr/lib/systemd/*", "/usr/local/lib/systemd/*",
	  "*/.config/systemd/*", "*/.local/share/systemd/*", "*/.config/", "*/.local/share/"},
	 "systemd starts programs for who writes its units"},
	{"broker:init",
	 KIND_FILE,
	 {"/etc/inittab", "/etc/init.d/*", "/etc/rc*"},
	 "init starts programs for who writes its files"},
	{"broker:dbus-services",
	 KIND_FILE,
	 {"/usr/share/dbus-1/*services/*", "/usr/local/share/dbus-1/*services/*",
	  "/run/dbus-1/*services/*", "/run/user/*/dbus-1/services/*", "*/.local/share/dbus-1/services/*"},
	 "D-Bus starts programs for who writes its services"},
	{"broker:udev",
	 KIND_FILE,
	 {"/etc/udev/*", "/run/udev/rules.d/*", "/lib/udev/*", "/usr/lib/udev/*"},
	 "udev runs commands for who writes its rules"},
	{"broker:modprobe",
	 KIND_FILE,
	 {"/etc/modprobe.d/*", "/run/modprobe.d/*", "/lib/modprobe.d/*", "/usr/lib/modprobe.d/*"},
	 "modprobe runs commands for who writes its files"},
	{"broker:preload",
	 KIND_FILE,
	 {"/etc/ld.so.preload"},
	 "every program outside loads what is written there"},
	{"broker:kernel",
	 KIND_FILE,
	 {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
	  "/proc/sys/kernel/poweroff_cmd"},
	 "the kernel starts the program that is written there"},
	{"broker:kernel-files",
	 KIND_FILE,
	 {"/sys/kernel/uevent_helper", "/sys/fs/cgroup/*release_agent", "/proc/sys/fs/binfmt_misc/*"},
	 "the kernel starts the program that is written there"},
};

static struct pattern pattern_of(enum kind kind)
{
	return (struct pattern){.kind = kind,
				.form = kind == KIND_NET ? NET_UNIX : NET_ANY,
				.port = PORT_ANY,
				.proto = -1};
}

static int add_path(enum kind kind, const char *path, struct patterns *to)
{
	const char *written = kind == KIND_NET ? "net:unix:" : "file:write ";
	struct pattern p = pattern_of(kind);

	p.text = strdup(path);
	if (!p.text || asprintf(&p.source, "%s%s", written, path) < 0) {
		free(p.text);
		return -ENOMEM;
	}
	return patterns_add(to, &p);
}

/* True when a pattern of that list matches all that the path of a broker does: nothing is left. */
static bool is_taken(const struct pattern *path, const struct patterns *except)
{
	for (size_t i = 0; i < except->count; i++)
		if (pattern_covers(&except->items[i], path))
			return true;
	return false;
}

/* Whether a pattern is for paths of the kind that brokers have, and not for all of them. */
static bool is_of_paths(const struct pattern *p)
{
	return (p->kind == KIND_FILE || (p->kind == KIND_NET && p->form == NET_UNIX)) && p->text &&
	       strcmp(p->text, "*") != 0;
}

static int except_path(struct entry *e, enum kind kind, const char *head, const char *tail)
{
	char path[PATTERN_MAX_LEN + 16];

	snprintf(path, sizeof(path), "%s%s", head, tail);
	return add_path(kind, path, &e->except);
}

/* The same socket has a path below /run and one below /var/run: who names one means it. */
static int except_twin(struct entry *e, const char *path)
{
	if (!strncmp(path, "/run/", 5))
		return except_path(e, KIND_NET, "/var", path);
	return strncmp(path, "/var/run/", 9) ? 0 : except_path(e, KIND_NET, "", path + 4);
}

/* Takes out of the broker's entry what the patterns name. */
static int except_named(const struct patterns *named, struct entry *e)
{
	for (size_t i = 0; i < named->count; i++) {
		const struct pattern *p = &named->items[i];

		if (!is_of_paths(p) || !is_taken(p, &e->match) || is_taken(p, &e->except))
			continue;
		if (except_path(e, p->kind, "", p->text) < 0 ||
		    (p->kind == KIND_NET && except_twin(e, p->text) < 0))
			return -ENOMEM;
	}
	return 0;
}

/* Entries that deny do not take anything away: this one holds under more names than theirs do. */
static int except_entries(const struct entries *from, bool audit_only, struct entry *e)
{
	int r = 0;

	for (size_t i = 0; i < from->count && !r; i++)
		if (from->items[i].audit || !audit_only)
			r = except_named(&from->items[i].match, e);
	return r;
}

/* Paths that were named as a whole leave no rule behind, which is cheaper than an exception. */
static void drop_taken(struct entry *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->match.count; i++) {
		if (is_taken(&e->match.items[i], &e->except))
			pattern_done(&e->match.items[i]);
		else
			e->match.items[kept++] = e->match.items[i];
	}
	e->match.count = kept;
}

/* The directories above a path, as far as they are literal. */
static int add_above(const char *path, struct patterns *to)
{
	size_t end = strcspn(path, "*?\\");
	char above[PATTERN_MAX_LEN + 1];
	int r = 0;

	for (size_t i = 1; i < end && path[i + 1] && !r; i++)
		if (path[i] == '/') {
			snprintf(above, sizeof(above), "%.*s", (int)i + 1, path);
			r = add_path(KIND_FILE, above, to);
		}
	return r;
}

static int add_broker(struct policy *policy, const struct broker *b)
{
	struct entry *e = &policy->brokers.items[policy->brokers.count++];
	int r = 0;

	e->id = strdup(b->rule);
	e->reason = strdup(b->reason);
	if (!e->id || !e->reason)
		return -ENOMEM;
	for (size_t i = 0; i < BROKER_PATHS && b->paths[i] && !r; i++)
		r = add_path(b->kind, b->paths[i], &e->match);
	if (!r)
		r = except_entries(&policy->deny, true, e);
	if (!r)
		r = except_entries(&policy->allow, false, e);
	drop_taken(e);
	for (size_t i = 0; i < BROKER_PATHS && b->paths[i] && b->kind == KIND_FILE && !r; i++)
		r = add_above(b->paths[i], &e->match);
	return r;
}

int brokers_add(struct policy *policy)
{
	int r = 0;

	policy->brokers.items = calloc(BROKERS, sizeof(*policy->brokers.items));
	if (!policy->brokers.items)
		return -ENOMEM;
	for (size_t i = 0; i < BROKERS && !r; i++)
		r = add_broker(policy, &brokers[i]);
	return r;
}

bool broker_is_setting(const struct broker *b)
{
	for (size_t k = 0; k < BROKER_PATHS && b->paths[k]; k++)
		if (strncmp(b->paths[k], "/proc/sys/kernel/", strlen("/proc/sys/kernel/")) != 0)
			return false;
	return true;
}

bool brokers_have_file(const struct pattern *pattern)
{
	for (size_t i = 0; i < BROKERS; i++)
		for (size_t k = 0; k < BROKER_PATHS && brokers[i].paths[k]; k++) {
			struct pattern path = pattern_of(brokers[i].kind);

			path.text = (char *)brokers[i].paths[k];
			if (pattern_covers(&path, pattern))
				return true;
		}
	return false;
}
