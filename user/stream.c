/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * The byte at offset o, when it came early, is data[o % window], and bit o % window of `have` is
 * set. Only offsets from `next` up to next + window can be kept, so no two share a place, and no
 * order of arrival costs more than its bytes.
 */
struct stream {
	const struct stream_ops *ops;
	void *arg;
	uint64_t next;
	size_t window;
	size_t kept;
	unsigned char *data;
	uint64_t *have;
};

#define WORD_BITS 64

int stream_new(struct stream **ret_stream, size_t window, const struct stream_ops *ops, void *arg)
{
	struct stream *stream;

	if (!window || window > SIZE_MAX - WORD_BITS)
		return -EINVAL;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->ops = ops;
	stream->arg = arg;
	stream->window = (window + WORD_BITS - 1) / WORD_BITS * WORD_BITS;
	*ret_stream = stream;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	free(stream->data);
	free(stream->have);
	free(stream);
}

uint64_t stream_next(const struct stream *stream)
{
	return stream->next;
}

size_t stream_kept(const struct stream *stream)
{
	return stream->kept;
}

static int open_window(struct stream *stream)
{
	if (stream->data)
		return 0;
	stream->data = malloc(stream->window);
	stream->have = calloc(stream->window / WORD_BITS, sizeof(*stream->have));
	if (stream->data && stream->have)
		return 0;
	free(stream->data);
	free(stream->have);
	stream->data = NULL;
	stream->have = NULL;
	return -ENOMEM;
}

/*
 * How many of the `len` bytes from `offset` on, at least one, are alike: all kept or all missing.
 * The run ends at the window's wrap at the latest, so it lies in one piece of memory.
 */
static size_t run_at(const struct stream *stream, uint64_t offset, uint64_t len, bool *ret_kept)
{
	size_t at = offset % stream->window, end, place;
	bool kept = stream->have[at / WORD_BITS] >> (at % WORD_BITS) & 1;
	uint64_t word;

	end = len < stream->window - at ? at + len : stream->window;
	for (place = at; place < end; place = (place / WORD_BITS + 1) * WORD_BITS) {
		word = stream->have[place / WORD_BITS];
		word = (kept ? ~word : word) >> (place % WORD_BITS);
		if (word) {
			place += __builtin_ctzll(word);
			break;
		}
	}
	*ret_kept = kept;
	return (place < end ? place : end) - at;
}

/* Marks a run; it does not wrap. */
static void mark_run(struct stream *stream, uint64_t offset, size_t len, bool kept)
{
	size_t at = offset % stream->window, end = at + len, n;
	uint64_t mask;

	for (; at < end; at += n) {
		n = WORD_BITS - at % WORD_BITS;
		if (n > end - at)
			n = end - at;
		mask = (n == WORD_BITS ? ~0ULL : (1ULL << n) - 1) << (at % WORD_BITS);
		if (kept)
			stream->have[at / WORD_BITS] |= mask;
		else
			stream->have[at / WORD_BITS] &= ~mask;
	}
	if (kept)
		stream->kept += len;
	else
		stream->kept -= len;
}

static void report_gap(struct stream *stream, uint64_t to)
{
	uint64_t from = stream->next;

	stream->next = to;
	if (from < to)
		stream->ops->gap(stream->arg, from, to);
}

static void deliver_run(struct stream *stream, size_t len)
{
	uint64_t offset = stream->next;

	mark_run(stream, offset, len, false);
	stream->next += len;
	stream->ops->bytes(stream->arg, offset, stream->data + offset % stream->window, len);
}

/* Delivers what is kept right behind what was delivered. */
static void deliver_kept(struct stream *stream)
{
	bool kept;
	size_t len;

	while (stream->kept) {
		len = run_at(stream, stream->next, stream->kept, &kept);
		if (!kept)
			return;
		deliver_run(stream, len);
	}
}

/* The offset of the first kept byte, `limit` if that comes before it. */
static uint64_t first_kept(const struct stream *stream, uint64_t limit)
{
	uint64_t offset = stream->next;
	bool kept;
	size_t len;

	if (!stream->kept)
		return limit;
	while (offset < limit) {
		len = run_at(stream, offset, limit - offset, &kept);
		if (kept)
			break;
		offset += len;
	}
	return offset;
}

void stream_skip(struct stream *stream, uint64_t offset)
{
	while (stream->next < offset) {
		report_gap(stream, first_kept(stream, offset));
		deliver_kept(stream);
	}
}

void stream_finish(struct stream *stream)
{
	while (stream->kept) {
		report_gap(stream, first_kept(stream, UINT64_MAX));
		deliver_kept(stream);
	}
}

/* Keeps those bytes of an early record that are not kept yet; all lie in the window. */
static void keep(struct stream *stream, uint64_t offset, const unsigned char *data, size_t len)
{
	bool kept;
	size_t n;

	for (; len; offset += n, data += n, len -= n) {
		n = run_at(stream, offset, len, &kept);
		if (kept)
			continue;
		memcpy(stream->data + offset % stream->window, data, n);
		mark_run(stream, offset, n, true);
	}
}

/*
 * Delivers a record that begins where the last one ended: of bytes that came before, the kept copy.
 */
static void deliver(struct stream *stream, const unsigned char *data, size_t len)
{
	uint64_t end = stream->next + len, offset;
	bool kept;
	size_t n;

	while (stream->kept && stream->next < end) {
		n = run_at(stream, stream->next, end - stream->next, &kept);
		offset = stream->next;
		if (kept) {
			deliver_run(stream, n);
		} else {
			stream->next += n;
			stream->ops->bytes(stream->arg, offset, data, n);
		}
		data += n;
	}
	if (stream->next < end) {
		offset = stream->next;
		stream->next = end;
		stream->ops->bytes(stream->arg, offset, data, end - offset);
	}
	deliver_kept(stream);
}

/* Gives up what is missing so far back that the record's end would pass the window. */
static void make_room(struct stream *stream, uint64_t offset, size_t len)
{
	uint64_t end = offset + len;

	if (end - stream->next <= stream->window)
		return;
	if (len >= stream->window)
		stream_skip(stream, offset);
	else
		stream_skip(stream, end - stream->window);
}

int stream_put(struct stream *stream, uint64_t offset, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint64_t end = offset + len;

	if (end < offset)
		return -EINVAL;
	if (!len || end <= stream->next)
		return 0;
	make_room(stream, offset, len);
	if (stream->next < offset && open_window(stream) < 0)
		stream_skip(stream, offset);
	if (end <= stream->next)
		return 0;
	if (stream->next < offset) {
		keep(stream, offset, bytes, len);
		return 0;
	}
	bytes += stream->next - offset;
	deliver(stream, bytes, end - stream->next);
	return 0;
}
