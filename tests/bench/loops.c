/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The acts whose time is measured, in a loop without an interpreter around it.
 *
 *   loops SECONDS ACT...   each ACT for so long; prints two lines each, "ACT NS..." and
 *                          "ACT.cpu NS...": nanoseconds that an act took, and those of them that
 *                          were CPU time of the loop and its children; of every batch the mean
 *   loops SECONDS ACT... hold, loops hold
 *                          then prints "ready", and ends when its standard input does
 *   loops serve PORT       the other end of reach, on 127.0.0.1: "ready", and so on
 *
 * ACT: spawn, fork (fork+exec+exit of /bin/true, or of $LOOPS_PROGRAM; waited for), reach
 * (connect+close, TCP on loopback, to what serves at $LOOPS_PORT), connect (the same to a socket of
 * the loop itself). The loop and its children stay on one CPU, so that no migration is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES_MAX   400
#define EXEC_BATCH    5
#define CONNECT_BATCH 100

extern char **environ;

static char *program[] = {"/bin/true", NULL};

static int64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static int64_t nanoseconds(const struct timeval *tv)
{
	return tv->tv_sec * 1000000000LL + tv->tv_usec * 1000LL;
}

/* Of this process and of its children that have ended. */
static int64_t cpu_time(void)
{
	struct rusage children;

	getrusage(RUSAGE_CHILDREN, &children);
	return read_clock(CLOCK_PROCESS_CPUTIME_ID) + nanoseconds(&children.ru_utime) +
	       nanoseconds(&children.ru_stime);
}

static void die(const char *what)
{
	fprintf(stderr, "loops: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- fork, exec, exit ---- */

static void await(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (status) {
		fprintf(stderr, "loops: %s ended with status %#x\n", program[0], status);
		exit(1);
	}
}

static void spawn_batch(void)
{
	for (int i = 0; i < EXEC_BATCH; i++) {
		pid_t pid;

		errno = posix_spawn(&pid, program[0], NULL, NULL, program, environ);
		if (errno)
			die(program[0]);
		await(pid);
	}
}

static void fork_batch(void)
{
	for (int i = 0; i < EXEC_BATCH; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			execve(program[0], program, environ);
			_exit(127);
		}
		await(pid);
	}
}

/* ---- connect, close ---- */

static struct sockaddr_in place = {.sin_family = AF_INET};
static int listener = -1;

/* No lingering, also of what is accepted there: no port is ever short. */
static void listen_at(void)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	socklen_t len = sizeof(place);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) ||
	    bind(listener, (struct sockaddr *)&place, sizeof(place)) ||
	    listen(listener, 2 * CONNECT_BATCH) ||
	    getsockname(listener, (struct sockaddr *)&place, &len))
		die("listen");
}

/* At an address of 127.0.0.0/8 of our own. */
static void connect_begin(void)
{
	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ((uint32_t)getpid() << 1 & 0xfffffe));
	listen_at();
}

static int connect_once(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof(place)))
		die("connect");
	return fd;
}

static void connect_batch(void)
{
	for (int i = 0; i < CONNECT_BATCH; i++)
		close(connect_once());
}

/* Between batches, not measured: what the other end has to do. */
static void connect_after(void)
{
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
		close(fd);
}

/* ---- connect, close; the other end is another process ---- */

static int asking = -1; /* a connection on which the other end is told to take all there is */

static void reach_begin(void)
{
	const char *port = getenv("LOOPS_PORT");

	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	place.sin_port = htons(port ? (uint16_t)atoi(port) : 0);
	asking = connect_once();
}

static void reach_after(void)
{
	char c = 0;

	if (write(asking, &c, 1) != 1 || read(asking, &c, 1) != 1)
		die("loops serve");
}

/* The first connection is the asker's, each time. */
static void serve_one(int asker)
{
	char c;

	while (read(asker, &c, 1) == 1) {
		connect_after();
		if (write(asker, &c, 1) != 1)
			break;
	}
	connect_after();
	close(asker);
}

static void serve(const char *port)
{
	struct pollfd fds[] = {{.events = POLLIN}, {.fd = STDIN_FILENO}};

	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	place.sin_port = htons((uint16_t)atoi(port));
	listen_at();
	fds[0].fd = listener;
	if (puts("ready") < 0 || fflush(stdout))
		die("standard output");
	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve_one(fd);
	}
}

/* ---- acts ---- */

static void nothing(void)
{
}

static const struct act {
	const char *name;
	void (*begin)(void);
	void (*batch)(void);
	void (*after)(void);
	int size; /* acts in a batch */
} acts[] = {
	{"spawn", nothing, spawn_batch, nothing, EXEC_BATCH},
	{"fork", nothing, fork_batch, nothing, EXEC_BATCH},
	{"reach", reach_begin, connect_batch, reach_after, CONNECT_BATCH},
	{"connect", connect_begin, connect_batch, connect_after, CONNECT_BATCH},
};

/* One batch: nanoseconds an act took, and CPU time of it. */
static int64_t time_batch(const struct act *a, int64_t *ret_cpu)
{
	int64_t start = now(), cpu = cpu_time();

	a->batch();
	*ret_cpu = (cpu_time() - cpu) / a->size;
	start = now() - start;
	a->after();
	return start / a->size;
}

static void print_line(const char *name, const char *suffix, const int64_t *values, int n)
{
	printf("%s%s", name, suffix);
	for (int i = 0; i < n; i++)
		printf(" %lld", (long long)values[i]);
	printf("\n");
}

static void measure(const struct act *a, int64_t ns)
{
	static int64_t times[BATCHES_MAX], cpus[BATCHES_MAX];
	int64_t end;
	int n = 0;

	a->begin();
	time_batch(a, cpus); /* warms up */
	for (end = now() + ns; n < BATCHES_MAX && (!n || now() < end); n++)
		times[n] = time_batch(a, &cpus[n]);
	print_line(a->name, "", times, n);
	print_line(a->name, ".cpu", cpus, n);
}

static void measure_named(const char *name, int64_t ns)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcmp(acts[i].name, name)) {
			measure(&acts[i], ns);
			return;
		}
	fprintf(stderr, "loops: no act %s\n", name);
	exit(2);
}

/* ---- begin ---- */

static int hold(void)
{
	char c;

	if (puts("ready") < 0 || fflush(stdout))
		return 1;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

/* On the last CPU that there is for us: always the same one, and the first serves interrupts. */
static void stay(void)
{
	cpu_set_t all, one;
	size_t cpu = CPU_SETSIZE;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	while (cpu && !CPU_ISSET(cpu - 1, &all))
		cpu--;
	CPU_ZERO(&one);
	CPU_SET(cpu - 1, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	bool held = argc > 1 && !strcmp(argv[argc - 1], "hold");

	if (argc < 3 && !held) {
		fprintf(stderr, "usage: loops [SECONDS ACT...] [hold]\n       loops serve PORT\n");
		return 2;
	}
	if (!strcmp(argv[1], "serve")) {
		serve(argv[2]);
		return 0;
	}
	if (getenv("LOOPS_PROGRAM"))
		program[0] = getenv("LOOPS_PROGRAM");
	stay();
	for (int i = 2; i < argc - held; i++)
		measure_named(argv[i], (int64_t)(atof(argv[1]) * 1e9));
	return held ? hold() : 0;
}
