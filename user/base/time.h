/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_TIME_H
#define WARDEN_BASE_TIME_H

#include <stdint.h>

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS  1000000ULL

/* Points in time are nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. */

/* The wall clock's. */
uint64_t time_now(void);

#define TIME_TEXT 31 /* "2026-11-22T08:00:00.123456789Z" and its NUL */

/* RFC 3339 in UTC with nine digits of a second. */
void time_format(uint64_t ns, char out[TIME_TEXT]);

/*
 * Reads an RFC 3339 time, any offset, any digits of a second (beyond the ninth they are cut off).
 * Returns 0; -EINVAL when it is none; -ERANGE when it is before 1970 or after 2554.
 */
int time_parse(const char *text, uint64_t *ret_ns);

/*
 * Reads a duration: a whole number and one of ms, s, m, h, d ("60s"). The result is in nanoseconds.
 * Returns 0; -EINVAL when it is none; -ERANGE when it is too long for 64 bits.
 */
int time_parse_duration(const char *text, uint64_t *ret_ns);

#endif
