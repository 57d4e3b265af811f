/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Processes to try things on: made inside of the cgroup, spoken to, seen to their end. */
#include "tiers_probe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* since 6.3 */
#endif

#define LOAD_ADDRESS 0x400000

/* The smallest program that ends by itself, if it is not stopped. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint8_t code[12];
};

static const struct program program = {
	.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			       EV_CURRENT},
		   .e_type = ET_EXEC,
		   .e_machine = EM_X86_64,
		   .e_version = EV_CURRENT,
		   .e_entry = LOAD_ADDRESS + offsetof(struct program, code),
		   .e_phoff = offsetof(struct program, segment),
		   .e_ehsize = sizeof(Elf64_Ehdr),
		   .e_phentsize = sizeof(Elf64_Phdr),
		   .e_phnum = 1},
	.segment = {.p_type = PT_LOAD,
		    .p_flags = PF_R | PF_X,
		    .p_vaddr = LOAD_ADDRESS,
		    .p_paddr = LOAD_ADDRESS,
		    .p_filesz = sizeof(struct program),
		    .p_memsz = sizeof(struct program),
		    .p_align = 0x1000},
	.code = {0xb8, SYS_exit_group, 0, 0, 0, /* mov $231, %eax */
		 0xbf, 0, 0, 0, 0,              /* mov $0, %edi */
		 0x0f, 0x05},                   /* syscall */
};

/* Some hosts forbid programs in memory (vm.memfd_noexec): there another small one has to do. */
static int make_program(void)
{
	_close_ int fd = memfd_create("warden-probe", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("warden-probe", MFD_CLOEXEC);
	if (fd < 0) {
		fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : TAKE_FD(fd);
	}
	if (write(fd, &program, sizeof(program)) != sizeof(program))
		return -EIO;
	return TAKE_FD(fd);
}

int subject_kit_make(struct subject_kit *kit)
{
	void *shared = mmap(NULL, sizeof(*kit->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	kit->shared = shared;
	kit->program = make_program();
	return kit->program < 0 ? kit->program : 0;
}

/* Born inside of the cgroup: moving a process there takes many times as long. */
static pid_t clone_into(int cgroup, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int subject_start(struct subject *s, const struct subject_kit *kit)
{
	int ends[2], pidfd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	kit->shared->ran = 0;
	pid = clone_into(kit->cgroup, &pidfd);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		subject_main(ends[1], kit);
	}
	if (pid < 0) {
		int r = -errno;

		close(ends[0]);
		close(ends[1]);
		return r;
	}
	close(ends[1]);
	*s = (struct subject){.pid = pid, .pidfd = pidfd, .socket = ends[0]};
	return 0;
}

static bool wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, SUBJECT_PATIENCE) > 0;
}

/* Until there is an answer, or never will be: a child of the subject may hold its socket open. */
static bool wait_answer(const struct subject *s)
{
	struct pollfd p[] = {{.fd = s->socket, .events = POLLIN},
			     {.fd = s->pidfd, .events = POLLIN}};

	return poll(p, 2, SUBJECT_PATIENCE) > 0;
}

int subject_ask(struct subject *s, enum order order, int argument, struct answer *ret)
{
	const int32_t question[] = {order, argument};
	ssize_t n;

	if (!s->pid || send(s->socket, question, sizeof(question), MSG_NOSIGNAL) < 0)
		return -EPIPE;
	if (!wait_answer(s)) {
		subject_kill(s);
		return -ETIMEDOUT;
	}
	n = recv(s->socket, ret, sizeof(*ret), MSG_DONTWAIT);
	return n == sizeof(*ret) ? 0 : -EPIPE;
}

static void forget(struct subject *s)
{
	close(s->pidfd);
	close(s->socket);
	*s = (struct subject)SUBJECT_NONE;
}

static int reap(struct subject *s)
{
	siginfo_t info = {};

	if (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED) < 0)
		return 0;
	return info.si_code == CLD_EXITED ? -1 - info.si_status : info.si_status;
}

int subject_end(struct subject *s)
{
	bool by_itself;
	int how;

	if (!s->pid)
		return 0;
	by_itself = wait_readable(s->pidfd);
	if (!by_itself)
		syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	how = reap(s);
	forget(s);
	return by_itself ? how : 0;
}

void subject_kill(struct subject *s)
{
	if (!s->pid)
		return;
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	reap(s);
	forget(s);
}
