/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MOUNT_NAMES_H
#define WARDEN_MOUNT_NAMES_H

#include <stdio.h>

/* How many elements the map `mounts` (bpf/mount_name.h) may need, some mounts to come included; or -errno. */
int mount_names_room(FILE *mountinfo);

/*
 * Fills the map from a stream of the form of /proc/PID/mountinfo. Mounts whose paths are too long, and those
 * beyond what one file system may have, are left out: they give no names, and files that no other one shows
 * are exec:unknown; the map says of their file systems that there are such. Returns how many, or -errno.
 */
int mount_names_fill(int map, FILE *mountinfo);

#endif
