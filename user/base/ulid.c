/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/ulid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#define ULID_MS_MASK ((1ULL << 48) - 1)

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int ulid_random(void *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((char *)out + done, len - done, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The 16 bytes are 128 bits; the first character holds three of them, the others five. */
static unsigned five_bits(const uint8_t bytes[16], int i)
{
	int low = 125 - i * 5; /* the lowest bit's distance from the end */
	int at = 15 - low / 8;
	unsigned v = bytes[at] | (at ? (unsigned)bytes[at - 1] << 8 : 0);

	return v >> low % 8 & 31;
}

static void encode(const struct ulid *u, char out[ULID_TEXT])
{
	uint8_t bytes[16];

	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(u->ms >> (40 - 8 * i));
	memcpy(bytes + 6, u->bytes, sizeof(u->bytes));
	for (int i = 0; i < ULID_TEXT - 1; i++)
		out[i] = crockford[five_bits(bytes, i)];
	out[ULID_TEXT - 1] = '\0';
}

/* False when the 80 bits were all ones. */
static bool increment(uint8_t bytes[10])
{
	for (int i = 9; i >= 0; i--)
		if (++bytes[i])
			return true;
	return false;
}

int ulid_next(struct ulid *u, uint64_t ms, char out[ULID_TEXT])
{
	int r;

	ms &= ULID_MS_MASK;
	if (ms > u->ms || !increment(u->bytes)) {
		uint8_t bytes[10];

		r = u->random(bytes, sizeof(bytes));
		if (r < 0)
			return r;
		memcpy(u->bytes, bytes, sizeof(bytes));
		u->ms = ms > u->ms ? ms : u->ms + 1;
	}
	encode(u, out);
	return 0;
}

int ulid_resume(struct ulid *u, const char *last)
{
	uint8_t bytes[16] = {};

	if (strlen(last) != ULID_TEXT - 1 || last[0] > '7')
		return -EINVAL;
	for (int i = 0; i < ULID_TEXT - 1; i++) {
		const char *found = strchr(crockford, last[i]);
		int low = 125 - i * 5, at = 15 - low / 8;
		unsigned v;

		if (!found)
			return -EINVAL;
		v = (unsigned)(found - crockford) << low % 8;
		bytes[at] |= (uint8_t)v;
		if (at)
			bytes[at - 1] |= (uint8_t)(v >> 8);
	}
	u->ms = 0;
	for (int i = 0; i < 6; i++)
		u->ms = u->ms << 8 | bytes[i];
	memcpy(u->bytes, bytes + 6, sizeof(u->bytes));
	return 0;
}
