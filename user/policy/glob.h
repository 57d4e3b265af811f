/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_GLOB_H
#define WARDEN_POLICY_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Globs of the policy language, one field at a time: '*' is any number of bytes, '?' is one, '\'
 * takes what follows as it is. In a host a leading "*." is one or more whole labels, and any other
 * '*' or '?' stays inside one label. A NULL glob matches everything.
 */

enum glob_field {
	GLOB_TEXT, /* exec and socket paths, http methods and paths */
	GLOB_HOST,
};

#define GLOB_MAX 8192 /* bytes: a path with an escape before every one of them */

/*
 * True when the whole of the text matches. This is the meaning of globs, written to be read, and
 * what the image is tested against; its cost is the product of the lengths. A glob longer than
 * GLOB_MAX, which no policy can have, matches nothing.
 */
bool glob_match(enum glob_field field, const char *glob, const char *text, size_t len);

/* True when the glob is the name of one thing: nothing in it but literal bytes. */
bool glob_is_literal(const char *glob);

/*
 * True when everything that `b` matches is matched by `a`, and when nothing is matched by both.
 * False says nothing: only what is certain is true. Costs at most the product of the lengths.
 */
bool glob_covers(enum glob_field field, const char *a, const char *b);
bool glob_disjoint(enum glob_field field, const char *a, const char *b);

/* What is wrong with a glob as written, as the end of a sentence that begins with it; or NULL. */
const char *glob_fault(enum glob_field field, const char *glob, size_t len);

/*
 * The glob with no escapes but those before '*', '?' and '\'. Returns NULL when memory runs out.
 * The caller frees it.
 */
char *glob_canonical(const char *glob, size_t len);

/* The bytes of a literal glob; NULL when memory runs out. The caller frees it. */
char *glob_unescape(const char *glob);

/* The glob that matches just this text; NULL when memory runs out. The caller frees it. */
char *glob_escape(const char *text);

#endif
