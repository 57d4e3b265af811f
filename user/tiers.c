/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "tiers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/heap.h"
#include "tiers_probe.h"

/* Loads and attaches what goes; the rest is out, with its reasons. */
static void arm(struct probe *p)
{
	bool described = !access("/sys/kernel/btf/vmlinux", R_OK);
	int r = probe_load(p);

	if (!r) {
		probe_attach(p);
		return;
	}
	p->out = ~0U;
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		probe_fail(p, f, "no programs can be loaded: %s",
			   described ? strerror(-r)
				     : "this kernel does not describe its types (there is no "
				       "/sys/kernel/btf/vmlinux)");
}

static int probe_all(struct probe *p)
{
	int r = subject_kit_make(&p->kit);

	if (r < 0)
		return r;
	if (!probe_settle(p)) {
		arm(p);
		try_net(p);
		try_membership(p);
		try_guard(p);
		try_sysctl(p);
		try_stdio(p);
		try_hash(p);
		try_plaintext(p);
		try_exec(p);
		try_kill(p);
	}
	probe_leave(p);
	tiers_choose(&p->tiers);
	p->tiers.lasting = true;
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		p->tiers.lasting &= p->tiers.facility[f].works || p->refused >> f & 1;
	return 0;
}

/* ---- the process that does it ---- */

#define PROBER_PATIENCE 60000 /* ms; each trial has a limit of its own */

/* What it has to tell, in one write. */
struct outcome {
	int r;
	struct tiers tiers;
};

_Static_assert(sizeof(struct outcome) <= PIPE_BUF, "a write to a pipe is whole up to there");

/* Nothing that happens to warden ends it in the middle, and it holds nothing open of warden's. */
static void stand_alone(int *pipe)
{
	const struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGCHLD, &plain, NULL); /* ignored, it would hide how subjects end */
	if (*pipe != 3)
		*pipe = dup3(*pipe, 3, O_CLOEXEC);
	close_range(4, ~0U, 0);
}

/*
 * Tells, and only then detaches, over which the kernel takes long: nobody waits for it meanwhile,
 * nor for the end of warden's output. The pipe is closed when all hooks are free.
 */
static void prober_main(int pipe)
{
	struct probe p = {.cgroup = CGROUP_NONE,
			  .kit = SUBJECT_KIT_NONE,
			  .subject = SUBJECT_NONE,
			  .fresh = SUBJECT_NONE,
			  .programs = {[0 ... PROBE_PROGRAMS - 1] = -1},
			  .links = {[0 ... PROBE_PROGRAMS - 1] = -1}};
	struct outcome o;

	stand_alone(&pipe);
	heap_prepare();
	o.r = probe_all(&p);
	o.tiers = p.tiers;
	close_range(0, 2, 0);
	if (write(pipe, &o, sizeof(o)) != sizeof(o))
		o.r = -EPIPE;
	probe_detach_hooks(&p);
	_exit(o.r < 0);
}

static int prober = -1; /* the pipe to the last one; its end is that it has detached */

static bool wait_readable(int fd, int timeout)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, timeout);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static void wait_for_prober(void)
{
	char rest[sizeof(struct outcome)];

	if (prober < 0)
		return;
	while (wait_readable(prober, PROBER_PATIENCE) && read(prober, rest, sizeof(rest)) > 0)
		;
	close(TAKE_FD(prober));
}

/*
 * Warden must not end before: Linux 6.1 hangs for good, all hooks with it, when the first process
 * of a PID namespace (warden or its maker, in a container) ends while another one in it detaches
 * an LSM program (synchronize_rcu_tasks() waits for zap_pid_ns_processes()).
 */
static void keep_prober(int pipe)
{
	static bool registered;

	wait_for_prober();
	prober = pipe;
	if (!registered)
		registered = !atexit(wait_for_prober);
}

/* Started as a grandchild: it outlives this, and nobody has to wait for its end. */
static int start_prober(int *ret_pipe)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		pid = fork();
		if (!pid)
			prober_main(ends[1]);
		_exit(pid < 0);
	}
	close(ends[1]);
	if (pid < 0) {
		int r = -errno;

		close(ends[0]);
		return r;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret_pipe = ends[0];
	return 0;
}

static int read_outcome(int pipe, struct outcome *ret)
{
	if (!wait_readable(pipe, PROBER_PATIENCE))
		return -ETIMEDOUT;
	return read(pipe, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -ECHILD;
}

static bool is_root(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	return !syscall(SYS_capget, &header, data) &&
	       data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
}

int tiers_probe(struct tiers *ret)
{
	struct outcome o;
	int r, pipe = -1;

	if (!is_root())
		return -EPERM;
	r = start_prober(&pipe);
	if (r < 0)
		return r;
	keep_prober(pipe);
	r = read_outcome(pipe, &o);
	if (!r)
		r = o.r;
	if (!r)
		*ret = o.tiers;
	return r;
}
