/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 *   answer_cost    what it costs in the kernel to read a resolver's answer and to learn from it; prints
 *
 *     answer.1 NS         one address
 *     answer.aliases NS   two aliases, and one address
 *     answer.16 NS        sixteen addresses
 *
 * The program that learns what came over TCP, by the code that answers over UDP are learned with, is run
 * thousands of times in a row. Of the run times that the kernel measured the least counts, as in
 * decision_cost. Needs root.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "names.h"
#include "one_program.h"

#define RUNS 3000

static void put(struct dns_told *told, const void *data, size_t len)
{
	memcpy(told->msg + told->len, data, len);
	told->len += (__u32)len;
}

static void put_u16(struct dns_told *told, unsigned int n)
{
	put(told, (__u8[]){(__u8)(n >> 8), (__u8)n}, 2);
}

static void put_name(struct dns_told *told, const char *name)
{
	for (; *name; name += name[0] == '.') {
		size_t len = strcspn(name, ".");

		put(told, (__u8[]){(__u8)len}, 1);
		put(told, name, len);
		name += len;
	}
	put(told, "", 1);
}

/* The head of a record: of whom, type, class, time to live, length. */
static void put_record(struct dns_told *told, const char *name, unsigned int type, size_t len)
{
	put_name(told, name);
	put_u16(told, type);
	put_u16(told, DNS_CLASS_IN);
	put(told, "\0\0\1\0", 4);
	put_u16(told, (unsigned int)len);
}

static const char *const names[] = {"www.example.com", "edge.example.net", "deep.example.net"};

/* An answer with so many aliases and addresses. */
static void make_answer(struct dns_told *told, unsigned int aliases, unsigned int addresses)
{
	*told = (struct dns_told){};
	put_u16(told, 1);
	put_u16(told, DNS_RESPONSE);
	put_u16(told, 1);
	put_u16(told, aliases + addresses);
	put(told, "\0\0\0\0", 4);
	put_name(told, names[0]);
	put_u16(told, DNS_TYPE_A);
	put_u16(told, DNS_CLASS_IN);
	for (unsigned int i = 0; i < aliases; i++) {
		put_record(told, names[i], DNS_TYPE_CNAME, strlen(names[i + 1]) + 2);
		put_name(told, names[i + 1]);
	}
	for (unsigned int i = 0; i < addresses; i++) {
		put_record(told, names[aliases], DNS_TYPE_A, 4);
		put(told, (__u8[]){203, 0, 113, (__u8)i}, 4);
	}
}

/* Returns nanoseconds, or 0 when it was not learned. */
static unsigned long long least(int fd, struct dns_told *told)
{
	struct bpf_test_run_opts run = {.sz = sizeof(run), .ctx_in = told, .ctx_size_in = sizeof(*told)};
	unsigned long long best = ~0ULL, last = 0;

	for (int i = 0; i <= RUNS; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_prog_test_run_opts(fd, &run) || run.retval ||
		    bpf_obj_get_info_by_fd(fd, &info, &size))
			return 0;
		if (i && info.run_time_ns - last < best)
			best = info.run_time_ns - last;
		last = info.run_time_ns;
	}
	return best;
}

int main(void)
{
	static const struct {
		const char *name;
		unsigned int aliases, addresses;
	} answers[] = {{"1", 0, 1}, {"aliases", 2, 1}, {"16", 0, 16}};
	_cleanup_(one_close) struct warden_bpf *skel = NULL;
	static struct dns_told told;
	int stats, fd;

	libbpf_set_print(one_silent);
	skel = warden_bpf__open();
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	fd = skel ? one_load(skel, "dns_told", TIER_LSM) : -errno;
	if (fd < 0 || stats < 0) {
		fprintf(stderr, "answer_cost: %s\n", strerror(fd < 0 ? -fd : errno));
		return 1;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		unsigned long long ns;

		make_answer(&told, answers[i].aliases, answers[i].addresses);
		ns = least(fd, &told);
		if (!ns) {
			fprintf(stderr, "answer_cost: the answer was not learned\n");
			return 1;
		}
		printf("answer.%s %llu\n", answers[i].name, ns);
	}
	return 0;
}
