/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_KEYS_H
#define WARDEN_POLICY_KEYS_H

#include "policy/diag.h"
#include "policy/yaml.h"

/*
 * Mappings of the policy language: a table for each, a row for each key it knows. A row says how
 * the value is read and where it goes; a row without a function is a key of the language that is
 * refused, because it is not supported yet or, with `refusal`, because it has no sense there.
 */

/* What is being read, and where it goes. */
struct keys_ctx {
	struct diags *diags;
	struct policy *policy;
	void *object; /* what the mapping describes: rows' `at` are offsets into it */
};

struct key {
	const char *name;
	/* Returns 0, -EINVAL after an error in diags, or -ENOMEM. `key` is the scalar, key->value
	 * its value. */
	int (*parse)(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);
	size_t at;
	const struct key_word *words; /* for key_word() */
	const char *refusal;          /* why the key is refused here */
	const char *required;         /* what to say when it is missing */
};

struct key_word { /* ends with a NULL name */
	const char *name;
	int value; /* KEY_LATER: not supported yet */
};

#define KEY_LATER -1

struct key_table {
	const char *what; /* is described: "a tool" */
	const struct key *rows;
	size_t count;
};

/*
 * Reads a mapping by a table. Goes on after errors, to find them all. Returns 0, -EINVAL when there
 * was any, or -ENOMEM.
 */
int keys_parse(const struct keys_ctx *c, const struct key_table *table,
	       const struct yaml_node *mapping);

/* The value of one of the words, or an error that says which there are. `what` is the key. */
int keys_word(const struct keys_ctx *c, const char *what, const struct key_word *words,
	      const struct yaml_node *value, int *ret_value);

#define KEYS_A_LIST "a list ([] for none)"

/* Refuses a value of the wrong type: "'KEY' must be ...". */
int keys_refuse_type(const struct keys_ctx *c, const struct yaml_node *key, const char *wanted);

/* A scalar's text; refuses other values. */
int keys_scalar(const struct keys_ctx *c, const struct yaml_node *key, const char **ret_text);

/* Functions for rows: */

/* An int (an enum) by row->words. */
int key_word(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

/* As key_word(), for a bool. */
int key_flag(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

/* A char *: one line of printable text, to be shown on terminals and in reports. */
int key_line(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

/* As key_line(), for names: not empty. */
int key_name(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

/* Refuses text that is not one line, printable, and no longer than `max` bytes. `what` it is. */
int keys_check_line(const struct keys_ctx *c, const char *what, const struct yaml_node *text,
		    size_t max);

/* Warns of a name whose first or last byte is a blank, which readers do not see. */
int keys_warn_of_blanks(const struct keys_ctx *c, const struct yaml_node *name);

#define KEYS_MAX_NAME 255 /* bytes */
#define KEYS_MAX_LINE 1024

/*
 * Calls `add` with each item of a sequence of scalars, or with the one scalar that stands for it;
 * goes on after errors. An empty sequence is an error unless `may_be_empty`.
 */
typedef int (*keys_add)(const struct keys_ctx *c, const struct yaml_node *item, void *to);
int keys_each(const struct keys_ctx *c, const struct yaml_node *key, bool may_be_empty,
	      keys_add add, void *to);

#endif
