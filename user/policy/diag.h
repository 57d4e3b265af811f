/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_DIAG_H
#define WARDEN_POLICY_DIAG_H

#include "policy/policy.h"

/* What the stages of a policy have to say about it, in the order in which it was found. */

enum diag_level {
	DIAG_NOTE,
	DIAG_WARNING,
	DIAG_ERROR,
};

struct diag {
	enum diag_level level;
	struct place place; /* line 0: of the file as a whole */
	char *message;	    /* without place, level and newline */
};

struct diags {
	struct diag *items;
	size_t count;
	size_t errors;
	size_t warnings;
};

/*
 * Adds a message. Returns -EINVAL for an error (so that a stage can `return diag_add(...)`), 0 for
 * the rest, -ENOMEM when there is no memory. At most 100 are kept; the counts go on.
 */
int diag_add(struct diags *diags, enum diag_level level, struct place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

void diags_free(struct diags *diags);

#endif
