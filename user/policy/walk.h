/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_WALK_H
#define WARDEN_POLICY_WALK_H

/*
 * Resolves a path as the kernel would in a process whose root directory is `root`: follows symbolic
 * links, the last name too, and takes out "." and "..". Sets ret_path, of PATH_MAX bytes, to the
 * absolute path of what is there. Returns 0, or the -errno that opening it would fail with.
 */
int walk_path(int root, const char *path, char *ret_path);

#endif
