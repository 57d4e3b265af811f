/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "inherited.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "policy/ask.h"
#include "policy/reason.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	struct sockaddr_storage room;
};

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static void name_address(const union address *a, int protocol, const char *kind, struct buf *out)
{
	bool v4 = a->any.sa_family == AF_INET;
	const void *addr = v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(a->any.sa_family, addr, text, sizeof(text));
	buf_addf(out, v4 ? "%s:%s:%u%s" : "%s:[%s]:%u%s", kind, text,
		 ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port),
		 protocol == IPPROTO_UDP ? "/udp" : "");
}

static void name_unix(const union address *a, socklen_t len, struct buf *out)
{
	size_t at = offsetof(struct sockaddr_un, sun_path), n = len > at ? len - at : 0;
	const char *path = a->un.sun_path;

	if (!n)
		return;
	buf_add_str(out, "net:unix:");
	if (!*path) {
		buf_add_char(out, '@');
		buf_add(out, path + 1, n - 1);
	} else {
		buf_add(out, path, strnlen(path, n));
	}
}

/*
 * Appends the name of what is reached over the socket, or of where it listens: nothing when it is not
 * connected, or when its peer has no name. The protocols are those that the hooks see (bpf/create.bpf.h).
 */
static void name_socket(int fd, struct buf *out)
{
	int family = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE);
	int protocol = option(fd, SO_PROTOCOL);
	union address peer = {};
	socklen_t len = sizeof(peer);

	if (family == AF_PACKET || (type == SOCK_RAW && family != AF_NETLINK))
		buf_add_str(out, "net:raw");
	else if (family == AF_INET || family == AF_INET6) {
		if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
			buf_addf(out, "net:protocol:%d", protocol);
		else if (getpeername(fd, &peer.any, &len) == 0)
			name_address(&peer, protocol, "net", out);
		else if (option(fd, SO_ACCEPTCONN) == 1 && getsockname(fd, &peer.any, &len) == 0)
			name_address(&peer, protocol, "net:listen", out);
	} else if (family == AF_UNIX) {
		if (getpeername(fd, &peer.any, &len) == 0)
			name_unix(&peer, len, out);
	} else if (family != AF_NETLINK)
		buf_addf(out, "net:family:%d", family);
}

/* Whether it may yet be connected, where no hook of the workload sees it. */
static bool is_free(int fd)
{
	int family = option(fd, SO_DOMAIN);

	return (family == AF_INET || family == AF_INET6) && option(fd, SO_ACCEPTCONN) == 0;
}

static int refuse(int fd, const char *what, const char *name, const char *why, struct buf *complaint)
{
	buf_addf(complaint, "file descriptor %d, which the command would inherit, is a socket %s", fd,
		 what);
	utf8_visible(complaint, name, strlen(name));
	buf_addf(complaint, ": %s; close it first (%d>&-)", why, fd);
	return buf_error(complaint) < 0 ? -ENOMEM : -EPERM;
}

static int decide_name(const void *img, int fd, const char *name, struct buf *complaint)
{
	_buf_ struct buf fault = {};
	_free_ struct ask *ask = calloc(1, sizeof(*ask));
	_free_ char *why = NULL;
	struct activity activity;
	struct decision d;
	int r = ask ? ask_parse(name, ask, &fault) : -ENOMEM;

	if (r == -ENOMEM)
		return r;
	if (r < 0) { /* it has no name that rules know */
		*ask = (struct ask){.name.kind = KIND_NET, .flags = ACTIVITY_UNKNOWN};
		ask->name.family = AF_INET6; /* :: is nobody's address */
	}
	ask_decide(img, ask, NULL, 0, &activity, &d);
	if (d.verdict != VERDICT_DENY && d.verdict != VERDICT_KILL)
		return 0;
	why = decision_reason(img, &d, name);
	return why ? refuse(fd, "for ", name, why, complaint) : -ENOMEM;
}

static int check_socket(const void *img, enum tier tier, int fd, struct buf *complaint)
{
	_buf_ struct buf name = {};

	name_socket(fd, &name);
	buf_add_char(&name, '\0');
	if (buf_error(&name) < 0)
		return -ENOMEM;
	if (!strncmp(name.data, "net:unix:", 9) && fd <= STDERR_FILENO)
		return 0;
	if (*name.data)
		return decide_name(img, fd, name.data, complaint);
	if (tier == TIER_LSM || !is_free(fd) || !image_header(img)->kinds[KIND_NET].ruled)
		return 0;
	return refuse(fd, "that is not connected yet", "",
		      "without LSM nobody would see where it is connected to", complaint);
}

/* Sockets that stay open over an exec. */
static bool is_inherited_socket(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC) && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int inherited_check(const void *img, enum tier tier, struct buf *complaint)
{
	const struct image_header *h = image_header(img);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (h->mode != MODE_ENFORCE || !(h->kinds[KIND_NET].ruled || h->kinds[KIND_LISTEN].ruled))
		return 0;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return -errno;
	while (!r && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_inherited_socket(fd))
			r = check_socket(img, tier, fd, complaint);
	}
	closedir(dir);
	return r;
}
