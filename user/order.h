/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ORDER_H
#define WARDEN_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire.h"

/*
 * Puts the records of two rings and many CPUs into the order of their times. A ring is in the order
 * in which room was reserved, which is almost, but not quite, the order of time stamps. Pure.
 */
struct order {
	struct order_item *items;
	size_t count;
	size_t room;
	uint64_t arrived;
	struct buf records, spare;
	uint64_t lost; /* records that found no memory */
};

/* Takes a copy of the record. */
void order_put(struct order *o, const struct rec *r);

/* Hands on, in order, the records with times up to and with `horizon` (ns). */
void order_release(struct order *o, uint64_t horizon,
		   void (*fn)(void *ctx, const struct rec *r), void *ctx);

void order_free(struct order *o);

#endif
