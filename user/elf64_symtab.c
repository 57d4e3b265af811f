/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Functions of the symbol table that strip(1) removes. It has no index and may be large, so that
 * both of its parts are read once, from front to end: first the strings, for the places at which
 * the names asked for stand (linkers let a name share the end of a longer one), then the symbols,
 * for those that have their name at such a place.
 *
 * A file of a few blocks on the disk can have holes for tables, and be made to cost as much as it
 * can: what is done for each byte is next to nothing, and what is done for each name is bounded.
 */
#include "elf64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define TABLE_MAX    ((uint64_t)64 << 20) /* eight times what Node.js has */
#define MATCHES_MAX  4096 /* symbols with a name asked for */
#define BLOCK        ((size_t)256 << 10)
#define SYMBOLS      (BLOCK / sizeof(Elf64_Sym))
#define PLACES_MAX   64

struct place {
	uint32_t at; /* in the strings */
	size_t name;
};

struct names {
	const char *const *text;
	size_t len[ELF64_NAMES_MAX];
	size_t count;
	bool ends[256]; /* by last character */
	struct place places[PLACES_MAX];
	size_t place_count;
};

static int prepare_names(struct names *n, const char *const *text, size_t count)
{
	*n = (struct names){.text = text, .count = count};
	if (count > ELF64_NAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		n->len[i] = strlen(text[i]);
		if (!n->len[i] || n->len[i] > ELF64_NAME_MAX)
			return -EINVAL;
		n->ends[(unsigned char)text[i][n->len[i] - 1]] = true;
	}
	return 0;
}

/* A string ends at `end`; what precedes it begins at `start`, place `at` of the table. */
static void match_end(struct names *n, const char *start, const char *end, uint64_t at)
{
	for (size_t i = 0; i < n->count; i++) {
		size_t len = n->len[i];

		if ((size_t)(end - start) < len || memcmp(end - len, n->text[i], len) != 0)
			continue;
		if (n->place_count == PLACES_MAX)
			return;
		n->places[n->place_count].at = (uint32_t)(at + (size_t)(end - start) - len);
		n->places[n->place_count++].name = i;
	}
}

static void match_block(struct names *n, const char *block, size_t old, size_t len, uint64_t at)
{
	for (const char *p = block + (old ? old : 1); p < block + len; p++)
		if (!*p && n->ends[(unsigned char)p[-1]])
			match_end(n, block, p, at);
}

/* Reads the strings in blocks, each behind the last bytes of the one before. */
static int find_places(const struct elf64 *f, const Elf64_Shdr *strings, struct names *n)
{
	_free_ char *block = malloc(ELF64_NAME_MAX + BLOCK);
	uint64_t done = 0;
	size_t old = 0;

	if (!block)
		return -ENOMEM;
	while (done < strings->sh_size) {
		uint64_t rest = strings->sh_size - done;
		size_t fresh = rest < BLOCK ? rest : BLOCK;
		size_t len = old + fresh;
		int r;

		r = elf64_read(f, strings->sh_offset + done, block + old, fresh);
		if (r < 0)
			return r;
		match_block(n, block, old, len, done - old);
		done += fresh;
		old = len < ELF64_NAME_MAX ? len : ELF64_NAME_MAX;
		memmove(block, block + len - old, old);
	}
	return 0;
}

struct found {
	struct elf64_function *out;
	size_t cap;
	size_t *count;
	size_t matches;
};

static int match_symbols(const struct elf64 *f, const Elf64_Sym *symbols, size_t count,
			 const struct names *n, struct found *found)
{
	for (size_t i = 0; i < count; i++) {
		if (ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC)
			continue;
		for (size_t k = 0; k < n->place_count; k++) {
			int r;

			if (n->places[k].at != symbols[i].st_name)
				continue;
			if (++found->matches > MATCHES_MAX)
				return -EBADMSG;
			r = elf64_add_function(f, &symbols[i], n->places[k].name, found->out,
					       found->cap, found->count);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int find_symbols(const struct elf64 *f, const Elf64_Shdr *table, const struct names *n,
			struct found *found)
{
	_free_ Elf64_Sym *block = malloc(SYMBOLS * sizeof(*block));
	uint64_t total = table->sh_size / sizeof(*block);

	if (!block)
		return -ENOMEM;
	for (uint64_t done = 0; done < total;) {
		size_t fresh = total - done < SYMBOLS ? total - done : SYMBOLS;
		int r;

		r = elf64_read(f, table->sh_offset + done * sizeof(*block), block,
			       fresh * sizeof(*block));
		if (r == 0)
			r = match_symbols(f, block, fresh, n, found);
		if (r < 0)
			return r;
		done += fresh;
	}
	return 0;
}

/* ---- sections ---- */

static int search_table(const struct elf64 *f, const Elf64_Shdr *table, const Elf64_Shdr *strings,
			struct names *n, struct found *found)
{
	int r;

	if (table->sh_entsize != sizeof(Elf64_Sym) || strings->sh_type != SHT_STRTAB ||
	    table->sh_size > TABLE_MAX || strings->sh_size > TABLE_MAX)
		return -EBADMSG;
	n->place_count = 0;
	r = find_places(f, strings, n);
	if (r < 0 || !n->place_count)
		return r;
	return find_symbols(f, table, n, found);
}

int elf64_find_internal(const struct elf64 *f, const char *const *names, size_t n,
			struct elf64_function *out, size_t cap, size_t *count)
{
	struct found found = {out, cap, count, 0};
	_free_ Elf64_Shdr *sections = NULL;
	size_t section_count;
	struct names wanted;
	int r;

	r = prepare_names(&wanted, names, n);
	if (r < 0)
		return r;
	r = elf64_sections(f, &sections, &section_count);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	for (size_t i = 0; i < section_count; i++) { /* a file has one such table at most */
		const Elf64_Shdr *s = &sections[i];

		if (s->sh_type != SHT_SYMTAB)
			continue;
		if (s->sh_link >= section_count)
			return 0;
		r = search_table(f, s, &sections[s->sh_link], &wanted, &found);
		return r == -EBADMSG ? 0 : r;
	}
	return 0;
}
