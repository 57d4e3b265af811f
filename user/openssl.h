/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_OPENSSL_H
#define WARDEN_OPENSSL_H

#include "elf64.h"
#include "mentions.h"
#include "wire.h"

/*
 * Finds the functions of an OpenSSL 3 that was linked into a program without symbols: Codex, and
 * what else in Rust uses native-tls.
 *
 * Where that library raises an error it names the function (mentions.h). So the only function that mentions
 * "ssl_write_internal" is that one, through which all text goes that is to be encrypted, whatever an
 * application calls; "ssl_read_internal" is the same for the other direction. "SSL_clear" begins each
 * handshake, "SSL_do_handshake" and "SSL_new" are what they say. SSL_free() raises no error and is not
 * found: an object begins when it is made, and ends with the next one at its address.
 *
 * Since 3.3 ssl_write_internal() has flags in front of the place for its count. Which it is, the calls of it
 * say, and the version's text must not say otherwise; not every program has that.
 */
enum openssl_function {
	OPENSSL_WRITE,
	OPENSSL_READ,
	OPENSSL_HANDSHAKE,
	OPENSSL_CLEAR,
	OPENSSL_NEW,
	OPENSSL_FUNCTIONS,
};

struct openssl {
	struct elf64_function functions[OPENSSL_FUNCTIONS]; /* `name` being the enum */
	enum tls_abi write; /* how ssl_write_internal() is called */
};

/* Returns 0; -ENOENT when `m` tells of none; -EUCLEAN when there is, but not every check holds, and in `ret_why`
 * which one does not (static); -ENOMEM or -errno. */
int openssl_find(const struct elf64 *f, const struct mentions *m, struct openssl *ret, const char **ret_why);

#endif
