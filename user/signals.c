/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_SECONDS 2 /* for a command that tidies up before it stops */

/* Left alone: where they come from a fault of warden's own, it is to end there and then. */
static const int faults[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

int signals_catch(struct signals *s, const struct cgroup *workload)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};
	sigset_t set;

	s->workload = workload;
	sigfillset(&set);
	for (size_t i = 0; i < FAULTS; i++)
		sigdelset(&set, faults[i]);
	/* A caller that ignores it would have us learn nothing of the command's end. */
	sigaction(SIGCHLD, &standard, &s->was.chld);
	sigaction(SIGPIPE, &ignore, &s->was.pipe);
	sigaction(SIGXFSZ, &ignore, &s->was.xfsz);
	sigprocmask(SIG_BLOCK, &set, &s->was.mask);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->fd < 0 ? -errno : 0;
}

static void reap(struct signals *s)
{
	int status;

	while (s->pid && !s->ended &&
	       waitpid(s->pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == s->pid) {
		s->stopped = WIFSTOPPED(status);
		s->ended = WIFEXITED(status) || WIFSIGNALED(status);
		s->status = status;
		if (s->ended)
			s->stop = 0; /* that was for the command */
	}
}

/* ---- passing on ---- */

/*
 * Whether somebody sent it. What the kernel sends is for the whole process group (Ctrl-C, a window
 * that changes its size), and the command is in it; or it is about what warden does itself, as is
 * what its own writes raise (SIGPIPE, SIGXFSZ). What the workload sends to its process group
 * (`kill 0`) the command has got as well. But an alarm that was set before warden was executed was
 * meant for the command.
 */
static bool is_sent(const struct signals *s, const struct signalfd_siginfo *si)
{
	pid_t from = (pid_t)si->ssi_pid;

	if (si->ssi_signo == SIGALRM && si->ssi_code == SI_KERNEL)
		return true;
	return si->ssi_code <= 0 && from != getpid() && !cgroup_has(s->workload, from);
}

static void pass_on(const struct signals *s, const struct signalfd_siginfo *si)
{
	const union sigval value = {.sival_ptr = (void *)(uintptr_t)si->ssi_ptr};

	if (si->ssi_code == SI_QUEUE)
		sigqueue(s->pid, (int)si->ssi_signo, value);
	else
		kill(s->pid, (int)si->ssi_signo);
}

static bool asks_to_stop(int n)
{
	return n == SIGTSTP || n == SIGTTIN || n == SIGTTOU;
}

/* One that the caller ignores (nohup, a job in the background) is not meant to end anything. */
static bool asks_to_end(int n)
{
	struct sigaction was;

	return (n == SIGINT || n == SIGTERM || n == SIGQUIT || n == SIGHUP) &&
	       sigaction(n, NULL, &was) == 0 && was.sa_handler != SIG_IGN;
}

static void on_signal(struct signals *s, const struct signalfd_siginfo *si)
{
	int n = (int)si->ssi_signo;

	if (n == SIGCHLD)
		reap(s);
	if (asks_to_stop(n)) {
		s->stop = n;
		clock_gettime(CLOCK_MONOTONIC, &s->stop_by);
		s->stop_by.tv_sec += STOP_SECONDS;
	}
	if (s->ended)
		s->end_rest |= asks_to_end(n);
	else if (s->pid && is_sent(s, si))
		pass_on(s, si);
}

void signals_handle(struct signals *s)
{
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		on_signal(s, &si);
}

/* ---- stopping ---- */

bool signals_want_stop(const struct signals *s)
{
	struct timespec now;

	if (!s->stop || (!s->stopped && !s->ended))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec < s->stop_by.tv_sec;
}

void signals_stop(struct signals *s)
{
	sigset_t one, was;

	sigemptyset(&one);
	sigaddset(&one, s->stop);
	raise(s->stop);
	s->stop = 0;
	s->stopped = false;
	sigprocmask(SIG_UNBLOCK, &one, &was);
	sigprocmask(SIG_SETMASK, &was, NULL);
}

void signals_release(struct signals *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
