/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "elf64.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SEGMENTS_MAX (65536 / sizeof(Elf64_Phdr)) /* the kernel runs none with more */
#define DYNAMIC_MAX  8192
#define NOTES_MAX    ((size_t)64 << 10)
#define BUILD_ID_MAX 64

int elf64_read(const struct elf64 *f, uint64_t offset, void *out, size_t len)
{
	char *to = out;

	if (offset > f->size || len > f->size - offset)
		return -EBADMSG;
	while (len) {
		ssize_t n = pread(f->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* nothing: the file was cut off while it was read */
			return n < 0 ? -errno : -EBADMSG;
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads a table into new memory. */
static int read_table(const struct elf64 *f, uint64_t offset, size_t len, void **ret)
{
	_free_ void *table = malloc(len ? len : 1);
	int r;

	if (!table)
		return -ENOMEM;
	r = elf64_read(f, offset, table, len);
	if (r == 0)
		*ret = TAKE_PTR(table);
	return r;
}

/* ---- headers ---- */

static int check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum || h->e_phnum > SEGMENTS_MAX)
		return -EBADMSG;
	return 0;
}

static const Elf64_Phdr *find_segment(const struct elf64 *f, uint32_t type)
{
	for (size_t i = 0; i < f->segment_count; i++)
		if (f->segments[i].p_type == type)
			return &f->segments[i];
	return NULL;
}

static int read_dynamic(struct elf64 *f)
{
	const Elf64_Phdr *segment = find_segment(f, PT_DYNAMIC);
	void *table = NULL;
	size_t n;
	int r;

	if (!segment)
		return 0;
	n = segment->p_filesz / sizeof(Elf64_Dyn);
	if (n > DYNAMIC_MAX)
		return -EBADMSG;
	r = read_table(f, segment->p_offset, n * sizeof(Elf64_Dyn), &table);
	if (r < 0)
		return r;
	f->dynamic = table;
	while (f->dynamic_count < n && f->dynamic[f->dynamic_count].d_tag != DT_NULL)
		f->dynamic_count++;
	return 0;
}

static int read_headers(struct elf64 *f)
{
	void *table = NULL;
	int r;

	if (f->size < sizeof(f->header))
		return -ENOEXEC;
	r = elf64_read(f, 0, &f->header, sizeof(f->header));
	if (r == 0)
		r = check_header(&f->header);
	if (r < 0)
		return r;
	r = read_table(f, f->header.e_phoff, f->header.e_phnum * sizeof(Elf64_Phdr), &table);
	if (r < 0)
		return r;
	f->segments = table;
	f->segment_count = f->header.e_phnum;
	return read_dynamic(f);
}

int elf64_open(int fd, struct elf64 *ret)
{
	struct elf64 f = {.fd = fd};
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	f.size = (uint64_t)st.st_size;
	r = read_headers(&f);
	if (r < 0)
		elf64_close(&f);
	else
		*ret = f;
	return r;
}

void elf64_close(struct elf64 *f)
{
	free(f->segments);
	free(f->dynamic);
	*f = (struct elf64){.fd = -1};
}

/* ---- addresses ---- */

int elf64_place(const struct elf64 *f, uint64_t address, uint32_t flags, uint64_t *ret_offset,
		uint64_t *ret_left)
{
	for (size_t i = 0; i < f->segment_count; i++) {
		const Elf64_Phdr *s = &f->segments[i];
		uint64_t in = address - s->p_vaddr;
		uint64_t offset, left;

		if (s->p_type != PT_LOAD || (s->p_flags & flags) != flags || address < s->p_vaddr ||
		    in >= s->p_filesz)
			continue;
		if (__builtin_add_overflow(s->p_offset, in, &offset) || offset >= f->size)
			return -EBADMSG;
		left = s->p_filesz - in;
		*ret_offset = offset;
		*ret_left = left < f->size - offset ? left : f->size - offset;
		return 0;
	}
	return -EBADMSG;
}

int elf64_tag(const struct elf64 *f, int64_t tag, uint64_t *ret)
{
	for (size_t i = f->dynamic_count; i-- > 0;) {
		if (f->dynamic[i].d_tag == tag) {
			*ret = f->dynamic[i].d_un.d_val;
			return 0;
		}
	}
	return -ENOENT;
}

int elf64_strings(const struct elf64 *f, uint64_t *ret_offset, uint64_t *ret_size)
{
	uint64_t address, size, offset, left;
	int r;

	if (elf64_tag(f, DT_STRTAB, &address) < 0 || elf64_tag(f, DT_STRSZ, &size) < 0)
		return -ENOENT;
	r = elf64_place(f, address, 0, &offset, &left);
	if (r < 0)
		return r;
	*ret_offset = offset;
	*ret_size = size < left ? size : left;
	return 0;
}

bool elf64_is_program(const struct elf64 *f)
{
	uint64_t flags = 0;

	elf64_tag(f, DT_FLAGS_1, &flags);
	return f->header.e_type == ET_EXEC || find_segment(f, PT_INTERP) || flags & DF_1_PIE;
}

/* ---- interpreter and build id ---- */

int elf64_interpreter(const struct elf64 *f, char **ret)
{
	const Elf64_Phdr *s = find_segment(f, PT_INTERP);
	void *text = NULL;
	int r;

	if (!s)
		return -ENOENT;
	if (!s->p_filesz || s->p_filesz > PATH_MAX)
		return -EBADMSG;
	r = read_table(f, s->p_offset, s->p_filesz, &text);
	if (r < 0)
		return r;
	if (!memchr(text, '\0', s->p_filesz)) {
		free(text);
		return -EBADMSG;
	}
	*ret = text;
	return 0;
}

static char *hex(const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * len + 1);

	for (size_t i = 0; text && i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	if (text)
		text[2 * len] = '\0';
	return text;
}

/* Looks for the build id among the notes of one segment; both parts of a note are padded. */
static int search_notes(const unsigned char *notes, size_t len, size_t align, char **ret)
{
	size_t at = 0;
	Elf64_Nhdr n;

	while (len - at >= sizeof(n)) {
		size_t name, desc;

		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		if (n.n_namesz > len - name)
			return -ENOENT;
		desc = (name + n.n_namesz + align - 1) & ~(align - 1);
		if (desc > len || n.n_descsz > len - desc)
			return -ENOENT;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) && n.n_descsz &&
		    n.n_descsz <= BUILD_ID_MAX) {
			*ret = hex(notes + desc, n.n_descsz);
			return *ret ? 0 : -ENOMEM;
		}
		at = (desc + n.n_descsz + align - 1) & ~(align - 1);
		if (at > len)
			return -ENOENT;
	}
	return -ENOENT;
}

int elf64_build_id(const struct elf64 *f, char **ret)
{
	for (size_t i = 0; i < f->segment_count; i++) {
		const Elf64_Phdr *s = &f->segments[i];
		_free_ void *notes = NULL;
		int r;

		if (s->p_type != PT_NOTE || s->p_filesz > NOTES_MAX)
			continue;
		if (read_table(f, s->p_offset, s->p_filesz, &notes) < 0)
			continue;
		r = search_notes(notes, s->p_filesz, s->p_align == 8 ? 8 : 4, ret);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}
