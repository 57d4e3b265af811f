/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "match.h"

/* The files that deny entries name. One may be named several times: it hits all of them. */

struct inode_lower {
	struct lower *l;
	struct intern files;	/* of struct file_id */
	struct image_row *rows; /* by number of the file */
	uint32_t room;
};

static void inode_lower_done(struct inode_lower *n)
{
	intern_free(&n->files);
	free(n->rows);
}

static int add_file(struct inode_lower *n, const struct file_id *file, const struct image_row *row)
{
	uint32_t number, count = n->files.count;
	int r = intern_add(&n->files, file, sizeof(*file), &number);

	if (r < 0)
		return r;
	if (number >= n->room) {
		uint32_t room = n->room ? 2 * n->room : 64;
		void *rows = reallocarray(n->rows, room, sizeof(*n->rows));

		if (!rows)
			return -ENOMEM;
		n->rows = rows;
		n->room = room;
	}
	if (number == count)
		n->rows[number] = *row;
	else
		row_add(&n->rows[number], row);
	return 0;
}

static int add_files(struct inode_lower *n)
{
	struct rule_list lists[RULE_LISTS];
	int r = 0;

	rule_lists(n->l->policy, lists);
	for (size_t i = 0; i < RULE_LISTS; i++) {
		if (lists[i].layer != LAYER_DENY)
			continue;
		for (size_t k = 0; k < lists[i].entries->count; k++) {
			const struct entry *e = &lists[i].entries->items[k];
			struct image_row row = rule_row(&lists[i], k);

			for (size_t p = 0; p < e->match.count && !r; p++)
				if (e->match.items[p].known &&
				    entry_file(e, &e->match.items[p].file))
					r = add_file(n, &e->match.items[p].file, &row);
		}
	}
	return r;
}

static const struct file_id *file_at(const struct inode_lower *n, uint32_t number)
{
	return intern_get(&n->files, number, NULL);
}

static int write_files(const struct inode_lower *n, const struct hash_plan *plan, uint32_t off)
{
	struct lower *l = n->l;

	for (uint32_t i = 0; i < n->files.count; i++) {
		const struct file_id *file = file_at(n, i);
		struct image_inode inode = {
			.ino = file->ino,
			.dev = file->dev,
			.generation = file->generation,
			.used = 1,
		};

		if (lower_row(l, &n->rows[i], &inode.row) < 0)
			return -ENOMEM;
		if (!l->blob.error)
			memcpy(blob_at(&l->blob, off + plan->slots[i] * (uint32_t)sizeof(inode)),
			       &inode, sizeof(inode));
	}
	return 0;
}

int lower_inodes(struct lower *l)
{
	_cleanup_(inode_lower_done) struct inode_lower n = {.l = l};
	_free_ uint32_t *homes = NULL;
	_hash_plan_ struct hash_plan plan = {};
	uint32_t off;
	int r;

	r = add_files(&n);
	if (r < 0 || !n.files.count)
		return r;
	homes = calloc(n.files.count, sizeof(*homes));
	if (!homes)
		return -ENOMEM;
	for (uint32_t i = 0; i < n.files.count; i++)
		homes[i] = match_inode_home(file_at(&n, i)->dev, file_at(&n, i)->ino);
	r = hash_plan(homes, n.files.count, &plan);
	if (r < 0)
		return r;
	off = blob_reserve(&l->blob, ((size_t)plan.mask + 1) * sizeof(struct image_inode), 8);
	l->head.inodes = (struct image_hash){off, plan.mask, plan.probes, n.files.count};
	return write_files(&n, &plan, off);
}
