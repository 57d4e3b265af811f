/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_KERNEL_H
#define WARDEN_KERNEL_H

/*
 * The kernel side of one run: programs, maps, links. Everything that libbpf does for warden at run
 * time is behind these functions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/map.h"
#include "cgroup.h"
#include "policy/blob.h"
#include "resolvers.h"
#include "tiers.h"
#include "tlsfiles.h"
#include "wire.h"

struct kernel;

struct kernel_options {
	const struct cgroup *cgroup;
	const struct tiers *tiers;
	const struct image_block *image;
	const char *pins; /* directory for the pinned links */
	bool copy_bytes;  /* plaintext goes to the bytes ring */
	bool stdio;	  /* so does what children say over their standard streams, if it is JSON-RPC */
	const struct resolvers *resolvers; /* who names addresses; NULL: no rule needs names */
	/* Files that the workload is kept from changing; NULL: there is no such. */
	const char *policy_file, *trail_file, *run_file;
};

struct kernel_error {
	char text[256]; /* what failed, one line */
};

/*
 * Loads the programs that the tiers need, publishes the image, attaches everything but the probes
 * on TLS files, and pins the links. Returns 0 or -errno; links may then be left pinned.
 */
int kernel_load(const struct kernel_options *options, struct kernel **ret,
		struct kernel_error *error);

/*
 * Called by the first process of the workload, inside its cgroup, before it becomes the command:
 * from here on the programs know their workload. Returns 0; -ENOTDIR: it is in another cgroup.
 */
int kernel_settle(struct kernel *k);

/* Probes a TLS file. Returns 0 or -errno; all of its sites or none. */
int kernel_probe_file(struct kernel *k, const struct tls_file *file);

/*
 * Called with each record, header checked against the length; the memory is the ring's. A reader
 * returns nothing: what it cannot use it counts itself.
 */
typedef void (*kernel_record_fn)(void *ctx, const struct rec *r);

/* What a call of kernel_drain() has fetched. */
struct kernel_fetched {
	uint64_t records; /* of both rings */
	uint64_t bytes;	  /* of them, those of `bytes` */
	uint64_t upto;	  /* time (of records) up to which nothing is left behind; UINT64_MAX: nothing is at all */
};

/*
 * Hands over what the rings hold: `bytes` first, so that whatever was decided before those bytes
 * were sent is in `events` by then. What a call fetches is bounded.
 */
struct kernel_fetched kernel_drain(struct kernel *k, kernel_record_fn fn, void *ctx);

/* Become readable when there is something urgent, or much, for poll(2). */
int kernel_bytes_fd(const struct kernel *k);
int kernel_events_fd(const struct kernel *k);

/* How often the caller fetches records by itself, and so what makes the fds readable. */
void kernel_set_awake(struct kernel *k, enum awake awake);

/* The state in which on_audit_failure holds. */
void kernel_set_audit_failed(struct kernel *k, bool failed);

/*
 * Kills the processes that the programs could not kill on the spot. Returns how many have not ended
 * yet; -ENOSPC: there are more than can be remembered, and the whole workload has to die; or -errno.
 */
int kernel_kill_doomed(struct kernel *k);

/* Kills all processes of the workload, in its cgroup or not, as members_destroy() does. */
int kernel_destroy_members(struct kernel *k, int timeout_ms);

/* Mounts at the start that give files no names, because there are too many or their paths are too long. */
uint64_t kernel_mounts_left_out(const struct kernel *k);

/*
 * Has answers read that come without TLS, from now on; the first request waits for that. Returns 0, also when
 * they are already, or -errno, once: then nothing waits any more.
 */
int kernel_read_answers(struct kernel *k);

/* Whether processes wait for somebody to look at the code that they map: nothing of that is late then. */
bool kernel_holds(const struct kernel *k);

/*
 * Called with a thread that waits for somebody to look at the code that its process maps, and when that
 * started (CLOCK_BOOTTIME, ns). Returns false while it cannot be done yet.
 */
typedef bool (*kernel_look_fn)(void *ctx, pid_t tgid, pid_t tid, uint64_t start);

/* Continues the processes of such threads, once `look` has done so. Returns how many go on waiting. */
size_t kernel_release_held(struct kernel *k, kernel_look_fn look, void *ctx);

/* Sums of the loss counters since the start, LOSS_COUNT of them. Returns 0 or -errno. */
int kernel_losses(struct kernel *k, struct loss_count *ret);

/*
 * Records that used up a sequence number and were neither fetched nor counted as lost. Exact once
 * the workload has ended and the rings are empty. Returns 0 or -errno.
 */
int kernel_unaccounted(struct kernel *k, uint64_t *ret);

/* Forgets a dead socket once it is gone, and the TLS objects of processes that have ended, which are
 * the keys of the map. */
void kernel_forget_socket(struct kernel *k, uint64_t cookie);
void kernel_forget_processes(struct kernel *k, const struct map *tgids);

/* Forgets names of addresses that are over `now` (CLOCK_MONOTONIC, ns): once a minute is enough. */
void kernel_names_sweep(struct kernel *k, uint64_t now);

/* Forgets standard streams of children that have ended, the same. */
void kernel_pipes_sweep(struct kernel *k, uint64_t now);

/* Standard streams that were found to be no JSON-RPC, and the bytes of them that were not copied. */
void kernel_pipes_passed(const struct kernel *k, uint64_t *ret_streams, uint64_t *ret_bytes);

/*
 * How often a program that copies them did not run, as it was at work already, for somebody who was interrupted:
 * some kernels preempt kernel code. Whether it would have had anything to do is not known. Of what both kinds
 * of programs see, only what each of them has missed counts.
 */
uint64_t kernel_pipes_missed(const struct kernel *k);

/*
 * Hands over an answer of a resolver's to a question for addresses: `len` bytes of a message, of which no
 * more than DNS_SIZE are read. Returns 0; 1 when not all of it was learned, which has been counted; or -errno.
 */
int kernel_names_told(struct kernel *k, const void *msg, size_t len);

/* Nothing is asked for any more of what came with tickets (struct rec_resolve) up to this one. */
void kernel_names_resolved(struct kernel *k, uint64_t ticket);

/* Lets go of everything; the pinned links stay until their pins are removed. NULL is fine. */
void kernel_close(struct kernel **k);

#endif
