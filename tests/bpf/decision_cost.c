/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 *   decision_cost POLICY    what the rules of that policy add to a decision in the kernel, beside
 *                           what it costs without any; prints
 *
 *     exec NS       of a program whose path has 93 bytes, which no rule names
 *     connect NS    to an address and port that no rule names
 *
 * The same program as in equality_test is asked thousands of times in a row, with everything in the
 * caches. Of run times that the kernel measured the least counts, as interrupts only add to them.
 * What hooks do beside (names, arguments, records) is not in them. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "kernel_answer.h"
#include "policy/load.h"
#include "policy/policy.h"

#define ASKED 3000

static const char path[] = "/var/lib/agents/some-agent/work/some-agent/work/some-agent/work/"
			   "some-agent/work/bin/some-tool";

static uint64_t run_time(int fd)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.run_time_ns;
}

static uint64_t least(struct kernel_side *side)
{
	int fd = bpf_program__fd(side->skel->progs.ask);
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < ASKED; i++) {
		uint64_t time = run_time(fd);

		kernel_ask(side, false);
		time = run_time(fd) - time;
		best = time < best ? time : best;
	}
	assert_true(best > 0);
	return best;
}

static void ask_exec(struct question *q)
{
	*q = (struct question){.kind = KIND_EXEC, .text = TEXT_EXEC, .len = sizeof(path) - 1};
	memcpy(q->name, path, sizeof(path));
}

static void ask_connect(struct question *q)
{
	*q = (struct question){
		.kind = KIND_NET,
		.text = TEXT_COUNT,
		.family = AF_INET,
		.port = 443,
		.addr = {0, 0x7f010203},
	};
}

static const struct {
	const char *name;
	void (*ask)(struct question *q);
} acts[] = {{"exec", ask_exec}, {"connect", ask_connect}};

#define ACTS (sizeof(acts) / sizeof(acts[0]))

/* Fills in the nanoseconds of each act. The policy may be NULL. Returns 0 or -errno. */
static int measure(const struct policy *policy, struct diags *diags, uint64_t *ret)
{
	struct image_block image = {};
	int r = policy_lower(policy, 1, &image, diags);

	for (size_t i = 0; i < ACTS && r == 0; i++) {
		struct kernel_side *side = kernel_publish(&image);

		acts[i].ask(side->question);
		ret[i] = least(side);
	}
	free(image.data);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	uint64_t without[ACTS] = {}, with[ACTS] = {};

	if (argc != 2) {
		fprintf(stderr, "usage: decision_cost POLICY\n");
		return 2;
	}
	if (stats < 0 || kernel_refusal()) {
		fprintf(stderr, "decision_cost: %s\n", strerror(errno));
		return 1;
	}
	if (policy_load(argv[1], &policy, &diags) < 0 || measure(NULL, &diags, without) < 0 ||
	    measure(policy, &diags, with) < 0) {
		diags_print(&diags, argv[1], stderr);
		return 1;
	}
	for (size_t i = 0; i < ACTS; i++)
		printf("%s %lld\n", acts[i].name, (long long)(with[i] - without[i]));
	kernel_unload();
	return 0;
}
