/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_GUARD_H
#define WARDEN_GUARD_H

/* What user space tells the kernel side of what belongs to warden: guard.bpf.c. */

#include "types.h"

enum guard_what {
	GUARD_NOTHING,
	GUARD_ITSELF, /* the file or directory */
	GUARD_BELOW,  /* and the files in that directory */
};

struct guard_file { /* key of the map `guard_files` */
	__u64 ino;
	__u32 dev; /* MOUNT_DEV() */
	__u32 reserved;
};

enum guard_kind {
	GUARD_MAP,
	GUARD_PROGRAM,
};

struct guard_object { /* key of the map `guard_objects` */
	__u32 kind; /* enum guard_kind */
	__u32 id;
};

#define GUARD_FILES   16
#define GUARD_OBJECTS 256

#endif
