/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum log_level log_level = LOG_NOTICE;
int log_patience = -1;

bool log_colour(void)
{
	static int colour = -1;

	if (colour < 0)
		colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	return colour;
}

static const char prefix[] = "warden: ";

/* Who was waited for in vain is not waited for again until there is room. */
static bool has_room(void)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	static bool stuck;
	int n;

	if (log_patience < 0)
		return true;
	do
		n = poll(&out, 1, stuck ? 0 : log_patience);
	while (n < 0 && errno == EINTR);
	stuck = !n;
	return n;
}

/* In pieces that a pipe with any room takes whole. False when nothing of it was written. */
static bool put(const char *line, size_t len)
{
	size_t done = 0;

	while (done < len && has_room()) {
		ssize_t w = write(STDERR_FILENO, line + done,
				  len - done < PIPE_BUF ? len - done : PIPE_BUF);

		if (w < 0 && errno != EINTR)
			break;
		done += w > 0 ? (size_t)w : 0;
	}
	return done;
}

/* One write a line, so that lines of concurrent writers do not mix. */
static void put_line(const char *line, size_t len)
{
	static unsigned long missing;
	char text[96];
	int n;

	if (missing) {
		n = snprintf(text, sizeof(text), "%s%lu lines were not printed: nobody read them\n",
			     prefix, missing);
		if (put(text, (size_t)n))
			missing = 0;
	}
	if (missing || !put(line, len))
		missing++;
}

void log_line(enum log_level level, const char *fmt, ...)
{
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
	put_line(line, used);
	errno = saved;
}
