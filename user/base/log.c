/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum log_level log_level = LOG_NOTICE;

bool log_colour(void)
{
	static int colour = -1;

	if (colour < 0)
		colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	return colour;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char prefix[] = "warden: ";
	char line[8192];
	int saved = errno;
	size_t used = sizeof(prefix) - 1;
	va_list ap;
	int n;

	if (level > log_level)
		return;

	memcpy(line, prefix, used);
	va_start(ap, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	line[used++] = '\n';

	/* One write a line, so that lines of concurrent writers do not mix. */
	for (size_t done = 0; done < used;) {
		ssize_t w = write(STDERR_FILENO, line + done, used - done);

		if (w < 0 && errno != EINTR)
			break;
		done += w > 0 ? (size_t)w : 0;
	}
	errno = saved;
}
