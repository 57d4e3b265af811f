/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_SHA256_H
#define WARDEN_BASE_SHA256_H

#include <stddef.h>

/* SHA-256 by libcrypto, as 64 lower-case hexadecimal digits. */

#define SHA256_TEXT 65 /* with its NUL */

/* A digest in the making, which can be used for many; all zeros is none. */
struct sha256 {
	struct evp_md_ctx_st *ctx; /* owned; an EVP_MD_CTX */
};

/* Begins a digest, whatever was under way. Returns 0, -ENOMEM, or -ENOTSUP (no SHA-256). */
int sha256_start(struct sha256 *s);

/* Both return 0 or -EIO, which is also what comes of a digest that was not begun. */
int sha256_add(struct sha256 *s, const void *data, size_t len);
int sha256_finish(struct sha256 *s, char out[SHA256_TEXT]);

void sha256_free(struct sha256 *s);

#endif
