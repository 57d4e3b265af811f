/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PIPE_BPF_H
#define WARDEN_PIPE_BPF_H

/*
 * Standard streams of a workload's processes: pipes, and pairs of unix sockets, of which one end is with a
 * process and the other is standard input or output of its child. Both are known from the child's exec on,
 * and have one name.
 *
 * A direction is known by the inode that it is read from: the pipe's, or that of the socket that receives.
 * A hook that runs before a write finds it from the file as well (pipe_inode()).
 */

#include "rpc.h"
#include "pipe.h"
#include "warden.bpf.h"

/* Full means that further ones are not followed, which is counted. User space removes those of the dead. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pipe_key);
	__type(value, struct pipe);
} pipes SEC(".maps") __weak;

extern __u64 streams; /* names given so far */

/* ---- which one it is ---- */

static __always_inline struct file *pipe_file(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;

	if (fd >= BPF_CORE_READ(table, max_fds) || bpf_probe_read_kernel(&file, sizeof(file), files + fd))
		return 0;
	return file;
}

/* A socket and its inode are one piece of memory. */
static __always_inline struct inode *pipe_socket_inode(struct socket *sock)
{
	return sock ? (void *)sock + bpf_core_field_offset(struct socket_alloc, vfs_inode) : 0;
}

/*
 * What is read from when the file is (DIR_READ), or by others when it is written to (DIR_WRITE). NULL: it is
 * neither a pipe nor a stream of unix sockets, or nobody holds its other end any more.
 */
static __always_inline struct inode *pipe_inode(struct file *file, enum direction dir)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	umode_t kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	struct socket *sock;
	struct sock *sk;

	if (kind == S_IFIFO)
		return inode;
	if (kind != S_IFSOCK)
		return 0;
	sock = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(sock, sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	return dir == DIR_READ ? inode : pipe_socket_inode(BPF_CORE_READ((struct unix_sock *)sk, peer, sk_socket));
}

static __always_inline void pipe_key(struct pipe_key *key, struct inode *inode)
{
	key->inode = (__u64)inode;
	key->ino = BPF_CORE_READ(inode, i_ino);
}

#endif
