/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_ABI_BPF_H
#define WARDEN_ABI_BPF_H

/*
 * Where the functions of TLS libraries have what a probe looks at. A function is known by the cookie of
 * its probe, which has an enum tls_abi; what differs between them is a row here, and nothing else.
 */
#include "hello.h"
#include "warden.bpf.h"

/* A register at entry: an index of member.regs, where all of these are put. */
enum tls_reg {
	REG_NONE, /* always 0 */
	REG_DI,
	REG_SI,
	REG_DX,
	REG_CX,
	REG_R8,
	REG_AX,
	REG_BX,
	REG_COUNT,
};

enum abi_count { /* how many bytes a call that did not fail has moved */
	COUNT_INT,    /* what it returns, an int */
	COUNT_LONG,   /* what it returns, 64 bits */
	COUNT_STORED, /* a size_t at `stored`; it returns an int */
	COUNT_ALL,    /* what it was called with; it returns an int */
	COUNT_NONE,   /* none */
};

enum abi_flag {
	ABI_LEN_INT = 1, /* the length is an int */
	ABI_UNSEEN = 2,	 /* the text is not at hand */
	ABI_INSIDE = 4,	 /* calls of the library within this one are of its own making */
	ABI_RESUMES = 8, /* without a text it goes on with what is left of an earlier call's */
	ABI_KNOWN = 16,	 /* an object that is not known is none */
	ABI_UNFREED = 64, /* nobody tells when an object is freed, and its address another one's */
	ABI_SEALS = 128, /* it seals or opens a record: see seal.bpf.h */
	ABI_PEEKS = 32,	 /* the fourth argument has flags; with MSG_PEEK nothing is taken */
};

struct abi {
	__u8 object; /* enum tls_reg, each; what there is not is REG_NONE */
	__u8 buf;
	__u8 len;
	__u8 stored;   /* address of the count */
	__u8 count;    /* enum abi_count */
	__u8 flags;    /* enum abi_flag */
	__s16 least;   /* what it returns at least when it did not fail */
	__s64 refusal; /* what it "returns" when it is not to run: an error that its callers know */
	__u8 go;       /* it is Go's: see goroutine.bpf.h; it cannot be made to return an error */
	__u8 type;     /* Go's: what kind of record it is; others have none */
};

#define NSPR_PEEK	  2	/* PR_MSG_PEEK */
#define GNUTLS_PUSH_ERROR (-53) /* GNUTLS_E_PUSH_ERROR: nobody tries again */

static const struct abi abis[ABI_MAX] = {
	[ABI_SSL] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_INT, ABI_LEN_INT, 1, -1},
	[ABI_BORINGSSL] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_INT, ABI_LEN_INT | ABI_UNFREED, 1, -1},
	[ABI_SSL_EX] = {REG_DI, REG_SI, REG_DX, REG_CX, COUNT_STORED, 0, 1, 0},
	[ABI_SSL_EX2] = {REG_DI, REG_SI, REG_DX, REG_R8, COUNT_STORED, 0, 1, 0},
	[ABI_SSL_NEW] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_NONE, 0, 0, 0},
	[ABI_SSL_FILE] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_LONG, ABI_UNSEEN, 1, -1},
	[ABI_GNUTLS] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_LONG, ABI_RESUMES, 1, GNUTLS_PUSH_ERROR},
	[ABI_GNUTLS_EARLY] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_ALL, 0, 0, GNUTLS_PUSH_ERROR},
	[ABI_GNUTLS_FILE] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_LONG, ABI_UNSEEN, 1,
			     GNUTLS_PUSH_ERROR},
	[ABI_GNUTLS_INIT] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_NONE, 0, 0, 0},
	[ABI_GNUTLS_FLUSH] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_NONE, ABI_INSIDE, 0, 0},
	[ABI_NSPR] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_INT, ABI_LEN_INT | ABI_KNOWN, 1, -1},
	[ABI_NSPR_RECV] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_INT,
			   ABI_LEN_INT | ABI_KNOWN | ABI_PEEKS, 1, -1},
	[ABI_NSPR_FILE] = {REG_DI, REG_NONE, REG_NONE, REG_NONE, COUNT_INT, ABI_UNSEEN | ABI_KNOWN, 1, -1},
	[ABI_NSS_IMPORT] = {REG_SI, REG_NONE, REG_NONE, REG_NONE, COUNT_NONE, 0, 0, 0},
	[ABI_GO] = {REG_AX, REG_BX, REG_CX, REG_NONE, COUNT_LONG, 0, 1, 0, 1, REG_NONE},
	[ABI_SEAL] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_ALL, ABI_SEALS, 1, 0},
	[ABI_SEAL_SCATTER] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_ALL, ABI_SEALS, 1, 0},
	[ABI_OPEN] = {REG_DI, REG_SI, REG_DX, REG_CX, COUNT_STORED, ABI_SEALS, 1, 0},
	[ABI_OPEN_GATHER] = {REG_DI, REG_SI, REG_DX, REG_NONE, COUNT_ALL, ABI_SEALS, 1, 0},
	[ABI_GO_RECORD] = {REG_AX, REG_CX, REG_DI, REG_NONE, COUNT_LONG, 0, 1, 0, 1, REG_BX},
};

static __always_inline const struct abi *abi_of(__u64 site)
{
	opaque_value(site);
	return &abis[site & (ABI_MAX - 1)];
}

_Static_assert(sizeof(((struct member *)0)->regs) == REG_COUNT * sizeof(__u64), "one for each");

static __always_inline void abi_take(struct member *m, const struct pt_regs *ctx)
{
	m->regs[REG_DI] = ctx->di;
	m->regs[REG_SI] = ctx->si;
	m->regs[REG_DX] = ctx->dx;
	m->regs[REG_CX] = ctx->cx;
	m->regs[REG_R8] = ctx->r8;
	m->regs[REG_AX] = ctx->ax;
	m->regs[REG_BX] = ctx->bx;
}

static __always_inline __u64 abi_reg(const struct member *m, __u64 reg)
{
	opaque_value(reg);
	return m->regs[reg & (REG_COUNT - 1)];
}

/* Whether a call that returns `ret` has failed: then it has moved nothing. */
static __always_inline int abi_failed(const struct abi *abi, __s64 ret)
{
	return abi->count == COUNT_NONE || (abi->count == COUNT_LONG ? ret : (int)ret) < abi->least;
}

/* How many bytes the call in s->call has moved, which returns `ret`. */
static __always_inline __u64 abi_moved(struct scratch *s, __s64 ret)
{
	const struct abi *abi = abi_of(s->call.abi);

	if (abi_failed(abi, ret))
		return 0;
	if (abi->count == COUNT_ALL)
		return s->call.len;
	if (abi->count != COUNT_STORED)
		return ret;
	s->left = 0;
	bpf_copy_from_user(&s->left, sizeof(s->left), (void *)s->call.stored);
	return s->left;
}

#endif
