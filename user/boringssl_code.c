/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What compilers make of BoringSSL, x86-64. Not a disassembler: forms that were seen in Bun 1.0 to 1.4,
 * with and without link-time optimisation, and nothing else.
 */
#include "boringssl.h"

#include <string.h>

#define LIB_SSL	    16
#define LINE_MAX_OK 65535
#define REASON_MAX  2000

static uint32_t u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Where an instruction of `len` bytes at `address` leads with the displacement at its end. */
static uint64_t relative(const unsigned char *code, size_t len, uint64_t address)
{
	return address + len + (uint64_t)(int64_t)(int32_t)u32(code + len - 4);
}

/* ---- anchors ---- */

/* The arguments of ERR_put_error(), as far as they are constants. */
enum { SI, DX, CX, R8, REGS };

struct loads {
	uint64_t value[REGS];
	bool set[REGS];
};

static void load(struct loads *l, int reg, uint64_t value)
{
	l->value[reg] = value;
	l->set[reg] = true;
}

/* Takes the instruction that loads an argument, or is of no concern. Returns its length; 0: another. */
static size_t take_load(const unsigned char *p, uint64_t address, struct loads *l)
{
	if (p[0] == 0x31 && p[1] == 0xf6) { /* xor %esi, %esi */
		load(l, SI, 0);
		return 2;
	}
	if (p[0] == 0xbe || p[0] == 0xba || p[0] == 0xb9) { /* mov $n, %esi, %edx, %ecx */
		load(l, p[0] == 0xbe ? SI : p[0] == 0xba ? DX : CX, u32(p + 1));
		return 5;
	}
	if (p[0] == 0x41 && p[1] == 0xb8) { /* mov $n, %r8d */
		load(l, R8, u32(p + 2));
		return 6;
	}
	if (p[0] == 0x48 && p[1] == 0x8d && (p[2] == 0x0d || p[2] == 0x15)) { /* lea n(%rip), %rcx, %rdx */
		load(l, p[2] == 0x0d ? CX : DX, relative(p, 7, address));
		return 7;
	}
	if ((p[0] == 0x48 || p[0] == 0x49 || p[0] == 0x4c) && p[1] == 0x89 && p[2] >= 0xc0)
		return 3; /* mov %a, %b */
	return 0;
}

/* Takes what follows the 16, up to a call or a jump. Returns where that is, 0 when something else is. */
static size_t take_loads(const unsigned char *p, uint64_t address, struct loads *l)
{
	size_t at = 5, n;

	for (; at < BORINGSSL_AFTER - 16; at += n) {
		if (p[at] == 0xe8 || p[at] == 0xe9 || p[at] == 0xeb)
			return at;
		n = take_load(p + at, address + at, l);
		if (!n)
			return 0;
	}
	return 0;
}

/* Another instruction may stand between the name of the file and the 16. */
static bool file_before(const unsigned char *p, uint64_t address, int reg, uint64_t *ret)
{
	unsigned char mov = reg == DX ? 0xba : 0xb9, lea = reg == DX ? 0x15 : 0x0d;

	for (size_t gap = 0; gap <= 4; gap++) {
		const unsigned char *q = p - gap;

		if (q[-5] == mov) {
			*ret = u32(q - 4);
			return true;
		}
		if (q[-7] == 0x48 && q[-6] == 0x8d && q[-5] == lea) {
			*ret = relative(q - 7, 7, address - gap - 7);
			return true;
		}
	}
	return false;
}

bool boringssl_anchor(const unsigned char *code, uint64_t address, struct boringssl_anchor *ret)
{
	struct loads l = {0};
	int reason, file, line;
	size_t end;

	if (code[0] != 0xbf || u32(code + 1) != LIB_SSL)
		return false;
	end = take_loads(code, address, &l);
	if (!end || !l.set[SI])
		return false;
	/* (lib, unused = 0, reason, file, line), or without the second where the linker dropped it */
	reason = l.value[SI] ? SI : DX;
	file = l.value[SI] ? DX : CX;
	line = l.value[SI] ? CX : R8;
	if (!l.set[reason] || !l.set[line])
		return false;
	*ret = (struct boringssl_anchor){.address = address, .file = l.value[file]};
	if (!l.set[file] && !file_before(code, address, file, &ret->file))
		return false;
	if (!l.value[reason] || l.value[reason] > REASON_MAX || !l.value[line] ||
	    l.value[line] > LINE_MAX_OK)
		return false;
	ret->reason = (uint32_t)l.value[reason];
	ret->line = (uint32_t)l.value[line];
	ret->callee = code[end] == 0xe8 ? relative(code + end, 5, address + end) : 0;
	return true;
}

/* ---- functions ---- */

static size_t call_length(const unsigned char *p)
{
	if (p[0] == 0xe8)
		return 5;
	return p[0] == 0xff && p[1] == 0x15 ? 6 : 0;
}

/* An instruction that functions begin with. Returns its length, 0 when it is another. */
static size_t prologue_length(const unsigned char *p)
{
	static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	static const unsigned char canary[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0};
	size_t rex = (p[0] & 0xf0) == 0x40;

	if ((p[rex] & 0xf8) == 0x50) /* push */
		return rex + 1;
	if (p[rex] == 0x89 && p[rex + 1] >= 0xc0) /* mov %a, %b */
		return rex + 2;
	if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec) /* sub $n, %rsp */
		return 4;
	if (p[0] == 0x48 && p[1] == 0x81 && p[2] == 0xec)
		return 7;
	if (!memcmp(p, endbr64, sizeof(endbr64)))
		return sizeof(endbr64);
	if (!memcmp(p, canary, sizeof(canary))) /* into %rax, and from there onto the stack */
		return sizeof(canary);
	if (p[0] == 0x48 && p[1] == 0x89 && p[2] == 0x45)
		return 4;
	if (p[0] == 0x48 && p[1] == 0x89 && p[2] == 0x44 && p[3] == 0x24)
		return 5;
	return 0;
}

/* Where the function begins to do something, each instruction on the way being known. */
static size_t skip_prologue(const unsigned char *code)
{
	size_t at = 0, n;

	while (at < 0x40 && (n = prologue_length(code + at)))
		at += n;
	return at;
}

/*
 * ssl_reset_error_state(), inlined: ssl->s3->rwstate = 0, and two calls (which clear the errors of the
 * library and of the system). The argument is still in its register. Returns the place behind it, or 0.
 */
static size_t skip_reset(const unsigned char *code, uint32_t *ret_state)
{
	size_t at = skip_prologue(code), first, second;
	const unsigned char *p = code + at;
	unsigned int reg = p[2] >> 3 & 7;

	if (p[0] != 0x48 || p[1] != 0x8b || (p[2] & 0xc7) != 0x47 || p[3] != 0x30 || p[4] != 0xc7 ||
	    p[5] != (0x80 | reg) || u32(p + 10))
		return 0;
	first = call_length(p + 14);
	second = first ? call_length(p + 14 + first) : 0;
	if (!second)
		return 0;
	*ret_state = u32(p + 6);
	return at + 14 + first + second;
}

/* cmpq $0, n(%reg) between two places: with a displacement of 32 bits. */
static bool find_compare(const unsigned char *code, size_t from, size_t to, uint32_t *ret)
{
	for (size_t at = from; at < to; at++) {
		const unsigned char *p = code + at;

		if ((p[0] & 0xfe) == 0x48 && p[1] == 0x83 && (p[2] & 0xf8) == 0xb8 && p[2] != 0xbc &&
		    !p[7]) {
			*ret = u32(p + 3);
			return true;
		}
	}
	return false;
}

/* je: where it leads to from the beginning of the code, 0 when this is none. */
static int64_t jump_to(const unsigned char *code, size_t at)
{
	if (code[at] == 0x74)
		return (int64_t)at + 2 + (int8_t)code[at + 1];
	if (code[at] == 0x0f && code[at + 1] == 0x84)
		return (int64_t)at + 6 + (int32_t)u32(code + at + 2);
	return 0;
}

/* cmpq $0, 0x28(%reg), whether it is known how to shake hands; and where it goes if not. */
static int64_t find_handshake(const unsigned char *code, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++) {
		const unsigned char *p = code + at;
		size_t sib = (p[2] & 7) == 4;

		if ((p[0] & 0xfe) == 0x48 && p[1] == 0x83 && (p[2] & 0xf8) == 0x78 &&
		    p[3 + sib] == 0x28 && !p[4 + sib])
			return jump_to(code, at + 5 + sib);
	}
	return 0;
}

/* add %reg, n(%reg): what was read is consumed. */
static bool find_consumed(const unsigned char *code, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++) {
		const unsigned char *p = code + at;

		if ((p[0] & 0xf8) == 0x48 && p[1] == 0x01 && p[2] >> 6 == 2 && (p[2] & 7) != 4)
			return true;
	}
	return false;
}

/*
 * lea 0x50(%reg), %reg or add $0x50, %rdi: the buffer of what was received, behind the two numbers and the
 * two random values that bpf/tls.bpf.c knows.
 */
static bool find_buffer(const unsigned char *code, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++) {
		const unsigned char *p = code + at;

		if ((p[0] & 0xf8) == 0x48 && p[1] == 0x8d && p[2] >> 6 == 1 && (p[2] & 7) != 4 &&
		    p[3] == 0x50)
			return true;
		if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xc7 && p[3] == 0x50)
			return true;
	}
	return false;
}

static bool is_write(const unsigned char *code, struct boringssl_layout *l)
{
	size_t at = skip_reset(code, &l->state);

	return at && find_compare(code, at, at + 0x20, &l->quic);
}

/* The first comparison is of the argument itself. */
static bool is_read(const unsigned char *code, struct boringssl_layout *l)
{
	size_t at = skip_prologue(code);

	return code[at + 2] == 0xbf && find_compare(code, at, at + 1, &l->quic) && find_consumed(code, 24, 0xe0) &&
	       find_buffer(code, 24, 0xf0);
}

static bool is_handshake(const unsigned char *code, struct boringssl_layout *l)
{
	size_t at = skip_reset(code, &l->state);

	l->error = at ? find_handshake(code, at, at + 0x20) : 0;
	return l->error > 0;
}

bool boringssl_is(enum boringssl_function which, const unsigned char code[BORINGSSL_CODE],
		  struct boringssl_layout *layout)
{
	static bool (*const checks[])(const unsigned char *, struct boringssl_layout *) = {
		[BORINGSSL_WRITE] = is_write,
		[BORINGSSL_READ] = is_read,
		[BORINGSSL_HANDSHAKE] = is_handshake,
	};

	return checks[which](code, layout);
}
