/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Brokers: sockets that act for the caller outside of its workload, by the socket that was reached.
 *
 *   lsm/unix_stream_connect   the caller gets EPERM; its peer never hears of it
 *
 * Attack: reach one by a path that rules do not know it by: a symbolic or a hard link, a bind mount,
 * /proc/self/root, a root directory of one's own. What was passed is decided on before (net.bpf.c);
 * here the kernel has found the socket, and what its server called it when it was bound, and where
 * its file is now, is asked about. All brokers are streams, so there is no hook for datagrams.
 */
#include "broker.bpf.h"
#include "net.bpf.h"

/* Every name of its file, as the mounts have it that were there when the run began. */
static long broker_file_at(__u32 i, void *data)
{
	struct broker_ctx *c = data;
	struct scratch *s = c->s;
	int len = path_name(s, s->left, i);

	if (len <= 0)
		return len == PATH_NO_MOUNT;
	text_match(s, TEXT_BROKER, len & (NAME_SIZE - 1));
	if (!net_record(s)->path_len)
		net_record(s)->path_len = record_append(s, s->name, len);
	return 0;
}

static __noinline int broker_file(const void *img, struct scratch *s, struct dentry *dentry)
{
	struct broker_ctx c = {.img = img, .s = s};

	if (path_find(s, dentry) != PATH_FILE)
		return 0;
	s->left = path_dev(dentry);
	loop(MOUNTS_OF_ONE, broker_file_at, &c);
	return 0;
}

/* What it was called when it was bound: a path as its server spelled it, or an abstract name. */
static __noinline int broker_bound(const void *img, struct scratch *s, struct unix_address *addr)
{
	int size = BPF_CORE_READ(addr, len) - (int)sizeof(short);
	const __u8 *path = (const __u8 *)addr + bpf_core_field_offset(addr->name) + sizeof(short);
	__u64 len = size > 0 ? size : 0;

	if (len > SOCKADDR_UN_PATH)
		len = SOCKADDR_UN_PATH;
	if (!len || bpf_probe_read_kernel(s->name, SOCKADDR_UN_PATH, path))
		return 0;
	if (s->name[0]) {
		long n = bpf_probe_read_kernel_str(s->name, SOCKADDR_UN_PATH + 1, path);

		len = n > 1 && (__u64)n - 1 < len ? (__u64)n - 1 : len;
	} else {
		s->name[0] = '@';
	}
	if (!net_record(s)->path_len)
		net_record(s)->path_len = record_append(s, s->name, len);
	if (s->name[0] == '/') /* else it is relative to a directory that nobody knows any more */
		broker_path(img, s, len);
	else if (s->name[0] == '@')
		text_match(s, TEXT_BROKER, len);
	return 0;
}

static __always_inline int broker_decide(const void *img, struct scratch *s, struct sock *sk,
					 struct sock *peer)
{
	struct unix_sock *u = (struct unix_sock *)peer;
	struct unix_address *addr = BPF_CORE_READ(u, addr);
	struct dentry *dentry = BPF_CORE_READ(u, path.dentry);

	net_start(s, REC_NET, AF_UNIX, 0);
	net_record(s)->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (dentry)
		broker_file(img, s, dentry);
	if (addr)
		broker_bound(img, s, addr);
	if (s->m.hit.deny == RULE_NONE)
		return 0; /* no broker: that it is connected to was said by who decided on it */
	return net_finish(img, s, TIER_LSM) ? -EPERM : 0;
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(broker_connect, struct sock *sk, struct sock *peer, struct sock *new)
{
	const void *img;
	struct scratch *s;
	int ret;

	if (!scope_current())
		return 0;
	img = image_current();
	if (img && !broker_any(img))
		return 0;
	s = decision_begin(&img);
	if (!s)
		return undecided(img) ? -EPERM : 0;
	ret = broker_decide(img, s, sk, peer);
	scratch_release(s);
	return ret;
}
