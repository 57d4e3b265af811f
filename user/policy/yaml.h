/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_YAML_H
#define WARDEN_POLICY_YAML_H

#include "policy/diag.h"

/*
 * One YAML 1.2 document as a tree of nodes that know where they stand. A subset: what has no use in
 * a policy, or could hide something from the eye of a reader, is refused: aliases, anchors, tags,
 * duplicate keys, keys that are no scalars, further documents, control characters, marks that turn
 * the direction of text. Types are not guessed here: a scalar is the text that it is.
 */

#define YAML_MAX_SIZE  (8U << 20) /* bytes of text */
#define YAML_MAX_DEPTH 64         /* of nested sequences and mappings */
#define YAML_MAX_NODES 1000000

enum yaml_type {
	YAML_SCALAR,
	YAML_SEQUENCE,
	YAML_MAPPING,
};

struct yaml_node {
	enum yaml_type type;
	bool quoted; /* a scalar that was not written plain */
	struct place place;
	const char *text; /* a scalar's text: UTF-8 without NUL inside, and a NUL behind */
	size_t len;
	struct yaml_node *first; /* of the items of a sequence, or of the keys of a mapping */
	struct yaml_node *next;  /* the item, or the key, behind this one */
	struct yaml_node *value; /* what a key (a scalar) is set to; NULL for other nodes */
	size_t count;            /* of items, or of keys */
};

struct yaml_doc; /* owns its nodes and their texts */

/*
 * Loads a document. Any bytes will do. Returns 0, -EINVAL with at least one error in `diags`, or
 * -ENOMEM. The caller frees *ret_doc; it does not refer to `text`.
 */
int yaml_load(const char *text, size_t len, struct yaml_doc **ret_doc, struct diags *diags);

const struct yaml_node *yaml_root(const struct yaml_doc *doc);

/* Frees the document and all its nodes; NULL is fine. Sets *doc to NULL. */
void yaml_doc_free(struct yaml_doc **doc);

/* True for a scalar without a value: nothing, ~ or null, not quoted. */
bool yaml_is_null(const struct yaml_node *node);

#endif
