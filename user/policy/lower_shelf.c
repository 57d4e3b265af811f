/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "match.h"

void shelf_done(struct shelf *s)
{
	intern_free(&s->texts);
	free(s->rows);
	*s = (struct shelf){};
}

int shelf_add(struct shelf *s, const char *text, const struct image_row *row)
{
	size_t len = strlen(text);
	uint32_t number, room;
	void *rows;
	int r;

	if (!len || len > NAME_MAX_LEN)
		return 0;
	r = intern_add(&s->texts, text, len, &number);
	if (r < 0)
		return r;
	if (number == s->room) {
		room = s->room ? s->room * 2 : 32;
		rows = reallocarray(s->rows, room, sizeof(*s->rows));
		if (!rows)
			return -ENOMEM;
		s->rows = rows;
		s->room = room;
	}
	if (r)
		s->rows[number] = *row;
	else
		row_add(&s->rows[number], row);
	return 0;
}

int shelves_add_host(struct shelf *literals, struct shelf *prefixes, const char *host,
		     const struct image_row *row)
{
	static const char ends[] = "/*"; /* what may stand behind a host, if anything does */
	_buf_ struct buf text = {};
	int r = shelf_add(literals, host, row);

	for (const char *end = ends; *end && !r; end++) {
		buf_reset(&text);
		buf_addf(&text, "%s%c", host, *end);
		buf_add_char(&text, '\0');
		r = buf_error(&text);
		if (!r)
			r = shelf_add(prefixes, text.data, row);
	}
	return r;
}

/* As match_text() hashes it: suffixes from their end. */
static uint64_t hash_text(const uint8_t *text, size_t len, bool backward)
{
	uint64_t hash = MATCH_HASH_INIT;

	for (size_t i = 0; i < len; i++)
		hash = match_hash(hash, text[backward ? len - 1 - i : i]);
	return hash;
}

static int write_bucket(const struct shelf *s, struct lower *l, uint32_t number, uint64_t hash,
			uint32_t at)
{
	struct image_bucket bucket = {.hash = hash};
	const uint8_t *text;
	size_t len;

	text = intern_get(&s->texts, number, &len);
	if (lower_row(l, &s->rows[number], &bucket.row) < 0)
		return -ENOMEM;
	bucket.len = (uint32_t)len;
	bucket.text = blob_bytes(&l->blob, text, len);
	if (!l->blob.error)
		memcpy(blob_at(&l->blob, at), &bucket, sizeof(bucket));
	return 0;
}

static int write_buckets(const struct shelf *s, struct lower *l, const uint64_t *hashes,
			 const struct hash_plan *plan, uint32_t off)
{
	int r = 0;

	for (uint32_t i = 0; i < s->texts.count && !r; i++)
		r = write_bucket(s, l, i, hashes[i],
				 off + plan->slots[i] * (uint32_t)sizeof(struct image_bucket));
	return r;
}

int shelf_write(const struct shelf *s, struct lower *l, bool backward, struct image_hash *ret)
{
	_hash_plan_ struct hash_plan plan = {};
	_free_ uint64_t *hashes = calloc(s->texts.count + 1, sizeof(*hashes));
	_free_ uint32_t *homes = calloc(s->texts.count + 1, sizeof(*homes));
	const void *text;
	uint32_t off;
	size_t len;
	int r;

	if (!hashes || !homes)
		return -ENOMEM;
	if (!s->texts.count)
		return 0;
	for (uint32_t i = 0; i < s->texts.count; i++) {
		text = intern_get(&s->texts, i, &len);
		hashes[i] = hash_text(text, len, backward);
		homes[i] = (uint32_t)(hashes[i] >> 32);
	}
	r = hash_plan(homes, s->texts.count, &plan);
	if (r < 0)
		return r;
	off = blob_reserve(&l->blob, ((size_t)plan.mask + 1) * sizeof(struct image_bucket), 8);
	*ret = (struct image_hash){off, plan.mask, plan.probes, s->texts.count};
	return write_buckets(s, l, hashes, &plan, off);
}

uint32_t shelf_write_ends(const struct shelf *s, struct lower *l, bool backward)
{
	struct image_ends ends = {};
	const uint8_t *text;
	uint8_t byte;
	size_t len;

	if (!s->texts.count)
		return 0;
	for (uint32_t i = 0; i < s->texts.count; i++) {
		text = intern_get(&s->texts, i, &len);
		byte = text[backward ? 0 : len - 1];
		ends.lens[len >> 3] |= (uint8_t)(1U << (len & 7));
		ends.bytes[byte >> 3] |= (uint8_t)(1U << (byte & 7));
	}
	return blob_append(&l->blob, &ends, sizeof(ends), 8);
}
