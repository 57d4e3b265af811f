/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "gocode.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "x86.h"

#define RETS_MAX (sizeof(((struct go_code *)0)->rets) / sizeof(uint32_t))
#define PADDING  0xcc

/* ---- stack depths ---- */

/* The table: pairs of a signed difference and a length in bytes of code; a difference of 0 ends it. */
struct depths {
	const uint8_t *at;
	const uint8_t *end;
	int32_t depth; /* from the last end on, up to this one */
	uint64_t until;
	bool done;
};

static bool read_number(struct depths *d, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned int shift = 0; shift < 32 && d->at < d->end; shift += 7) {
		uint8_t byte = *d->at++;

		v |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* The next part of the function. Returns false when the table is broken. */
static bool next_depth(struct depths *d)
{
	uint32_t change, length;
	bool first = !d->until;

	if (!read_number(d, &change))
		return false;
	d->done = !change && !first;
	if (d->done)
		return true;
	if (!read_number(d, &length) || !length)
		return false;
	d->depth += (int32_t)(change >> 1 ^ -(change & 1));
	d->until += length;
	return true;
}

/* ---- the check at the entry ---- */

static const struct {
	uint8_t code[12];
	uint8_t len;
	uint8_t operand; /* where there are `operand_len` bytes of any value */
	uint8_t operand_len;
} checks[] = {
	{{0x49, 0x3b, 0x66, 0x10}, 4, 0, 0},				     /* cmp 16(%r14),%rsp */
	{{0x4c, 0x8d, 0x64, 0x24, 0, 0x4d, 0x3b, 0x66, 0x10}, 9, 4, 1},	     /* lea N(%rsp),%r12; cmp ..,%r12 */
	{{0x4c, 0x8d, 0xa4, 0x24, 0, 0, 0, 0, 0x4d, 0x3b, 0x66, 0x10}, 12, 4, 4}, /* the same, N of 32 bits */
};

static bool matches(const uint8_t *code, size_t size, size_t i)
{
	if (size < checks[i].len)
		return false;
	for (size_t k = 0; k < checks[i].len; k++)
		if (code[k] != checks[i].code[k] &&
		    (k < checks[i].operand || k >= checks[i].operand + checks[i].operand_len))
			return false;
	return true;
}

static int32_t get32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Where the jump at `at` leads to: one of 2 bytes that begins with `near`, or `len` ones with `far` in front of
 * a distance of 32 bits. -1: it is neither. */
static int64_t jump(const uint8_t *code, size_t at, size_t len, uint8_t near, uint8_t far)
{
	int64_t end = (int64_t)(at + len);

	if (len == 2 && code[at] == near)
		return end + (int8_t)code[at + 1];
	if (len >= 5 && code[at + len - 5] == far)
		return end + get32(code + at + len - 4);
	return -1;
}

/* Finds the end of the check, and where it leads to when the stack is too small. */
static bool read_check(const uint8_t *code, size_t size, uint32_t *ret_start, size_t *ret_grow)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		size_t at = checks[i].len, len;
		int64_t to;

		if (!matches(code, size, i))
			continue;
		len = x86_length(code + at, size - at);
		if (len != 2 && (len != 6 || code[at] != 0x0f))
			return false;
		to = jump(code, at, len, 0x76, 0x86); /* jbe */
		if (to < (int64_t)(at + len) || to >= (int64_t)size)
			return false;
		*ret_start = (uint32_t)(at + len);
		*ret_grow = (size_t)to;
		return true;
	}
	return false;
}

/* ---- the walk ---- */

struct walk {
	const uint8_t *code;
	size_t size;
	size_t grow; /* where the code begins that enlarges the stack, and begins anew */
	struct depths depths;
	bool back; /* the depth has just come to be 0 */
	bool grows; /* that code has begun */
	bool begins_anew;
	struct go_code out;
};

static bool is_padding(const struct walk *w, size_t at)
{
	while (at < w->size && w->code[at] == PADDING)
		at++;
	return at == w->size;
}

/* In front of a return, so that it does not lie across a boundary of 32 bytes. */
static bool is_nop(const uint8_t *code, size_t len)
{
	return code[len - 1] == 0x90 || (len > 2 && code[0] == 0x0f && code[1] == 0x1f);
}

/* Behind the check the stack is as at the entry where a return begins, or what begins anew, and only there. */
static bool take(struct walk *w, size_t at, size_t len)
{
	const uint8_t *code = w->code + at;
	bool returns = *code == X86_RET;

	if (at == w->out.start && at + len != w->depths.until)
		return false; /* it does not make the frame: a loop may lead there */
	if (w->back && at > w->out.start && !returns && at != w->grow)
		return is_nop(code, len);
	w->back = false;
	w->grows |= at == w->grow;
	w->begins_anew |= w->grows && (len == 2 || len == 5) &&
			  jump(w->code, at, len, 0xeb, 0xe9) == 0; /* jmp */
	if (!returns)
		return true;
	if (w->depths.depth || w->out.ret_count == RETS_MAX)
		return false;
	w->out.rets[w->out.ret_count++] = (uint32_t)at;
	return true;
}

static bool walk(struct walk *w)
{
	if (!next_depth(&w->depths) || w->depths.done)
		return false;
	for (size_t at = 0, len; at < w->size; at += len) {
		if (at >= w->depths.until) {
			if (at > w->depths.until || !next_depth(&w->depths))
				return false; /* it changes in the midst of an instruction */
			w->back = !w->depths.depth;
		}
		if (w->depths.done || (at > w->grow && is_padding(w, at)))
			return is_padding(w, at) && w->begins_anew;
		len = x86_length(w->code + at, w->size - at);
		if (!len || !take(w, at, len))
			return false;
	}
	return w->begins_anew;
}

int go_code_read(const uint8_t *code, size_t size, const uint8_t *depths, size_t depths_len,
		 struct go_code *ret)
{
	struct walk w = {
		.code = code,
		.size = size,
		.depths = {.at = depths, .end = depths + depths_len, .depth = -1},
	};

	if (!read_check(code, size, &w.out.start, &w.grow) || !walk(&w) || !w.out.ret_count)
		return -EBADMSG;
	*ret = w.out;
	return 0;
}
