/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define PROBES_GOOD 32U        /* a table grows until no entry is farther from its home */
#define PROBES_MAX  255U       /* match.h counts probes in a byte */
#define SLOTS_MAX   (1U << 22) /* beyond that growing does not help: homes are the same */

void hash_plan_done(struct hash_plan *plan)
{
	free(plan->slots);
	*plan = (struct hash_plan){};
}

/* Puts all items into a table of mask + 1; `used` is that many zero bytes. Returns the longest way.
 */
static uint32_t place_all(const uint32_t *homes, size_t count, uint32_t mask, uint8_t *used,
			  uint32_t *slots)
{
	uint32_t longest = 1, probes, at;

	for (size_t i = 0; i < count; i++) {
		at = homes[i] & mask;
		for (probes = 1; used[at]; probes++)
			at = (at + 1) & mask;
		used[at] = 1;
		slots[i] = at;
		longest = probes > longest ? probes : longest;
	}
	return longest;
}

int hash_plan(const uint32_t *homes, size_t count, struct hash_plan *ret)
{
	_hash_plan_ struct hash_plan plan = {.mask = 3};

	plan.slots = calloc(count + 1, sizeof(*plan.slots));
	if (!plan.slots)
		return -ENOMEM;
	while (plan.mask < 2 * count)
		plan.mask = plan.mask * 2 + 1;
	for (;; plan.mask = plan.mask * 2 + 1) {
		_free_ uint8_t *used = calloc((size_t)plan.mask + 1, 1);

		if (!used)
			return -ENOMEM;
		plan.probes = place_all(homes, count, plan.mask, used, plan.slots);
		if (plan.probes <= PROBES_GOOD || plan.mask >= SLOTS_MAX)
			break;
	}
	if (plan.probes > PROBES_MAX)
		return -E2BIG;
	*ret = plan;
	plan.slots = NULL;
	return 0;
}
