/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "x86.h"

#include <stdbool.h>

#define LENGTH_MAX 15 /* what processors take */

#define REX_W 0x08

/*
 * What follows an opcode, one letter for each:
 *   .  nothing             m  ModRM and what it asks for
 *   b  a byte              w  two bytes        z  four (two with prefix 66)
 *   j  four, a distance    v  four (two with prefix 66, eight with REX.W)
 *   o  an address          e  three            B, Z: m and b, m and z
 *   t  m; and for the first two of its eight forms the operand: b or z (F6, F7)
 *   p  prefix              #  more opcodes     -  none, or not from a compiler
 */
static const char one_byte[] =
	/* 00 */ "mmmmbz--" "mmmmbz-#" "mmmmbz--" "mmmmbz--"
	/* 20 */ "mmmmbzp-" "mmmmbzp-" "mmmmbzp-" "mmmmbzp-"
	/* 40 */ "pppppppp" "pppppppp" "........" "........"
	/* 60 */ "--#mpppp" "zZbB...." "bbbbbbbb" "bbbbbbbb"
	/* 80 */ "BZ-Bmmmm" "mmmmmmmm" "........" "..-....."
	/* a0 */ "oooo...." "bz......" "bbbbbbbb" "vvvvvvvv"
	/* c0 */ "BBw.##BZ" "e.w..b-." "mmmm---." "mmmmmmmm"
	/* e0 */ "bbbbbbbb" "jj-b...." "p.pp..tt" "......mm";

static const char two_bytes[] = /* behind 0f */
	/* 00 */ "mmmm-.--" "..-.-m--" "mmmmmmmm" "mmmmmmmm"
	/* 20 */ "mmmm----" "mmmmmmmm" "......--" "#-#-----"
	/* 40 */ "mmmmmmmm" "mmmmmmmm" "mmmmmmmm" "mmmmmmmm"
	/* 60 */ "mmmmmmmm" "mmmmmmmm" "BBBBmmm." "mm--mmmm"
	/* 80 */ "jjjjjjjj" "jjjjjjjj" "mmmmmmmm" "mmmmmmmm"
	/* a0 */ "...mBm--" "...mBmmm" "mmmmmmmm" "mmBmmmmm"
	/* c0 */ "mmBmBBBm" "........" "mmmmmmmm" "mmmmmmmm"
	/* e0 */ "mmmmmmmm" "mmmmmmmm" "mmmmmmmm" "mmmmmmmm";

_Static_assert(sizeof(one_byte) == 257 && sizeof(two_bytes) == 257, "a letter for each opcode");

struct insn {
	const uint8_t *at; /* next byte */
	const uint8_t *end;
	bool short_operands;  /* prefix 66 */
	bool short_addresses; /* prefix 67 */
	uint8_t rex;
	char what;
};

static int next(struct insn *i)
{
	return i->at < i->end ? *i->at++ : -1;
}

static bool skip(struct insn *i, size_t n)
{
	if ((size_t)(i->end - i->at) < n)
		return false;
	i->at += n;
	return true;
}

/* Legacy prefixes, and REX, which counts only right in front of the opcode. Returns that, or -1. */
static int skip_prefixes(struct insn *i)
{
	int byte;

	while ((byte = next(i)) >= 0 && one_byte[byte] == 'p') {
		if ((byte & 0xf0) == 0x40) {
			i->rex = (uint8_t)byte;
			continue;
		}
		i->rex = 0;
		i->short_operands |= byte == 0x66;
		i->short_addresses |= byte == 0x67;
	}
	return byte;
}

/* VEX and EVEX: prefixes that carry a map of opcodes, `map` of 0 by itself. Returns what follows, or '-'. */
static char read_vector(struct insn *i, int first)
{
	int byte = next(i), map = 1, opcode;

	if (byte < 0 || i->rex || i->short_operands)
		return '-';
	if (first != 0xc5)
		map = byte & (first == 0x62 ? 7 : 31);
	if (!skip(i, first == 0xc5 ? 0 : first == 0xc4 ? 1 : 2))
		return '-';
	opcode = next(i);
	if (opcode < 0)
		return '-';
	if (map == 1 && opcode == 0x77)
		return '.';
	if (map == 1)
		return two_bytes[opcode] == 'B' ? 'B' : 'm';
	return map == 3 ? 'B' : map == 2 || map == 5 || map == 6 ? 'm' : '-';
}

static char read_escaped(struct insn *i)
{
	int byte = next(i);
	char what = byte < 0 ? '-' : two_bytes[byte];

	if (what != '#')
		return what;
	if (next(i) < 0)
		return '-';
	return byte == 0x3a ? 'B' : 'm';
}

static char read_opcode(struct insn *i)
{
	int byte = skip_prefixes(i);
	char what = byte < 0 ? '-' : one_byte[byte];

	if (what != '#') {
		if (what == 't') /* F6, F7: its first two forms test against an operand */
			return i->at < i->end && (*i->at & 0x30) ? 'm' : byte == 0xf6 ? 'B' : 'Z';
		return what;
	}
	return byte == 0x0f ? read_escaped(i) : read_vector(i, byte);
}

static bool skip_modrm(struct insn *i)
{
	int modrm = next(i), mod = modrm >> 6, base = modrm & 7;

	if (modrm < 0)
		return false;
	if (mod == 3)
		return true;
	if (base == 4) {
		int sib = next(i);

		if (sib < 0)
			return false;
		base = sib & 7;
	}
	return skip(i, mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0);
}

static bool skip_operand(struct insn *i, char what)
{
	bool wide = i->rex & REX_W;

	switch (what) {
	case 'b':
	case 'B':
		return skip(i, 1);
	case 'w':
		return skip(i, 2);
	case 'e':
		return skip(i, 3);
	case 'z':
	case 'Z':
		return skip(i, i->short_operands && !wide ? 2 : 4);
	case 'v':
		return skip(i, wide ? 8 : i->short_operands ? 2 : 4);
	case 'o':
		return skip(i, i->short_addresses ? 4 : 8);
	case 'j': /* with prefix 66 processors differ in how long it is */
		return !i->short_operands && skip(i, 4);
	default:
		return what != '-';
	}
}

size_t x86_length(const uint8_t *code, size_t left)
{
	struct insn i = {.at = code, .end = code + (left < LENGTH_MAX ? left : LENGTH_MAX)};
	char what = read_opcode(&i);

	if ((what == 'm' || what == 'B' || what == 'Z') && !skip_modrm(&i))
		return 0;
	return skip_operand(&i, what) ? (size_t)(i.at - code) : 0;
}
