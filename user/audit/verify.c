/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/verify.h"

#include <errno.h>
#include <stdio.h>

#include "audit/lines.h"

static int check_lines(struct lines *lines, struct sha256 *sha, struct verify *v)
{
	struct chain chain = CHAIN_INIT;
	const char *line;
	size_t len;
	int r;

	while ((r = lines_next(lines, &line, &len)) > 0) {
		r = chain_check(&chain, line, len, sha, v->why);
		if (r < 0)
			return r;
		v->lines++;
	}
	if (r == -EMSGSIZE)
		snprintf(v->why, sizeof(v->why), "longer than %zu MiB", CHAIN_LINE_MAX >> 20);
	else if (!r && lines_rest(lines))
		snprintf(v->why, sizeof(v->why),
			 "torn: %zu bytes without a newline at the end of the file",
			 lines_rest(lines));
	else
		return r;
	return -EBADMSG;
}

int verify_trail(int fd, struct verify *ret)
{
	struct lines lines = {.fd = fd};
	struct sha256 sha = {};
	struct verify v = {};
	int r;

	r = check_lines(&lines, &sha, &v);
	if (!r || r == -EBADMSG)
		*ret = v;
	lines_free(&lines);
	sha256_free(&sha);
	return r;
}
