/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_REGULAR_H
#define WARDEN_REGULAR_H

#include <sys/stat.h>

/*
 * Opens a file for reading if it is a regular one, and nothing else: a path that somebody else
 * chose may name a pipe, which would block, or a device, which may act when it is opened. Returns a
 * descriptor; -ENOENT when there is no such file; -EINVAL when it is not regular; or -errno.
 */
int regular_open(const char *path, struct stat *ret);

#endif
