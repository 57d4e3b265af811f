/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void blob_free(struct blob *b)
{
	free(b->data);
	free(b->string_offs);
	intern_free(&b->strings);
	*b = (struct blob){};
}

static int fail(struct blob *b, int error)
{
	if (!b->error)
		b->error = error;
	return b->error;
}

/*
 * Makes the block `room` bytes large; what is new is zero, and mostly stays memory that was never
 * touched: up to half of a block is padding.
 */
static int resize(struct blob *b, size_t room)
{
	uint8_t *data = calloc(1, room);

	if (!data)
		return fail(b, -ENOMEM);
	if (b->data)
		memcpy(data, b->data, b->used);
	free(b->data);
	b->data = data;
	b->room = room;
	return 0;
}

int blob_init(struct blob *b, size_t head)
{
	*b = (struct blob){};
	if (resize(b, IMAGE_MIN_SIZE) < 0)
		return -ENOMEM;
	b->used = head;
	return 0;
}

uint32_t blob_reserve(struct blob *b, size_t size, size_t align)
{
	size_t at = (b->used + align - 1) & ~(align - 1);
	size_t room = b->room;

	if (b->error)
		return 0;
	if (size > IMAGE_MAX_SIZE || at + size > IMAGE_MAX_SIZE) {
		fail(b, -E2BIG);
		return 0;
	}
	while (room < at + size)
		room *= 2;
	if (room > b->room && resize(b, room) < 0)
		return 0;
	b->used = at + size;
	return (uint32_t)at;
}

uint32_t blob_append(struct blob *b, const void *data, size_t size, size_t align)
{
	uint32_t at = blob_reserve(b, size, align);

	if (at && size)
		memcpy(b->data + at, data, size);
	return at;
}

static int remember_string(struct blob *b, uint32_t number, uint32_t off)
{
	uint32_t room = b->strings_room ? b->strings_room * 2 : 32;
	uint32_t *offs;

	if (number >= b->strings_room) {
		offs = reallocarray(b->string_offs, room, sizeof(*offs));
		if (!offs)
			return fail(b, -ENOMEM);
		b->string_offs = offs;
		b->strings_room = room;
	}
	b->string_offs[number] = off;
	return 0;
}

uint32_t blob_bytes(struct blob *b, const void *data, size_t len)
{
	uint32_t number, at;
	int r;

	if (b->error)
		return 0;
	r = intern_add(&b->strings, data, len, &number);
	if (r < 0) {
		fail(b, r);
		return 0;
	}
	if (r == 0)
		return b->string_offs[number];
	at = blob_reserve(b, len + 1, 1);
	if (!at || remember_string(b, number, at) < 0)
		return 0;
	if (len)
		memcpy(b->data + at, data, len);
	return at;
}

uint32_t blob_string(struct blob *b, const char *s)
{
	return s ? blob_bytes(b, s, strlen(s)) : 0;
}

void *blob_at(struct blob *b, uint32_t off)
{
	return b->data + off;
}

int blob_finish(struct blob *b, struct image_block *ret)
{
	if (b->error)
		return b->error;
	ret->data = b->data;
	ret->size = b->room;
	b->data = NULL;
	blob_free(b);
	return 0;
}
