/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_NEAREST_H
#define WARDEN_BASE_NEAREST_H

#include <stddef.h>

/*
 * The name that somebody who wrote `word` most likely meant, or NULL when none is close: at most a
 * third of the letters are wrong, missing, too many or swapped with their neighbour (upper and
 * lower case are the same), or `word` is the name with some letters left out. Of equals the first.
 */
const char *nearest(const char *word, const char *const *names, size_t n);

#endif
