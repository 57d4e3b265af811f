/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_ULID_H
#define WARDEN_BASE_ULID_H

#include <stddef.h>
#include <stdint.h>

/*
 * ULIDs (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, as 26 characters of
 * Crockford's base32 that sort by age. What one generator makes always grows: within one
 * millisecond, or when the clock steps back, the next one is the last one plus one.
 */

#define ULID_TEXT 27 /* 26 characters and NUL */

/* Fills `len` bytes. Returns 0 or -errno. */
typedef int (*ulid_random_fn)(void *out, size_t len);

/* The kernel's random numbers. */
int ulid_random(void *out, size_t len);

struct ulid {
	ulid_random_fn random;
	uint64_t ms;       /* of the last one */
	uint8_t bytes[10]; /* of the last one */
};

#define ULID_INIT                                                                                  \
	{                                                                                          \
		.random = ulid_random                                                              \
	}

/* Makes the next one. Returns 0, or -errno when there are no random numbers. */
int ulid_next(struct ulid *u, uint64_t ms, char out[ULID_TEXT]);

/* Goes on behind `last`. Returns 0, or -EINVAL when that is not a ULID. */
int ulid_resume(struct ulid *u, const char *last);

#endif
