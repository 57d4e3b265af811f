/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "elf64.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define RET             0xc3
#define RET_SEARCH      ((uint64_t)64 << 10) /* as far as a `ret` is looked for */
#define RET_SEARCH_STEP 1024

/*
 * The distance from the entry to the next byte of code that is a `ret` when executed, be it inside another
 * instruction, or behind the function, as one that ends by jumping to another has none; never 0, where
 * the probe itself will be. 0 when there is none in `left` bytes.
 */
int elf64_find_ret(const struct elf64 *f, uint64_t offset, uint64_t left, uint64_t *ret)
{
	uint64_t size = left < RET_SEARCH ? left : RET_SEARCH;
	unsigned char code[RET_SEARCH_STEP];

	*ret = 0;
	for (uint64_t at = 1; at < size;) {
		size_t n = size - at < sizeof(code) ? size - at : sizeof(code);
		const unsigned char *p;
		int r;

		r = elf64_read(f, offset + at, code, n);
		if (r < 0)
			return r;
		p = memchr(code, RET, n);
		if (p) {
			*ret = at + (uint64_t)(p - code);
			return 0;
		}
		at += n;
	}
	return 0;
}

static bool known(const struct elf64_function *out, size_t count, uint64_t offset)
{
	for (size_t i = 0; i < count; i++)
		if (out[i].offset == offset)
			return true;
	return false;
}

int elf64_add_function(const struct elf64 *f, const Elf64_Sym *symbol, size_t name,
		       struct elf64_function *out, size_t cap, size_t *count)
{
	struct elf64_function fn = {.name = name};
	uint64_t left;
	int r;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
	    symbol->st_shndx == SHN_ABS)
		return 0;
	if (elf64_place(f, symbol->st_value, PF_X, &fn.offset, &left) < 0)
		return 0;
	if (*count == cap || known(out, *count, fn.offset))
		return 0;
	fn.size = symbol->st_size < left ? symbol->st_size : left;
	r = elf64_find_ret(f, fn.offset, left, &fn.ret_distance);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	out[(*count)++] = fn;
	return 0;
}
