/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/hash.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

bool hash_parse(const char *text, char ret[HASH_TEXT + 1])
{
	size_t len = strspn(text, "0123456789abcdefABCDEF");

	if (len != HASH_TEXT || text[len])
		return false;
	for (size_t i = 0; i <= len; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	return true;
}
