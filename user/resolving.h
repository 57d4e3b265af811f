/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RESOLVING_H
#define WARDEN_RESOLVING_H

/*
 * Questions that warden asks itself: a resolver has sent a workload a truncated answer, and will be asked
 * again over TCP, where the kernel side does not read. So warden asks the same question of the same
 * resolver, and hands the answer to the kernel side, which holds the workload's back meanwhile (dns.bpf.c).
 *
 * Attack: answer in the resolver's place. What comes over another interface than it would be trusted on is
 * not received.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolvers.h"
#include "wire.h"

#define RESOLVING 8U /* at once */

struct resolving_one {
	bool active;
	bool sent;
	int fd;
	uint64_t deadline; /* CLOCK_MONOTONIC, ns */
	uint64_t hash;	   /* of the question, as struct dns has it */
	uint16_t id;
	uint16_t type;
	uint8_t resolver[16];
	size_t len;		    /* bytes of `data` that are there */
	uint8_t data[2 + DNS_SIZE]; /* the question, then the answer: behind two bytes with its length */
};

/* All zeros but for the first ones is one that asks nothing. */
struct resolving {
	const struct resolvers *resolvers;
	/* Gets each answer: DNS_SIZE bytes of it, if it is longer. What it returns is of no interest here. */
	int (*told)(void *ctx, const void *msg, size_t len);
	void *ctx;
	uint64_t ticket; /* the highest there was */
	uint64_t failed; /* questions that got no answer; for the caller to take */
	struct resolving_one each[RESOLVING];
};

/* Begins to ask, without waiting. One that is asked already is not asked again. */
void resolving_record(struct resolving *r, const struct rec_resolve *rec, uint64_t now);

/* What to wait for with poll(2). Returns how many. */
size_t resolving_poll(const struct resolving *r, struct pollfd ret[RESOLVING]);

/* Goes on with what has become possible by `now`. True when nothing is asked any more. */
bool resolving_go(struct resolving *r, uint64_t now);

void resolving_free(struct resolving *r);

#endif
