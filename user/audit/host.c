/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/host.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"

void audit_host_read(struct audit_host *ret)
{
	_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct utsname uts;

	*ret = (struct audit_host){};
	if (!uname(&uts))
		memcpy(ret->name, uts.nodename, sizeof(ret->name));
	/* A UUID of 36 characters and a newline. */
	if (fd >= 0 && read(fd, ret->boot_id, sizeof(ret->boot_id) - 1) != sizeof(ret->boot_id) - 1)
		ret->boot_id[0] = '\0';
}
