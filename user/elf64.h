/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ELF64_H
#define WARDEN_ELF64_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads x86-64 ELF programs and libraries: what they load, and where their functions are. The files
 * belong to whoever is watched, so nothing in them is believed: every place and length is checked,
 * every table is bounded, and they are read piece by piece instead of mapped, because a mapping of
 * a file that its owner truncates kills the reader (SIGBUS). Only what is asked for is read, so the
 * size of the file does not matter.
 *
 * (Not "elf.h": that would hide the system's header of this name from everybody else.)
 */
struct elf64 {
	int fd;        /* borrowed; must stay open */
	uint64_t size; /* of the file */
	Elf64_Ehdr header;
	Elf64_Phdr *segments; /* owned */
	size_t segment_count;
	Elf64_Dyn *dynamic; /* owned; without its DT_NULL */
	size_t dynamic_count;
};

/*
 * Reads the headers. Returns 0; -ENOEXEC when it is no program or library for x86-64; -EBADMSG when
 * it is one but broken; -ENOMEM or the -errno of reading.
 */
int elf64_open(int fd, struct elf64 *ret);

/* Frees what it holds and leaves zeros; the descriptor stays open. */
void elf64_close(struct elf64 *f);

/* Reads exactly `len` bytes at a place of the file. Returns 0, -EBADMSG when they are not there, or
 * -errno. */
int elf64_read(const struct elf64 *f, uint64_t offset, void *out, size_t len);

/*
 * The place in the file of an address of the program, through a segment that has all the `flags`
 * (PF_X; 0 for any), and how many bytes the segment has from there. Returns 0 or -EBADMSG.
 */
int elf64_place(const struct elf64 *f, uint64_t address, uint32_t flags, uint64_t *ret_offset,
		uint64_t *ret_left);

/* The value of a tag of the dynamic section, the last one if there are several, as the loader takes
 * it. Returns 0 or -ENOENT. */
int elf64_tag(const struct elf64 *f, int64_t tag, uint64_t *ret);

/* Where the dynamic string table is. Returns 0, -ENOENT or -EBADMSG. */
int elf64_strings(const struct elf64 *f, uint64_t *ret_offset, uint64_t *ret_size);

/* The GNU build id in lower-case hexadecimal digits, to be freed. Returns 0, -ENOENT, -ENOMEM. */
int elf64_build_id(const struct elf64 *f, char **ret);

/* The path of the dynamic loader (PT_INTERP), to be freed. Returns 0, -ENOENT, -EBADMSG, -ENOMEM.
 */
int elf64_interpreter(const struct elf64 *f, char **ret);

/*
 * The function that the table for unwinding (PT_GNU_EH_FRAME) says is at an address: where it begins, and
 * how long it is. Returns 0; -ENOENT when it knows of none there, or there is no such table; -EBADMSG or
 * -errno.
 */
int elf64_frame(const struct elf64 *f, uint64_t address, uint64_t *ret_start, uint64_t *ret_size);

/* Whether it is a program, be it one that is loaded anywhere and needs no loader, and no library. */
bool elf64_is_program(const struct elf64 *f);

/* What segments hold that nobody writes to. */
enum elf64_content {
	ELF64_CODE,
	ELF64_CONSTANTS,
};

/* A piece of a segment. */
struct elf64_block {
	const unsigned char *bytes;
	uint64_t address; /* of its first byte */
	size_t from, to;  /* what is to be looked at: places in `bytes` */
};

typedef void (*elf64_block_fn)(void *arg, const struct elf64_block *b);

/*
 * Goes through all segments with such content, from the lowest byte to the last, in blocks that stay in the
 * processor's cache. Around what is to be looked at, `before` and `after` bytes are readable: the neighbours,
 * or zeros where the segment ends. Returns 0; -ENOMEM, -EBADMSG or -errno.
 */
int elf64_scan(const struct elf64 *f, enum elf64_content content, size_t before, size_t after,
	       elf64_block_fn fn, void *arg);

/* The same of blocks that have something between two addresses. */
int elf64_scan_between(const struct elf64 *f, enum elf64_content content, uint64_t low, uint64_t high,
		       size_t before, size_t after, elf64_block_fn fn, void *arg);

/* What a program or library asks the loader for. All owned. */
struct elf64_needs {
	char **names; /* DT_NEEDED, in order */
	size_t count;
	char *rpath;   /* DT_RPATH as it is written, or NULL */
	char *runpath; /* DT_RUNPATH, or NULL */
};

/* Reads it; one without a dynamic section needs nothing. Returns 0, -EBADMSG or -ENOMEM. */
int elf64_needs(const struct elf64 *f, struct elf64_needs *ret);

void elf64_needs_free(struct elf64_needs *n);

/* The table of sections, to be freed; many files have none. Returns 0, -EBADMSG, -ENOMEM or -errno. */
int elf64_sections(const struct elf64 *f, Elf64_Shdr **ret, size_t *ret_count);

/*
 * Looks for sections by their names: `out` has one for each, all zeros when there is none, and the first when
 * there are several. Returns 0, or as above.
 */
int elf64_find_sections(const struct elf64 *f, const char *const *names, size_t n, Elf64_Shdr *out);

/* A function with code in this file. */
struct elf64_function {
	size_t name;           /* index of the name asked for */
	uint64_t offset;       /* of its first instruction, in the file */
	uint64_t size;         /* in bytes; 0 when the symbol does not say */
	uint64_t ret_distance; /* from the entry to a `ret` byte, in the same segment; 0: none is known */
};

/* The most names that one search takes, and how long one may be. */
#define ELF64_NAMES_MAX 64
#define ELF64_NAME_MAX  255

/*
 * Looks for functions by their names: those that other files can use, by the hash table that the
 * loader uses (some reads a name, whatever the size of the file), or those of the symbol table that
 * strip(1) removes, which is read once from end to end (a table above 64 MiB is not read). Only
 * functions that are defined here, in an executable segment, are found; one place is given once.
 *
 * Appends to `out`, which holds `*count` of at most `cap`. Returns 0; -EINVAL for too many, empty or
 * too long names; -ENOMEM or the -errno of reading. A table that is missing or broken holds no
 * functions.
 */
int elf64_find_exported(const struct elf64 *f, const char *const *names, size_t n,
			struct elf64_function *out, size_t cap, size_t *count);
int elf64_find_internal(const struct elf64 *f, const char *const *names, size_t n,
			struct elf64_function *out, size_t cap, size_t *count);

/* The distance from a function of `size` bytes at a place of the file to a `ret` byte inside it, 0 for none,
 * as above. Returns 0, -EBADMSG or -errno. */
int elf64_find_ret(const struct elf64 *f, uint64_t offset, uint64_t size, uint64_t *ret);

/* Appends the function of a symbol, if it is one; for the two above. Returns 0 or -errno. */
int elf64_add_function(const struct elf64 *f, const Elf64_Sym *symbol, size_t name,
		       struct elf64_function *out, size_t cap, size_t *count);

#endif
