/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PRINT_TABLES_H
#define WARDEN_POLICY_PRINT_TABLES_H

/* What the files of the printer share. */

#include "base/buf.h"
#include "image.h"

/* Quoted, with escapes for all that is not printable ASCII. */
void print_text(struct buf *out, const void *text, size_t len);

/* " WHAT N", or nothing for RULE_NONE. */
void print_rule_number(struct buf *out, const char *what, uint32_t rule);

/* What an accepting state, or a name, hits. */
void print_row(struct buf *out, const void *img, uint32_t row);

/*
 * An automaton: its size, and a line a state with the bytes that lead on. Most bytes lead to the
 * same state; that is said once, as "else".
 */
void print_dfa(struct buf *out, const void *img, const struct image_dfa *d,
	       void (*print_accept)(struct buf *out, const void *img, uint32_t row));

#endif
