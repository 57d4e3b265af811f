/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_GOTABLE_H
#define WARDEN_GOTABLE_H

#include <stdbool.h>

#include "elf64.h"

/*
 * The table of functions that a Go program carries for its own use (pclntab), which strip(1) leaves where it
 * is: names, entries, and how deep the stack is at each instruction. Formats of Go 1.2, 1.16, 1.18 and 1.20,
 * as runtime/symtab.go and debug/gosym read them. As in elf64.h, nothing in the file is believed.
 */
struct go_table {
	const struct elf64 *elf; /* borrowed */
	uint64_t at;             /* in the file */
	uint64_t size;
	const struct go_layout *layout;
	uint64_t count;     /* functions */
	uint64_t text;      /* address that entries count from; 0: the table does not say, or they are addresses */
	uint64_t names;     /* this and what follows: from the beginning of the table */
	uint64_t names_end;
	uint64_t depths;
	uint64_t functions;
};

struct go_function {
	uint64_t entry;  /* an address, or a distance from the beginning of the text: go_table_relative() */
	uint64_t size;   /* up to the next function, padding included; 0: there is no such function */
	uint64_t depths; /* its table of stack depths, in the file */
};

/* Looks for the table. Returns 0; -ENOENT when there is none, or one of a format that is not known; -ENOMEM or
 * the -errno of reading. */
int go_table_open(const struct elf64 *elf, struct go_table *ret);

/* Whether entries count from the beginning of the text (Go 1.18 and later). */
bool go_table_relative(const struct go_table *t);

/*
 * Looks for functions by their names, at most ELF64_NAMES_MAX: `out` has one for each. Returns 0; -EBADMSG when
 * the table is broken; -ENOMEM or the -errno of reading.
 */
int go_table_find(const struct go_table *t, const char *const *names, size_t n, struct go_function *out);

#endif
