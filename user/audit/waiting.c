/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 100 /* to be faster than another writer, who takes the room that there was */

int waiting_add(struct waiting *w, const struct buf *line, const struct chain *chain)
{
	if (w->count == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct waiting_line *lines = reallocarray(w->lines, room, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		w->lines = lines;
		w->room = room;
	}
	if (buf_reserve(&w->text, line->len) < 0) {
		w->text.failed = false; /* what waits is whole */
		return -ENOMEM;
	}
	buf_add(&w->text, line->data, line->len);
	w->lines[w->count++] = (struct waiting_line){w->text.len, *chain};
	return 0;
}

/* Who was waited for in vain is not waited for again until there is room. */
static bool has_room(struct waiting *w, int fd)
{
	struct pollfd out = {.fd = fd, .events = POLLOUT};
	int n;

	if (!w->patience)
		return true;
	do
		n = poll(&out, 1, w->stuck ? 0 : w->patience);
	while (n < 0 && errno == EINTR);
	w->stuck = !n;
	return n;
}

/* For one write(2). With any room, a pipe takes PIPE_BUF bytes whole: the writer does not wait. */
static size_t most_at_once(const struct waiting *w, int fd)
{
	int flags = w->patience ? fcntl(fd, F_GETFL) : O_NONBLOCK;

	return flags >= 0 && flags & O_NONBLOCK ? SIZE_MAX : PIPE_BUF;
}

/* Writes from `*done` on, which says how far it came. Returns 0 when that was all, or -errno. */
static int write_rest(struct waiting *w, int fd, size_t *done)
{
	size_t most = most_at_once(w, fd);
	int again = TRIES;

	while (*done < w->text.len) {
		size_t left = w->text.len - *done;
		ssize_t n;

		if (!has_room(w, fd))
			return -EAGAIN;
		n = write(fd, w->text.data + *done, left < most ? left : most);
		if (n > 0)
			*done += (size_t)n;
		else if (!n)
			return -EIO;
		else if (errno != EINTR && (errno != EAGAIN || !again--))
			return -errno;
	}
	return 0;
}

/* Takes `done` bytes, and the lines that end in them, off the beginning. */
static void take_off(struct waiting *w, size_t done, struct chain *chain)
{
	size_t whole = 0, start = 0;

	while (whole < w->count && w->lines[whole].end <= done)
		whole++;
	if (whole) {
		start = w->lines[whole - 1].end;
		*chain = w->lines[whole - 1].chain;
		w->torn = 0;
	}
	w->torn += done - start;
	w->count -= whole;
	memmove(w->lines, w->lines + whole, w->count * sizeof(*w->lines));
	for (size_t i = 0; i < w->count; i++)
		w->lines[i].end -= done;
	w->text.len -= done;
	memmove(w->text.data, w->text.data + done, w->text.len);
}

int waiting_write(struct waiting *w, int fd, struct chain *chain)
{
	size_t done = 0;
	int r;

	if (!w->count)
		return 0;
	r = write_rest(w, fd, &done);
	take_off(w, done, chain);
	return r;
}

size_t waiting_drop(struct waiting *w, size_t keep)
{
	size_t dropped = w->count > keep ? w->count - keep : 0;

	w->count -= dropped;
	w->text.len = w->count ? w->lines[w->count - 1].end : 0;
	if (!w->count)
		w->torn = 0;
	return dropped;
}

void waiting_free(struct waiting *w)
{
	buf_free(&w->text);
	free(w->lines);
	*w = (struct waiting){0};
}
