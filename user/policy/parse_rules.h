/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PARSE_RULES_H
#define WARDEN_POLICY_PARSE_RULES_H

#include "policy/keys.h"
#include "policy/policy.h"

/* Inside of the parser: functions for the rows of keys whose values are tools and rules. */

int parse_tools(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);
int parse_mcp(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);
int parse_deny(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);
int parse_allow(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);
int parse_opaque_allow(const struct keys_ctx *c, const struct key *row,
		       const struct yaml_node *key);
int parse_content(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

/* Appends a copy of the text. Returns 0 or -ENOMEM. */
int phrase_list_add(struct phrase_list *list, const char *text);

/* A struct phrase_list: a phrase, or a list of them. */
int parse_phrases(const struct keys_ctx *c, const struct key *row, const struct yaml_node *key);

#endif
