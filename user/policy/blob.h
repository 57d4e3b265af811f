/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_BLOB_H
#define WARDEN_POLICY_BLOB_H

#include "image.h"
#include "policy/intern.h"

/*
 * A flat block that grows: what an image is built in. Things in it are named by their offset,
 * because it moves. An addition that fails returns offset 0 and leaves the reason in `error`;
 * later ones then do nothing, so that a caller who adds many things asks once, at the end.
 */
struct blob {
	uint8_t *data;
	size_t used;
	size_t room;
	int error; /* 0, -ENOMEM, or -E2BIG: above IMAGE_MAX_SIZE */
	struct intern strings;
	uint32_t *string_offs; /* by number of the string */
	uint32_t strings_room;
};

/* A finished image: one allocation, its size a power of two of at least IMAGE_MIN_SIZE. */
struct image_block {
	void *data; /* owned; free() */
	size_t size;
};

/* Starts a block with `head` zero bytes, so that offset 0 is never the offset of an addition. */
int blob_init(struct blob *b, size_t head);

void blob_free(struct blob *b);

/* The offset of `size` zero bytes, aligned to `align` (a power of two), or 0. */
uint32_t blob_reserve(struct blob *b, size_t size, size_t align);

/* The same, with a copy of `data`. */
uint32_t blob_append(struct blob *b, const void *data, size_t size, size_t align);

/* The offset of `len` bytes and a NUL; equal bytes are stored once. */
uint32_t blob_bytes(struct blob *b, const void *data, size_t len);

/* The same of a string; NULL is offset 0. */
uint32_t blob_string(struct blob *b, const char *s);

/* Where an offset is now; until the next addition. */
void *blob_at(struct blob *b, uint32_t off);

/* Pads the block to its final size and hands it over. Returns 0 or the error of an addition. */
int blob_finish(struct blob *b, struct image_block *ret);

#define _blob_ __attribute__((cleanup(blob_free)))

#endif
