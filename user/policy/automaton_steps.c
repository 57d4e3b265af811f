/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/automaton.h"

#include <stdlib.h>
#include <string.h>

/* Steps: what patterns are made of before they become states (automaton.c). */

struct byteset byteset_of(uint8_t byte)
{
	struct byteset s = {};

	s.bits[byte >> 6] = 1ULL << (byte & 63);
	return s;
}

struct byteset byteset_in(const char *bytes)
{
	struct byteset s = {};

	for (; *bytes; bytes++)
		s.bits[(uint8_t)*bytes >> 6] |= 1ULL << (*bytes & 63);
	return s;
}

struct byteset byteset_but(const char *except)
{
	struct byteset s;

	memset(&s, 0xff, sizeof(s));
	for (; except && *except; except++)
		s.bits[(uint8_t)*except >> 6] &= ~(1ULL << (*except & 63));
	return s;
}

void nfa_free(struct nfa *n)
{
	free(n->steps);
	*n = (struct nfa){};
}

static void add_step(struct nfa *n, const struct nfa_step *step)
{
	uint32_t room = n->room ? n->room * 2 : 32;
	void *steps;

	if (n->failed)
		return;
	if (n->count == n->room) {
		steps = reallocarray(n->steps, room, sizeof(*n->steps));
		if (!steps) {
			n->failed = true;
			return;
		}
		n->steps = steps;
		n->room = room;
	}
	n->steps[n->count++] = *step;
}

void nfa_step(struct nfa *n, enum step_kind kind, struct byteset set)
{
	add_step(n, &(struct nfa_step){.kind = kind, .set = set});
}

void nfa_back(struct nfa *n, uint32_t to)
{
	add_step(n, &(struct nfa_step){.kind = STEP_FORK, .to = to});
}

void nfa_skip(struct nfa *n, uint32_t steps)
{
	nfa_back(n, n->count + 1 + steps);
}

void nfa_text(struct nfa *n, const char *text)
{
	for (; *text; text++)
		nfa_step(n, STEP_ONE, byteset_of((uint8_t)*text));
}

void nfa_glob(struct nfa *n, const char *glob, struct byteset star, struct byteset one)
{
	if (!glob)
		glob = "*";
	for (; *glob; glob++) {
		if (*glob == '*') {
			nfa_step(n, STEP_MANY, star);
		} else if (*glob == '?') {
			nfa_step(n, STEP_ONE, one);
		} else {
			if (*glob == '\\' && glob[1])
				glob++;
			nfa_step(n, STEP_ONE, byteset_of((uint8_t)*glob));
		}
	}
}
