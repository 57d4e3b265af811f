/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_INTERN_H
#define WARDEN_POLICY_INTERN_H

#include <stddef.h>
#include <stdint.h>

/*
 * A set of byte strings that numbers its members from 0 in the order in which they came: equal
 * bytes have the same number. All zeros is an empty one.
 */
struct intern {
	uint8_t *bytes; /* members, each aligned to 8 */
	size_t used;
	size_t room;
	struct intern_item *items;
	uint32_t count;
	uint32_t items_room;
	uint32_t *slots; /* number + 1, or 0: free; slot_count is 0 or a power of two */
	uint32_t slot_count;
};

void intern_free(struct intern *in);

/* Sets `ret` to the number of those bytes. Returns 1 when they are new, 0 when not, or -ENOMEM. */
int intern_add(struct intern *in, const void *data, size_t len, uint32_t *ret);

/* The bytes of a member, aligned to 8, until the next addition; `ret_len` may be NULL. */
const void *intern_get(const struct intern *in, uint32_t number, size_t *ret_len);

#define _intern_ __attribute__((cleanup(intern_free)))

#endif
