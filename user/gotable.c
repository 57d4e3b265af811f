/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "gotable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define TABLE_MAX     ((uint64_t)256 << 20)
#define FUNCTIONS_MAX ((uint64_t)4 << 20)
#define FUNCTION_MAX  ((uint64_t)64 << 10) /* bytes of code */
#define BLOCK         ((size_t)256 << 10)
#define WORD          sizeof(uint64_t) /* of the table's header, on x86-64 */
#define HEADER_WORDS  8
#define RECORD        16 /* bytes of a function's record that are read, behind the entry */
#define NOT_NAMED     UINT32_MAX

/* Where things are. Fields are words of the header behind the first, which holds the magic number. */
struct go_layout {
	uint32_t magic;
	uint8_t entry_size;	/* of half a row in the table of functions: an entry, a distance */
	uint8_t relative;	/* entries count from the beginning of the text */
	int8_t text, names, names_end, depths, functions; /* fields; -1: none, the table itself */
};

static const struct go_layout layouts[] = {
	{0xfffffff1, 4, 1, 2, 3, 4, 6, 7},     /* 1.20 */
	{0xfffffff0, 4, 1, 2, 3, 4, 6, 7},     /* 1.18 */
	{0xfffffffa, 8, 0, -1, 2, 3, 5, 6},    /* 1.16 */
	{0xfffffffb, 8, 0, -1, -1, -1, -1, -1}, /* 1.2 */
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

struct header {
	uint32_t magic;
	uint8_t zero[2];
	uint8_t quantum; /* the least length of an instruction */
	uint8_t word;
	uint64_t field[HEADER_WORDS];
};

static uint64_t field_of(const struct header *h, int field, uint64_t otherwise)
{
	return field < 0 ? otherwise : h->field[field];
}

/* Whether a table begins with this header, of which `size` bytes are there at most. */
static bool understand(const struct header *h, uint64_t size, struct go_table *t)
{
	const struct go_layout *l = NULL;

	for (size_t i = 0; i < LAYOUTS; i++)
		if (h->magic == layouts[i].magic)
			l = &layouts[i];
	if (!l || h->zero[0] || h->zero[1] || h->quantum != 1 || h->word != WORD)
		return false;
	t->layout = l;
	t->size = size;
	t->count = h->field[0];
	t->text = field_of(h, l->text, 0);
	t->names = field_of(h, l->names, 0);
	t->names_end = field_of(h, l->names_end, size);
	t->depths = field_of(h, l->depths, 0);
	t->functions = field_of(h, l->functions, 2 * WORD);
	return t->count && t->count <= FUNCTIONS_MAX && t->names < t->names_end &&
	       t->names_end <= size && t->depths < size && t->functions < size &&
	       (2 * t->count + 1) * l->entry_size <= size - t->functions;
}

/* ---- where it is ---- */

static bool open_at(const struct elf64 *elf, uint64_t at, uint64_t size, struct go_table *ret)
{
	struct header h;

	if (at > elf->size || elf64_read(elf, at, &h, sizeof(h)) < 0)
		return false;
	if (size > elf->size - at)
		size = elf->size - at;
	*ret = (struct go_table){.elf = elf, .at = at};
	return understand(&h, size < TABLE_MAX ? size : TABLE_MAX, ret);
}

/* Looks for a table in a part of the file, in which it may lie at any multiple of 8 (2^3). */
static int scan(const struct elf64 *elf, uint64_t at, uint64_t size, struct go_table *ret)
{
	_free_ uint64_t *block = malloc(BLOCK);
	uint64_t end = at + size;

	if (!block)
		return -ENOMEM;
	for (; at < end; at += BLOCK) {
		size_t len = end - at < BLOCK ? end - at : BLOCK;
		int r = elf64_read(elf, at, block, len);

		if (r < 0)
			return r;
		for (size_t i = 0; i < len / WORD; i++)
			if (block[i] >> 32 == 0x08010000 && /* word, quantum, zeros */
			    open_at(elf, at + i * WORD, end - at - i * WORD, ret))
				return 0;
	}
	return -ENOENT;
}

static int scan_segments(const struct elf64 *elf, struct go_table *ret)
{
	uint64_t left = TABLE_MAX; /* in all */
	int r = -ENOENT;

	for (size_t i = 0; i < elf->segment_count && r == -ENOENT; i++) {
		const Elf64_Phdr *s = &elf->segments[i];
		uint64_t at = (s->p_offset + WORD - 1) & ~(uint64_t)(WORD - 1);
		uint64_t size = s->p_filesz < left ? s->p_filesz : left;

		if (s->p_type != PT_LOAD || at >= elf->size)
			continue;
		if (size > elf->size - at)
			size = elf->size - at;
		r = scan(elf, at, size, ret);
		left -= size;
	}
	return r;
}

#define BUILDINFO_MAGIC	 "\xff Go buildinf:"
#define BUILDINFO_ALIGN	 16
#define BUILDINFO_SEARCH ((size_t)64 << 10) /* as far as Go itself looks for it */

/* What a Go program without sections is known by: at the beginning of its data. */
static bool has_buildinfo(const struct elf64 *elf)
{
	_free_ char *data = malloc(BUILDINFO_SEARCH);

	for (size_t i = 0; data && i < elf->segment_count; i++) {
		const Elf64_Phdr *s = &elf->segments[i];
		size_t len = s->p_filesz < BUILDINFO_SEARCH ? s->p_filesz : BUILDINFO_SEARCH;

		if (s->p_type != PT_LOAD || !(s->p_flags & PF_W) ||
		    elf64_read(elf, s->p_offset, data, len) < 0)
			continue;
		for (size_t at = 0; at + sizeof(BUILDINFO_MAGIC) <= len; at += BUILDINFO_ALIGN)
			if (!memcmp(data + at, BUILDINFO_MAGIC, sizeof(BUILDINFO_MAGIC) - 1))
				return true;
	}
	return false;
}

int go_table_open(const struct elf64 *elf, struct go_table *ret)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo"};
	Elf64_Shdr s[3];
	int r;

	r = elf64_find_sections(elf, names, 3, s);
	if (r < 0 && r != -EBADMSG)
		return r;
	for (size_t i = 0; r == 0 && i < 2; i++)
		if (s[i].sh_size && open_at(elf, s[i].sh_offset, s[i].sh_size, ret))
			return 0;
	/* One that another linker has put among its own data, or that has lost its sections. */
	if (r == 0 ? !s[2].sh_size : !has_buildinfo(elf))
		return -ENOENT;
	return scan_segments(elf, ret);
}

bool go_table_relative(const struct go_table *t)
{
	return t->layout->relative;
}

/* ---- a part of the table, kept while what follows is asked for ---- */

struct window {
	const struct go_table *t;
	uint64_t at;
	size_t len;
	uint8_t bytes[BLOCK];
};

/*
 * `n` bytes at a place of the table. Places are to ascend: then all of the table is read once, whatever it
 * says. Returns NULL when they do not, or are not there.
 */
static const uint8_t *window_get(struct window *w, uint64_t at, size_t n)
{
	const struct go_table *t = w->t;

	if (at < w->at || at > t->size || n > t->size - at)
		return NULL;
	if (at + n > w->at + w->len) {
		w->at = at;
		w->len = t->size - at < BLOCK ? t->size - at : BLOCK;
		if (elf64_read(t->elf, t->at + at, w->bytes, w->len) < 0)
			return NULL;
	}
	return w->bytes + (at - w->at);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

/* ---- names ---- */

struct wanted {
	const char *const *names;
	size_t count;
	uint32_t at[ELF64_NAMES_MAX]; /* where each begins, from the first on; NOT_NAMED */
};

/* Looks for one name in a block, in front of which and behind which there is a NUL. */
static void find_in_block(struct wanted *w, size_t i, const uint8_t *block, size_t len, uint64_t at)
{
	char text[ELF64_NAME_MAX + 2] = "";
	size_t n = strlen(w->names[i]);
	const uint8_t *p;

	memcpy(text + 1, w->names[i], n + 1);
	p = memmem(block, len, text, n + 2);
	if (p && w->at[i] == NOT_NAMED)
		w->at[i] = (uint32_t)(at + (uint64_t)(p - block) + 1);
}

static int find_names(const struct go_table *t, struct wanted *w)
{
	_free_ uint8_t *block = malloc(BLOCK);
	uint64_t at = t->names, end = t->names_end;
	size_t old = 1; /* the NUL in front of the first */

	if (!block)
		return -ENOMEM;
	block[0] = 0;
	while (at < end) {
		size_t fresh = end - at < BLOCK - old ? end - at : BLOCK - old;
		size_t len = old + fresh;
		int r = elf64_read(t->elf, t->at + at, block + old, fresh);

		if (r < 0)
			return r;
		for (size_t i = 0; i < w->count; i++)
			find_in_block(w, i, block, len, at - old - t->names);
		at += fresh;
		old = len < ELF64_NAME_MAX + 2 ? len : ELF64_NAME_MAX + 2;
		memmove(block, block + len - old, old);
	}
	return 0;
}

/* ---- functions ---- */

/* A function with one of the names: `row` is its own in the table, the next one's entry follows. */
static int take_function(const struct go_table *t, const uint8_t *row, const uint8_t *record,
			 struct go_function *f)
{
	size_t size = t->layout->entry_size;
	uint64_t depths = t->depths + get32(record + size + 12);

	if (f->size) /* two of that name: nobody knows which is called */
		return -EBADMSG;
	f->entry = get(row, size);
	f->size = get(row + 2 * size, size) - f->entry;
	if (!f->size || f->size > FUNCTION_MAX || depths >= t->size ||
	    get(record, size) != f->entry)
		return -EBADMSG;
	f->depths = t->at + depths;
	return 0;
}

static int match_function(const struct go_table *t, const struct wanted *w, const uint8_t *row,
			  const uint8_t *record, struct go_function *out)
{
	uint32_t name = get32(record + t->layout->entry_size);

	for (size_t i = 0; i < w->count; i++)
		if (w->at[i] == name)
			return take_function(t, row, record, &out[i]);
	return 0;
}

static int find_functions(const struct go_table *t, const struct wanted *w, struct go_function *out)
{
	_free_ struct window *rows = calloc(1, sizeof(*rows));
	_free_ struct window *records = calloc(1, sizeof(*records));
	uint64_t base = t->layout->functions < 0 ? 0 : t->functions; /* of the second halves */
	size_t size = t->layout->entry_size;

	if (!rows || !records)
		return -ENOMEM;
	rows->t = records->t = t;
	for (uint64_t i = 0; i < t->count; i++) {
		const uint8_t *row = window_get(rows, t->functions + 2 * i * size, 3 * size);
		const uint8_t *record;
		int r;

		if (!row)
			return -EBADMSG;
		record = window_get(records, base + get(row + size, size), size + RECORD);
		if (!record)
			return -EBADMSG;
		r = match_function(t, w, row, record, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int go_table_find(const struct go_table *t, const char *const *names, size_t n, struct go_function *out)
{
	struct wanted w = {.names = names, .count = n};
	int r;

	if (n > ELF64_NAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) > ELF64_NAME_MAX)
			return -EINVAL;
		w.at[i] = NOT_NAMED;
		out[i] = (struct go_function){};
	}
	r = find_names(t, &w);
	return r < 0 ? r : find_functions(t, &w, out);
}
