/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BORINGSSL_H
#define WARDEN_BORINGSSL_H

#include <stdbool.h>

#include "elf64.h"

/*
 * Finds the functions of a BoringSSL that was linked into a program without symbols: Bun, and what is
 * compiled with it.
 *
 * Where that library raises an error it loads constants and calls ERR_put_error(): library 16 (SSL), a
 * reason, the name of the source file, a line. Reasons do not change, lines keep their order, and such a
 * place is an anchor inside of a function: SSL_write() is the only one of ssl_lib.cc with reason 111. The
 * function begins at the nearest place below its first anchor that is called directly from anywhere. So
 * does SSL_read(). SSL_do_handshake() is what SSL_write() calls, and has its anchor anywhere.
 *
 * A probe on anything but an instruction's first byte breaks whoever runs it. So what was found is held
 * against what those functions do, against each other, and against the frame table where it covers them;
 * whatever does not fit refuses all of it.
 *
 * Programs without an executable segment of some size cost nothing, others two passes over these segments
 * in blocks (not over the scripts that Bun has behind them), from the page cache at some GB/s. Mapping
 * them would gain nothing: a pass touches each page once, and would fault it in.
 */
enum boringssl_function {
	BORINGSSL_WRITE,     /* SSL_write(), and so on: arguments and results as in OpenSSL */
	BORINGSSL_READ,
	BORINGSSL_HANDSHAKE, /* SSL_do_handshake(), which every handshake enters */
	BORINGSSL_FUNCTIONS,
};

/*
 * Returns 0 and all of the functions, `name` being the enum; -ENOENT when there is no such library;
 * -EUCLEAN when there is, but not every check holds, and in `ret_why` which one does not (static);
 * -ENOMEM or the -errno of reading.
 */
int boringssl_find(const struct elf64 *f, struct elf64_function ret[BORINGSSL_FUNCTIONS],
		   const char **ret_why);

/* ---- parts of it ---- */

/* A place that raises an error of library 16. */
struct boringssl_anchor {
	uint64_t address; /* of the instruction that loads the 16 */
	uint64_t file;	  /* address of the source's name */
	uint64_t callee;  /* what is called there; 0: it jumps to a call */
	uint32_t reason;
	uint32_t line;
};

/* How far around the 16 an anchor reaches. */
#define BORINGSSL_BEFORE 16
#define BORINGSSL_AFTER	 64

/*
 * Reads the anchor whose `mov $16, %edi` is at `code`, for which `address` is its address. So much as
 * above has to be readable around it. False when this is none.
 */
bool boringssl_anchor(const unsigned char *code, uint64_t address, struct boringssl_anchor *ret);

/* What the code of a function tells. */
struct boringssl_layout {
	uint32_t state; /* where rwstate is in the struct behind SSL.s3, */
	uint32_t quic;	/* and quic_method in SSL */
	int64_t error;	/* of SSL_do_handshake(): where it raises its error, from its entry */
};

#define BORINGSSL_CODE 0x100 /* bytes of a function that the checks look at */

/*
 * Whether this is the code of SSL_write(), SSL_read(), SSL_do_handshake(), and what it tells: the
 * rest is left as it is.
 */
bool boringssl_is(enum boringssl_function which, const unsigned char code[BORINGSSL_CODE],
		  struct boringssl_layout *layout);

#endif
