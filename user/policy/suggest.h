/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_SUGGEST_H
#define WARDEN_POLICY_SUGGEST_H

#include "policy/diag.h"

/* The end of a message: "; did you mean 'NAME'?", or nothing. */
struct suggestion {
	char text[128];
};

/* What somebody who wrote `word` most likely meant; nothing when there were many errors before. */
struct suggestion suggest(const struct diags *diags, const char *word, const char *const *names,
			  size_t n);

#endif
