/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BROKER_BPF_H
#define WARDEN_BROKER_BPF_H

/*
 * Is this path a broker's? Asked for the path that a program passes, from the directory that it is in,
 * and (broker.bpf.c) for those of the socket that was reached.
 */

#include "broker.h"
#include "path.bpf.h"

_Static_assert(PLAIN_SIZE == CHUNK_SIZE, "plain paths are built in s->chunk");

struct broker_ctx { /* on the stack of the caller: pointers only, see match.h */
	const void *img;
	struct scratch *s;
};

/* Adds what the path of `len` bytes in s->name hits, written in any way but absolute. */
static __noinline int broker_path(const void *img, struct scratch *s, __u32 len)
{
	__u64 n = broker_plain(s->name, len, s->chunk, &s->m);
	__u64 at = PLAIN_SIZE - n;

	opaque_value(n);
	n &= NAME_SIZE - 1;
	opaque_value(at);
	at &= PLAIN_SIZE - 1;
	if (n && !bpf_probe_read_kernel(s->name, n, s->chunk + at))
		text_match(s, TEXT_BROKER, n);
	return 0;
}

/* Puts a slash and the s->scanned bytes that were passed behind the first `len` of s->name. */
static __always_inline int broker_join(struct scratch *s, __u64 len)
{
	__u64 n = s->scanned;

	opaque_value(len);
	len &= NAME_SIZE - 1;
	s->name[len] = '/';
	opaque_value(n);
	n &= 127;
	/* s->name has more room behind what is addressed than that. */
	bpf_probe_read_kernel(s->name + len + 1, n, s->record + RECORD_SIZE / 2);
	return len + 1 + n;
}

/* The same path, from one of the names of the current directory. */
static long broker_at(__u32 i, void *data)
{
	struct broker_ctx *c = data;
	struct scratch *s = c->s;
	int len = path_name(s, s->left, i);

	if (len <= 0)
		return len == PATH_NO_MOUNT;
	s->cursor = 1; /* it has one */
	broker_path(c->img, s, broker_join(s, len));
	return 0;
}

/*
 * A relative path of `len` bytes in s->name. Where the directory has no name, `..` may lead anywhere:
 * then it is taken to lead to the root, where the brokers are.
 */
static __noinline int broker_relative(const void *img, struct scratch *s, __u32 len)
{
	struct broker_ctx c = {.img = img, .s = s};
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = BPF_CORE_READ(task, fs, pwd.dentry);

	s->scanned = len;
	s->cursor = 0;
	bpf_probe_read_kernel(s->record + RECORD_SIZE / 2, 128, s->name);
	if (path_find(s, dentry) == PATH_FILE) {
		s->left = path_dev(dentry);
		loop(MOUNTS_OF_ONE, broker_at, &c);
	}
	if (!s->cursor)
		broker_path(img, s, broker_join(s, 0));
	return 0;
}

/* Adds what a unix socket's name of `len` bytes in s->name hits; an abstract one begins with @. */
static __always_inline void broker_match(const void *img, struct scratch *s, __u32 len)
{
	if (!broker_any(img))
		return;
	if (s->name[0] == '@')
		text_match(s, TEXT_BROKER, len);
	else if (s->name[0] == '/')
		broker_path(img, s, len);
	else
		broker_relative(img, s, len);
}

#endif
