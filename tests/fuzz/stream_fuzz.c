/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Random records against a model that remembers every byte: what came first counts, all that came
 * is delivered once and in order, and nothing is called missing that came in time.
 */
#include "stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPACE 4096 /* offsets used */

struct model {
	uint8_t value[SPACE];
	bool came[SPACE];
	uint64_t next;
	bool may_gap;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void on_bytes(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct model *model = arg;
	const uint8_t *bytes = data;
	size_t i;

	check(len > 0 && offset == model->next && offset + len <= SPACE);
	for (i = 0; i < len; i++)
		check(model->came[offset + i] && model->value[offset + i] == bytes[i]);
	model->next += len;
}

static void on_gap(void *arg, uint64_t from, uint64_t to)
{
	struct model *model = arg;

	check(model->may_gap && from == model->next && from < to && to <= SPACE);
	for (; from < to; from++)
		check(!model->came[from]);
	model->next = to;
}

static const struct stream_ops ops = {on_bytes, on_gap};

static void put(struct stream *stream, struct model *model, size_t window, uint64_t offset,
		const uint8_t *data, size_t len)
{
	uint64_t i;

	for (i = offset; i < offset + len; i++) {
		if (model->came[i] || i < model->next)
			continue;
		model->came[i] = true;
		model->value[i] = data[i - offset];
	}
	model->may_gap = len && offset + len > model->next + window;
	check(stream_put(stream, offset, data, len) == 0);
	check(offset > model->next || offset + len <= model->next || !len);
}

static void skip(struct stream *stream, struct model *model, uint64_t offset)
{
	model->may_gap = true;
	stream_skip(stream, offset);
	check(model->next >= offset);
}

static void finish(struct stream *stream, struct model *model)
{
	model->may_gap = true;
	stream_finish(stream);
	check(stream_kept(stream) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *model = calloc(1, sizeof(*model));
	struct stream *stream = NULL;
	uint64_t offset;
	size_t window, len;

	if (!model || size < 1)
		goto out;
	window = 64 * (1 + data[0] % 8);
	check(stream_new(&stream, window, &ops, model) == 0);
	for (data++, size--; size >= 4; data += 4 + len, size -= 4 + len) {
		/* one byte of act, two of offset (near to what is next, or anywhere), one of length
		 */
		offset = data[1] | data[2] << 8;
		offset = data[0] & 4 ? model->next + offset % (2 * window) : offset;
		offset %= SPACE;
		len = data[3] * (data[0] & 8 ? 4 : 1);
		if (len > size - 4)
			len = size - 4;
		if (len > SPACE - offset)
			len = SPACE - offset;
		if (data[0] % 4 == 3) {
			skip(stream, model, offset);
			len = 0;
		} else {
			put(stream, model, window, offset, data + 4, len);
		}
		check(stream_next(stream) == model->next && stream_kept(stream) <= window);
	}
	finish(stream, model);
out:
	stream_free(stream);
	free(model);
	return 0;
}
