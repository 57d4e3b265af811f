/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PATTERN_FIELDS_H
#define WARDEN_POLICY_PATTERN_FIELDS_H

#include "policy/diag.h"
#include "policy/glob.h"

/* Inside of the pattern parser: what the functions for the kinds share. */

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct fields {
	const char *source;
	const char *text; /* the source behind "kind:" */
	struct place place;
	struct diags *diags;
};

/* Adds the error "'SOURCE' ...". Returns -EINVAL or -ENOMEM. */
int fields_refuse(const struct fields *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds the warning "'SOURCE' ...". Returns 0 or -ENOMEM. */
int fields_warn(const struct fields *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes `len` bytes as a glob; NULL for "*". Returns 0, -EINVAL after an error, or -ENOMEM. */
int fields_glob(const struct fields *f, enum glob_field field, const char *glob, size_t len,
		char **ret_glob);

/* Takes `len` bytes as a glob of host names, in lower case, without a trailing dot. As fields_glob(). */
int fields_host(const struct fields *f, const char *text, size_t len, char **ret_glob);

/* Fill in the fields of one kind. They return as pattern_parse() does. */
int fields_net(const struct fields *f, struct pattern *pattern);
int fields_http(const struct fields *f, struct pattern *pattern);

#endif
