/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/utf8.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* First bytes of longer sequences: how long, and which second bytes may follow. */
static const struct lead {
	unsigned char first, last;
	unsigned char len;
	unsigned char low, high;
} leads[] = {
	{0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf},
	{0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static const struct lead *find_lead(unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

int utf8_step(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	const struct lead *lead;

	if (p[0] < 0x80)
		return 1;
	lead = find_lead(p[0]);
	if (!lead || len < 2 || p[1] < lead->low || p[1] > lead->high)
		return -1;
	for (int n = 2; n < lead->len; n++)
		if ((size_t)n >= len || (p[n] & 0xc0) != 0x80)
			return -n;
	return lead->len;
}

bool utf8_valid(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint64_t eight;
		int n;

		if (len - i >= sizeof(eight)) {
			memcpy(&eight, s + i, sizeof(eight));
			if (!(eight & 0x8080808080808080ULL)) {
				i += sizeof(eight);
				continue;
			}
		}
		n = utf8_step(s + i, len - i);
		if (n < 0)
			return false;
		i += (size_t)n;
	}
	return true;
}

size_t utf8_whole(const char *s, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		const char *p = s + len - back;

		if (find_lead((unsigned char)*p))
			return utf8_step(p, back) == -(int)back ? len - back : len;
	}
	return len;
}

#define EACH(byte) (0x0101010101010101ULL * (byte))

/*
 * The high bit of each byte that is not plain, of eight. A byte below n borrows from the high bit
 * when n is taken away, and may lend on to bytes above it, so that only the lowest one is certain.
 */
static uint64_t not_plain(uint64_t eight)
{
	uint64_t quote = eight ^ EACH('"'), backslash = eight ^ EACH('\\');
	uint64_t control = (eight - EACH(0x20)) & ~eight;

	quote = (quote - EACH(1)) & ~quote;
	backslash = (backslash - EACH(1)) & ~backslash;
	return (eight | control | quote | backslash) & EACH(0x80);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

size_t utf8_plain(const char *s, size_t len)
{
	size_t n = 0;

	for (; len - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
		uint64_t eight, found;

		memcpy(&eight, s + n, sizeof(eight));
		found = not_plain(le64toh(eight));
		if (found)
			return n + (size_t)__builtin_ctzll(found) / 8;
	}
	while (n < len && is_plain((unsigned char)s[n]))
		n++;
	return n;
}

static uint32_t decode(const char *s, int n)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)s[0] & mask[n];

	for (int i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return c;
}

static bool is_treacherous(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00, 0x1f},       /* C0 controls */
		{0x7f, 0x9f},       /* DEL, C1 controls */
		{0x061c, 0x061c},   /* Arabic letter mark */
		{0x200b, 0x200f},   /* zero widths, direction marks */
		{0x2028, 0x202e},   /* separators, embeddings, overrides */
		{0x2060, 0x206f},   /* joiners, isolates */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xe0000, 0xe007f}, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static void add_escape(struct buf *out, uint32_t c)
{
	static const char letters[] = "\nn\tt\rr";
	const char *found = c ? strchr(letters, (int)c) : NULL;

	if (c < 0x20 && found)
		buf_addf(out, "\\%c", found[1]);
	else
		buf_addf(out, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
}

void utf8_visible(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		int n = utf8_step(s + i, len - i);
		uint32_t c;

		if (n < 0) {
			buf_addf(out, "\\x%02x", (unsigned char)s[i++]);
			continue;
		}
		c = decode(s + i, n);
		if (is_treacherous(c))
			add_escape(out, c);
		else
			buf_add(out, s + i, (size_t)n);
		i += (size_t)n;
	}
}
