/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_TABLES_H
#define WARDEN_POLICY_TABLES_H

/* What the files of the compiler (lower*.c) share: the image under construction. */

#include "policy/automaton.h"
#include "policy/blob.h"
#include "policy/diag.h"
#include "policy/pattern.h"
#include "policy/rules.h"

struct lower {
	const struct policy *policy;
	struct diags *diags;
	struct blob blob;
	struct image_header head; /* written over the start of the blob at the end */
	struct intern labels; /* of struct image_row: every row that was thought of on the way */
	struct intern rows;   /* of struct image_row: those that the image refers to */
};

/* The number of a row among `labels`, which automata carry. Returns 0 or -ENOMEM. */
int lower_label(struct lower *l, const struct image_row *row, uint32_t *ret);

/* A dfa_combine: what hits a and b both. `ctx` is the struct lower. */
int lower_both(void *ctx, uint32_t a, uint32_t b, uint32_t *ret);

/* Adds to a row what another one hits. */
void row_add(struct image_row *row, const struct image_row *other);
bool row_is_empty(const struct image_row *row);

/* The index in the image of that row; an empty one is ROW_NONE. Returns 0 or -ENOMEM. */
int lower_row(struct lower *l, const struct image_row *row, uint32_t *ret);

/*
 * Writes an automaton. accept[state] is what match_dfa_accept() is to find for that state, or
 * ROW_NONE; the caller has made it from the labels. Errors stay in the blob.
 */
void lower_dfa(struct lower *l, const struct dfa *d, const uint32_t *accept, struct image_dfa *ret);

/*
 * The same of an automaton of phrases, whose labels are numbers of rows of `size` bytes in `labels`: those
 * that are in use are added to `rows`. Returns 0 or -ENOMEM.
 */
int lower_phrase_rows(struct lower *l, const struct dfa *d, const struct intern *labels,
		      struct intern *rows, size_t size, struct image_dfa *ret);

/* Says in `diags` that an automaton for a rule became too large. */
int lower_too_many_states(struct lower *l, struct place place, const char *rule,
			  const char *pattern);

/* ---- hash tables (lower_hash.c) ---- */

/* Where linear probing puts each item: slots[i] of item i, in a table of mask + 1. */
struct hash_plan {
	uint32_t *slots; /* owned */
	uint32_t mask;
	uint32_t probes; /* longest probe sequence */
};

/* Plans for items that are looked for first at homes[i] & mask. Returns 0, -ENOMEM or -E2BIG. */
int hash_plan(const uint32_t *homes, size_t count, struct hash_plan *ret);
void hash_plan_done(struct hash_plan *plan);

#define _hash_plan_ __attribute__((cleanup(hash_plan_done)))

/* ---- texts of one shape (lower_shelf.c) ---- */

/* Literals, or prefixes, or suffixes, and what each hits. All zeros: none. */
struct shelf {
	struct intern texts;
	struct image_row *rows; /* by number of the text */
	uint32_t room;
};

/*
 * Adds what a text hits. One that is empty, or longer than names are, is passed over: no name
 * matches it. Returns 0 or -ENOMEM.
 */
int shelf_add(struct shelf *s, const char *text, const struct image_row *row);
void shelf_done(struct shelf *s);

/* Adds what the requests to a host hit, of literals and of prefixes. Returns 0 or -ENOMEM. */
int shelves_add_host(struct shelf *literals, struct shelf *prefixes, const char *host,
		     const struct image_row *row);

/* Writes the hash table; `backward` for suffixes. Returns 0, -ENOMEM or -E2BIG. */
int shelf_write(const struct shelf *s, struct lower *l, bool backward, struct image_hash *ret);

/* Writes a struct image_ends; returns its offset, or 0 when there is no text. */
uint32_t shelf_write_ends(const struct shelf *s, struct lower *l, bool backward);

/* ---- one file each ---- */

int lower_text(struct lower *l, enum text text);
int lower_net(struct lower *l);
int lower_raw(struct lower *l);
int lower_inodes(struct lower *l);
int lower_content(struct lower *l);
int lower_conds(struct lower *l);

/* Phrases of all the policy may have that many bytes; beyond, no image could hold them. */
#define PHRASE_STATES (1U << 22)

/* True for the tables of names of hosts, of which there is one a protocol. */
static inline bool text_is_host(enum text text)
{
	return text >= TEXT_HOST;
}

/*
 * The texts that match a pattern, as steps. `speaks` is false for a pattern of another kind: it
 * never matches a text of that table.
 */
bool pattern_speaks(const struct pattern *p, enum text text);
void pattern_nfa(const struct pattern *p, enum text text, struct nfa *n);

/* Adds the hosts that match (lower_host.c); NULL is any. */
void host_nfa(const char *host, struct nfa *n);

enum shape {
	SHAPE_LITERAL,
	SHAPE_PREFIX,
	SHAPE_SUFFIX,
	SHAPE_ANY,
	SHAPE_HOST, /* requests to a host: the bytes, with any path behind or none */
	SHAPE_GLOB, /* none of them: needs an automaton */
};

/* The shape of a pattern; where it has bytes, they as well, for the caller to free. */
int pattern_shape(const struct pattern *p, enum text text, enum shape *ret, char **ret_bytes);

#endif
