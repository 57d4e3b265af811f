/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 *   compile POLICY [TIMES]   compiles the policy so many times (1) as `warden run` does; prints
 *
 *     ns N...       nanoseconds that reading, checking and lowering it took, each time
 *     cpu N...      and nanoseconds of CPU
 *     image N       bytes of its image, and of the map that holds it
 *     used N        bytes of them that are not padding
 *     groups N      automata that the name of a program is put through
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "policy/load.h"
#include "policy/lower.h"
#include "policy/policy.h"

#define TIMES_MAX 100

struct times {
	int64_t wall[TIMES_MAX], cpu[TIMES_MAX];
};

static int64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int compile(const char *file, struct image_block *ret)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	int r = policy_load(file, &policy, &diags);

	if (r == 0)
		r = policy_lower(policy, 1, ret, &diags);
	if (r < 0)
		diags_print(&diags, file, stderr);
	return r;
}

static void print_times(const char *name, const int64_t *values, int n)
{
	printf("%s", name);
	for (int i = 0; i < n; i++)
		printf(" %lld", (long long)values[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 1;
	struct image_block image = {};
	static struct times t;

	if (argc < 2 || n < 1 || n > TIMES_MAX) {
		fprintf(stderr, "usage: compile POLICY [TIMES]\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		int64_t wall = read_clock(CLOCK_MONOTONIC);
		int64_t cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);

		free(image.data);
		image = (struct image_block){};
		if (compile(argv[1], &image) < 0)
			return 1;
		t.cpu[i] = read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		t.wall[i] = read_clock(CLOCK_MONOTONIC) - wall;
	}
	print_times("ns", t.wall, n);
	print_times("cpu", t.cpu, n);
	printf("image %zu\nused %u\ngroups %u\n", image.size, image_header(image.data)->size,
	       image_header(image.data)->text[TEXT_EXEC].dfas);
	free(image.data);
	return 0;
}
