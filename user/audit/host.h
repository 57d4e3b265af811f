/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_HOST_H
#define WARDEN_AUDIT_HOST_H

#include <sys/utsname.h>

/* Which machine, and which boot of it, a trail is written on; "" is not known. */
struct audit_host {
	char name[sizeof(((struct utsname *)0)->nodename)];
	char boot_id[37];
};

void audit_host_read(struct audit_host *ret);

#endif
