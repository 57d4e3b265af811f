/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SOCKETS_H
#define WARDEN_SOCKETS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Destroys the TCP socket with this cookie (SOCK_DESTROY of sock_diag(7)): calls that wait on it
 * end with ECONNABORTED, later ones fail. It is looked for in the network namespace of process
 * `pid`, or in our own when that is the same or the process is gone.
 *
 * Returns 0, -ENOENT when there is no such socket, or -errno.
 */
int socket_destroy(uint64_t cookie, pid_t pid);

/*
 * The same for all TCP sockets of our network namespace that were made in the cgroup with this id, also when
 * they belong to nobody any more, and only what the kernel has still to send is left of them. Those that listen
 * stay. Returns 0 or -errno.
 */
int sockets_destroy_of(uint64_t cgroup);

#endif
