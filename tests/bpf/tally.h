/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_TALLY_H
#define TESTS_BPF_TALLY_H

/* How often the questions of the equality test have hit what. */

#include "answers.h"

static struct {
	uint32_t questions;
	uint32_t by[VERDICT_COUNT][LAYER_COUNT];
	uint32_t rows[4]; /* deny, audit, allow, opaque of struct image_row */
	uint32_t phrases;
	uint32_t cut_phrases;
	uint32_t conds[2 * COND_TEXTS]; /* args.any, args.none, env.any, env.none, sha256: found */
	uint32_t changed_admitted, changed_refused; /* by an allow list */
	uint32_t entries_held, entries_failed;      /* with conditions: decided, and hit in vain */
	uint32_t kinds[KIND_COUNT];
	uint32_t hosts[2][2]; /* names of public, and of private, addresses: not admitted, and admitted */
	uint32_t unknown;
	uint32_t refused_policies;
	size_t image_bytes;
	uint32_t automata;
} tally;

static void count_answer(const struct asked *a, const struct answer *answer)
{
	const struct image_row *hit = &answer->hit;
	const uint32_t rows[] = {hit->deny, hit->audit, hit->allow, hit->opaque};

	tally.questions++;
	tally.by[answer->decision.verdict][answer->decision.layer]++;
	for (size_t i = 0; i < COUNT(rows); i++)
		tally.rows[i] += rows[i] != RULE_NONE;
	tally.phrases += answer->phrase != ROW_NONE;
	tally.cut_phrases += answer->phrase != ROW_NONE && a->cut && a->cut < a->text.len;
	for (size_t i = 0; i < COND_TEXTS; i++) {
		tally.conds[2 * i] += answer->seen[i].any != 0;
		tally.conds[2 * i + 1] += answer->seen[i].none != 0;
	}
	if (a->ask.flags & ACTIVITY_CHANGED) {
		tally.changed_admitted += hit->allow != RULE_NONE;
		tally.changed_refused +=
			answer->decision.layer == LAYER_ALLOW && hit->allow == RULE_NONE;
	}
	if (hit->conds && (hit->deny & hit->audit & hit->allow) == RULE_NONE)
		tally.entries_failed++;
	else if (hit->conds)
		tally.entries_held++;
	tally.kinds[a->ask.name.kind]++;
	if (a->ask.name.kind == KIND_NET && a->ask.name.host)
		tally.hosts[a->ask.name.private][hit->allow != RULE_NONE]++;
	tally.unknown += !!(a->ask.flags & ACTIVITY_UNKNOWN);
}

static void count_image(const struct image_block *image)
{
	const struct image_header *h = image->data;

	if (h->size > tally.image_bytes)
		tally.image_bytes = h->size;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (h->text[i].dfas > tally.automata)
			tally.automata = h->text[i].dfas;
}

static void print_tally(void)
{
	double percent = 100.0 / tally.questions;

	print_message("%u questions: exec %u, net %u, http %u, net:listen %u, file %u; not nameable %u\n", tally.questions,
		      tally.kinds[KIND_EXEC], tally.kinds[KIND_NET], tally.kinds[KIND_HTTP],
		      tally.kinds[KIND_LISTEN], tally.kinds[KIND_FILE], tally.unknown);
	print_message("largest image %zu KiB, most automata of one text %u; %u policies were too "
		      "large to compile\n",
		      tally.image_bytes >> 10, tally.automata, tally.refused_policies);
	print_message(
		"hit: deny %.1f %%, audit %.1f %%, allow %.1f %%, opaque %.1f %%, phrases %.1f "
		"%% (%u of them in texts that were cut)\n",
		tally.rows[0] * percent, tally.rows[1] * percent, tally.rows[2] * percent,
		tally.rows[3] * percent, tally.phrases * percent, tally.cut_phrases);
	print_message(
		"conditions: args.any %u, args.none %u, env.any %u, env.none %u, sha256 %u; entries with "
		"some hit and a rule left %u, none left %u\n",
		tally.conds[0], tally.conds[1], tally.conds[2], tally.conds[3], tally.conds[4],
		tally.entries_held, tally.entries_failed);
	print_message("names of hosts: public %u admitted, %u not; private %u admitted, %u not\n",
		      tally.hosts[0][1], tally.hosts[0][0], tally.hosts[1][1], tally.hosts[1][0]);
	print_message("changed files: %u admitted, %u not\n", tally.changed_admitted,
		      tally.changed_refused);
	for (size_t v = 0; v < VERDICT_COUNT; v++)
		for (size_t l = 0; l < LAYER_COUNT; l++)
			if (tally.by[v][l])
				print_message("  %-6s %-8s %7u  %5.2f %%\n", verdict_names[v],
					      layer_names[l], tally.by[v][l],
					      tally.by[v][l] * percent);
}

#endif
