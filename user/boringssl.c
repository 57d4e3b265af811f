/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "boringssl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define TEXT_MIN    ((uint64_t)4 << 20)	  /* most programs are smaller, runtimes larger */
#define TEXT_MAX    ((uint64_t)256 << 20) /* twice the largest one seen */
#define ANCHORS_MAX 512			  /* of the reasons below, in ssl_lib.cc; real ones have 20 */
#define NAME_SIZE   256			  /* of a source file */
#define NAMES_MAX   64			  /* looked at */
#define CLUSTER	    0x300		  /* bytes between two anchors of SSL_write() */
#define ENTRY	    0x80		  /* and from its entry to the first one of a function */
#define STARTS_MAX  16

enum reason {
	REASON_SHUTDOWN = 66, /* SSL_R_SHOULD_NOT_HAVE_BEEN_CALLED */
	REASON_LENGTH = 111,
	REASON_TYPE = 134,
	REASON_HANDSHAKE = 215,
	REASON_UNINITIALIZED = 226,
};

struct anchors {
	const struct elf64 *f;
	struct boringssl_anchor at[ANCHORS_MAX];
	size_t count;
	uint64_t names[NAMES_MAX]; /* addresses of names that are not ssl_lib.cc's */
	size_t name_count;
	uint64_t name; /* of the one that is; 0: none yet */
	bool many;
};

/* What is looked for of one function, and where its code may begin. */
struct start {
	uint64_t anchor; /* its first */
	uint64_t callee; /* which calls that */
	uint64_t found[STARTS_MAX];
	size_t count;
};

/* ---- the file ---- */

static bool is_text(const Elf64_Phdr *s)
{
	return s->p_type == PT_LOAD && (s->p_flags & PF_X) && !(s->p_flags & PF_W);
}

static int scan(const struct elf64 *f, elf64_block_fn fn, void *arg)
{
	return elf64_scan(f, ELF64_CODE, BORINGSSL_BEFORE, BORINGSSL_AFTER, fn, arg);
}

/* Programs, not libraries, of a size that is likely. */
static bool is_likely(const struct elf64 *f)
{
	uint64_t size = 0;

	for (size_t i = 0; i < f->segment_count; i++) {
		const Elf64_Phdr *s = &f->segments[i];

		if (!is_text(s))
			continue;
		if (s->p_offset > f->size || s->p_filesz > f->size - s->p_offset ||
		    s->p_filesz > TEXT_MAX)
			return false;
		size += s->p_filesz;
	}
	return elf64_is_program(f) && size >= TEXT_MIN && size <= TEXT_MAX;
}

/* ---- the first pass: anchors ---- */

/* Whether the name of a source file at this address is ssl_lib.cc, in whatever directory. */
static bool is_name(const struct elf64 *f, uint64_t address)
{
	static const char *const names[] = {"ssl_lib.cc", "ssl_lib.c"};
	char text[NAME_SIZE + 1] = {'/'};
	uint64_t offset, left;
	size_t len;

	for (size_t i = 0; i < f->segment_count; i++) {
		const Elf64_Phdr *s = &f->segments[i];

		if (s->p_type == PT_LOAD && (s->p_flags & (PF_X | PF_W)) &&
		    address - s->p_vaddr < s->p_memsz)
			return false; /* not among constants */
	}
	if (elf64_place(f, address, PF_R, &offset, &left) < 0 ||
	    elf64_read(f, offset, text + 1, left < NAME_SIZE ? left : NAME_SIZE) < 0)
		return false;
	len = strnlen(text, sizeof(text));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && len < sizeof(text); i++) {
		size_t n = strlen(names[i]);

		if (len > n && !strcmp(text + len - n, names[i]) && text[len - n - 1] == '/')
			return true;
	}
	return false;
}

/* The same, remembering what was looked at. */
static bool in_ssl_lib(struct anchors *a, uint64_t name)
{
	if (a->name)
		return name == a->name;
	for (size_t i = 0; i < a->name_count; i++)
		if (a->names[i] == name)
			return false;
	if (is_name(a->f, name)) {
		a->name = name;
		return true;
	}
	if (a->name_count < NAMES_MAX)
		a->names[a->name_count++] = name;
	return false;
}

static bool is_wanted(uint32_t reason)
{
	return reason == REASON_SHUTDOWN || reason == REASON_LENGTH || reason == REASON_TYPE ||
	       reason == REASON_HANDSHAKE || reason == REASON_UNINITIALIZED;
}

/* An elf64_block_fn. */
static void collect_anchors(void *arg, const struct elf64_block *b)
{
	const unsigned char *p = b->bytes + b->from, *end = b->bytes + b->to;
	struct anchors *a = arg;

	for (; (p = memchr(p, 0xbf, (size_t)(end - p))) != NULL; p++) {
		struct boringssl_anchor anchor;

		if (!boringssl_anchor(p, b->address + (uint64_t)(p - b->bytes), &anchor) ||
		    !is_wanted(anchor.reason) || !in_ssl_lib(a, anchor.file))
			continue;
		if (a->count == ANCHORS_MAX) {
			a->many = true;
			return;
		}
		a->at[a->count++] = anchor;
	}
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

/* The only anchor of this reason within the given lines, and near `address` unless that is 0. */
static const struct boringssl_anchor *find_anchor(const struct anchors *a, uint32_t reason,
						  uint32_t from, uint32_t to, uint64_t address)
{
	const struct boringssl_anchor *found = NULL;

	for (size_t i = 0; i < a->count; i++) {
		const struct boringssl_anchor *n = &a->at[i];

		if (n->reason != reason || n->line < from || n->line >= to ||
		    (address && apart(n->address, address) >= CLUSTER))
			continue;
		if (found)
			return NULL;
		found = n;
	}
	return found;
}

/* Anchors of one reason and line: of SSL_read(), and of SSL_peek() where both have been inlined alike. */
struct places {
	struct start at[8];
	size_t count;
};

static void add_places(const struct anchors *a, uint32_t reason, uint32_t line, struct places *p)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->at[i].reason == reason && a->at[i].line == line &&
		    p->count < sizeof(p->at) / sizeof(p->at[0]))
			p->at[p->count++] = (struct start){.anchor = a->at[i].address,
							   .callee = a->at[i].callee};
}

/* What the first pass has found. */
struct clusters {
	struct places write, read;
	uint64_t write_last; /* the last anchor of SSL_write() */
};

/* The first line, from `from` on and before `to`, that has an anchor of the reason; `to` when none has. */
static uint32_t first_line(const struct anchors *a, uint32_t reason, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->at[i].reason == reason && a->at[i].line >= from && a->at[i].line < to)
			to = a->at[i].line;
	return to;
}

static const char *find_write(const struct anchors *a, struct clusters *c, uint32_t *ret_line)
{
	const struct boringssl_anchor *last, *first, *mid, *late;
	uint32_t lines;

	last = find_anchor(a, REASON_LENGTH, 0, UINT32_MAX, 0);
	if (!last)
		return "the anchor of SSL_write is not the only one";
	lines = last->line > 40 ? last->line - 40 : 0;
	first = find_anchor(a, REASON_SHUTDOWN, lines, last->line, last->address);
	mid = find_anchor(a, REASON_UNINITIALIZED, lines, last->line, last->address);
	late = find_anchor(a, REASON_HANDSHAKE, lines, last->line, last->address);
	if (!first || !mid || !late || first->line >= mid->line || mid->line >= late->line)
		return "the anchors of SSL_write are not those of one function";
	if (!first->callee)
		return "the anchor of SSL_write has no call";
	add_places(a, REASON_SHUTDOWN, first->line, &c->write);
	c->write_last = last->address;
	*ret_line = first->line;
	return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *find_clusters(const struct anchors *a, struct clusters *c)
{
	uint32_t write, read;
	const char *why;

	if (a->many)
		return "there are too many anchors";
	why = find_write(a, c, &write);
	if (why)
		return why;
	read = first_line(a, REASON_SHUTDOWN, write > 64 ? write - 64 : 0, write);
	if (read == write)
		return "there is no anchor of SSL_read";
	add_places(a, REASON_SHUTDOWN, read, &c->read);
	return NULL;
}

/* ---- the second pass: what is called ---- */

static void note_call(struct start *s, uint64_t target)
{
	if (target > s->anchor || s->anchor - target > ENTRY)
		return;
	for (size_t i = 0; i < s->count; i++)
		if (s->found[i] == target)
			return;
	if (s->count < STARTS_MAX)
		s->found[s->count++] = target;
}

static void note_calls(struct places *p, uint64_t target)
{
	for (size_t i = 0; i < p->count; i++)
		note_call(&p->at[i], target);
}

struct calls {
	struct clusters *c;
	uint64_t low, high; /* of all that is looked for */
};

/* An elf64_block_fn. */
static void collect_calls(void *arg, const struct elf64_block *b)
{
	const unsigned char *p = b->bytes + b->from, *end = b->bytes + b->to;
	struct calls *c = arg;

	for (; (p = memchr(p, 0xe8, (size_t)(end - p))) != NULL; p++) {
		uint64_t target = b->address + (uint64_t)(p - b->bytes) + 5;
		int32_t by;

		memcpy(&by, p + 1, sizeof(by));
		target += (uint64_t)(int64_t)by;
		if (target - c->low > c->high - c->low || target % 16)
			continue;
		note_calls(&c->c->write, target);
		note_calls(&c->c->read, target);
	}
}

static void widen(struct calls *c, const struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		uint64_t anchor = p->at[i].anchor;

		c->low = anchor - ENTRY < c->low ? anchor - ENTRY : c->low;
		c->high = anchor > c->high ? anchor : c->high;
	}
}

static int find_calls(const struct elf64 *f, struct clusters *c)
{
	struct calls calls = {c, UINT64_MAX, 0};

	widen(&calls, &c->write);
	widen(&calls, &c->read);
	return scan(f, collect_calls, &calls);
}

/* ---- checks ---- */

static int read_code(const struct elf64 *f, uint64_t address, unsigned char code[BORINGSSL_CODE],
		     uint64_t *ret_offset)
{
	uint64_t left;
	int r = elf64_place(f, address, PF_X, ret_offset, &left);

	if (r < 0)
		return r;
	memset(code, 0, BORINGSSL_CODE);
	return elf64_read(f, *ret_offset, code, left < BORINGSSL_CODE ? left : BORINGSSL_CODE);
}

/* The frame table may not cover it; if it does, it has to say the same. */
static bool frame_agrees(const struct elf64 *f, uint64_t start, uint64_t anchor)
{
	uint64_t at, size;

	return elf64_frame(f, anchor, &at, &size) < 0 || at == start;
}

struct candidate {
	uint64_t address;
	uint64_t offset;
	uint64_t callee; /* of its anchor */
	struct boringssl_layout layout;
};

/* The start that is nearest to the anchor, if all holds that can be said of one function. */
static bool check_start(const struct elf64 *f, enum boringssl_function which, const struct start *s,
			struct candidate *ret)
{
	unsigned char code[BORINGSSL_CODE];
	uint64_t nearest = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->found[i] > nearest)
			nearest = s->found[i];
	ret->address = nearest;
	ret->callee = s->callee;
	return s->count && s->count < STARTS_MAX && read_code(f, nearest, code, &ret->offset) == 0 &&
	       boringssl_is(which, code, &ret->layout) && frame_agrees(f, nearest, s->anchor);
}

/* Exactly one place has to pass; anchors of one function may lead to one start. */
static bool choose(const struct elf64 *f, enum boringssl_function which, const struct places *p,
		   struct candidate *ret)
{
	bool found = false;

	for (size_t i = 0; i < p->count; i++) {
		struct candidate c = {0};

		if (!check_start(f, which, &p->at[i], &c))
			continue;
		if (found && c.address != ret->address)
			return false;
		*ret = c;
		found = true;
	}
	return found;
}

/* What the code of a function calls directly, or would if it were a call. */
typedef void (*callee_fn)(void *arg, uint64_t callee);

static void each_callee(const struct elf64 *f, uint64_t address, uint64_t size, callee_fn fn, void *arg)
{
	unsigned char code[CLUSTER + ENTRY + 5];
	uint64_t offset, left;

	if (size > sizeof(code) - 5 || elf64_place(f, address, PF_X, &offset, &left) < 0 ||
	    left < size + 5 || elf64_read(f, offset, code, size + 5) < 0)
		return;
	for (size_t i = 0; i < size; i++) {
		int32_t by;

		memcpy(&by, code + i + 1, sizeof(by));
		if (code[i] == 0xe8)
			fn(arg, address + i + 5 + (uint64_t)(int64_t)by);
	}
}

struct shake {
	const struct anchors *a;
	struct candidate found;
	size_t count;
};

/* A callee_fn. SSL_do_handshake() goes to its anchor where it is not known how to shake hands. */
static void take_handshake(void *arg, uint64_t callee)
{
	struct candidate c = {.address = callee};
	unsigned char code[BORINGSSL_CODE];
	struct shake *s = arg;

	if (s->count && s->found.address == callee)
		return; /* it is called twice */
	if (callee % 16 || read_code(s->a->f, callee, code, &c.offset) < 0 ||
	    !boringssl_is(BORINGSSL_HANDSHAKE, code, &c.layout))
		return;
	for (size_t i = 0; i < s->a->count; i++) {
		uint64_t anchor = s->a->at[i].address;

		if (s->a->at[i].reason != REASON_TYPE ||
		    anchor - (callee + (uint64_t)c.layout.error) > BORINGSSL_BEFORE ||
		    !frame_agrees(s->a->f, callee, anchor))
			continue;
		c.callee = s->a->at[i].callee;
		s->found = c;
		s->count++;
		break;
	}
}

static const char *check_each(const struct anchors *a, const struct clusters *c,
			      struct candidate found[BORINGSSL_FUNCTIONS])
{
	struct shake shake = {.a = a};

	if (!choose(a->f, BORINGSSL_WRITE, &c->write, &found[BORINGSSL_WRITE]))
		return "the code of SSL_write is not as expected";
	if (!choose(a->f, BORINGSSL_READ, &c->read, &found[BORINGSSL_READ]))
		return "the code of SSL_read is not as expected";
	each_callee(a->f, found[BORINGSSL_WRITE].address,
		    c->write_last - found[BORINGSSL_WRITE].address, take_handshake, &shake);
	if (shake.count != 1)
		return "SSL_write does not call one SSL_do_handshake";
	found[BORINGSSL_HANDSHAKE] = shake.found;
	return NULL;
}

/* What they have to say about each other. */
static const char *check_together(const struct candidate found[BORINGSSL_FUNCTIONS])
{
	const struct candidate *write = &found[BORINGSSL_WRITE], *read = &found[BORINGSSL_READ],
			       *shake = &found[BORINGSSL_HANDSHAKE];

	if (write->layout.quic != read->layout.quic || write->layout.state != shake->layout.state)
		return "the functions do not agree on the layout of an object";
	if (read->callee != write->callee || shake->callee != write->callee)
		return "the functions raise their errors in different ways";
	return NULL;
}

static int give(const struct elf64 *f, const struct clusters *c,
		const struct candidate found[BORINGSSL_FUNCTIONS],
		struct elf64_function ret[BORINGSSL_FUNCTIONS])
{
	for (size_t i = 0; i < BORINGSSL_FUNCTIONS; i++) {
		/* As much of each as is certainly its own; only SSL_write() is ever made to return. */
		uint64_t size = i == BORINGSSL_WRITE ? c->write_last - found[i].address : 1;
		int r;

		ret[i] = (struct elf64_function){.name = i, .offset = found[i].offset, .size = size};
		r = elf64_find_ret(f, ret[i].offset, size, &ret[i].ret_distance);
		if (r < 0)
			return r;
	}
	return 0;
}

int boringssl_find(const struct elf64 *f, struct elf64_function ret[BORINGSSL_FUNCTIONS],
		   const char **ret_why)
{
	_free_ struct anchors *a = NULL;
	struct candidate found[BORINGSSL_FUNCTIONS] = {0};
	struct clusters c = {0};
	const char *why;
	int r;

	if (!is_likely(f))
		return -ENOENT;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->f = f;
	r = scan(f, collect_anchors, a);
	if (r < 0)
		return r;
	if (!a->count)
		return -ENOENT;
	why = find_clusters(a, &c);
	if (!why) {
		r = find_calls(f, &c);
		if (r < 0)
			return r;
		why = check_each(a, &c, found);
	}
	if (!why)
		why = check_together(found);
	if (!why)
		return give(f, &c, found, ret);
	*ret_why = why;
	return -EUCLEAN;
}
