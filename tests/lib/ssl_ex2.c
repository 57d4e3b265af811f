/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A library in front of OpenSSL, to be preloaded, for tests: it has the SSL_write_ex2() of OpenSSL 3.3 on top
 * of an older one, with SSL_write_ex() jumping to it as it does there.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

typedef int write_ex_fn(void *ssl, const void *text, size_t len, size_t *written);
typedef int read_fn(void *ssl, void *to, int room);

static void *real(const char *name)
{
	return dlsym(dlopen("libssl.so.3", RTLD_NOW), name);
}

int SSL_write_ex2(void *ssl, const void *text, size_t len, uint64_t flags, size_t *written)
{
	return ((write_ex_fn *)real("SSL_write_ex"))(ssl, text, len, written);
}

int SSL_write_ex(void *ssl, const void *text, size_t len, size_t *written)
{
	return SSL_write_ex2(ssl, text, len, 0, written);
}

int SSL_read(void *ssl, void *to, int room)
{
	return ((read_fn *)real("SSL_read"))(ssl, to, room);
}
