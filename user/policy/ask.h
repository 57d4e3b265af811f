/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_ASK_H
#define WARDEN_POLICY_ASK_H

#include "base/buf.h"
#include "match.h"
#include "policy/pattern.h"

/*
 * The question that a hook asks in the kernel, asked in a process: what would this image decide on
 * that activity? Matching and deciding is by the very code that the kernel runs (match.h,
 * decide.h).
 */

/* One activity with one name. It points into itself: do not copy it. */
struct ask {
	struct activity_name name; /* for what compares it with patterns */
	uint32_t flags;            /* enum activity_flag */
	uint32_t len;
	bool known; /* exec: `file` is the one that has this name; set by who looks at files */
	struct file_id file;
	/* exec: its variables, one a line, or NULL; set by who knows them. */
	const char *env;
	size_t env_len;
	/* exec: of its file, as hash_parse() makes it; NULL: none that is asked for. */
	const char *hash;
	uint8_t text[NAME_SIZE];    /* what tables of texts are asked for; addresses have none */
	char fields[2 * NAME_SIZE]; /* what the pointers in `name` point to */
};

/*
 * Reads the name of one activity, as the audit trail has it: "exec:/usr/bin/nc",
 * "net:203.0.113.7:443", "net:[2001:db8::1]:53/udp" (tcp when it is not said), "net:example.com:443" (a
 * name of an address that no CIDR of the policy has, and a public one), "net:unix:/run/x",
 * "http:POST api.example.com/v1/x", "http:CONNECT host", "http:OPTIONS host*". It is taken as it
 * is: nothing in it is a glob, an escape or a query. A name that is too long to be matched is
 * `unknown`, as it is in the kernel.
 *
 * Returns 0, -EINVAL with a sentence in `complaint`, or -ENOMEM.
 */
int ask_parse(const char *activity, struct ask *ret, struct buf *complaint);

/*
 * Decides it by the image. `text` is what content rules, and conditions on arguments, are to look
 * at: `len` bytes, or NULL. What was hit on the way is left in `ret_activity`, entries whose
 * conditions hold included.
 */
void ask_decide(const void *img, const struct ask *ask, const char *text, size_t len,
		struct activity *ret_activity, struct decision *ret);

/*
 * The first phrase in a text that breaks a content rule for that kind, or ROW_NONE: in the kernel
 * it decides before the rest of the text is there. Where several end at one byte, the first rule
 * counts.
 */
uint32_t ask_phrase(const void *img, enum kind kind, const char *text, size_t len);

/* A rule of an image, for people. Strings live as long as the image. */
struct rule_view {
	const char *id;
	const char *reason; /* or NULL */
	const char *file;
	uint32_t line; /* 0: it is not written anywhere, it is a default */
	uint32_t column;
	enum layer layer;
	enum image_action action;
	enum image_mode mode;
};

/* Returns false when there is no such rule (RULE_NONE). */
bool ask_rule(const void *img, uint32_t rule, struct rule_view *ret);

#endif
