/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MOUNT_NAMES_H
#define WARDEN_MOUNT_NAMES_H

#include <stdio.h>

/*
 * Fills the map `mounts` (bpf/mount_name.h) from a stream of the form of /proc/PID/mountinfo. Mounts
 * whose paths are too long, and those beyond what one file system may have, are left out: they give
 * no names, and files that no other one shows are exec:unknown. Returns 0 or -errno.
 */
int mount_names_fill(int map, FILE *mountinfo);

#endif
