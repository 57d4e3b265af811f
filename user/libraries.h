/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_LIBRARIES_H
#define WARDEN_LIBRARIES_H

/*
 * The TLS libraries of a run: probed before the start, and whenever a process turns out to have
 * mapped one that was not known. What that one carried before is not seen: a gap.
 */

#include <stdbool.h>

#include "base/map.h"
#include "kernel.h"
#include "tlsfiles.h"

struct libraries {
	struct kernel *kernel; /* borrowed */
	/* Told of each gap: the record that led there, the file, whether it is probed from now on. */
	void (*gap)(void *ctx, const struct rec *r, const char *path, bool probed);
	void *ctx;
	struct tls_files known;
	struct map seen; /* processes whose mappings were looked at: tgid -> start time */
};

/*
 * Probes what the command at `path` may use, see tlsfiles_before_start(). Returns 0, or -errno when
 * one cannot be probed, which it has complained of.
 */
int libraries_before_start(struct libraries *l, const char *path);

/*
 * Takes notice of a record, in order: looks at each program that is started, at what a process has mapped, once a
 * program of it that connects to somewhere, and again when it speaks TLS that was not seen.
 */
void libraries_record(struct libraries *l, const struct rec *r);

/*
 * Looks at what a process has mapped that waits for that (kernel_release_held()); `ctx` is a struct
 * libraries. False: it has not stopped yet.
 */
bool libraries_look(void *ctx, pid_t tgid, pid_t tid, uint64_t start);

void libraries_free(struct libraries *l);

#endif
