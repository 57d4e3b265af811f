/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TIERS_PROBE_H
#define WARDEN_TIERS_PROBE_H

/* Inside of tiers_probe(): its state, and the steps in the files tiers_*.c. */

#include <stdint.h>
#include <sys/types.h>

#include "cgroup.h"
#include "probe.h"
#include "probe.skel.h"
#include "tiers.h"

/* ---- subjects: processes in the cgroup of the probing, which do what they are told ---- */

#define SUBJECT_PATIENCE 3000 /* ms for an answer; a guest under emulation is slow */

/* What a subject can be told to do. Numbers in answers are 0 or a count, or -errno. */
enum order {
	/* Argument: family. [0] socket, [1] connect to loopback, [2] sendto, [3] a stream's socket. */
	ORDER_UDP,
	/* [0] connect to a name that nobody has, [1] sendto. */
	ORDER_UNIX,
	/* [0] the pid of a child, which waits. */
	ORDER_FORK,
	/* [0] what the function under probe returned. */
	ORDER_CALL,
	/* Makes a connection on loopback. [0] success; the cookie of its client. */
	ORDER_TCP,
	/* Argument: ms to wait. [0] the client sends a byte, [1] the server receives it. */
	ORDER_SEND,
	/* The same the other way round. */
	ORDER_REPLY,
	/* Argument: ms to wait. [0] what the client gets next. */
	ORDER_RECEIVE,
	/* [0] why it failed; a subject that succeeds does not answer, and ends by itself. */
	ORDER_EXEC,
	/* [0] the program mapped as code. */
	ORDER_LOAD,
	/* [0] truncate of an empty file. */
	ORDER_GUARD,
	/* [0] open and read of a harmless setting. */
	ORDER_SYSCTL,
	/* Writes and reads PROBE_ARGUMENT. [0] read from a pipe, [1] from a unix socket. */
	ORDER_STDIO,
};

struct answer {
	int32_t value[4];
	uint64_t cookie;
};

/* What a subject shares with its maker, in memory of both. */
struct subject_shared {
	int32_t ran; /* set by the function under probe */
};

struct subject {
	pid_t pid; /* 0: none */
	int pidfd;
	int socket;
};

#define SUBJECT_NONE                                                                               \
	{                                                                                          \
		.pidfd = -1, .socket = -1                                                          \
	}

/* What all subjects are made from. */
struct subject_kit {
	int cgroup;  /* where they are born */
	int program; /* a file with a program, for ORDER_EXEC; its text for ORDER_CALL */
	struct subject_shared *shared;
};

#define SUBJECT_KIT_NONE                                                                           \
	{                                                                                          \
		.cgroup = -1, .program = -1                                                        \
	}

/* All but the cgroup, for the life of this process. Returns 0 or -errno. */
int subject_kit_make(struct subject_kit *kit);

int subject_start(struct subject *s, const struct subject_kit *kit);

/*
 * Gives an order and waits for the answer. Returns 0, -EPIPE when the subject has died instead,
 * -ETIMEDOUT when it did neither; then it is killed.
 */
int subject_ask(struct subject *s, enum order order, int argument, struct answer *ret);

/*
 * Waits for the end of a subject, or kills it when it does not come. Returns the signal that it
 * died of, or -1 - STATUS when it ended by itself, or 0 when it had to be killed (or was none).
 */
int subject_end(struct subject *s);

/* Kills and forgets it. */
void subject_kill(struct subject *s);

/* What a subject does (tiers_orders.c). */
void subject_main(int socket, const struct subject_kit *kit) __attribute__((noreturn));

/* The function under probe, as file offsets in /proc/self/exe. */
struct probed_function {
	uint64_t offset;
	uint64_t to_ret; /* from its entry to its last instruction, a `ret` */
};

#define PROBED_RETURN 7 /* what it returns when it runs */

int probed_function_find(struct probed_function *ret);

/* ---- programs ---- */

#define PROBE_PROGRAMS 26

struct probe_program {
	const char *name;    /* in bpf/probe.bpf.c */
	uint32_t facilities; /* 1 << FACILITY_X: those that are out without it */
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *hook; /* the kernel's name of it, for LSM and tracing programs */
	const char *const *hooks; /* the names that it may have, where kernels differ; NULL ends them */
	uint32_t flags;   /* BPF_F_SLEEPABLE */
	bool at_return;   /* of the function under probe */
};

extern const struct probe_program probe_programs[PROBE_PROGRAMS];

/* What it means when a facility's program is refused; %s is the name of an error. */
extern const char *const probe_refusals[FACILITY_COUNT];

/* ---- the probing ---- */

struct probe {
	struct tiers tiers;
	uint32_t out; /* 1 << FACILITY_X: those that are known not to work, for a reason */
	uint32_t refused; /* those for which the kernel does not take a program, now or later */
	struct cgroup cgroup;
	struct subject_kit kit;
	struct subject subject; /* the first, on which the function is probed */
	struct subject fresh;   /* another one, while it is needed */
	struct probe_bpf *object;
	uint32_t hooks[PROBE_PROGRAMS]; /* BTF ids; 0: the kernel has no such hook */
	int programs[PROBE_PROGRAMS];   /* fds; -1: not loaded */
	int links[PROBE_PROGRAMS];      /* fds; -1: not attached */
};

/* Says why a facility does not work. */
void probe_fail(struct probe *p, enum facility f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for all that need a program, with the name of error `r` for %s; they are out. */
void probe_fail_program(struct probe *p, size_t program, const char *fmt, int r);

/* Loads the programs, as many as go. Returns 0, or -errno when none can be loaded. */
int probe_load(struct probe *p);

/* Attaches what was loaded, as far as it goes. */
void probe_attach(struct probe *p);

/* Detaches what is attached to hooks of the kernel; the rest goes with this process. */
void probe_detach_hooks(struct probe *p);

/* Lets a facility's programs act. NULL when it is out already. */
struct probe_bpf__bss *probe_begin(struct probe *p, enum facility f, enum probe_turn turn);

/* Ends its turn: it works when `ok`; else the reason is `but`, or that nothing ever ran. */
void probe_end(struct probe *p, enum facility f, bool ok, const char *but);

/* Orders the first subject. Without an answer the facility fails, and the result is false. */
bool probe_ask(struct probe *p, enum facility f, enum order order, int argument,
	       struct answer *ret);

/* Starts p->fresh, or fails the facility. */
bool probe_fresh(struct probe *p, enum facility f);

/* Preemptible kernels skip a tracing program when another one is at work on the same processor. */
#define PROBE_ATTEMPTS 3

/*
 * Makes the cgroup and the first subject in it, without which nothing can be tried. Returns 0, or
 * -errno with a reason for every facility.
 */
int probe_settle(struct probe *p);

/* Ends all subjects and removes the cgroup. */
void probe_leave(struct probe *p);

/* The trials, in the order in which they are made. */
void try_net(struct probe *p);
void try_membership(struct probe *p);
void try_guard(struct probe *p);
void try_sysctl(struct probe *p);
void try_stdio(struct probe *p);
void try_plaintext(struct probe *p);
void try_exec(struct probe *p);
void try_hash(struct probe *p);
void try_kill(struct probe *p);

#endif
