/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_RANDOM_H
#define TESTS_BPF_RANDOM_H

/* Numbers and words that follow from a seed alone. */

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_given; /* the seed */
static uint64_t random_state = 1;

/* 0 to n - 1; n > 0. */
static inline uint32_t pick(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % n);
}

/* True once in n times. */
static inline bool once_in(uint32_t n)
{
	return !pick(n);
}

/* Begins with the seed in WARDEN_SEED, else with one from the clock. */
static inline void random_start(void)
{
	const char *given = getenv("WARDEN_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	random_given = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
	if (given)
		random_given = strtoull(given, NULL, 0);
	random_state = (random_given + 1) * 0x9e3779b97f4a7c15ULL | 1;
	for (int i = 0; i < 16; i++)
		pick(2);
}

static inline void add_word(struct buf *b, const char *const *words, size_t n)
{
	buf_add_str(b, words[pick((uint32_t)n)]);
}

#define ADD_WORD(b, words) add_word(b, words, COUNT(words))

/* Functions of which one is chosen; more of the same are more likely. */
typedef void (*random_fn)(struct buf *b);

#define ADD_BY(b, functions) functions[pick(COUNT(functions))](b)

#endif
