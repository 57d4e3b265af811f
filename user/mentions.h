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
enum mention_text {
	MENTION_SSL_WRITE, /* names of functions: see openssl.h */
	MENTION_SSL_READ,
	MENTION_SSL_HANDSHAKE,
	MENTION_SSL_CLEAR,
	MENTION_SSL_NEW,
	MENTION_AEAD, /* a source file: see awslc.h */
	MENTION_TEXTS,
};

struct mention {
	enum mention_text text;
	uint64_t address; /* of the instruction */
};

/* A function that mentions a text. */
struct mention_function {
	uint64_t address; /* of its first instruction; 0: none */
	uint64_t offset;  /* in the file */
	uint64_t size;
	bool saves; /* it begins by saving registers, as nothing but a whole function does */
};

/* All mentions of these texts, in the order of their addresses within a segment. */
struct mentions {
	struct mention *at; /* owned */
	size_t count;
	bool there[MENTION_TEXTS]; /* it is mentioned */
};

/*
 * Looks for the texts, in one pass over the constants, and if one is there that tells of a library, in one
 * over the code. Returns 0; -ENOENT when none is, or there are more mentions than any library makes;
 * -ENOMEM, -EBADMSG or -errno.
 */
int mentions_find(const struct elf64 *f, struct mentions *ret);

void mentions_free(struct mentions *m);

/*
 * The only function that mentions a text. Returns 0; -ENOENT when none does; -EUCLEAN when several do, or it is
 * not certain where it begins, or what a probe would do to its first instruction; -ENOMEM or -errno.
 */
int mention_function(const struct elf64 *f, const struct mentions *m, enum mention_text text,
		     struct mention_function *ret);

/*
 * Whether an instruction with this first byte is not to be probed. Kernels have taken those with such a prefix
 * (VEX, EVEX) for others, and executed them wrongly where a probe had replaced them.
 */
bool mention_is_vector(unsigned char first);

/* The same of the function around one mention. */
int mention_function_at(const struct elf64 *f, uint64_t address, struct mention_function *ret);

#endif
