/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_STREAM_H
#define WARDEN_STREAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * One direction of one stream, put together from records that carry their absolute offset and may
 * come late, twice, overlapping or not at all. Every byte is delivered at most once, in order; a
 * hole is reported as a gap, never spliced over. Where two records differ about a byte, the first
 * one counts.
 */

struct stream;

/* Neither function may call into the stream that calls it. */
struct stream_ops {
	/* `len` > 0 bytes from `offset` on. `data` is the caller's or the stream's, not the
	 * callee's. */
	void (*bytes)(void *arg, uint64_t offset, const void *data, size_t len);
	/* The bytes from `from` up to, not including, `to` will not come. Gaps may adjoin. */
	void (*gap)(void *arg, uint64_t from, uint64_t to);
};

/*
 * Opens a stream at offset 0. Bytes that come early are kept up to `window` bytes ahead of the
 * first missing one (rounded up to 64; memory is taken at the first early record, plus one bit a
 * byte). A record that reaches farther gives up what is missing before it.
 *
 * Returns 0 and the stream, which the caller owns, or -EINVAL, -ENOMEM.
 */
int stream_new(struct stream **ret_stream, size_t window, const struct stream_ops *ops, void *arg);

/* `stream` may be NULL. What is kept is dropped without a word; call stream_finish() first. */
void stream_free(struct stream *stream);

/* Takes one record. When memory is short, what is missing before it becomes a gap.
 * Returns 0, or -EINVAL for a record that passes the last offset. */
int stream_put(struct stream *stream, uint64_t offset, const void *data, size_t len);

/* Nothing more will come before `offset`: delivers what is kept up to it and reports the rest. */
void stream_skip(struct stream *stream, uint64_t offset);

/* Nothing more will come at all: delivers what is kept and reports the holes between. */
void stream_finish(struct stream *stream);

/* The first offset that is neither delivered nor given up. */
uint64_t stream_next(const struct stream *stream);

/* Bytes that are kept because something before them is missing. */
size_t stream_kept(const struct stream *stream);

static inline void stream_cleanup(struct stream **stream)
{
	stream_free(*stream);
}

#endif
