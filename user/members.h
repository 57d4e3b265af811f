/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MEMBERS_H
#define WARDEN_MEMBERS_H

/*
 * The processes of a workload wherever they are, by the maps that the kernel side keeps of them
 * (bpf/warden.bpf.h): `members`, and `doomed`, those that are to die.
 */

/* Names under which the maps are pinned, beside the links. */
#define MEMBERS_PIN "members"
#define DOOMED_PIN  "doomed"

/*
 * Kills the doomed; whoever has ended is taken out. Returns how many are left, or -errno when one of
 * them could not be killed now.
 */
int doomed_kill(int doomed);

/*
 * Kills all members and all doomed, and waits for their ends (at most `timeout_ms`). Returns 0,
 * -EBUSY when some are left, or -errno.
 */
int members_destroy(int members, int doomed, int timeout_ms);

/* The same, of the maps that are pinned in that directory; 0 when there are none. */
int members_destroy_pinned(const char *pins, int timeout_ms);

#endif
