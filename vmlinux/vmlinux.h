/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

/*
 * The kernel types that the BPF side reads, and of each only the fields that it reads: this file
 * is warden's whole view of the kernel's insides. Where the fields really are is settled when the
 * programs are loaded (CO-RE), so order and neighbours do not matter here; names and types do.
 * `make vmlinux-check` holds them against a kernel's BTF.
 *
 * The user API (struct bpf_sock_addr and the like) comes from the kernel's own header.
 */

#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef int pid_t;
typedef u32 dev_t;
typedef unsigned short umode_t;
typedef unsigned int fmode_t;
typedef unsigned long size_t;

#if !defined(__TARGET_ARCH_x86)
#error "only x86-64 is supported"
#endif

/* Laid out by the architecture: programs get it as their context. */
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long cs;
	unsigned long flags;
	unsigned long sp;
	unsigned long ss;
};

/* Of the user API, with layouts that never change. */
struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	struct iovec *msg_iov;
	unsigned long msg_iovlen;
};

/* Of the user API, with a layout that never changes. */
struct in6_addr {
	__u8 bytes[16];
};

/* Of the user API, with a layout that never changes; the kernel keeps those of bound sockets. */
#define SOCKADDR_UN_PATH 108

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[SOCKADDR_UN_PATH];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct super_block {
	dev_t s_dev;
	u32 s_time_gran;
	unsigned long s_magic;
};

struct inode {
	atomic_t i_writecount; /* below 0: so many keep others from writing */
	umode_t i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_generation;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct inode *d_inode;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct super_block *d_sb;
};

struct path {
	struct dentry *dentry;
};

struct fs_struct {
	struct path pwd;
};

struct file {
	fmode_t f_mode;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

struct bpf_map {
	u32 id;
};

struct vm_area_struct {
	struct file *vm_file;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup *ancestors[];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct thread_info {
	u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	u64 start_boottime;
	u64 self_exec_id;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct css_set *cgroups;
	int exit_code;
};

struct linux_binprm {
	struct file *file;
	unsigned long p;
	unsigned long exec;
	int argc;
	const char *filename;
	const char *interp;
	char buf[256];
};

typedef struct {
	int owned;
} socket_lock_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	u16 sk_type;
	u16 sk_protocol;
	struct socket *sk_socket;
};

struct inet_sock {
	__be32 inet_saddr;
};

struct unix_address {
	int len;
	struct sockaddr_un name[];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

struct socket {
	short type;
	struct sock *sk;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sockaddr {
	unsigned short sa_family;
};

/* A list of pieces is `iov` before 6.4. */
struct iov_iter {
	u8 iter_type;
	size_t iov_offset;
	size_t count;
	const struct iovec *iov;
	const struct iovec *__iov;
	void *ubuf;
};

struct kiocb {
	struct file *ki_filp;
	void *ki_complete;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	unsigned int msg_flags;
	unsigned long msg_controllen;
	struct iov_iter msg_iter;
};

struct bpf_sock_addr_kern {
	struct sockaddr *uaddr;
	int uaddrlen;
};

#pragma clang attribute pop

/* What an iterator goes over. Values differ between kernels: see bpf_core_enum_value(). */
enum iter_type {
	ITER_IOVEC,
	ITER_UBUF,
};

/* Whom a signal goes to: values that never changed. */
enum pid_type {
	PIDTYPE_PID,
	PIDTYPE_TGID,
};

/* Of the user API, with layouts that never change. */
struct in_addr {
	__be32 s_addr;
};

struct sockaddr_in {
	unsigned short sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
	unsigned char pad[8];
};

struct sockaddr_in6 {
	unsigned short sin6_family;
	__be16 sin6_port;
	__be32 sin6_flowinfo;
	struct in6_addr sin6_addr;
	__u32 sin6_scope_id;
};

#define AF_UNSPEC 0
#define AF_UNIX	  1
#define AF_INET	  2
#define AF_INET6  10
#define AF_NETLINK 16
#define AF_PACKET  17

#define IPPROTO_ICMP  1
#define IPPROTO_TCP   6
#define IPPROTO_UDP   17
#define IPPROTO_ICMPV6 58
#define IPPROTO_UDPLITE 136
#define IPPROTO_MPTCP 262

#define SOCK_STREAM  1
#define SOCK_DGRAM   2
#define SOCK_RAW     3
#define MSG_PEEK     2
#define MSG_FASTOPEN 0x20000000

#define S_IFMT	 0170000
#define S_IFSOCK 0140000
#define S_IFIFO	 0010000

#define FMODE_READ 1

#define PF_IO_WORKER 0x10 /* in task_struct.flags: a thread of io_uring's */

#define TS_COMPAT 2 /* in thread_info.status: a system call of a 32-bit program is at work */

#define PROT_EXEC 4

#define HASH_ALGO_SHA256 4
#define HASH_SIZE	 32 /* of that one, bytes */

#define PTRACE_MODE_ATTACH 2

#define EPERM  1
#define EACCES 13
#define SIGKILL 9
#define SIGSTOP 19

#endif
