/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_MENTIONS_H
#define WARDEN_MENTIONS_H

#include <stdbool.h>

#include "elf64.h"

/*
 * Places where the code of a file mentions a text among its constants: libraries raise errors with the name
 * of a function, or of a source file, which strip(1) leaves. Position-independent code loads the address of
 * one by `lea n(%rip), %reg`, and no other form is looked for.
 *
 * A function is known by the table for unwinding, and that is not believed: it has to be where compilers
 * put functions, and each of its instructions, from the first to the mention, has to be known, so that it
 * begins where one does (mention_function()). The table has entries for parts of functions, too, that a
 * compiler has put elsewhere: `saves` tells, or that it is called, that one is whole.
 */
struct mention_text {
	const char *text;
	bool tail; /* of a longer one */
};

struct mention {
	size_t text;	  /* index of it */
	uint64_t address; /* of the instruction */
};

/* A function that mentions a text. */
struct mention_function {
	uint64_t address; /* of its first instruction; 0: none */
	uint64_t offset;  /* in the file */
	uint64_t size;
	bool saves; /* it begins by saving registers, as nothing but a whole function does */
};

/* All mentions of some texts, in the order of their addresses within a segment. */
struct mentions {
	struct mention *at; /* owned */
	size_t count;
};

#define MENTION_TEXTS_MAX 16

/*
 * Looks for the texts, in one pass over the constants, and only if the first `needed` ones are there in one
 * over the code. Returns 0; -ENOENT when they are not, or there are more mentions than any library makes;
 * -ENOMEM, -EBADMSG or -errno.
 */
int mentions_find(const struct elf64 *f, const struct mention_text *texts, size_t n, size_t needed,
		  struct mentions *ret);

void mentions_free(struct mentions *m);

/*
 * The only function that mentions a text. Returns 0; -ENOENT when none does; -EUCLEAN when several do, or it is
 * not certain where it begins, or what a probe would do to its first instruction; -ENOMEM or -errno.
 */
int mention_function(const struct elf64 *f, const struct mentions *m, size_t text, struct mention_function *ret);

/* The same of the function around one place in code. */
int mention_function_at(const struct elf64 *f, uint64_t address, struct mention_function *ret);

#endif
