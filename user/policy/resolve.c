/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy/glob.h"
#include "policy/pattern.h"
#include "policy/walk.h"

/* What goes on over the whole policy. */
struct resolver {
	int root;
	struct file_ids ids;
	struct diags *diags;
	char path[PATH_MAX]; /* the last one that was resolved */
	char dir[PATH_MAX];  /* the last directory, as written, with what it means or its error */
	char real_dir[PATH_MAX];
	int dir_error;
	bool naming; /* what is resolved gives names: it neither admits nor denies anything */
};

static bool has_note(const struct diags *diags, struct place place)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *d = &diags->items[i];

		if (d->level == DIAG_NOTE && d->place.line == place.line &&
		    d->place.column == place.column)
			return true;
	}
	return false;
}

/* Notes are told once: a tool's patterns are in every entry that names it. */
__attribute__((format(printf, 3, 4))) static int note(struct resolver *r, const struct pattern *p,
						      const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;
	int n;

	if (has_note(r->diags, p->place))
		return 0;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return diag_add(r->diags, DIAG_NOTE, p->place, "%.200s %s", p->source, text);
}

/* Walks to the directory unless the path before was in it, too: lists name many files of few. */
static int enter(struct resolver *r, const char *path, size_t len)
{
	if (strlen(r->dir) == len && !memcmp(r->dir, path, len))
		return r->dir_error;
	memcpy(r->dir, path, len);
	r->dir[len] = '\0';
	r->dir_error = walk_path(r->root, r->dir, r->real_dir);
	if (!strcmp(r->real_dir, "/"))
		r->real_dir[0] = '\0';
	return r->dir_error;
}

/* Sets r->path to what the path means. Returns 0 or -errno. */
static int resolve_path(struct resolver *r, const char *path)
{
	size_t dir = (size_t)(strrchr(path, '/') - path);
	const char *name = path + dir + 1;
	char byte;
	int error;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return walk_path(r->root, path, r->path);
	error = enter(r, path, dir);
	if (error < 0)
		return error;
	if (snprintf(r->path, sizeof(r->path), "%s/%s", r->real_dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (readlinkat(r->root, r->path + 1, &byte, 1) < 0)
		return errno == EINVAL ? 0 : -errno;
	return walk_path(r->root, path, r->path);
}

/* Appends a pattern like the one at `index`, but for the resolved path. */
static int add_resolved(struct patterns *patterns, size_t index, const char *path)
{
	struct pattern copy;
	int r = pattern_copy(&patterns->items[index], &copy);

	if (r < 0)
		return r;
	free(copy.text);
	copy.added = true;
	copy.text = glob_escape(path);
	if (!copy.text) {
		pattern_done(&copy);
		return -ENOMEM;
	}
	return patterns_add(patterns, &copy);
}

/* A denied file is denied by whatever name. What cannot be found out leaves the names. */
static int identify(struct resolver *r, struct pattern *p, const struct stat *st, bool allow)
{
	if (allow)
		return 0;
	p->known = file_id(&r->ids, r->root, r->path[1] ? r->path + 1 : ".", &p->file) == 0;
	if (!p->known || st->st_nlink < 2)
		return 0;
	return note(r, p, "is one file with %lu names here (hard links): all are denied",
		    (unsigned long)st->st_nlink);
}

static int resolve_literal(struct resolver *r, struct patterns *patterns, size_t index, bool allow)
{
	const struct pattern *p = &patterns->items[index];
	_free_ char *path = glob_unescape(p->text);
	struct stat st;
	int error;

	if (!path)
		return -ENOMEM;
	error = resolve_path(r, path);
	if (error == 0 &&
	    fstatat(r->root, r->path[1] ? r->path + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		error = -errno;
	if (error < 0) {
		if (!allow || r->naming)
			return 0;
		if (error == -ENOENT || error == -ENOTDIR)
			return note(r, p, "admits nothing: no such file here");
		return note(r, p, "was not resolved: %s", strerror(-error));
	}
	if (S_ISDIR(st.st_mode))
		return note(r, p, "is a directory here, not a program");
	patterns->items[index].found = true;
	error = identify(r, &patterns->items[index], &st, allow);
	if (error < 0)
		return error;
	if (!strcmp(path, r->path))
		return 0;
	error = note(r, p, "means %s here", r->path);
	if (error < 0)
		return error;
	return add_resolved(patterns, index, r->path);
}

/*
 * A glob below a directory that is a link matches no resolved path. Its files cannot be listed for
 * the life of a run, so this is only told.
 */
static int resolve_glob(struct resolver *r, const struct pattern *p)
{
	_free_ char *dir = NULL;
	size_t len = strcspn(p->text, "*?\\");

	while (len && p->text[len - 1] != '/')
		len--;
	if (len < 2)
		return 0;
	dir = strndup(p->text, len - 1);
	if (!dir)
		return -ENOMEM;
	if (walk_path(r->root, dir, r->path) < 0 || !strcmp(dir, r->path))
		return 0;
	return note(r, p, "matches no resolved path: %s is %s here", dir, r->path);
}

static int resolve_patterns(struct resolver *r, struct patterns *patterns, bool allow)
{
	size_t count = patterns->count;
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		const struct pattern *p = &patterns->items[i];

		if (p->kind != KIND_EXEC || !p->text || p->text[0] != '/')
			continue;
		if (glob_is_literal(p->text))
			error = resolve_literal(r, patterns, i, allow);
		else
			error = resolve_glob(r, p);
	}
	return error;
}

static void resolver_done(struct resolver *r)
{
	file_ids_done(&r->ids);
}

int policy_resolve(struct policy *policy, int root, struct diags *diags)
{
	_cleanup_(resolver_done) struct resolver r = {.root = root, .diags = diags};
	struct entries *const lists[] = {&policy->deny, &policy->allow};
	int error = file_ids_read(&r.ids);

	if (error != -ENOMEM)
		error = 0; /* then names are all that there is */
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->count && error == 0; j++) {
			struct entry *e = &lists[i]->items[j];

			error = resolve_patterns(&r, &e->match, lists[i] == &policy->allow);
			if (error == 0)
				error = resolve_patterns(&r, &e->except, false);
		}
	r.naming = true;
	for (size_t i = 0; i < policy->server_count && error == 0; i++)
		error = resolve_patterns(&r, &policy->servers[i].exec, true);
	return error;
}
