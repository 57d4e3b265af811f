/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PHRASES_H
#define WARDEN_POLICY_PHRASES_H

#include "policy/automaton.h"
#include "policy/intern.h"

/*
 * Phrases anywhere in a text: one automaton for any number of them (Aho and Corasick 1975), one
 * step a byte. Its states never forget what they may be in the middle of, so that it can be stopped
 * and gone on with between any two bytes.
 */
struct phrase {
	const char *text;
	size_t len;     /* 0 is no phrase and is passed over */
	uint32_t label; /* what its last byte brings about */
};

/*
 * The automaton of the phrases. A state where several end has the labels of all, combined two by
 * two; `fold` takes ASCII letters of both cases for the same. With no phrases *ret is NULL. Returns
 * 0, -ENOMEM, -E2BIG (more than `budget` states), or the error of `combine`.
 */
int phrases_dfa(const struct phrase *phrases, size_t count, bool fold, dfa_combine combine,
		void *ctx, uint32_t budget, struct dfa **ret);

#endif
