/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern_fields.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Names of hosts, which requests and destinations have. */

static int refuse_byte(const struct fields *f, unsigned char c)
{
	if (c >= 0x80)
		return fields_refuse(f, "has a host that is not ASCII: write its xn-- form");
	return fields_refuse(f, "has '%c' in the host, which no host name has", c);
}

static int check_host(const struct fields *f, const char *text, size_t len)
{
	static const char valid[] = ALNUM "-_.*?[]{}"; /* what globs have, too: nothing to escape */
	size_t good = strspn(text, valid);

	if (text[0] == '.')
		return fields_refuse(f,
				     "begins the host with a dot: write *.HOST for all below it");
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '.' && text[i - 1] == '.')
			return fields_refuse(f, "has an empty label in the host");
		if (text[i - 1] == '\\' && strchr("*?\\[]", text[i]))
			return refuse_byte(f, (unsigned char)text[i]);
	}
	return good < len ? refuse_byte(f, (unsigned char)text[good]) : 0;
}

int fields_host(const struct fields *f, const char *text, size_t len, char **ret_glob)
{
	int r = check_host(f, text, len);

	if (r < 0)
		return r;
	if (len > 1 && text[len - 1] == '.')
		len--;
	r = fields_glob(f, GLOB_HOST, text, len, ret_glob);
	for (char *c = *ret_glob; r == 0 && c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return r;
}
