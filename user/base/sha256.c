/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>

/* Looked up once, and kept: looking it up costs more than hashing. */
static const EVP_MD *algorithm(void)
{
	static EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	return md;
}

int sha256_start(struct sha256 *s)
{
	if (s->ctx)
		return EVP_DigestInit_ex2(s->ctx, NULL, NULL) ? 0 : -ENOTSUP;

	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		return -ENOMEM;
	if (!algorithm() || !EVP_DigestInit_ex2(s->ctx, algorithm(), NULL)) {
		sha256_free(s);
		return -ENOTSUP;
	}
	return 0;
}

int sha256_add(struct sha256 *s, const void *data, size_t len)
{
	return s->ctx && EVP_DigestUpdate(s->ctx, data, len) ? 0 : -EIO;
}

int sha256_finish(struct sha256 *s, char out[SHA256_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[32];

	if (!s->ctx || !EVP_DigestFinal_ex(s->ctx, digest, NULL))
		return -EIO;
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[SHA256_TEXT - 1] = '\0';
	return 0;
}

void sha256_free(struct sha256 *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}
