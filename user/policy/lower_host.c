/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <stdio.h>
#include <string.h>

#include "policy/pattern.h"

/* The hosts that a pattern for requests matches, as steps. */

/*
 * ---- IPv6 ----
 *
 * An address may be written in many ways (RFC 4291, 2.2): groups with or without leading zeros, one
 * run of zeros as "::", the last two groups as an IPv4 address. The names of requests have the one
 * that the client chose, so the steps are all of them, one behind the other, each with a fork
 * before it that leads to the next.
 */

#define GROUPS    8
#define SPELLINGS 80 /* 36 runs and none, each with and without an IPv4 address at the end */

struct spellings {
	struct nfa *nfa;
	uint16_t groups[GROUPS];
	uint32_t ends[SPELLINGS]; /* the forks that lead behind the last one */
	uint32_t count;
};

static void add_group(struct nfa *n, uint16_t group)
{
	char digits[8];

	for (int len = snprintf(digits, sizeof(digits), "%x", group); len < 4; len++) {
		nfa_skip(n, 1);
		nfa_text(n, "0");
	}
	nfa_text(n, digits);
}

static void add_groups(const struct spellings *s, int from, int to, bool dotted)
{
	const uint16_t *g = s->groups;
	char text[20];

	for (int i = from; i < to; i++) {
		nfa_text(s->nfa, i == from ? "" : ":");
		if (dotted && i == GROUPS - 2) {
			snprintf(text, sizeof(text), "%u.%u.%u.%u", g[6] >> 8, g[6] & 0xffU,
				 g[7] >> 8, g[7] & 0xffU);
			nfa_text(s->nfa, text);
			return;
		}
		add_group(s->nfa, g[i]);
	}
}

static void add_dead_end(struct nfa *n)
{
	nfa_step(n, STEP_ONE, (struct byteset){});
}

/* One way of writing it: with "::" for the groups from `from` to `to`, if there are any. */
static void add_spelling(struct spellings *s, int from, int to, bool dotted)
{
	struct nfa *n = s->nfa;
	uint32_t fork = n->count;

	nfa_back(n, 0);
	add_groups(s, 0, from, false);
	nfa_text(n, from < to ? "::" : "");
	add_groups(s, to, GROUPS, dotted);
	s->ends[s->count++] = n->count;
	nfa_back(n, 0);
	add_dead_end(n);
	if (!n->failed)
		n->steps[fork].to = n->count;
}

static bool is_run_of_zeros(const struct spellings *s, int from, int to)
{
	for (int i = from; i < to; i++)
		if (s->groups[i])
			return false;
	return from < to;
}

static void add_spellings(struct spellings *s, int from, int to)
{
	add_spelling(s, from, to, false);
	if (to <= GROUPS - 2)
		add_spelling(s, from, to, true);
}

static void address_nfa(const uint8_t addr[16], struct nfa *n)
{
	struct spellings s = {.nfa = n};

	for (int i = 0; i < GROUPS; i++)
		s.groups[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
	nfa_text(n, "[");
	add_spellings(&s, 0, 0);
	for (int from = 0; from < GROUPS; from++)
		for (int to = from + 1; to <= GROUPS; to++)
			if (is_run_of_zeros(&s, from, to))
				add_spellings(&s, from, to);
	add_dead_end(n);
	for (uint32_t i = 0; i < s.count && !n->failed; i++)
		n->steps[s.ends[i]].to = n->count;
	nfa_text(n, "]");
}

/* ---- names ---- */

void host_nfa(const char *host, struct nfa *n)
{
	struct byteset label = byteset_but("./*");
	uint32_t begin = n->count;
	uint8_t addr[16];

	if (!host) {
		nfa_step(n, STEP_MANY, byteset_but("/*"));
		return;
	}
	if (pattern_host_v6(host, addr)) {
		address_nfa(addr, n);
		return;
	}
	if (host[0] == '*' && host[1] == '.') {
		nfa_step(n, STEP_ONE, label);
		nfa_step(n, STEP_MANY, label);
		nfa_step(n, STEP_ONE, byteset_of('.'));
		nfa_back(n, begin);
		host += 2;
	}
	nfa_glob(n, host, label, label);
}
