/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "elf64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SECTIONS_MAX 65536
#define NAMES_MAX    ((size_t)1 << 20)

int elf64_sections(const struct elf64 *f, Elf64_Shdr **ret, size_t *ret_count)
{
	_free_ Elf64_Shdr *sections = NULL;
	uint64_t n = f->header.e_shnum;
	Elf64_Shdr first;
	int r;

	if (!f->header.e_shoff || f->header.e_shentsize != sizeof(first))
		return -EBADMSG;
	r = elf64_read(f, f->header.e_shoff, &first, sizeof(first));
	if (r < 0)
		return r;
	if (!n) /* more than the header can count */
		n = first.sh_size;
	if (n > SECTIONS_MAX)
		return -EBADMSG;
	sections = malloc((n ? n : 1) * sizeof(*sections));
	if (!sections)
		return -ENOMEM;
	r = elf64_read(f, f->header.e_shoff, sections, n * sizeof(*sections));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(sections);
	*ret_count = n;
	return 0;
}

static int read_names(const struct elf64 *f, const Elf64_Shdr *sections, size_t count, char **ret,
		      size_t *ret_len)
{
	uint64_t at = f->header.e_shstrndx == SHN_XINDEX && count ? sections[0].sh_link
								  : f->header.e_shstrndx;
	_free_ char *text = NULL;
	size_t len;
	int r;

	if (at >= count || sections[at].sh_type != SHT_STRTAB || !sections[at].sh_size ||
	    sections[at].sh_size > NAMES_MAX)
		return -EBADMSG;
	len = sections[at].sh_size;
	text = malloc(len);
	if (!text)
		return -ENOMEM;
	r = elf64_read(f, sections[at].sh_offset, text, len);
	if (r < 0)
		return r;
	if (text[len - 1])
		return -EBADMSG;
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

int elf64_find_sections(const struct elf64 *f, const char *const *names, size_t n, Elf64_Shdr *out)
{
	_free_ Elf64_Shdr *sections = NULL;
	_free_ char *text = NULL;
	size_t count, len = 0;
	int r;

	r = elf64_sections(f, &sections, &count);
	if (r == 0)
		r = read_names(f, sections, count, &text, &len);
	if (r < 0)
		return r;
	memset(out, 0, n * sizeof(*out));
	for (size_t i = count; i-- > 0;)
		for (size_t k = 0; sections[i].sh_name < len && k < n; k++)
			if (!strcmp(text + sections[i].sh_name, names[k]))
				out[k] = sections[i];
	return 0;
}
