/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/tail.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BLOCK 65536

void tail_free(struct tail *t)
{
	buf_free(&t->torn);
}

static int read_all(int fd, char *to, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO; /* somebody made it shorter meanwhile */
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* The offset behind the last newline before `end`, 0 when there is none. */
static int find_line(int fd, uint64_t end, uint64_t *ret)
{
	char block[TAIL_BLOCK];
	uint64_t first = end;

	while (first) {
		size_t n = first < sizeof(block) ? (size_t)first : sizeof(block);
		const char *found;
		int r;

		if (end - first > CHAIN_LINE_MAX)
			return -EBADMSG;
		r = read_all(fd, block, n, first - n);
		if (r < 0)
			return r;
		found = memrchr(block, '\n', n);
		if (found) {
			*ret = first - n + (uint64_t)(found - block) + 1;
			return 0;
		}
		first -= n;
	}
	*ret = 0;
	return 0;
}

static int read_range(int fd, uint64_t from, uint64_t to, struct buf *ret)
{
	size_t n = (size_t)(to - from);

	buf_reset(ret);
	if (buf_reserve(ret, n) < 0)
		return -ENOMEM;
	ret->len = n;
	return read_all(fd, ret->data, n, from);
}

static int take_line(struct tail *t, const struct buf *line, struct sha256 *sha)
{
	struct chain_link link;
	char why[CHAIN_WHY];
	int r;

	r = chain_parse(line->data, line->len, sha, &link, why);
	if (r < 0)
		return r;
	t->chain.seq = link.seq;
	memcpy(t->chain.hash, link.hash, sizeof(t->chain.hash));
	memcpy(t->id, link.id, sizeof(t->id));
	return 0;
}

/* A file without one whole line is ours only if it begins as our lines do. */
static bool is_ours(const struct tail *t)
{
	static const char start[] = "{\"v\":1,\"seq\":";
	size_t n = t->torn.len < sizeof(start) - 1 ? t->torn.len : sizeof(start) - 1;

	return t->chain.seq || !memcmp(t->torn.data, start, n);
}

/* The piece behind the last newline: whole, or torn. */
static int take_rest(struct tail *t, struct sha256 *sha)
{
	struct chain before = t->chain;
	int r;

	r = take_line(t, &t->torn, sha);
	if (r == -EBADMSG)
		return is_ours(t) ? 0 : r;
	if (r < 0)
		return r;
	/* A whole line that is not the next one is nothing that a crash leaves behind. */
	if (t->chain.seq != before.seq + 1)
		return -EBADMSG;
	t->unterminated = true;
	buf_reset(&t->torn);
	return 0;
}

int tail_read(int fd, struct sha256 *sha, struct tail *ret)
{
	_buf_ struct buf line = {};
	uint64_t size, whole, last;
	struct stat st;
	int r;

	*ret = (struct tail){.chain = CHAIN_INIT};
	if (fstat(fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	r = find_line(fd, size, &whole);
	if (!r && whole)
		r = find_line(fd, whole - 1, &last);
	if (!r && whole)
		r = read_range(fd, last, whole - 1, &line);
	if (!r && whole)
		r = take_line(ret, &line, sha);
	if (!r && whole < size)
		r = read_range(fd, whole, size, &ret->torn);
	if (!r && whole < size)
		r = take_rest(ret, sha);
	return r;
}
