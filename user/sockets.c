/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define ALL_STATES 0xfffU
#define CONNECTED  (ALL_STATES & ~(1U << TCP_LISTEN))
#define CGROUP_ID  21 /* INET_DIAG_CGROUP_ID of <linux/inet_diag.h> since 5.9 */

struct request {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

static int send_request(int fd, struct request *r)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	r->nlh.nlmsg_len = sizeof(*r);
	if (sendto(fd, r, sizeof(*r), 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

static uint64_t cookie_of(const struct inet_diag_sockid *id)
{
	return (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0];
}

/* The acknowledgement of a request: 0 or -errno. */
static int read_ack(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	if (n < 0)
		return -errno;
	if (!NLMSG_OK(h, (size_t)n) || h->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

static int destroy(int fd, const struct inet_diag_msg *found)
{
	struct request r = {
		.nlh = {.nlmsg_type = SOCK_DESTROY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.req = {.sdiag_family = found->idiag_family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ALL_STATES,
			.id = found->id},
	};
	int e = send_request(fd, &r);

	return e < 0 ? e : read_ack(fd);
}

/* Looks through one datagram of a dump: 1 when it was found, 0 for more, -ENOENT at the end. */
static int look(const char *buf, size_t n, uint64_t cookie, struct inet_diag_msg *ret)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return -ENOENT;
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || cookie_of(&m->id) != cookie)
			continue;
		*ret = *m;
		return 1;
	}
	return 0;
}

static int find(int fd, int family, uint64_t cookie, struct inet_diag_msg *ret)
{
	struct request r = {
		.nlh = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = (__u8)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ALL_STATES},
	};
	char buf[32768] __attribute__((aligned(8)));
	int e = send_request(fd, &r);

	while (e == 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		e = n < 0 ? -errno : look(buf, (size_t)n, cookie, ret);
	}
	return e == 1 ? 0 : e;
}

static int open_diag(void)
{
	const struct timeval limit = {.tv_sec = 1};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

/* A socket of our own for each question: the rest of a dump that was not read goes with it. */
static int destroy_here(uint64_t cookie)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < 2; i++) {
		_close_ int ask = open_diag();
		_close_ int act = open_diag();
		struct inet_diag_msg found;
		int e;

		if (ask < 0 || act < 0)
			return -errno;
		e = find(ask, families[i], cookie, &found);
		if (e == 0)
			return destroy(act, &found);
		if (e != -ENOENT)
			return e;
	}
	return -ENOENT;
}

static uint64_t cgroup_of(const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(m + 1);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	uint64_t id = 0;

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == CGROUP_ID && RTA_PAYLOAD(a) >= sizeof(id))
			memcpy(&id, RTA_DATA(a), sizeof(id));
	return id;
}

/* Destroys those in one datagram of a dump, but for what has just ended by itself: 0 for more, 1 at the end. */
static int destroy_listed(int act, const char *buf, size_t n, uint64_t cgroup)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct inet_diag_msg *m = NLMSG_DATA(h);

		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return 1;
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*m)) && cgroup_of(h) == cgroup)
			destroy(act, m);
	}
	return 0;
}

static int destroy_family(int family, uint64_t cgroup)
{
	struct request r = {
		.nlh = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = (__u8)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = CONNECTED},
	};
	char buf[32768] __attribute__((aligned(8)));
	_close_ int ask = open_diag();
	_close_ int act = open_diag();
	int e = ask < 0 || act < 0 ? -errno : send_request(ask, &r);

	while (e == 0) {
		ssize_t n = recv(ask, buf, sizeof(buf), 0);

		e = n < 0 ? -errno : destroy_listed(act, buf, (size_t)n, cgroup);
	}
	return e < 0 ? e : 0;
}

int sockets_destroy_of(uint64_t cgroup)
{
	int e = destroy_family(AF_INET, cgroup);

	return e < 0 ? e : destroy_family(AF_INET6, cgroup);
}

static bool same_netns(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

int socket_destroy(uint64_t cookie, pid_t pid)
{
	char path[64];
	_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_close_ int theirs = -1;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || theirs < 0 || same_netns(own, theirs) || setns(theirs, CLONE_NEWNET) < 0)
		return destroy_here(cookie);
	r = destroy_here(cookie);
	if (setns(own, CLONE_NEWNET) < 0)
		return -errno;
	return r;
}
