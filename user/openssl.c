/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "openssl.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define VERSION	     "OpenSSL 3."
#define VERSION_MAX  16 /* bytes of it, with the number of the minor version */
#define MINOR_FLAGS  3	/* the first one with flags */
#define CALL_BEFORE  16 /* bytes in front of a call in which its arguments are loaded */
#define CALL_LENGTH  5
#define AROUND	     ((uint64_t)16 << 20) /* a library's own calls are no farther */

static const enum mention_text texts[OPENSSL_FUNCTIONS] = {
	[OPENSSL_WRITE] = MENTION_SSL_WRITE,
	[OPENSSL_READ] = MENTION_SSL_READ,
	[OPENSSL_HANDSHAKE] = MENTION_SSL_HANDSHAKE,
	[OPENSSL_CLEAR] = MENTION_SSL_CLEAR,
	[OPENSSL_NEW] = MENTION_SSL_NEW,
};

/* ---- the version ---- */

struct version {
	int minor; /* -1: none was found */
	bool several;
};

/* An elf64_block_fn. */
static void find_version(void *arg, const struct elf64_block *b)
{
	const unsigned char *p = b->bytes + b->from, *end = b->bytes + b->to + VERSION_MAX - 1;
	struct version *v = arg;

	for (; (p = memmem(p, (size_t)(end - p), VERSION, strlen(VERSION))); p++) {
		const unsigned char *digit = p + strlen(VERSION);
		int minor = 0;

		if (p >= b->bytes + b->to || !isdigit(digit[0]))
			break;
		for (; digit < p + VERSION_MAX - 1 && isdigit(*digit); digit++)
			minor = 10 * minor + *digit - '0';
		v->several |= v->minor >= 0 && v->minor != minor;
		v->minor = minor;
	}
}

/* ---- calls ---- */

struct calls {
	uint64_t targets[OPENSSL_FUNCTIONS];
	unsigned int counts[OPENSSL_FUNCTIONS];
	unsigned int with_flags; /* calls of ssl_write_internal() whose fourth argument is 0, */
	unsigned int with_place; /* or an address on the stack */
};

static bool has(const unsigned char *from, const unsigned char *bytes, size_t n)
{
	return memmem(from, CALL_BEFORE, bytes, n) != NULL;
}

static void note_write(struct calls *c, const unsigned char *call)
{
	static const unsigned char none[] = {0x31, 0xc9};		   /* xor %ecx, %ecx */
	static const unsigned char top[] = {0x48, 0x89, 0xe1};		   /* mov %rsp, %rcx */
	static const unsigned char on_stack[] = {0x48, 0x8d, 0x4c, 0x24};  /* lea n(%rsp), %rcx */
	static const unsigned char in_frame[] = {0x48, 0x8d, 0x4d};	   /* lea n(%rbp), %rcx */
	const unsigned char *from = call - CALL_BEFORE;

	if (has(from, none, sizeof(none)))
		c->with_flags++;
	else if (has(from, top, sizeof(top)) || has(from, on_stack, sizeof(on_stack)) ||
		 has(from, in_frame, sizeof(in_frame)))
		c->with_place++;
}

/* An elf64_block_fn. */
static void find_calls(void *arg, const struct elf64_block *b)
{
	const unsigned char *p = b->bytes + b->from, *end = b->bytes + b->to;
	struct calls *c = arg;

	for (; (p = memchr(p, 0xe8, (size_t)(end - p))) != NULL; p++) {
		uint64_t target = b->address + (uint64_t)(p - b->bytes) + CALL_LENGTH;
		int32_t by;

		memcpy(&by, p + 1, sizeof(by));
		target += (uint64_t)(int64_t)by;
		for (size_t i = 0; i < OPENSSL_FUNCTIONS; i++) {
			if (target != c->targets[i])
				continue;
			c->counts[i]++;
			if (i == OPENSSL_WRITE)
				note_write(c, p);
		}
	}
}

static const char *check_calls(const struct mention_function found[OPENSSL_FUNCTIONS], const struct calls *c,
			       const struct version *v, enum tls_abi *ret)
{
	for (size_t i = 0; i < OPENSSL_FUNCTIONS; i++)
		if (!found[i].saves && !c->counts[i])
			return "it is not certain where one of OpenSSL's functions begins";
	if (!c->with_flags == !c->with_place)
		return "it is not certain how OpenSSL's ssl_write_internal is called";
	if (v->several || (v->minor >= 0 && (v->minor >= MINOR_FLAGS) != (c->with_flags > 0)))
		return "OpenSSL's ssl_write_internal is not called as its version says";
	*ret = c->with_flags ? ABI_SSL_EX2 : ABI_SSL_EX;
	return NULL;
}

/* ---- all of it ---- */

/* Returns 0, and what is wrong in `ret_why`; or -errno. */
static int find_functions(const struct elf64 *f, const struct mentions *m,
			  struct mention_function found[OPENSSL_FUNCTIONS], const char **ret_why)
{
	for (size_t i = 0; i < OPENSSL_FUNCTIONS; i++) {
		int r = mention_function(f, m, texts[i], &found[i]);

		if (r == -ENOENT)
			*ret_why = "one of the functions that raise OpenSSL's errors is not there";
		else if (r == -EUCLEAN)
			*ret_why = "it is not certain where one of OpenSSL's functions begins";
		else if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (found[k].address == found[i].address)
				*ret_why = "one function raises the errors of several of OpenSSL's";
		if (*ret_why)
			return 0;
	}
	return 0;
}

static int check(const struct elf64 *f, const struct mention_function found[OPENSSL_FUNCTIONS],
		 enum tls_abi *ret, const char **ret_why)
{
	struct version version = {.minor = -1};
	uint64_t low = UINT64_MAX, high = 0;
	struct calls calls = {0};
	int r;

	for (size_t i = 0; i < OPENSSL_FUNCTIONS; i++) {
		calls.targets[i] = found[i].address;
		low = found[i].address < low ? found[i].address : low;
		high = found[i].address > high ? found[i].address : high;
	}
	low = low > AROUND ? low - AROUND : 0;
	r = elf64_scan_between(f, ELF64_CODE, low, high + AROUND, CALL_BEFORE, CALL_LENGTH, find_calls, &calls);
	if (r == 0)
		r = elf64_scan(f, ELF64_CONSTANTS, 0, VERSION_MAX, find_version, &version);
	if (r == 0)
		*ret_why = check_calls(found, &calls, &version, ret);
	return r;
}

static int give(const struct elf64 *f, const struct mention_function found[OPENSSL_FUNCTIONS],
		struct openssl *ret)
{
	int r = 0;

	for (size_t i = 0; i < OPENSSL_FUNCTIONS && r == 0; i++) {
		struct elf64_function *fn = &ret->functions[i];

		*fn = (struct elf64_function){.name = i, .offset = found[i].offset, .size = found[i].size};
		r = elf64_find_ret(f, fn->offset, fn->size, &fn->ret_distance);
	}
	return r;
}

int openssl_find(const struct elf64 *f, const struct mentions *m, struct openssl *ret, const char **ret_why)
{
	struct mention_function found[OPENSSL_FUNCTIONS] = {0};
	const char *why = NULL;
	int r;

	if (!m->there[MENTION_SSL_WRITE] || !m->there[MENTION_SSL_READ])
		return -ENOENT;
	r = find_functions(f, m, found, &why);
	if (r == 0 && !why)
		r = check(f, found, &ret->write, &why);
	if (r < 0)
		return r;
	if (!why)
		return give(f, found, ret);
	*ret_why = why;
	return -EUCLEAN;
}
