/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "elf64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define BLOCK ((size_t)256 << 10) /* stays in the processor's cache */

struct scan {
	const struct elf64 *f;
	uint64_t low, high;
	size_t before, after;
	unsigned char *buffer;
	elf64_block_fn fn;
	void *arg;
};

static bool has_content(const Elf64_Phdr *s, enum elf64_content content)
{
	uint32_t flags = content == ELF64_CODE ? PF_X : 0;

	return s->p_type == PT_LOAD && (s->p_flags & (PF_X | PF_W)) == flags;
}

static int scan_segment(const struct scan *c, const Elf64_Phdr *s)
{
	for (uint64_t at = 0; at < s->p_filesz; at += BLOCK) {
		uint64_t before = at < c->before ? at : c->before;
		uint64_t rest = s->p_filesz - at + before;
		size_t n = before + BLOCK + c->after;
		struct elf64_block b = {c->buffer, s->p_vaddr + at - c->before, c->before, 0};
		unsigned char *to = c->buffer + c->before - before;
		int r;

		if (s->p_vaddr + at > c->high || s->p_vaddr + at + BLOCK <= c->low)
			continue;
		n = rest < n ? rest : n;
		memset(c->buffer, 0, c->before - before);
		r = elf64_read(c->f, s->p_offset + at - before, to, n);
		if (r < 0)
			return r;
		memset(to + n, 0, c->after);
		b.to = c->before + (s->p_filesz - at < BLOCK ? s->p_filesz - at : BLOCK);
		c->fn(c->arg, &b);
	}
	return 0;
}

int elf64_scan_between(const struct elf64 *f, enum elf64_content content, uint64_t low, uint64_t high,
		       size_t before, size_t after, elf64_block_fn fn, void *arg)
{
	_free_ unsigned char *buffer = malloc(before + BLOCK + 2 * after);
	const struct scan c = {f, low, high, before, after, buffer, fn, arg};
	int r = 0;

	if (!buffer)
		return -ENOMEM;
	for (size_t i = 0; i < f->segment_count && r == 0; i++)
		if (has_content(&f->segments[i], content))
			r = scan_segment(&c, &f->segments[i]);
	return r;
}

int elf64_scan(const struct elf64 *f, enum elf64_content content, size_t before, size_t after,
	       elf64_block_fn fn, void *arg)
{
	return elf64_scan_between(f, content, 0, UINT64_MAX, before, after, fn, arg);
}
