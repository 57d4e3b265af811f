/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_AUTOMATON_H
#define WARDEN_POLICY_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Automata over bytes. A pattern becomes a chain of steps (struct nfa), that a deterministic
 * automaton (struct dfa), and those are combined two by two: to one that knows what each knew
 * (groups), or to one without what the other matches (exceptions). Labels of states say what was
 * matched; what they mean, and how two are combined, is the caller's.
 *
 * Some globs need exponentially many states. Everything that could grow so takes a budget and
 * fails with -E2BIG beyond it.
 */

#define DFA_BUDGET 4096U /* states of one automaton of an image */
#define DFA_GROUPS 255U  /* automata of one text: match.h counts them in a byte */
#define LABEL_NONE 0xffffffffU

struct byteset {
	uint64_t bits[4];
};

enum step_kind {
	STEP_ONE,  /* one byte of the set */
	STEP_MANY, /* any number of them */
	STEP_FORK, /* go on, or go to step `to` */
};

struct nfa_step {
	struct byteset set;
	enum step_kind kind;
	uint32_t to;
};

/* A text matches when the steps can be gone through with all of its bytes. All zeros: none. */
struct nfa {
	struct nfa_step *steps;
	uint32_t count;
	uint32_t room;
	bool failed; /* no memory: nfa_dfa() says so */
};

struct dfa {
	uint8_t classes[256]; /* byte -> class, below `stride` */
	uint32_t stride;
	uint32_t states;
	uint32_t start;
	uint32_t *next;   /* [states * stride]: number of the next state */
	uint32_t *labels; /* [states], or LABEL_NONE */
};

/* The set of all bytes but those of `except` (a string; NULL: of all); of one; of some. */
struct byteset byteset_but(const char *except);
struct byteset byteset_of(uint8_t byte);
struct byteset byteset_in(const char *bytes);

void nfa_free(struct nfa *n);
void nfa_step(struct nfa *n, enum step_kind kind, struct byteset set);

/* Go on, or go back to step `to`; go on, or pass over the next `steps` steps. */
void nfa_back(struct nfa *n, uint32_t to);
void nfa_skip(struct nfa *n, uint32_t steps);

/* A step a byte of the string. */
void nfa_text(struct nfa *n, const char *text);

/*
 * A glob, escapes and all: `star` is what a '*' may run over, `one` what a '?' may be. NULL is "*".
 */
void nfa_glob(struct nfa *n, const char *glob, struct byteset star, struct byteset one);

/*
 * The minimal automaton of the texts that match, with `label` on its accepting states. Returns 0,
 * -ENOMEM or -E2BIG. The caller frees *ret by dfa_free().
 */
int nfa_dfa(const struct nfa *n, uint32_t label, uint32_t budget, struct dfa **ret);

/* Sets *ret to the label of a state that is in states labelled a and b of two automata. Returns 0
 * or -errno, which ends the combination. */
typedef int (*dfa_combine)(void *ctx, uint32_t a, uint32_t b, uint32_t *ret);

/* Combinations whose labels are those of `a`: where b does not match, or where it does. */
int dfa_minus(void *ctx, uint32_t a, uint32_t b, uint32_t *ret);
int dfa_and(void *ctx, uint32_t a, uint32_t b, uint32_t *ret);

/* The minimal automaton that runs both. Returns 0, -ENOMEM, -E2BIG, or the error of `combine`. */
int dfa_product(const struct dfa *a, const struct dfa *b, dfa_combine combine, void *ctx,
		uint32_t budget, struct dfa **ret);

/*
 * Combines many automata to as few as the budget seems to allow. Takes over every dfas[i]; leaves
 * the groups in the first *count of them, in the order of the first that each took in. Returns 0,
 * or an error, after which dfas[] still owns what is left.
 */
int dfa_group(struct dfa **dfas, size_t *count, dfa_combine combine, void *ctx, uint32_t budget);

/*
 * Makes it minimal, merges classes that never differ, and numbers states and classes in the order
 * in which they are reached, so that equal languages have equal automata. Returns 0 or -ENOMEM.
 */
int dfa_minimise(struct dfa *d);

/* The label of the state after all bytes. */
uint32_t dfa_run(const struct dfa *d, const void *text, size_t len);

/* An automaton of that size with nothing filled in; NULL when there is no memory. */
struct dfa *dfa_new(uint32_t states, uint32_t stride);

/* Frees it, sets the pointer to NULL; a NULL pointer is fine. */
void dfa_free(struct dfa **d);

#define _dfa_ __attribute__((cleanup(dfa_free)))
#define _nfa_ __attribute__((cleanup(nfa_free)))

#endif
