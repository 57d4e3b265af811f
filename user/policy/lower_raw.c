/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

/* What raw sockets hit: one name, net:raw, so that all of it is one row. */

static bool any_matches(const struct patterns *patterns,
			bool (*matches)(const struct pattern *, const struct activity_name *))
{
	const struct activity_name raw = {.kind = KIND_NET, .raw = true};

	for (size_t i = 0; i < patterns->count; i++)
		if (matches(&patterns->items[i], &raw))
			return true;
	return false;
}

int lower_raw(struct lower *l)
{
	struct image_row row = ROW_EMPTY;
	struct rule_list lists[RULE_LISTS];

	rule_lists(l->policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++) {
		bool admits = lists[i].layer != LAYER_DENY;

		for (size_t k = 0; k < lists[i].entries->count; k++) {
			const struct entry *e = &lists[i].entries->items[k];
			struct image_row hit = rule_row(&lists[i], k);

			if (any_matches(&e->match, admits ? pattern_admits : pattern_matches) &&
			    !any_matches(&e->except, pattern_matches))
				row_add(&row, &hit);
		}
	}
	return lower_row(l, &row, &l->head.raw);
}
