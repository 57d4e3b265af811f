/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/dests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "match.h"

static void list_keys(const struct dests *d, uint64_t *keys, uint32_t *homes)
{
	const struct dest_line *line;
	size_t len, n = 0;

	for (uint32_t number = 0; number < d->classes.count; number++) {
		line = intern_get(&d->classes, number, &len);
		for (; len; line++, len -= sizeof(*line)) {
			keys[n] = IMAGE_DEST_KEY(number, line->port, line->proto);
			homes[n] = match_dest_slot(keys[n], 0xffffffffU);
			n++;
		}
	}
}

/* An empty row counts here: it says that a port hits less than any port does. */
static int write_lines(struct dests *d, const uint64_t *keys, const struct hash_plan *plan,
		       uint32_t off)
{
	struct lower *l = d->l;
	const struct dest_line *line;
	size_t len, n = 0;

	for (uint32_t number = 0; number < d->classes.count; number++) {
		line = intern_get(&d->classes, number, &len);
		for (; len; line++, len -= sizeof(*line)) {
			struct image_dest dest = {.key = keys[n]};

			if (intern_add(&l->rows, &line->row, sizeof(line->row), &dest.row) < 0)
				return -ENOMEM;
			if (!l->blob.error)
				memcpy(blob_at(&l->blob,
					       off + plan->slots[n] * (uint32_t)sizeof(dest)),
				       &dest, sizeof(dest));
			n++;
		}
	}
	return 0;
}

int dests_write(struct dests *d, struct image_hash *ret)
{
	_free_ uint64_t *keys = calloc(d->lines + 1, sizeof(*keys));
	_free_ uint32_t *homes = calloc(d->lines + 1, sizeof(*homes));
	_hash_plan_ struct hash_plan plan = {};
	uint32_t off;
	int r;

	if (!keys || !homes)
		return -ENOMEM;
	if (!d->lines)
		return 0;
	list_keys(d, keys, homes);
	r = hash_plan(homes, d->lines, &plan);
	if (r < 0)
		return r;
	off = blob_reserve(&d->l->blob, ((size_t)plan.mask + 1) * sizeof(struct image_dest), 8);
	r = write_lines(d, keys, &plan, off);
	if (r < 0)
		return r;
	*ret = (struct image_hash){off, plan.mask, plan.probes, (uint32_t)d->lines};
	return 0;
}
