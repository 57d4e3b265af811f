/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "mentions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "x86.h"

#define TEXT_MAX      256	  /* bytes of a text, its directories included */
#define PLACES_MAX    64	  /* where a text lies: of several copies of a library */
#define MENTIONS_MAX  4096
#define FUNCTION_MAX  ((uint64_t)64 << 10)
#define ALIGNMENT     16
#define LEA_LENGTH    7

static const struct {
	const char *text;
	bool tail;  /* of a longer one */
	bool tells; /* of a library */
} texts[MENTION_TEXTS] = {
	[MENTION_SSL_WRITE] = {"ssl_write_internal", false, true},
	[MENTION_SSL_READ] = {"ssl_read_internal", false, false},
	[MENTION_SSL_HANDSHAKE] = {"SSL_do_handshake", false, false},
	[MENTION_SSL_CLEAR] = {"SSL_clear", false, false},
	[MENTION_SSL_NEW] = {"SSL_new", false, false},
	[MENTION_AEAD] = {"/crypto/fipsmodule/cipher/aead.c", true, true},
};

struct place {
	uint64_t address;
	enum mention_text text;
};

struct search {
	struct place places[PLACES_MAX];
	size_t place_count;
	uint64_t low, high; /* of these */
	bool there[MENTION_TEXTS]; /* the text is */
	struct mentions found;
	bool many;
	int error;
};

/* ---- texts ---- */

static void note_place(struct search *s, uint64_t address, enum mention_text text)
{
	if (s->place_count == PLACES_MAX) {
		s->many = true;
		return;
	}
	s->there[text] = true;
	s->places[s->place_count++] = (struct place){address, text};
	s->low = address < s->low ? address : s->low;
	s->high = address > s->high ? address : s->high;
}

/* The text ends with the NUL at `end`; its end is as asked for. It begins behind another NUL. */
static void take_text(struct search *s, const struct elf64_block *b, enum mention_text text,
		      const unsigned char *end)
{
	size_t len = strlen(texts[text].text);
	const unsigned char *start = end - len;

	while (texts[text].tail && end - start < TEXT_MAX && start[-1])
		start--;
	if (!start[-1])
		note_place(s, b->address + (uint64_t)(start - b->bytes), text);
}

/* An elf64_block_fn. */
static void find_texts(void *arg, const struct elf64_block *b)
{
	struct search *s = arg;

	for (enum mention_text i = 0; i < MENTION_TEXTS; i++) {
		size_t len = strlen(texts[i].text);
		const unsigned char *p = b->bytes + b->from - len, *end = b->bytes + b->to;

		/* One belongs to the block in which its NUL is. */
		while (p + len < end && (p = memmem(p, (size_t)(end - p), texts[i].text, len + 1))) {
			take_text(s, b, i, p + len);
			p++;
		}
	}
}

/* ---- code ---- */

static void note_mention(struct search *s, uint64_t address, enum mention_text text)
{
	struct mention *at;

	if (s->found.count == MENTIONS_MAX) {
		s->many = true;
		return;
	}
	at = reallocarray(s->found.at, s->found.count + 1, sizeof(*at));
	if (!at) {
		s->error = -ENOMEM;
		return;
	}
	s->found.at = at;
	at[s->found.count++] = (struct mention){text, address};
	s->found.there[text] = true;
}

static void note_target(struct search *s, uint64_t address, uint64_t target)
{
	for (size_t i = 0; i < s->place_count; i++)
		if (s->places[i].address == target)
			note_mention(s, address, s->places[i].text);
}

/* An elf64_block_fn. */
static void find_mentions(void *arg, const struct elf64_block *b)
{
	const unsigned char *p = b->bytes + b->from, *end = b->bytes + b->to;
	struct search *s = arg;

	for (; (p = memchr(p, 0x8d, (size_t)(end - p))) != NULL; p++) {
		uint64_t address = b->address + (uint64_t)(p - b->bytes) - 1, target;
		int32_t by;

		if ((p[-1] & 0xf8) != 0x48 || (p[1] & 0xc7) != 0x05)
			continue;
		memcpy(&by, p + 2, sizeof(by));
		target = address + LEA_LENGTH + (uint64_t)(int64_t)by;
		if (target - s->low <= s->high - s->low)
			note_target(s, address, target);
	}
}

static bool tells(const struct search *s)
{
	for (enum mention_text i = 0; i < MENTION_TEXTS; i++)
		if (s->there[i] && texts[i].tells)
			return true;
	return false;
}

int mentions_find(const struct elf64 *f, struct mentions *ret)
{
	_free_ struct search *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->low = UINT64_MAX;
	r = elf64_scan(f, ELF64_CONSTANTS, 2 * TEXT_MAX, 1, find_texts, s);
	if (r == 0 && !tells(s))
		return -ENOENT;
	if (r == 0)
		r = elf64_scan(f, ELF64_CODE, 1, LEA_LENGTH, find_mentions, s);
	if (r == 0)
		r = s->error ? s->error : s->many ? -ENOENT : 0;
	if (r < 0)
		mentions_free(&s->found);
	else
		*ret = s->found;
	return r;
}

void mentions_free(struct mentions *m)
{
	free(m->at);
	*m = (struct mentions){0};
}

/* ---- functions ---- */

bool mention_is_vector(unsigned char first)
{
	return first == 0xc4 || first == 0xc5 || first == 0x62;
}

/* push, sub $n, %rsp or endbr64. */
static bool saves(const unsigned char *code)
{
	static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	const unsigned char *p = code + (code[0] == 0x41);

	return (p[0] & 0xf8) == 0x50 || !memcmp(code, endbr64, sizeof(endbr64)) ||
	       (code[0] == 0x48 && (code[1] == 0x83 || code[1] == 0x81) && code[2] == 0xec);
}

/* Whether instructions follow one another from `code` to the place `at` behind it. */
static bool leads_to(const unsigned char *code, uint64_t size, uint64_t at)
{
	uint64_t i = 0;

	while (i < at) {
		size_t n = x86_length(code + i, size - i);

		if (!n)
			return false;
		i += n;
	}
	return i == at;
}

int mention_function_at(const struct elf64 *f, uint64_t address, struct mention_function *ret)
{
	_free_ unsigned char *code = NULL;
	struct mention_function fn = {0};
	uint64_t left;
	int r;

	r = elf64_frame(f, address, &fn.address, &fn.size);
	if (r == 0)
		r = elf64_place(f, fn.address, PF_X, &fn.offset, &left);
	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? -EUCLEAN : r;
	if (fn.size > left || fn.size > FUNCTION_MAX || fn.size < LEA_LENGTH ||
	    fn.address % ALIGNMENT)
		return -EUCLEAN;
	code = malloc(fn.size);
	if (!code)
		return -ENOMEM;
	r = elf64_read(f, fn.offset, code, fn.size);
	if (r < 0)
		return r;
	if (mention_is_vector(code[0]) || !leads_to(code, fn.size, address - fn.address))
		return -EUCLEAN;
	fn.saves = saves(code);
	*ret = fn;
	return 0;
}

int mention_function(const struct elf64 *f, const struct mentions *m, enum mention_text text,
		     struct mention_function *ret)
{
	struct mention_function fn, found = {0};

	for (size_t i = 0; i < m->count; i++) {
		int r;

		if (m->at[i].text != text)
			continue;
		r = mention_function_at(f, m->at[i].address, &fn);
		if (r < 0)
			return r;
		if (found.address && found.address != fn.address)
			return -EUCLEAN;
		found = fn;
	}
	if (!found.address)
		return -ENOENT;
	*ret = found;
	return 0;
}
