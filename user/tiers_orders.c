/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What a subject does when it is told to: the activities that the programs are tried on. */
#include "tiers_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define DISCARD_PORT 9 /* nothing that is sent there means anything */

/* ---- the function under probe ---- */

/*
 * Begins as functions of TLS libraries do, and would crash if only a part of it ran. Its first
 * argument is there for the probe to read.
 */
long probed_function(const void *text, int32_t *ran);

asm(".pushsection .text\n"
    ".globl probed_function\n"
    ".hidden probed_function\n"
    ".type probed_function, @function\n"
    "probed_function:\n"
    "	sub $8, %rsp\n"
    "	movl $1, (%rsi)\n"
    "	mov $7, %eax\n"
    "	add $8, %rsp\n"
    ".globl probed_function_ret\n"
    ".hidden probed_function_ret\n"
    "probed_function_ret:\n"
    "	ret\n"
    ".size probed_function, . - probed_function\n"
    ".popsection\n");

_Static_assert(PROBED_RETURN == 7, "as in the assembly above");

extern const char probed_function_ret[];

/* The first object is the program itself. */
static int in_own_segment(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t at = (uintptr_t)probed_function - info->dlpi_addr;
	struct probed_function *f = arg;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at >= p->p_vaddr && at - p->p_vaddr < p->p_filesz)
			f->offset = at - p->p_vaddr + p->p_offset;
	}
	return 1;
}

int probed_function_find(struct probed_function *ret)
{
	struct probed_function f = {.to_ret = (uintptr_t)probed_function_ret -
					      (uintptr_t)probed_function};

	dl_iterate_phdr(in_own_segment, &f);
	if (!f.offset)
		return -ENOENT;
	*ret = f;
	return 0;
}

/* ---- orders ---- */

struct work {
	int socket; /* to warden */
	const struct subject_kit *kit;
	int ends[2]; /* of the TCP connection: client, server */
};

typedef void (*order_fn)(struct work *w, int argument, struct answer *a);

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

static socklen_t loopback(int family, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){};
	if (family == AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	v6->sin6_addr = in6addr_loopback;
	return sizeof(*v6);
}

static void order_udp(struct work *w, int family, struct answer *a)
{
	_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_close_ int stream = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int made = result(stream < 0 ? -1 : 0);
	struct sockaddr_storage to;
	socklen_t len = loopback(family, DISCARD_PORT, &to);

	a->value[0] = result(fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	a->value[1] = result(connect(fd, (struct sockaddr *)&to, len));
	a->value[2] = result(sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&to, len));
	a->value[3] = made;
}

/* An abstract name that is never bound: without a program, ECONNREFUSED. */
static void order_unix(struct work *w, int argument, struct answer *a)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0warden-probe"};
	_close_ int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_close_ int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	a->value[0] = result(connect(stream, (const struct sockaddr *)&to, sizeof(to)));
	a->value[1] = result(
		sendto(datagram, "", 0, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)));
}

/* The child stays until it is killed with its cgroup, or until warden is gone. */
static void order_fork(struct work *w, int argument, struct answer *a)
{
	struct pollfd end = {.fd = w->socket};
	pid_t pid = fork();

	if (!pid) {
		poll(&end, 1, -1);
		_exit(0);
	}
	a->value[0] = result(pid);
}

/* The text lies in a page that has not been touched yet: a probe must fetch it to read it. */
static void order_call(struct work *w, int argument, struct answer *a)
{
	void *text = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, w->kit->program, 0);

	if (text == MAP_FAILED) {
		a->value[0] = -errno;
		return;
	}
	a->value[0] = (int)probed_function(text, &w->kit->shared->ran);
	munmap(text, 4096);
}

static int connect_to(int listener, struct sockaddr_storage *at, socklen_t len, struct work *w)
{
	if (bind(listener, (struct sockaddr *)at, len) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)at, &len) < 0)
		return -errno;
	w->ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->ends[0] < 0 || connect(w->ends[0], (struct sockaddr *)at, len) < 0)
		return -errno;
	w->ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return w->ends[1] < 0 ? -errno : 0;
}

static void order_tcp(struct work *w, int argument, struct answer *a)
{
	_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage at;
	socklen_t len = loopback(AF_INET, 0, &at), size = sizeof(a->cookie);

	a->value[0] = connect_to(listener, &at, len, w);
	if (!a->value[0])
		a->value[0] =
			result(getsockopt(w->ends[0], SOL_SOCKET, SO_COOKIE, &a->cookie, &size));
}

/* What a socket has, within so many milliseconds. */
static int receive(int fd, int wait)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	poll(&p, 1, wait);
	return result(recv(fd, &byte, 1, MSG_DONTWAIT));
}

static void send_byte(int from, int to, int wait, struct answer *a)
{
	a->value[0] = result(send(from, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	a->value[1] = receive(to, wait);
}

static void order_send(struct work *w, int wait, struct answer *a)
{
	send_byte(w->ends[0], w->ends[1], wait, a);
}

static void order_reply(struct work *w, int wait, struct answer *a)
{
	send_byte(w->ends[1], w->ends[0], wait, a);
}

static void order_receive(struct work *w, int wait, struct answer *a)
{
	a->value[0] = receive(w->ends[0], wait);
}

static void order_exec(struct work *w, int argument, struct answer *a)
{
	char *const argv[] = {PROBE_ARGUMENT, NULL}, *const envp[] = {NULL};

	a->value[0] = result(syscall(SYS_execveat, w->kit->program, "", argv, envp, AT_EMPTY_PATH));
}

static void order_load(struct work *w, int argument, struct answer *a)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, w->kit->program, 0);

	a->value[0] = code == MAP_FAILED ? -errno : 0;
	if (code != MAP_FAILED)
		munmap(code, 4096);
}

static void order_guard(struct work *w, int argument, struct answer *a)
{
	_close_ int fd = memfd_create("probe", MFD_CLOEXEC);
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	a->value[0] = result(truncate(path, 0));
}

static void order_sysctl(struct work *w, int argument, struct answer *a)
{
	_close_ int fd = open("/proc/sys/kernel/ostype", O_RDONLY | O_CLOEXEC);
	char byte;

	a->value[0] = result(fd < 0 ? -1 : read(fd, &byte, 1));
}

static int pass_on(const int ends[2])
{
	char text[sizeof(PROBE_ARGUMENT)];
	long n = write(ends[1], PROBE_ARGUMENT, sizeof(text));

	n = result(n == sizeof(text) ? read(ends[0], text, sizeof(text)) : -1);
	close(ends[0]);
	close(ends[1]);
	return (int)n;
}

static void order_stdio(struct work *w, int argument, struct answer *a)
{
	int ends[2];

	a->value[0] = result(pipe2(ends, O_CLOEXEC));
	if (!a->value[0])
		a->value[0] = pass_on(ends);
	a->value[1] = result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	if (!a->value[1])
		a->value[1] = pass_on(ends);
}

static const order_fn orders[] = {
	[ORDER_UDP] = order_udp,     [ORDER_UNIX] = order_unix,       [ORDER_FORK] = order_fork,
	[ORDER_CALL] = order_call,   [ORDER_TCP] = order_tcp,         [ORDER_SEND] = order_send,
	[ORDER_REPLY] = order_reply, [ORDER_RECEIVE] = order_receive, [ORDER_EXEC] = order_exec,
	[ORDER_LOAD] = order_load,   [ORDER_GUARD] = order_guard,
	[ORDER_SYSCTL] = order_sysctl, [ORDER_STDIO] = order_stdio,
};

void subject_main(int socket, const struct subject_kit *kit)
{
	struct work w = {.socket = socket, .kit = kit, .ends = {-1, -1}};
	int32_t question[2];

	while (recv(socket, question, sizeof(question), 0) == sizeof(question)) {
		struct answer a = {};

		orders[question[0]](&w, question[1], &a);
		if (send(socket, &a, sizeof(a), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
