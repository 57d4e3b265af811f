/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "gotls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gocode.h"
#include "gotable.h"

/*
 * All that leaves goes through writeRecordLocked(), of which one runs at a time for each connection, when its
 * handshake is over, or as a part of that.
 */
static const struct {
	const char *name;
	enum site_kind kind;
	enum tls_abi abi;
	bool returns; /* its end is followed, too */
} functions[] = {
	{"crypto/tls.(*Conn).writeRecordLocked", SITE_GO_WRITE, ABI_GO_RECORD, true},
	{"crypto/tls.(*Conn).Read", SITE_GO_READ, ABI_GO, true},
	{"crypto/tls.(*Conn).clientHandshake", SITE_CLEAR, ABI_GO, false},
	{"crypto/tls.(*Conn).serverHandshake", SITE_CLEAR, ABI_GO, false},
	{"crypto/tls.(*Conn).Close", SITE_GO_CLOSE, ABI_GO, true},
};

#define FUNCTIONS   (sizeof(functions) / sizeof(functions[0]))
#define SITES_MAX   (FUNCTIONS * (1 + sizeof(((struct go_code *)0)->rets) / sizeof(uint32_t)))
#define DEPTHS_MAX  4096
#define TEXT_SEARCH ((uint64_t)64 << 10) /* C's own code may be in front of Go's */
#define TEXT_ALIGN  16

struct place {
	uint64_t offset; /* in the file */
	struct go_code code;
};

static int read_function(const struct elf64 *elf, const struct go_function *f, uint64_t text,
			 struct place *ret)
{
	uint64_t left = elf->size - f->depths;
	size_t depths_len = left < DEPTHS_MAX ? left : DEPTHS_MAX;
	_free_ uint8_t *bytes = malloc(f->size + depths_len);
	int r;

	if (!bytes)
		return -ENOMEM;
	r = elf64_place(elf, text + f->entry, PF_X, &ret->offset, &left);
	if (r == 0 && left < f->size)
		r = -EBADMSG;
	if (r == 0)
		r = elf64_read(elf, ret->offset, bytes, f->size);
	if (r == 0)
		r = elf64_read(elf, f->depths, bytes + f->size, depths_len);
	return r < 0 ? r : go_code_read(bytes, f->size, bytes + f->size, depths_len, &ret->code);
}

static int read_functions(const struct elf64 *elf, const struct go_function *f, uint64_t text,
			  struct place *ret)
{
	int r = 0;

	for (size_t i = 0; i < FUNCTIONS && r == 0; i++)
		if (f[i].size)
			r = read_function(elf, &f[i], text, &ret[i]);
	return r;
}

/* What nobody calls is not there: mostly one of both handshakes. */
static bool has_all(const struct go_function *f)
{
	bool kinds[SITE_KINDS] = {0};

	for (size_t i = 0; i < FUNCTIONS; i++)
		kinds[functions[i].kind] |= f[i].size != 0;
	return kinds[SITE_GO_WRITE] && kinds[SITE_GO_READ] && kinds[SITE_CLEAR] && kinds[SITE_GO_CLOSE];
}

/*
 * Where the text begins, if the table does not say: at the beginning of its section, or behind what another
 * linker has put there. Whatever is tried, all of the functions must be there.
 */
static int search_text(const struct elf64 *elf, const struct go_function *f, struct place *ret)
{
	static const char *const name = ".text";
	Elf64_Shdr text;
	int r;

	r = elf64_find_sections(elf, &name, 1, &text);
	if (r < 0)
		return r;
	r = -EBADMSG;
	for (uint64_t at = 0; at < TEXT_SEARCH && at < text.sh_size && r == -EBADMSG; at += TEXT_ALIGN)
		r = read_functions(elf, f, text.sh_addr + at, ret);
	return r;
}

static int find_places(const struct elf64 *elf, struct place *ret)
{
	struct go_function found[FUNCTIONS];
	const char *names[FUNCTIONS];
	struct go_table t;
	int r;

	for (size_t i = 0; i < FUNCTIONS; i++)
		names[i] = functions[i].name;
	r = go_table_open(elf, &t);
	if (r == 0)
		r = go_table_find(&t, names, FUNCTIONS, found);
	if (r == 0 && !has_all(found))
		r = -ENOENT;
	if (r < 0)
		return r;
	memset(ret, 0, FUNCTIONS * sizeof(*ret));
	if (go_table_relative(&t) && !t.text)
		return search_text(elf, found, ret);
	return read_functions(elf, found, t.text, ret);
}

static void add_site(struct tls_site *sites, size_t *count, size_t i, enum site_kind kind, uint64_t offset)
{
	sites[(*count)++] = (struct tls_site){
		.function = functions[i].name,
		.offset = offset,
		.abi = functions[i].abi,
		.kind = kind,
	};
}

int gotls_sites(const struct elf64 *elf, struct tls_site **ret, size_t *ret_count)
{
	_free_ struct tls_site *sites = NULL;
	struct place at[FUNCTIONS];
	size_t count = 0;
	int r;

	r = find_places(elf, at);
	if (r < 0)
		return r == -EBADMSG ? -ENOENT : r;
	sites = calloc(SITES_MAX, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < FUNCTIONS; i++) {
		const struct go_code *code = &at[i].code;

		if (!code->ret_count)
			continue;
		add_site(sites, &count, i, functions[i].kind, at[i].offset + code->start);
		for (size_t k = 0; functions[i].returns && k < code->ret_count; k++)
			add_site(sites, &count, i, SITE_GO_LEAVE, at[i].offset + code->rets[k]);
	}
	*ret = TAKE_PTR(sites);
	*ret_count = count;
	return 0;
}
