/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_HASH_H
#define WARDEN_POLICY_HASH_H

#include <stdbool.h>

#include "image.h"

/*
 * Reads a SHA-256 of HASH_TEXT hexadecimal digits, in upper or lower case, and nothing else. Stores
 * it as the text that conditions are held against, in lower case. Returns false, with `ret`
 * untouched, when it is none.
 */
bool hash_parse(const char *text, char ret[HASH_TEXT + 1]);

#endif
