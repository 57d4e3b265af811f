/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/trail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "audit/chain.h"
#include "audit/encode.h"
#include "audit/tail.h"
#include "audit/waiting.h"
#include "base/cleanup.h"
#include "base/time.h"

struct trail {
	int fd;
	bool owned;   /* fd is to be closed */
	bool regular; /* it can be read, locked and cut */
	bool sync;
	struct audit_host host;
	struct chain chain; /* the last line that is whole in the file */
	struct waiting waiting;
	struct buf line; /* at work */
	struct ulid ulid;
	struct sha256 sha;
};

/* ---- writing ---- */

/* Takes the last `n` bytes off the file; they are ours, for we hold the lock. */
static bool cut(struct trail *t, size_t n)
{
	struct stat st;

	return t->regular && !fstat(t->fd, &st) && (uint64_t)st.st_size >= n &&
	       !ftruncate(t->fd, st.st_size - (off_t)n);
}

/* Where the trail stands once all that waits is written. */
static const struct chain *last(const struct trail *t)
{
	return t->waiting.count ? &t->waiting.lines[t->waiting.count - 1].chain : &t->chain;
}

static int encode(struct trail *t, const struct audit_event *ev, struct chain *ret)
{
	char id[ULID_TEXT];
	struct audit_stamp stamp = {
		.seq = last(t)->seq + 1,
		.id = id,
		.host = *t->host.name ? t->host.name : NULL,
		.boot_id = *t->host.boot_id ? t->host.boot_id : NULL,
		.prev = last(t)->hash,
	};
	int r;

	r = ulid_next(&t->ulid, ev->time / NS_PER_MS, id);
	if (r < 0)
		return r;
	buf_reset(&t->line);
	r = audit_encode(&t->line, ev, &stamp);
	if (r < 0)
		return r;
	ret->seq = stamp.seq;
	return chain_seal(&t->line, &t->sha, ret->hash);
}

int trail_add(struct trail *t, const struct audit_event *ev, uint64_t *ret_seq)
{
	struct chain chain;
	int r = encode(t, ev, &chain);

	if (!r)
		r = waiting_add(&t->waiting, &t->line, &chain);
	if (!r)
		*ret_seq = chain.seq;
	return r;
}

size_t trail_waiting(const struct trail *t)
{
	return t->waiting.text.len;
}

int trail_flush(struct trail *t, uint64_t *ret_lost)
{
	size_t torn;
	int r;

	r = waiting_write(&t->waiting, t->fd, &t->chain);
	torn = t->waiting.torn;
	/* Where it cannot be cut off, the rest of a line comes before all others. */
	*ret_lost = r ? waiting_drop(&t->waiting, torn && !cut(t, torn)) : 0;
	return r;
}

int trail_append(struct trail *t, const struct audit_event *ev)
{
	uint64_t seq, lost;
	int r = trail_add(t, ev, &seq);

	return r ? r : trail_flush(t, &lost);
}

uint64_t trail_seq(const struct trail *t)
{
	return t->chain.seq;
}

/* ---- opening and closing ---- */

/* Gets rid of the torn piece at the end, and says so in its place. */
static int mend(struct trail *t, const struct tail *tail)
{
	struct audit_event loss = {
		.type = AUDIT_LOSS,
		.time = time_now(),
		.loss = {"torn_line", KNOWN(1), KNOWN(tail->torn.len)},
	};
	bool was_cut = cut(t, tail->torn.len);
	int r;

	if (!was_cut && write(t->fd, "\n", 1) != 1)
		return -errno;
	r = trail_append(t, &loss);
	/* Rather a torn piece that the next one finds again than a loss that nobody hears of. */
	if (r < 0 && was_cut && !t->waiting.torn) {
		ssize_t n = write(t->fd, tail->torn.data, tail->torn.len);

		(void)n;
	}
	return r;
}

static int resume(struct trail *t)
{
	struct tail tail = {};
	int r;

	r = tail_read(t->fd, &t->sha, &tail);
	if (!r) {
		t->chain = tail.chain;
		if (*tail.id)
			r = ulid_resume(&t->ulid, tail.id) < 0 ? -EBADMSG : 0;
	}
	if (!r && tail.unterminated)
		r = write(t->fd, "\n", 1) == 1 ? 0 : -errno;
	if (!r && tail.torn.len)
		r = mend(t, &tail);
	tail_free(&tail);
	return r;
}

static bool is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && path[n] == '/' && !strchr(path + n + 1, '/');
}

/*
 * Whoever reads a pipe may stop, and others may write to it, so that its room is gone when we come.
 * Not to wait is a property of the open file, which is only changed where it is ours alone.
 */
static void set_patience(struct trail *t)
{
	int flags = t->owned ? fcntl(t->fd, F_GETFL) : -1;

	t->waiting.patience = TRAIL_PATIENCE;
	if (flags >= 0)
		fcntl(t->fd, F_SETFL, flags | O_NONBLOCK);
}

/* Stdout is shared with the command, and with who knows whom. What can be opened anew is. */
static void open_stdout(struct trail *t)
{
	struct stat st;
	int fd = -1;

	if (fstat(STDOUT_FILENO, &st) < 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISFIFO(st.st_mode) || isatty(STDOUT_FILENO))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0) {
		t->fd = fd;
		t->owned = true;
	}
	set_patience(t);
}

static int open_file(struct trail *t, const struct trail_options *o)
{
	int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
	struct stat st;

	/* A pipe must not be opened for reading too: its writer would never see that its reader
	 * went. */
	t->regular = stat(o->path, &st) < 0 || S_ISREG(st.st_mode);
	if (!t->regular)
		flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
	t->fd = open(o->path, flags, 0600);
	if (t->fd < 0 && errno == ENOENT && o->dir && is_in(o->path, o->dir) &&
	    (!mkdir(o->dir, 0700) || errno == EEXIST))
		t->fd = open(o->path, flags, 0600);
	if (t->fd < 0)
		return -errno;
	t->owned = true;
	if (!t->regular) {
		set_patience(t);
		return 0;
	}
	if (flock(t->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return resume(t);
}

int trail_open(struct trail **ret, const struct trail_options *o)
{
	struct trail *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->fd = STDOUT_FILENO;
	t->sync = o->sync;
	t->chain = (struct chain)CHAIN_INIT;
	t->ulid = (struct ulid)ULID_INIT;
	if (o->host)
		t->host = *o->host;
	if (strcmp(o->path, "-") != 0)
		r = open_file(t, o);
	else
		open_stdout(t);
	if (r < 0) {
		t->sync = false;
		trail_close(&t);
		return r;
	}
	*ret = t;
	return 0;
}

int trail_close(struct trail **tp)
{
	struct trail *t = TAKE_PTR(*tp);
	uint64_t lost;
	int r;

	if (!t)
		return 0;
	r = trail_flush(t, &lost);
	if (!r && t->sync && t->regular && fsync(t->fd) < 0)
		r = -errno;
	if (t->owned && close(t->fd) < 0 && !r)
		r = -errno;
	buf_free(&t->line);
	waiting_free(&t->waiting);
	sha256_free(&t->sha);
	free(t);
	return r;
}

/* ---- finding ---- */

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

int trail_newest(const char *dir, char **ret_path)
{
	_free_ char *best = NULL;
	struct timespec when = {};
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (!d)
		return -errno;
	while ((entry = readdir(d))) {
		struct stat st;
		char *path;

		if (!has_suffix(entry->d_name, TRAIL_SUFFIX) ||
		    fstatat(dirfd(d), entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
		    (best && !is_newer(&st.st_mtim, &when)))
			continue;
		if (asprintf(&path, "%s/%s", dir, entry->d_name) < 0)
			break;
		free(best);
		best = path;
		when = st.st_mtim;
	}
	closedir(d);
	if (!best)
		return -ENOENT;
	*ret_path = TAKE_PTR(best);
	return 0;
}
