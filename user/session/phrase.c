/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Which phrase it was. The kernel only says in which state its automaton was when it found one. A
 * state stands for a text that begins some phrase, and what ended there is the end of that text.
 */
#include <string.h>
#include <strings.h>

#include "policy/rules.h"
#include "session/internal.h"

/* How many bytes of the text lead from the start to the state; 0: it does not come by there. */
static size_t bytes_to(const void *img, const struct image_dfa *d, const char *text, uint32_t state)
{
	uint32_t at = d->start;

	for (size_t n = 0; text[n]; n++) {
		uint32_t class = image_u8(img, (uint64_t)d->classes + (uint8_t)text[n]);

		at = image_u32(img, d->trans + (uint64_t)((at & DFA_STATE) + class) * 4);
		if ((at & DFA_STATE) == (state & DFA_STATE))
			return n + 1;
	}
	return 0;
}

/* The phrase of the rule that is the end of the text, or NULL. */
static const char *ending(const struct content_rule *rule, const char *text, size_t len)
{
	for (size_t i = 0; i < rule->phrases.count; i++) {
		const char *phrase = rule->phrases.items[i];
		size_t n = strlen(phrase);

		if (n > len)
			continue;
		if (rule->exact ? !memcmp(text + len - n, phrase, n)
				: !strncasecmp(text + len - n, phrase, n))
			return phrase;
	}
	return NULL;
}

/* The content rule with that number, or NULL. */
static const struct content_rule *rule_of(const struct policy *policy, uint32_t number)
{
	struct rule_index ix;

	rule_index(policy, &ix);
	if (number < ix.content || number - ix.content >= policy->content_count)
		return NULL;
	return &policy->content[number - ix.content];
}

const char *phrase_of(const struct session *s, uint32_t number, const uint32_t found[PHRASE_WAYS])
{
	const struct policy *policy = s->o.policy;
	const struct content_rule *rule = policy ? rule_of(policy, number) : NULL;
	uint32_t way;

	if (!rule)
		return NULL;
	way = content_way(rule);
	for (size_t i = 0; i < policy->content_count; i++) {
		const struct content_rule *other = &policy->content[i];

		for (size_t k = 0; content_way(other) == way && k < other->phrases.count; k++) {
			const char *text = other->phrases.items[k];
			size_t n = bytes_to(s->o.image, &image_header(s->o.image)->phrases[way],
					    text, found[way]);

			if (n)
				return ending(rule, text, n);
		}
	}
	return NULL;
}
