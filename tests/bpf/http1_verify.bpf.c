/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Runs the HTTP/1 reader the way the probes on TLS libraries do: bytes in a map value, one step an
 * iteration of bpf_loop(). http1_verify.c compares it with user space, kernel by kernel, because a
 * program that loads may still run wrongly.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "http1_verify.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct http1);
} readers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct verify_run);
} runs SEC(".maps");

/* Pointers only: 6.1 takes constants in a callback's context for unchangeable. */
struct verify_context {
	struct http1 *reader;
	struct verify_run *run;
};

static long verify_next(__u32 index, struct verify_context *context)
{
	return verify_step(context->reader, context->run);
}

static __always_inline int verify_piece(__u32 direction)
{
	struct verify_context context;
	__u32 key = HTTP1_REQUESTS;
	struct http1 *requests = bpf_map_lookup_elem(&readers, &key);

	key = direction;
	context.reader = bpf_map_lookup_elem(&readers, &key);
	context.run = bpf_map_lookup_elem(&runs, &key);
	if (!requests || !context.reader || !context.run)
		return 1;
	if (direction == HTTP1_RESPONSES)
		http1_expect(context.reader, requests);
	bpf_loop(HTTP1_STEPS(VERIFY_SIZE), verify_next, &context, 0);
	return 0;
}

SEC("syscall")
int verify_requests(void *context)
{
	return verify_piece(HTTP1_REQUESTS);
}

SEC("syscall")
int verify_responses(void *context)
{
	return verify_piece(HTTP1_RESPONSES);
}

SEC("uprobe.s")
int verify_probe(void *context)
{
	return verify_piece(HTTP1_REQUESTS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
