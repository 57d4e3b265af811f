/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TIERS_MEMORY_H
#define WARDEN_TIERS_MEMORY_H

#include "mounts.h"
#include "tiers.h"

#define TIERS_MEMORY MOUNTS_STATE_DIR "/tiers"

/*
 * What tiers_probe() found, kept until the next boot in the file `path` (TIERS_MEMORY): probing is most of the time
 * that a run takes to start. It is forgotten when anything that could change the answer has: the
 * warden that asks, its capabilities, its namespaces, how the kernel was started and what it has been
 * told since. A kernel that has come to refuse more nevertheless refuses when a run loads its programs,
 * which then does not start.
 */

/* Returns 0, or -errno when nothing that holds here and now is remembered. */
int tiers_recall(const char *path, struct tiers *ret);

/*
 * Keeps what will last (tiers->lasting); an empty file if nothing will, so that nobody else makes one
 * while there are runs. Failures leave nothing remembered, and are nobody's concern.
 */
void tiers_remember(const char *path, const struct tiers *tiers);

#endif
