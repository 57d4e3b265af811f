/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "awslc.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "x86.h"

#define REASON_AFTER 40 /* bytes behind the name of the file: the reason is loaded there */
#define REASON_BASE  0x64
#define LEA_LENGTH   7

#define REASON(n) (1u << ((n) - REASON_BASE))

/* CIPHER_R_BAD_DECRYPT and so on, as cipher.h numbers them. */
enum {
	BAD_DECRYPT = REASON(0x65),
	BUFFER_TOO_SMALL = REASON(0x67),
	CTRL_NOT_IMPLEMENTED = REASON(0x68),
	INVALID_OPERATION = REASON(0x70),
	OUTPUT_ALIASES_INPUT = REASON(0x73),
	TOO_LARGE = REASON(0x75),
	UNSUPPORTED_KEY_SIZE = REASON(0x78),
	NO_DIRECTION_SET = REASON(0x7c),
};

/* What each raises; the third has the fourth inside of it, or not. */
static const struct {
	enum awslc_function function;
	uint32_t reasons;
} sets[] = {
	{AWSLC_SEAL, TOO_LARGE | BUFFER_TOO_SMALL | OUTPUT_ALIASES_INPUT},
	{AWSLC_SEAL_SCATTER, INVALID_OPERATION | OUTPUT_ALIASES_INPUT},
	{AWSLC_OPEN, OUTPUT_ALIASES_INPUT | BAD_DECRYPT | BUFFER_TOO_SMALL},
	{AWSLC_OPEN, OUTPUT_ALIASES_INPUT | BAD_DECRYPT | BUFFER_TOO_SMALL | CTRL_NOT_IMPLEMENTED},
	{AWSLC_OPEN_GATHER, OUTPUT_ALIASES_INPUT | CTRL_NOT_IMPLEMENTED},
	{AWSLC_INIT, NO_DIRECTION_SET | UNSUPPORTED_KEY_SIZE},
	{AWSLC_INIT_WITH_DIRECTION, UNSUPPORTED_KEY_SIZE},
};

#define SETS	(sizeof(sets) / sizeof(sets[0]))
#define ALL_MAX 16

/* A function that raises errors there. */
struct raiser {
	struct mention_function at;
	uint32_t reasons;
};

struct raisers {
	struct raiser all[ALL_MAX];
	size_t count;
};

/* mov $reason, %edx. Returns its bit, 0: there is none. */
static int read_reason(const struct elf64 *f, uint64_t address, uint32_t *ret)
{
	unsigned char code[REASON_AFTER + 5] = {0}, *p;
	uint64_t offset, left;
	uint32_t n;
	int r;

	*ret = 0;
	r = elf64_place(f, address + LEA_LENGTH, PF_X, &offset, &left);
	if (r == 0)
		r = elf64_read(f, offset, code, left < sizeof(code) ? left : sizeof(code));
	if (r < 0)
		return r;
	p = memchr(code, 0xba, REASON_AFTER);
	if (!p)
		return 0;
	memcpy(&n, p + 1, sizeof(n));
	if (n >= REASON_BASE && n < REASON_BASE + 32)
		*ret = REASON(n);
	return 0;
}

/* Returns 0; -EUCLEAN when something is not as expected; or -errno. */
static int add_mention(const struct elf64 *f, uint64_t address, struct raisers *s)
{
	struct mention_function fn;
	uint32_t reason = 0;
	size_t i = 0;
	int r;

	r = mention_function_at(f, address, &fn);
	if (r == 0)
		r = read_reason(f, address, &reason);
	if (r < 0)
		return r == -EBADMSG ? -EUCLEAN : r;
	while (i < s->count && s->all[i].at.address != fn.address)
		i++;
	if (!reason || !fn.saves || i == ALL_MAX)
		return -EUCLEAN;
	if (i == s->count)
		s->all[s->count++] = (struct raiser){.at = fn};
	s->all[i].reasons |= reason;
	return 0;
}

/* Each is one of the functions, and another one than all before. */
static const char *tell_apart(const struct raisers *s, struct mention_function found[AWSLC_FUNCTIONS])
{
	for (size_t i = 0; i < s->count; i++) {
		size_t k = 0;

		while (k < SETS && sets[k].reasons != s->all[i].reasons)
			k++;
		if (k == SETS || found[sets[k].function].address)
			return "AWS-LC raises errors in other functions than expected";
		found[sets[k].function] = s->all[i].at;
	}
	for (size_t i = 0; i < AWSLC_START; i++)
		if (!found[i].address)
			return "one of the functions of AWS-LC that seal and open is not there";
	return NULL;
}

/* Whether one calls the other, or looks as if: then a record would be seen twice. */
static int calls(const struct elf64 *f, const struct mention_function *from, const struct mention_function *to)
{
	_free_ unsigned char *code = malloc(from->size);
	int r;

	if (!code)
		return -ENOMEM;
	r = elf64_read(f, from->offset, code, from->size);
	for (uint64_t i = 0; r == 0 && i + 5 <= from->size; i++) {
		int32_t by;

		memcpy(&by, code + i + 1, sizeof(by));
		if ((code[i] == 0xe8 || code[i] == 0xe9) &&
		    from->address + i + 5 + (uint64_t)(int64_t)by == to->address)
			return 1;
	}
	return r;
}

/* The program's first instruction, which is run once. */
static int find_start(const struct elf64 *f, struct mention_function *ret)
{
	unsigned char code[16] = {0};
	uint64_t left;
	int r;

	ret->address = f->header.e_entry;
	ret->size = 1;
	r = elf64_place(f, ret->address, PF_X, &ret->offset, &left);
	if (r == 0)
		r = elf64_read(f, ret->offset, code, left < sizeof(code) ? left : sizeof(code));
	if (r < 0)
		return r == -EBADMSG ? -EUCLEAN : r;
	return x86_length(code, sizeof(code)) && !mention_is_vector(code[0]) ? 0 : -EUCLEAN;
}

/* Returns 0, and what is wrong in `ret_why`; or -errno. */
static int check(const struct elf64 *f, struct mention_function found[AWSLC_FUNCTIONS], const char **ret_why)
{
	int r = calls(f, &found[AWSLC_SEAL], &found[AWSLC_SEAL_SCATTER]);

	if (r == 0)
		r = calls(f, &found[AWSLC_OPEN], &found[AWSLC_OPEN_GATHER]);
	if (r > 0)
		*ret_why = "the functions of AWS-LC call one another";
	if (r == 0)
		r = find_start(f, &found[AWSLC_START]);
	if (r == -EUCLEAN)
		*ret_why = "it begins with an instruction that is not known";
	return *ret_why ? 0 : r;
}

int awslc_find(const struct elf64 *f, const struct mentions *m, struct elf64_function ret[AWSLC_FUNCTIONS],
	       const char **ret_why)
{
	struct mention_function found[AWSLC_FUNCTIONS] = {0};
	struct raisers s = {.count = 0};
	const char *why = NULL;
	int r = 0;

	if (!m->there[MENTION_AEAD])
		return -ENOENT;
	for (size_t i = 0; i < m->count && r == 0; i++)
		if (m->at[i].text == MENTION_AEAD)
			r = add_mention(f, m->at[i].address, &s);
	if (r == -EUCLEAN) {
		why = "it is not certain where the functions of AWS-LC are, or what they raise";
		r = 0;
	}
	if (r == 0 && !why)
		why = tell_apart(&s, found);
	if (r == 0 && !why)
		r = check(f, found, &why);
	if (r < 0)
		return r;
	for (size_t i = 0; i < AWSLC_FUNCTIONS; i++)
		ret[i] = (struct elf64_function){.name = i, .offset = found[i].offset, .size = found[i].size};
	if (!why)
		return 0;
	*ret_why = why;
	return -EUCLEAN;
}
