/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Functions that a file offers to others, found as the loader finds them: by DT_GNU_HASH (layout
 * and hash function: glibc's elf/dl-lookup.c and the binutils that write it) or by DT_HASH (System
 * V ABI, "Hash Table"). A symbol that neither table leads to cannot be used by others.
 */
#include "elf64.h"

#include <errno.h>
#include <string.h>

#define CHAIN_MAX 4096 /* symbols of one bucket; real ones hold a handful */

struct tables { /* places in the file */
	const struct elf64 *f;
	uint64_t symbols;
	uint64_t strings;
	uint64_t strings_size;
};

struct search {
	const char *name;
	size_t index; /* of the name */
	struct elf64_function *out;
	size_t cap;
	size_t *count;
};

struct gnu_header {
	uint32_t buckets;
	uint32_t first; /* symbol that the chains begin with */
	uint32_t filter_words;
	uint32_t filter_shift;
};

static int find_table(const struct elf64 *f, int64_t tag, uint64_t *ret)
{
	uint64_t address, left;
	int r;

	r = elf64_tag(f, tag, &address);
	return r < 0 ? r : elf64_place(f, address, 0, ret, &left);
}

static int find_tables(const struct elf64 *f, struct tables *t)
{
	int r;

	t->f = f;
	r = find_table(f, DT_SYMTAB, &t->symbols);
	if (r == 0)
		r = elf64_strings(f, &t->strings, &t->strings_size);
	return r;
}

/* Takes symbol `i` if it has the name that is searched for. */
static int try_symbol(const struct tables *t, uint32_t i, const struct search *s)
{
	size_t len = strlen(s->name) + 1;
	char name[ELF64_NAME_MAX + 1];
	Elf64_Sym symbol;
	int r;

	r = elf64_read(t->f, t->symbols + (uint64_t)i * sizeof(symbol), &symbol, sizeof(symbol));
	if (r < 0)
		return r;
	if (symbol.st_name > t->strings_size || len > t->strings_size - symbol.st_name)
		return 0;
	r = elf64_read(t->f, t->strings + symbol.st_name, name, len);
	if (r < 0 || memcmp(name, s->name, len) != 0)
		return r;
	return elf64_add_function(t->f, &symbol, s->index, s->out, s->cap, s->count);
}

/* ---- DT_GNU_HASH ---- */

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

/* The Bloom filter: 0 when no symbol has this hash, 1 when one may have it. */
static int gnu_filter(const struct tables *t, uint64_t at, const struct gnu_header *h,
		      uint32_t hash)
{
	uint64_t word;
	int r;

	at += (uint64_t)((hash / 64) & (h->filter_words - 1)) * sizeof(word);
	r = elf64_read(t->f, at, &word, sizeof(word));
	if (r < 0)
		return r;
	return (word >> (hash % 64)) & (word >> ((hash >> (h->filter_shift & 31)) % 64)) & 1;
}

static int gnu_chain(const struct tables *t, uint64_t chains, uint32_t first, uint32_t i,
		     uint32_t hash, const struct search *s)
{
	for (uint32_t left = CHAIN_MAX; left && i >= first; left--, i++) {
		uint32_t link;
		int r;

		r = elf64_read(t->f, chains + (uint64_t)(i - first) * sizeof(link), &link,
			       sizeof(link));
		if (r == 0 && (link | 1) == (hash | 1))
			r = try_symbol(t, i, s);
		if (r < 0 || (link & 1))
			return r;
	}
	return 0;
}

static int search_gnu(const struct tables *t, uint64_t at, const struct search *s)
{
	uint64_t filter = at + sizeof(struct gnu_header);
	uint32_t hash = gnu_hash(s->name);
	struct gnu_header h;
	uint64_t buckets;
	uint32_t i;
	int r;

	r = elf64_read(t->f, at, &h, sizeof(h));
	if (r < 0 || !h.buckets || !h.filter_words)
		return r;
	r = gnu_filter(t, filter, &h, hash);
	if (r <= 0)
		return r;
	buckets = filter + (uint64_t)h.filter_words * sizeof(uint64_t);
	r = elf64_read(t->f, buckets + (uint64_t)(hash % h.buckets) * sizeof(i), &i, sizeof(i));
	if (r < 0)
		return r;
	return gnu_chain(t, buckets + (uint64_t)h.buckets * sizeof(i), h.first, i, hash, s);
}

/* ---- DT_HASH ---- */

static uint32_t sysv_hash(const char *name)
{
	uint32_t h = 0;

	while (*name) {
		uint32_t high;

		h = (h << 4) + (unsigned char)*name++;
		high = h & 0xf0000000;
		h = (h ^ high >> 24) & ~high;
	}
	return h;
}

static int search_sysv(const struct tables *t, uint64_t at, const struct search *s)
{
	uint32_t head[2]; /* numbers of buckets and of symbols */
	uint64_t buckets = at + sizeof(head);
	uint32_t i;
	int r;

	r = elf64_read(t->f, at, head, sizeof(head));
	if (r < 0 || !head[0])
		return r;
	at = buckets + (uint64_t)(sysv_hash(s->name) % head[0]) * sizeof(i);
	for (uint32_t left = CHAIN_MAX; left; left--) {
		r = elf64_read(t->f, at, &i, sizeof(i));
		if (r < 0 || i == STN_UNDEF || i >= head[1])
			return r;
		r = try_symbol(t, i, s);
		if (r < 0)
			return r;
		at = buckets + ((uint64_t)head[0] + i) * sizeof(i);
	}
	return 0;
}

int elf64_find_exported(const struct elf64 *f, const char *const *names, size_t n,
			struct elf64_function *out, size_t cap, size_t *count)
{
	struct tables t;
	uint64_t gnu, sysv;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) > ELF64_NAME_MAX)
			return -EINVAL;
	if (find_tables(f, &t) < 0)
		return 0;
	if (find_table(f, DT_GNU_HASH, &gnu) < 0)
		gnu = 0;
	if (find_table(f, DT_HASH, &sysv) < 0)
		sysv = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct search s = {names[i], i, out, cap, count};

		if (gnu)
			r = search_gnu(&t, gnu, &s);
		else if (sysv)
			r = search_sysv(&t, sysv, &s);
		if (r == -EBADMSG)
			r = 0;
	}
	return r;
}
