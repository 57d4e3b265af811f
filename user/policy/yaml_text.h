/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_YAML_TEXT_H
#define WARDEN_POLICY_YAML_TEXT_H

#include "policy/diag.h"

/*
 * Refuses bytes that may not stand in a policy before YAML is looked at: what is not UTF-8, control
 * characters, and what makes an editor show other lines, or another order, than a parser reads.
 * Returns 0, -EINVAL with one error in `diags`, or -ENOMEM.
 */
int yaml_text_check(const char *text, size_t len, struct diags *diags);

/* The place of the byte at `at`; columns count characters. */
struct place yaml_text_place(const char *text, size_t len, size_t at);

struct yaml_parser_s; /* libyaml's */

/* Adds the error that made libyaml give up on the text. Returns -EINVAL or -ENOMEM. */
int yaml_complain(const struct yaml_parser_s *parser, const char *text, size_t len,
		  struct diags *diags);

#endif
