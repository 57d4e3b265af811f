/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "tlsfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "awslc.h"
#include "boringssl.h"
#include "gotls.h"
#include "openssl.h"
#include "regular.h"

const char *const tlsfile_stacks[] = {"OpenSSL", "GnuTLS", "NSS", "BoringSSL in Bun", "Go",
				      "rustls on AWS-LC", NULL};

/* The functions that are probed, in this order. */
static const struct {
	const char *name;
	enum site_kind kind;
	enum tls_abi abi;
} functions[] = {
	/* OpenSSL, and what is made like it */
	{"SSL_write", SITE_WRITE, ABI_SSL},
	{"SSL_write_ex", SITE_WRITE, ABI_SSL_EX},
	{"SSL_write_ex2", SITE_WRITE, ABI_SSL_EX2},
	{"SSL_write_early_data", SITE_WRITE, ABI_SSL_EX},
	{"SSL_sendfile", SITE_WRITE, ABI_SSL_FILE},
	{"SSL_read", SITE_READ, ABI_SSL},
	{"SSL_read_ex", SITE_READ, ABI_SSL_EX},
	{"SSL_read_early_data", SITE_READ, ABI_SSL_EX},
	{"SSL_do_handshake", SITE_HANDSHAKE, ABI_SSL},
	{"SSL_connect", SITE_HANDSHAKE, ABI_SSL},
	{"SSL_peek", SITE_HANDSHAKE, ABI_SSL}, /* which may shake hands first */
	{"SSL_peek_ex", SITE_HANDSHAKE, ABI_SSL},
	{"SSL_clear", SITE_CLEAR, ABI_SSL},
	{"SSL_free", SITE_FREE, ABI_SSL},
	{"BIO_f_ssl", SITE_BIO, ABI_SSL},
	/* GnuTLS */
	{"gnutls_record_send", SITE_WRITE, ABI_GNUTLS},
	{"gnutls_record_send2", SITE_WRITE, ABI_GNUTLS},
	{"gnutls_record_send_range", SITE_WRITE, ABI_GNUTLS},
	{"gnutls_record_send_early_data", SITE_WRITE, ABI_GNUTLS_EARLY},
	{"gnutls_record_send_file", SITE_WRITE, ABI_GNUTLS_FILE},
	{"gnutls_record_recv", SITE_READ, ABI_GNUTLS},
	{"gnutls_record_recv_seq", SITE_READ, ABI_GNUTLS},
	{"gnutls_record_recv_early_data", SITE_READ, ABI_GNUTLS},
	{"gnutls_record_recv_packet", SITE_READ, ABI_GNUTLS_FILE},
	{"gnutls_record_uncork", SITE_READ, ABI_GNUTLS_FLUSH},
	{"gnutls_init", SITE_MAKE, ABI_GNUTLS_INIT},
	{"gnutls_handshake", SITE_HANDSHAKE, ABI_GNUTLS},
	{"gnutls_deinit", SITE_FREE, ABI_GNUTLS},
	/* NSS, which has TLS objects written to and read by functions of NSPR */
	{"SSL_ImportFD", SITE_MAKE, ABI_NSS_IMPORT},
	{"SSL_ForceHandshake", SITE_HANDSHAKE, ABI_NSPR},
	{"SSL_ForceHandshakeWithTimeout", SITE_HANDSHAKE, ABI_NSPR},
	{"SSL_ResetHandshake", SITE_CLEAR, ABI_NSPR},
	{"PR_Write", SITE_WRITE, ABI_NSPR},
	{"PR_Send", SITE_WRITE, ABI_NSPR},
	{"PR_Writev", SITE_WRITE, ABI_NSPR_FILE},
	{"PR_SendFile", SITE_WRITE, ABI_NSPR_FILE},
	{"PR_TransmitFile", SITE_WRITE, ABI_NSPR_FILE},
	{"PR_Read", SITE_READ, ABI_NSPR},
	{"PR_Recv", SITE_READ, ABI_NSPR_RECV},
	{"PR_Close", SITE_FREE, ABI_NSPR},
	{"PR_PushIOLayer", SITE_LAYER, ABI_NSPR},
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))
#define FOUND_MAX (4 * FUNCTIONS) /* a program may hold several copies of a library */

_Static_assert(FUNCTIONS <= ELF64_NAMES_MAX, "one search finds them all");

struct found {
	struct elf64_function at[FOUND_MAX];
	size_t count;
};

static bool has_kind(const struct found *found, enum site_kind kind)
{
	for (size_t i = 0; i < found->count; i++)
		if (functions[found->at[i].name].kind == kind)
			return true;
	return false;
}

static bool is_tls(const struct found *found)
{
	return (has_kind(found, SITE_WRITE) && has_kind(found, SITE_READ)) || has_kind(found, SITE_MAKE);
}

/*
 * The symbols that others use are quick to ask for; the rest is read only when they do not tell. Leaves none
 * when they are not TLS together.
 */
static int find_functions(const struct elf64 *elf, struct found *found)
{
	const char *names[FUNCTIONS];
	int r;

	for (size_t i = 0; i < FUNCTIONS; i++)
		names[i] = functions[i].name;
	found->count = 0;
	r = elf64_find_exported(elf, names, FUNCTIONS, found->at, FOUND_MAX, &found->count);
	if (r == 0 && !is_tls(found))
		r = elf64_find_internal(elf, names, FUNCTIONS, found->at, FOUND_MAX, &found->count);
	if (r < 0)
		return r;
	if (!is_tls(found))
		found->count = 0;
	return 0;
}

/* Those of functions with symbols, and behind them Go's, which it takes over. */
static int set_sites(struct tls_file *f, const struct found *found, struct tls_site *go, size_t go_count)
{
	f->sites = reallocarray(go, go_count + found->count, sizeof(*f->sites));
	if (!f->sites) {
		free(go);
		return -ENOMEM;
	}
	memmove(f->sites + found->count, f->sites, go_count * sizeof(*f->sites));
	for (size_t i = 0; i < FUNCTIONS; i++) {
		for (size_t k = 0; k < found->count; k++) {
			if (found->at[k].name != i)
				continue;
			f->sites[f->count++] = (struct tls_site){
				.function = functions[i].name,
				.offset = found->at[k].offset,
				.ret_distance = found->at[k].ret_distance,
				.abi = functions[i].abi,
				.kind = functions[i].kind,
			};
		}
	}
	f->count += go_count;
	return 0;
}

/* Adds those of functions without symbols; `kinds` says what each is. */
static int add_bare(struct tls_file *f, const struct tls_site *kinds, const struct elf64_function *found,
		    size_t n)
{
	struct tls_site *sites = reallocarray(f->sites, f->count + n, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	f->sites = sites;
	for (size_t i = 0; i < n; i++) {
		sites[f->count] = kinds[i];
		sites[f->count].offset = found[i].offset;
		sites[f->count++].ret_distance = found[i].ret_distance;
	}
	return 0;
}

/* Returns -ENOENT when it is not there, -EUCLEAN when it is not probed, and why in f->doubt. */
static int find_boringssl(const struct elf64 *elf, struct tls_file *f)
{
	static const struct tls_site sites[BORINGSSL_FUNCTIONS] = {
		[BORINGSSL_WRITE] = {.function = "SSL_write", .kind = SITE_WRITE, .abi = ABI_BORINGSSL},
		[BORINGSSL_READ] = {.function = "SSL_read", .kind = SITE_READ, .abi = ABI_BORINGSSL},
		[BORINGSSL_HANDSHAKE] = {.function = "SSL_do_handshake",
					 .kind = SITE_GREETING,
					 .abi = ABI_BORINGSSL},
	};
	struct elf64_function found[BORINGSSL_FUNCTIONS];
	int r = boringssl_find(elf, found, &f->doubt);

	return r < 0 ? r : add_bare(f, sites, found, BORINGSSL_FUNCTIONS);
}

static int find_openssl(const struct elf64 *elf, const struct mentions *m, struct tls_file *f)
{
	static const struct tls_site sites[OPENSSL_FUNCTIONS] = {
		[OPENSSL_WRITE] = {.function = "ssl_write_internal", .kind = SITE_WRITE, .abi = ABI_SSL_EX},
		[OPENSSL_READ] = {.function = "ssl_read_internal", .kind = SITE_READ, .abi = ABI_SSL_EX},
		[OPENSSL_HANDSHAKE] = {.function = "SSL_do_handshake", .kind = SITE_HANDSHAKE, .abi = ABI_SSL},
		[OPENSSL_CLEAR] = {.function = "SSL_clear", .kind = SITE_CLEAR, .abi = ABI_SSL},
		[OPENSSL_NEW] = {.function = "SSL_new", .kind = SITE_MAKE, .abi = ABI_SSL_NEW},
	};
	struct openssl found = {0};
	int r = openssl_find(elf, m, &found, &f->doubt);

	if (r == 0)
		r = add_bare(f, sites, found.functions, OPENSSL_FUNCTIONS);
	if (r == 0)
		f->sites[OPENSSL_WRITE].abi = found.write;
	return r;
}

static int find_awslc(const struct elf64 *elf, const struct mentions *m, struct tls_file *f)
{
	static const struct tls_site sites[AWSLC_FUNCTIONS] = {
		[AWSLC_SEAL] = {.function = "EVP_AEAD_CTX_seal", .kind = SITE_SEAL, .abi = ABI_SEAL},
		[AWSLC_SEAL_SCATTER] = {.function = "EVP_AEAD_CTX_seal_scatter",
					.kind = SITE_SEAL,
					.abi = ABI_SEAL_SCATTER},
		[AWSLC_OPEN] = {.function = "EVP_AEAD_CTX_open", .kind = SITE_READ, .abi = ABI_OPEN},
		[AWSLC_OPEN_GATHER] = {.function = "EVP_AEAD_CTX_open_gather",
				       .kind = SITE_READ,
				       .abi = ABI_OPEN_GATHER},
		[AWSLC_INIT] = {.function = "EVP_AEAD_CTX_init", .kind = SITE_FREE, .abi = ABI_SSL},
		[AWSLC_INIT_WITH_DIRECTION] = {.function = "EVP_AEAD_CTX_init_with_direction",
					       .kind = SITE_FREE,
					       .abi = ABI_SSL},
		[AWSLC_START] = {.function = "_start", .kind = SITE_START, .abi = ABI_SEAL},
	};
	struct elf64_function found[AWSLC_FUNCTIONS];
	int r = awslc_find(elf, m, found, &f->doubt);

	return r < 0 ? r : add_bare(f, sites, found, AWSLC_FUNCTIONS);
}

/*
 * What has no symbols. A program may hold several of these, and use one or another. Only of programs is it
 * asked: there are many libraries, and a start has time for their names and symbols, but not for their texts.
 */
static int find_bare(const struct elf64 *elf, struct tls_file *f)
{
	struct mentions m = {0};
	int openssl, awslc;

	if (!elf64_is_program(elf))
		return -ENOENT;
	openssl = awslc = mentions_find(elf, &m);
	if (openssl == 0)
		openssl = find_openssl(elf, &m, f);
	if (awslc == 0)
		awslc = find_awslc(elf, &m, f);
	mentions_free(&m);
	if (openssl == -ENOENT && awslc == -ENOENT)
		return find_boringssl(elf, f);
	if (openssl < 0 && openssl != -ENOENT && openssl != -EUCLEAN)
		return openssl;
	if (awslc < 0 && awslc != -ENOENT && awslc != -EUCLEAN)
		return awslc;
	return f->count ? 0 : -EUCLEAN;
}

static int set_identity(struct tls_file *f, const struct elf64 *elf, const char *path)
{
	struct stat st;

	if (fstat(elf->fd, &st) < 0)
		return -errno;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->fd = fcntl(elf->fd, F_DUPFD_CLOEXEC, 0);
	if (f->fd < 0)
		return -errno;
	f->path = strdup(path);
	if (!f->path || elf64_build_id(elf, &f->build_id) == -ENOMEM)
		return -ENOMEM;
	return 0;
}

static int find_sites(const struct elf64 *elf, struct tls_file *f)
{
	_free_ struct tls_site *go = NULL;
	struct found found;
	size_t go_count = 0;
	int r;

	r = find_functions(elf, &found);
	if (r == 0)
		r = gotls_sites(elf, &go, &go_count);
	if (r == -ENOENT && !found.count)
		return find_bare(elf, f);
	if (r < 0 && (r != -ENOENT || !found.count))
		return r;
	return set_sites(f, &found, TAKE_PTR(go), go_count);
}

int tlsfile_of(const struct elf64 *elf, const char *path, struct tls_file **ret)
{
	struct tls_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	r = find_sites(elf, f);
	if (r == 0 || f->doubt)
		r = set_identity(f, elf, path);
	if (r < 0)
		tlsfile_free(f);
	else
		*ret = f;
	return r;
}

int tlsfile_read(const char *path, struct tls_file **ret)
{
	_close_ int fd = -1;
	struct elf64 elf;
	struct stat st;
	int r;

	fd = regular_open(path, &st);
	if (fd < 0)
		return fd == -EINVAL ? -ENOENT : fd;
	r = elf64_open(fd, &elf);
	if (r < 0)
		return r == -ENOEXEC || r == -EBADMSG ? -ENOENT : r;
	r = tlsfile_of(&elf, path, ret);
	elf64_close(&elf);
	return r;
}

void tlsfile_attach_path(const struct tls_file *f, char out[TLSFILE_ATTACH_PATH])
{
	snprintf(out, TLSFILE_ATTACH_PATH, "/proc/self/fd/%d", f->fd);
}

void tlsfile_free(struct tls_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->build_id);
	free(f->sites);
	free(f);
}
