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
 * passed is known by its spelling on some tiers. All are of streams (bpf/broker.bpf.c).
 */
#define RUN(path) "/run/" path, "/var/run/" path

const struct broker brokers[BROKERS] = {
	{"broker:docker",
	 {RUN("docker.sock"), "/run/user/*/docker.sock", "/home/*/.docker/*/docker.sock"},
	 "Docker starts containers with any rights for who reaches it"},
	{"broker:containerd",
	 {RUN("containerd/containerd.sock"), RUN("containerd/containerd.sock.ttrpc")},
	 "containerd starts containers with any rights for who reaches it"},
	{"broker:podman",
	 {RUN("podman/podman.sock"), "/run/user/*/podman/podman.sock"},
	 "Podman starts containers for who reaches it"},
	{"broker:crio",
	 {RUN("crio/crio.sock")},
	 "CRI-O starts containers with any rights for who reaches it"},
	{"broker:buildkit",
	 {RUN("buildkit/buildkitd.sock"), "/run/user/*/buildkit*/buildkitd.sock"},
	 "BuildKit runs commands for who reaches it"},
	{"broker:lxd",
	 {"/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
	  "/var/lib/incus/unix.socket"},
	 "LXD starts containers with any rights for who reaches it"},
	{"broker:libvirt",
	 {RUN("libvirt/*-sock"), "/run/user/*/libvirt/*-sock"},
	 "libvirt starts machines with any file as their disk for who reaches it"},
	{"broker:kubelet",
	 {"/var/lib/kubelet/*.sock"},
	 "the kubelet hands out devices to who reaches it"},
	{"broker:snapd", {RUN("snapd.socket")}, "snapd installs programs for who reaches it"},
	{"broker:dbus",
	 {RUN("dbus/system_bus_socket")},
	 "systemd, over the system bus, starts programs for who reaches it"},
	{"broker:dbus-session",
	 {"/run/user/*/bus"},
	 "systemd, over the session bus, starts programs for who reaches it"},
	{"broker:systemd",
	 {RUN("systemd/private"), "/run/user/*/systemd/private"},
	 "systemd starts programs for who reaches it"},
	{"broker:tmux",
	 {"/tmp/tmux-*/*", "/run/user/*/tmux-*/*"},
	 "a tmux server runs commands for who reaches it"},
	{"broker:screen",
	 {RUN("screen/S-*/*"), "/tmp/screens/S-*/*", "/home/*/.screen/*"},
	 "screen runs commands for who reaches it"},
	{"broker:zellij",
	 {"/run/user/*/zellij/*", "/tmp/zellij-*/*"},
	 "a Zellij server runs commands for who reaches it"},
	{"broker:emacs",
	 {"/run/user/*/emacs/*", "/tmp/emacs*/*"},
	 "an Emacs server runs commands for who reaches it"},
};

static int add_path(const char *path, struct patterns *to)
{
	struct pattern p = {.kind = KIND_NET, .form = NET_UNIX, .port = PORT_ANY, .proto = -1};

	p.text = strdup(path);
	if (!p.text || asprintf(&p.source, "net:unix:%s", path) < 0) {
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

static bool is_any_socket(const struct pattern *p)
{
	return !p->text || !strcmp(p->text, "*");
}

static int except_path(struct entry *e, const char *head, const char *tail)
{
	char path[PATTERN_MAX_LEN + 16];

	snprintf(path, sizeof(path), "%s%s", head, tail);
	return add_path(path, &e->except);
}

/* The same socket has a path below /run and one below /var/run: who names one means it. */
static int except_twin(struct entry *e, const char *path)
{
	if (!strncmp(path, "/run/", 5))
		return except_path(e, "/var", path);
	return strncmp(path, "/var/run/", 9) ? 0 : except_path(e, "", path + 4);
}

/* Takes out of the broker's entry what the patterns name. */
static int except_named(const struct patterns *named, struct entry *e)
{
	for (size_t i = 0; i < named->count; i++) {
		const struct pattern *p = &named->items[i];

		if (p->kind != KIND_NET || p->form != NET_UNIX || is_any_socket(p) ||
		    !is_taken(p, &e->match) || is_taken(p, &e->except))
			continue;
		if (except_path(e, "", p->text) < 0 || except_twin(e, p->text) < 0)
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

static int add_broker(struct policy *policy, const struct broker *b)
{
	struct entry *e = &policy->brokers.items[policy->brokers.count++];
	int r = 0;

	e->id = strdup(b->rule);
	e->reason = strdup(b->reason);
	if (!e->id || !e->reason)
		return -ENOMEM;
	for (size_t i = 0; i < BROKER_PATHS && b->paths[i] && !r; i++)
		r = add_path(b->paths[i], &e->match);
	if (!r)
		r = except_entries(&policy->deny, true, e);
	if (!r)
		r = except_entries(&policy->allow, false, e);
	drop_taken(e);
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
