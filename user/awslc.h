/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AWSLC_H
#define WARDEN_AWSLC_H

#include "elf64.h"
#include "mentions.h"

/*
 * Finds the functions of AWS-LC that seal and open records, in a program without symbols: rustls calls them.
 *
 * All of them are in one source file, which they name when they raise an error (mentions.h), with a reason.
 * Reasons are numbers that do not change. Each of the functions has other ones, so that the set of them tells
 * which it is; all are there once, and nothing else in that file raises errors. What begins a key is among them,
 * too, which tells that an address is another object's from then on.
 */
enum awslc_function {
	AWSLC_SEAL,	    /* EVP_AEAD_CTX_seal(), and so on */
	AWSLC_SEAL_SCATTER,
	AWSLC_OPEN,
	AWSLC_OPEN_GATHER,
	AWSLC_INIT,
	AWSLC_INIT_WITH_DIRECTION,
	AWSLC_START, /* where the program begins: not of that library */
	AWSLC_FUNCTIONS,
};

/* Returns 0 and all of the functions, `name` being the enum; -ENOENT when `m` tells of none; -EUCLEAN when there
 * are some, but not every check holds, and in `ret_why` which one does not (static); -ENOMEM or -errno. */
int awslc_find(const struct elf64 *f, const struct mentions *m, struct elf64_function ret[AWSLC_FUNCTIONS],
	       const char **ret_why);

#endif
