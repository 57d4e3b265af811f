/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"

int regular_open(const char *path, struct stat *ret)
{
	_close_ int place = open(path, O_PATH | O_CLOEXEC);
	char self[64];
	struct stat st;
	int fd;

	if (place < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstat(place, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	*ret = st;
	return fd;
}
