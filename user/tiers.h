/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TIERS_H
#define WARDEN_TIERS_H

#include <stdbool.h>
#include <stddef.h>

#include "decide.h" /* enum tier */

/*
 * What this kernel lets warden see and enforce. Found out by loading, attaching and running small
 * programs (bpf/probe.bpf.c) on processes, sockets and a cgroup that are made for it, and looking
 * at what came of it; never by a version.
 */

enum facility {
	FACILITY_EXEC_LSM,    /* refuses an exec, and reads the final arguments of another */
	FACILITY_EXEC_SIGNAL, /* kills a new program before it runs */
	FACILITY_EXEC_HASH,   /* reads the SHA-256 of a file, also of one that is mapped as code */
	FACILITY_NET_LSM,     /* refuses connect() and sendto() */
	FACILITY_NET_CGROUP,  /* the same, for IPv4 and IPv6, in one cgroup */
	FACILITY_NET_UNIX,    /* the same, for unix sockets */
	FACILITY_UPROBE,      /* a probe on a function runs, and reads pages that must be fetched */
	FACILITY_PLAINTEXT_OVERRIDE, /* a refused function does not run, and returns an error */
	FACILITY_PLAINTEXT_LSM,      /* one socket cannot send any more */
	FACILITY_PLAINTEXT_CUT,      /* its packets are dropped, and it is destroyed */
	FACILITY_PLAINTEXT_SIGNAL,   /* a process dies in a probe, before the function runs */
	FACILITY_MEMBERSHIP,         /* a new task inherits what is stored with its parent */
	FACILITY_CGROUP2,            /* cgroups can be made, born into, and killed as a whole */
	FACILITY_GUARD,              /* refuses signals, ptrace, BPF objects and files */
	FACILITY_SYSCTL,             /* refuses the settings in /proc/sys, in one cgroup */
	FACILITY_STDIO_SYSCALL,      /* sees what is read from pipes and unix sockets, at everybody's system calls */
	FACILITY_STDIO_HOOK,         /* the same at functions of the kernel, io_uring's included */
	FACILITY_COUNT,
};

/* What a facility is called in reports. */
struct facility_name {
	const char *name;     /* "exec_lsm" */
	const char *activity; /* "exec" */
	const char *tier;     /* "lsm" */
};

extern const struct facility_name facility_names[FACILITY_COUNT];

struct facility_result {
	bool works;
	char reason[200]; /* why not: one sentence without a full stop; "" when it works */
};

struct tiers {
	struct facility_result facility[FACILITY_COUNT];
	enum tier exec, net, plaintext; /* the best that works; TIER_NONE: none does */
	bool lasting; /* each facility was seen to work, or was refused: probing again tells the same */
};

/*
 * Finds out all of it, in a fraction of a second, in a process of its own: nothing is left behind,
 * also when warden is killed meanwhile. That process tidies up after its answer; exit() waits for
 * it, should it not be done by then. Needs root (CAP_SYS_ADMIN).
 *
 * Returns 0, also when nothing works, or -errno with `ret` untouched when nothing could be tried:
 * -EPERM without root.
 */
int tiers_probe(struct tiers *ret);

/*
 * What stops a refused request where its function cannot be made to return an error (Go's crypto/tls): the
 * plaintext tier, or what comes behind override.
 */
enum tier tiers_socket(const struct tiers *t);

/* Sets exec, net and plaintext from the facilities. All tiers need cgroups and membership. */
void tiers_choose(struct tiers *t);

/* What a facility is used for by the chosen tiers, in a few words; NULL: it is not. */
const char *tiers_use(const struct tiers *t, enum facility f);

/* The tier that holds brokers (policy/brokers.h); TIER_NONE: none does. */
enum tier tiers_brokers(const struct tiers *t);

/*
 * What the chosen tiers do not hold, a sentence or two each, for people. Stores pointers to
 * constants; returns how many, never more than TIERS_LIMITS.
 */
#define TIERS_LIMITS 40
size_t tiers_limits(const struct tiers *t, const char *ret[TIERS_LIMITS]);

#endif
