/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_EXES_H
#define WARDEN_EXES_H

#include "base/map.h"
#include "wire.h"

/*
 * Build ids of the programs of processes whose text could not be seen: which program that was, to be known
 * again; and the TLS that they are likely to have used (stacks.h). They are looked up as soon as a record is
 * fetched, since a process may end before its records have been put in order. Of one that has ended even by
 * then, the file at the path that it ran is looked at, if that was not changed since the process began.
 *
 * Whoever runs many large programs could keep warden busy with that, while refusals wait: a program is looked
 * at once for each process, and all that is spent on names of TLS is EXES_SEARCH_NS; from then on none is known.
 * Zeroed, it is empty.
 */
struct exes {
	struct map known; /* tgid -> struct exe */
	uint64_t spent;	  /* ns, on searches for what TLS there is */
};

#define EXES_SEARCH_NS (2ULL * 1000000000)

/* Looks at the program that the process of the record runs now; what cannot be read is not known. */
void exes_look(struct exes *e, const struct rec *r);

/* In hexadecimal digits; NULL: not known. `path` may be NULL. It lives until the next call for that process. */
const char *exes_build_id(struct exes *e, const struct rec *r, const char *path);

/* What TLS the process had when it was looked at, static; NULL: not known. */
const char *exes_stack(const struct exes *e, const struct rec *r);

/* The process has ended. */
void exes_drop(struct exes *e, uint32_t tgid);

void exes_free(struct exes *e);

#endif
