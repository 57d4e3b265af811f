/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_verify [ROUNDS [SEED]]: feeds random traffic to the HTTP/1 reader in the kernel and
 * to the same reader here, and fails at the first difference. Prints what the verifier said of each
 * program. Needs root.
 */
#include "http1_verify.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "http1_verify.skel.h"

#define LOG_SIZE (16 << 20)
#define ROUNDS	 1000

static const char *const parts[] = {
	"GET /a/b/../%2e%2e/./c%zzd?x HTTP/1.1\r\nHost: Foo.COM.:80\r\n\r\n",
	"POST /v1/messages HTTP/1.1\r\nHost: api.example\r\nContent-Length: 11\r\n\r\nhello world",
	"PUT /%2e%2e/x%2fy/..%2f../z HTTP/1.1\r\nhost:h\r\nTransfer-Encoding: chunked\r\n\r\n"
	"5;x=1\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n",
	"HEAD http://X.Example:8080/p HTTP/1.1\r\nHost: x.example\r\n\r\n",
	"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:DB8::1]\r\n\r\n",
	"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"OPTIONS * HTTP/1.0\nConnection: keep-alive\n\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET / HTTP/1.1\r\nContent-Encoding: gzip\r\nHost: a\r\nHost: b\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
	"3\r\nabc\r\n0\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
	"HTTP/1.0 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
};

#define N_PARTS	   (sizeof(parts) / sizeof(parts[0]))
#define N_REQUESTS 9 /* come first */

/* Lines that end the reader: few pieces begin with one. */
static const char *const odd_lines[] = {
	"POST\t/a HTTP/1.1\r\n", "POST\r/a HTTP/1.1\r\n",	   "POST /a\xa0 HTTP/1.1\r\n",
	"POST /a HTTP/01.1\r\n",  "post /%2f/a//b HTTP/1.1\r\n", "GET /a//../b HTTP/1.1\r\n",
	"POST a\thttp/2\r\n",	   "set key 0 0 5\r\nhello\r\n", "PING\r\n",
};

#define N_ODD_LINES (sizeof(odd_lines) / sizeof(odd_lines[0]))

struct side {
	int reader_map;
	int run_map;
	int program;
	__u32 direction;
	struct http1 *reader;
	struct verify_run *run;
	struct http1 *kernel_reader;
	struct verify_run *kernel_run;
};

static __u64 seed = 1;

static __u32 pick(__u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 20) % n;
}

/* How a piece begins: in one way of eight with a target beyond every buffer, or with an odd line. */
static __u32 make_beginning(__u8 *data)
{
	__u32 used = 0, i;

	switch (pick(8)) {
	case 0:
		used = sprintf((char *)data, "GET /");
		for (i = 0; i < 1000 + pick(5000); i++)
			data[used++] = "ab/.%2f"[pick(7)];
		return used + sprintf((char *)data + used, " HTTP/1.1\r\nHost: a\r\n\r\n");
	case 1:
		return sprintf((char *)data, "%s", odd_lines[pick(N_ODD_LINES)]);
	default:
		return 0;
	}
}

/* Appends messages and damages a few bytes of them. */
static __u32 make_piece(__u8 *data, __u32 first, __u32 n, __u32 direction)
{
	__u32 used = direction == HTTP1_REQUESTS ? make_beginning(data) : 0, i;

	for (i = 0; i < 1 + pick(20); i++) {
		const char *part = parts[first + pick(n)];

		if (used + strlen(part) > VERIFY_SIZE)
			break;
		memcpy(data + used, part, strlen(part));
		used += strlen(part);
	}
	for (i = pick(3) ? 0 : 1 + pick(3); i > 0; i--)
		data[pick(used)] = pick(4) ? (__u8) " \r\n\t:%./0aHP\x85\xa0"[pick(14)] : pick(256);
	return pick(4) ? used : 1 + pick(used);
}

static int fail(const char *what)
{
	fprintf(stderr, "http1_verify: %s: %s\n", what, strerror(errno));
	return 1;
}

static int run_kernel(struct side *side)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts);

	*side->kernel_run = *side->run;
	if (bpf_map_update_elem(side->run_map, &side->direction, side->kernel_run, BPF_ANY) ||
	    bpf_prog_test_run_opts(side->program, &opts) || opts.retval)
		return fail("cannot run");
	if (bpf_map_lookup_elem(side->run_map, &side->direction, side->kernel_run) ||
	    bpf_map_lookup_elem(side->reader_map, &side->direction, side->kernel_reader))
		return fail("cannot read");
	return 0;
}

/* One piece on both sides. Returns 0 if they agree. */
static int compare_piece(struct side *side, const struct http1 *requests)
{
	if (run_kernel(side))
		return 1;
	if (side->direction == HTTP1_RESPONSES)
		http1_expect(side->reader, requests);
	while (!verify_step(side->reader, side->run))
		;
	errno = EILSEQ;
	if (memcmp(side->run, side->kernel_run, sizeof(*side->run)) != 0)
		return fail("the kernel saw other events");
	if (memcmp(side->reader, side->kernel_reader, sizeof(*side->reader)) != 0)
		return fail("the kernel's reader is in another state");
	if (side->run->step.pos + side->run->step.len != side->run->step.size)
		return fail("the piece was not read to its end");
	return 0;
}

static int start_round(struct side *side)
{
	memset(side->reader, 0, sizeof(*side->reader));
	http1_init(side->reader, side->direction);
	return bpf_map_update_elem(side->reader_map, &side->direction, side->reader, BPF_ANY);
}

static int send_piece(struct side *side, const struct http1 *requests, __u32 first, __u32 n)
{
	struct verify_run *run = side->run;

	memset(run, 0, sizeof(*run));
	run->step.size = make_piece(run->data, first, n, side->direction);
	return compare_piece(side, requests);
}

static int compare_rounds(struct side sides[2], __u32 rounds, __u64 *ret_events, __u64 *ret_bytes)
{
	__u32 round, piece;

	for (round = 0; round < rounds; round++) {
		if (start_round(&sides[0]) || start_round(&sides[1]))
			return fail("cannot reset");
		for (piece = 0; piece < 3; piece++) {
			/* now and then the wrong direction's messages */
			__u32 wrong = !pick(16);

			if (send_piece(&sides[0], sides[0].reader, wrong ? N_REQUESTS : 0,
				       wrong ? N_PARTS - N_REQUESTS : N_REQUESTS) ||
			    send_piece(&sides[1], sides[0].reader, N_REQUESTS,
				       N_PARTS - N_REQUESTS)) {
				fprintf(stderr, "http1_verify: round %u piece %u\n", round, piece);
				return 1;
			}
			*ret_events += sides[0].run->events + sides[1].run->events;
			*ret_bytes += sides[0].run->step.size + sides[1].run->step.size;
		}
	}
	return 0;
}

static void print_log(const char *name, const char *log)
{
	const char *depth = strstr(log, "stack depth"), *insns = strstr(log, "processed ");

	printf("%-16s %.*s; %.*s\n", name, insns ? (int)strcspn(insns, "(") : 0, insns ?: "",
	       depth ? (int)strcspn(depth, "\n") : 0, depth ?: "");
}

/* The shortest time of many for one piece that is all fields, in nanoseconds a byte. */
static double time_fields(struct side *side)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct timespec a, b;
	double best = 0, ns;
	__u32 used, i;

	memset(side->run, 0, sizeof(*side->run));
	used = sprintf((char *)side->run->data,
		       "GET /v1/messages HTTP/1.1\r\nHost: api.example\r\n");
	while (used + 64 < VERIFY_SIZE)
		used += sprintf((char *)side->run->data + used,
				"X-Some-Field-%u: some value of %u\r\n", used, used);
	side->run->step.size = used;
	for (i = 0; i < 200; i++) {
		if (start_round(side) ||
		    bpf_map_update_elem(side->run_map, &side->direction, side->run, BPF_ANY))
			return 0;
		clock_gettime(CLOCK_MONOTONIC, &a);
		bpf_prog_test_run_opts(side->program, &opts);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec);
		if (!best || ns < best)
			best = ns;
	}
	return best / used;
}

static void close_skel(struct http1_verify_bpf **skel)
{
	http1_verify_bpf__destroy(*skel);
}

static int load(struct bpf_object *object, char *logs)
{
	struct bpf_program *program;
	char *log = logs;

	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_log_level(program, 4);
		bpf_program__set_log_buf(program, log, LOG_SIZE);
		log += LOG_SIZE;
	}
	if (bpf_object__load(object))
		return fail("cannot load");
	log = logs;
	bpf_object__for_each_program(program, object)
	{
		print_log(bpf_program__name(program), log);
		log += LOG_SIZE;
	}
	return 0;
}

static void find_sides(struct bpf_object *object, struct side sides[2], char *memory)
{
	static const char *const programs[] = {"verify_requests", "verify_responses"};
	__u32 i;

	for (i = 0; i < 2; i++) {
		struct side *side = &sides[i];

		side->direction = i;
		side->reader_map = bpf_object__find_map_fd_by_name(object, "readers");
		side->run_map = bpf_object__find_map_fd_by_name(object, "runs");
		side->program =
			bpf_program__fd(bpf_object__find_program_by_name(object, programs[i]));
		side->reader = (void *)memory;
		side->kernel_reader = side->reader + 1;
		side->run = (void *)(side->kernel_reader + 1);
		side->kernel_run = side->run + 1;
		memory = (void *)(side->kernel_run + 1);
	}
}

int main(int argc, char **argv)
{
	_cleanup_(close_skel) struct http1_verify_bpf *skel = NULL;
	_free_ char *logs = calloc(3, LOG_SIZE);
	_free_ char *memory = calloc(4, sizeof(struct http1) + sizeof(struct verify_run));
	__u32 rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	__u64 events = 0, bytes = 0;
	struct side sides[2];

	if (!logs || !memory)
		return fail("no memory");
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10) | 1;
	skel = http1_verify_bpf__open();
	if (!skel)
		return fail("cannot open");
	if (load(skel->obj, logs))
		return 1;
	find_sides(skel->obj, sides, memory);
	if (compare_rounds(sides, rounds, &events, &bytes))
		return 1;
	printf("%u rounds, %llu bytes, %llu events: kernel and user space agree\n", rounds, bytes,
	       events);
	printf("%.1f ns a byte of head in the kernel\n", time_fields(&sides[0]));
	return 0;
}
