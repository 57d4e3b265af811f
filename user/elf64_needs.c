/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "elf64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define NEEDS_MAX   512
#define NAME_LIMIT  ((size_t)4 << 10)
#define PATHS_LIMIT ((size_t)64 << 10) /* a search path can be long */
#define STRING_BIT  256

/* Reads a string of the dynamic string table, which may end only inside that table. */
static int read_string(const struct elf64 *f, uint64_t index, size_t limit, char **ret)
{
	_buf_ struct buf b = {};
	uint64_t table, size;
	int r;

	r = elf64_strings(f, &table, &size);
	if (r < 0)
		return -EBADMSG;
	while (index < size && b.len < limit) {
		size_t n = size - index < STRING_BIT ? size - index : STRING_BIT;
		char bit[STRING_BIT];

		r = elf64_read(f, table + index, bit, n);
		if (r < 0)
			return r;
		buf_add(&b, bit, n);
		if (buf_error(&b))
			return -ENOMEM;
		if (memchr(bit, '\0', n)) {
			*ret = b.data;
			b = (struct buf){};
			return 0;
		}
		index += n;
	}
	return -EBADMSG;
}

static int add_need(const struct elf64 *f, uint64_t index, struct elf64_needs *n)
{
	int r;

	if (n->count == NEEDS_MAX)
		return -EBADMSG;
	r = read_string(f, index, NAME_LIMIT, &n->names[n->count]);
	if (r == 0)
		n->count++;
	return r;
}

static int read_needs(const struct elf64 *f, struct elf64_needs *n)
{
	uint64_t at;
	int r = 0;

	n->names = calloc(NEEDS_MAX, sizeof(*n->names));
	if (!n->names)
		return -ENOMEM;
	for (size_t i = 0; i < f->dynamic_count && r == 0; i++)
		if (f->dynamic[i].d_tag == DT_NEEDED)
			r = add_need(f, f->dynamic[i].d_un.d_val, n);
	if (r == 0 && elf64_tag(f, DT_RPATH, &at) == 0)
		r = read_string(f, at, PATHS_LIMIT, &n->rpath);
	if (r == 0 && elf64_tag(f, DT_RUNPATH, &at) == 0)
		r = read_string(f, at, PATHS_LIMIT, &n->runpath);
	return r;
}

int elf64_needs(const struct elf64 *f, struct elf64_needs *ret)
{
	struct elf64_needs n = {};
	int r;

	r = read_needs(f, &n);
	if (r < 0)
		elf64_needs_free(&n);
	else
		*ret = n;
	return r;
}

void elf64_needs_free(struct elf64_needs *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->names[i]);
	free(n->names);
	free(n->rpath);
	free(n->runpath);
	*n = (struct elf64_needs){};
}
