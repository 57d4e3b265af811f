/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_POLICY_BUILD_H
#define TESTS_POLICY_BUILD_H

/*
 * Policies for tests, built in memory as the parser leaves them: patterns from their text, places
 * made up but different. Include behind cmocka.h.
 */

#include <stdlib.h>
#include <string.h>

#include "policy/lower.h"
#include "policy/pattern.h"

static inline struct policy *build_policy(void)
{
	struct policy *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->file = strdup("p.yaml");
	p->name = strdup("test");
	p->mode = MODE_ENFORCE;
	p->on_audit_failure = CHOICE_DENY;
	p->opaque = CHOICE_AUDIT;
	p->capture = CAPTURE_EVIDENCE;
	return p;
}

static inline struct pattern build_parse(const char *source, struct place place)
{
	struct diags diags = {};
	struct pattern pattern;

	if (pattern_parse(source, place, &pattern, &diags) < 0)
		fail_msg("%s: %s", source, diags.count ? diags.items[0].message : "refused");
	diags_free(&diags);
	return pattern;
}

static inline void build_pattern(struct patterns *patterns, const char *source)
{
	struct pattern pattern = build_parse(source, (struct place){1, 1});

	assert_int_equal(patterns_add(patterns, &pattern), 0);
}

/* Adds an entry without patterns; its place is line NUMBER + 10 of that list. */
static inline struct entry *build_entry(struct entries *entries, const char *list)
{
	struct entry *e;
	char id[64];

	if (!(entries->count & (entries->count - 1)))
		entries->items = reallocarray(entries->items, 2 * entries->count + 1, sizeof(*e));
	assert_non_null(entries->items);
	e = &entries->items[entries->count];
	snprintf(id, sizeof(id), "%s[%zu]", list, entries->count);
	*e = (struct entry){.place = {(uint32_t)entries->count + 10, 5}, .id = strdup(id)};
	entries->place = (struct place){2, 1};
	entries->count++;
	return e;
}

/* Adds an entry with one pattern, and one exception unless that is NULL. */
static inline struct entry *build_rule(struct entries *entries, const char *list, const char *match,
				       const char *except)
{
	struct entry *e = build_entry(entries, list);

	build_pattern(&e->match, match);
	if (except)
		build_pattern(&e->except, except);
	return e;
}

static inline struct content_rule *build_content(struct policy *p, const char *name, uint32_t in,
						 bool exact)
{
	struct content_rule *c;

	p->content = reallocarray(p->content, p->content_count + 1, sizeof(*c));
	assert_non_null(p->content);
	c = &p->content[p->content_count];
	*c = (struct content_rule){.place = {(uint32_t)p->content_count + 50, 3}, .in = in};
	c->name = strdup(name);
	c->exact = exact;
	p->content_count++;
	return c;
}

static inline void build_phrase(struct content_rule *c, const char *phrase)
{
	c->phrases.items =
		reallocarray(c->phrases.items, c->phrases.count + 1, sizeof(*c->phrases.items));
	assert_non_null(c->phrases.items);
	c->phrases.items[c->phrases.count++] = strdup(phrase);
}

/* Compiles; the test fails when that does. */
static inline struct image_block build_image(const struct policy *p)
{
	struct image_block block = {};
	struct diags diags = {};

	if (policy_lower(p, 1, &block, &diags) < 0)
		fail_msg("%s", diags.count ? diags.items[0].message : "no memory");
	diags_free(&diags);
	return block;
}

#endif
