/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "loader.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "regular.h"

#define OBJECTS_MAX 256
#define ASKED_MAX   2048
#define OPENS_MAX   65536 /* paths tried: a program names 512 libraries and 32,000 directories */

/* A file of the walk. */
struct object {
	char *origin; /* the directory it was found in */
	struct elf64_needs needs;
	const struct object *loaded_by; /* NULL for the program */
};

struct walk {
	struct loader *l;
	struct object *objects[OBJECTS_MAX]; /* in the order of loading */
	size_t count;
	const char *asked[ASKED_MAX]; /* names looked for already */
	size_t asked_count;
	size_t opens;
	char *interpreter; /* of the program, or NULL */
};

const char *const loader_default_dirs[] = {"/lib/x86_64-linux-gnu",
					   "/usr/lib/x86_64-linux-gnu",
					   "/lib64",
					   "/usr/lib64",
					   "/lib",
					   "/usr/lib",
					   "/usr/local/lib",
					   NULL};

/* Libraries for newer CPUs stand in directories of their own inside those that are searched. */
static const char *const variants[] = {"/glibc-hwcaps/x86-64-v4", "/glibc-hwcaps/x86-64-v3",
				       "/glibc-hwcaps/x86-64-v2", ""};

/* ---- files ---- */

static void object_free(struct object *o)
{
	if (o)
		elf64_needs_free(&o->needs);
	if (o)
		free(o->origin);
	free(o);
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int object_new(struct walk *w, const char *path, const struct elf64 *elf,
		      const struct object *by)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->loaded_by = by;
	o->origin = directory_of(path);
	if (!o->origin || elf64_needs(elf, &o->needs) == -ENOMEM) {
		object_free(o);
		return -ENOMEM;
	}
	w->objects[w->count++] = o;
	return 0;
}

/* Takes a file in. Returns 1; 0 when there is no such file that could be loaded; or -errno. */
static int load(struct walk *w, const char *path, const struct object *by)
{
	struct loader *l = w->l;
	_close_ int fd = -1;
	struct elf64 elf;
	struct stat st;
	int r;

	if (w->opens++ >= OPENS_MAX)
		return 0;
	fd = regular_open(path, &st);
	if (fd < 0)
		return 0;
	r = elf64_open(fd, &elf);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = fileset_add(&l->visited, &(struct file_key){st.st_dev, st.st_ino, 0});
	if (r == 0)
		r = l->fn(l->arg, path, &st, &elf);
	else if (r != -ENOMEM) /* met before, or without an identity */
		r = 1;
	if (r == 0 && w->count < OBJECTS_MAX)
		r = object_new(w, path, &elf, by);
	if (r == 0 && !by && elf64_interpreter(&elf, &w->interpreter) == -ENOMEM)
		r = -ENOMEM;
	elf64_close(&elf);
	return r < 0 ? r : 1;
}

/* ---- directories ---- */

/* Writes a directory of a search path with $ORIGIN replaced. Returns false when that cannot be. */
static bool expand(const char *dir, size_t len, const char *origin, char out[PATH_MAX])
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		const char *piece = dir + i;
		size_t n = 1, skip = 1;

		for (size_t t = 0; t < 2 && *piece == '$'; t++) {
			size_t k = strlen(tokens[t]);

			if (len - i >= k && !memcmp(dir + i, tokens[t], k)) {
				piece = origin;
				n = strlen(origin);
				skip = k;
			}
		}
		if ((skip == 1 && *piece == '$') || used + n >= PATH_MAX)
			return false;
		memcpy(out + used, piece, n);
		used += n;
		i += skip;
	}
	if (!used)
		out[used++] = '.';
	out[used] = '\0';
	return true;
}

/* Looks into one directory, all variants of it. Returns 1 when something was loaded, 0 or -errno.
 */
static int search_dir(struct walk *w, const char *dir, const char *name, const struct object *by)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		char path[PATH_MAX];
		int r;

		if (snprintf(path, sizeof(path), "%s%s/%s", dir, variants[i], name) >= PATH_MAX)
			continue;
		r = load(w, path, by);
		if (r < 0)
			return r;
		found |= r > 0;
	}
	return found;
}

static int search_list(struct walk *w, const char *list, const char *origin, const char *name,
		       const struct object *by)
{
	while (list) {
		size_t len = strcspn(list, ":;");
		char dir[PATH_MAX];
		int r = 0;

		if (expand(list, len, origin, dir))
			r = search_dir(w, dir, name, by);
		if (r != 0)
			return r;
		list = list[len] ? list + len + 1 : NULL;
	}
	return 0;
}

/* DT_RPATH counts only in files without DT_RUNPATH; it holds for what they load in turn. */
static int search_rpath(struct walk *w, const char *name, const struct object *by)
{
	if (by->needs.runpath)
		return 0;
	for (const struct object *o = by; o; o = o->loaded_by) {
		int r = 0;

		if (o->needs.rpath && !o->needs.runpath)
			r = search_list(w, o->needs.rpath, o->origin, name, by);
		if (r != 0)
			return r;
	}
	return 0;
}

static int search_cache(struct walk *w, const char *name, const struct object *by)
{
	struct ldcache_entry e;
	bool found = false;

	for (size_t i = 0; ldcache_next(w->l->cache, &i, &e);) {
		int r;

		if (strcmp(e.name, name) != 0)
			continue;
		r = load(w, e.path, by);
		if (r < 0)
			return r;
		found |= r > 0;
	}
	return found;
}

/* Behind the common directories the one of the program's own loader: some prefixes bring one. */
static int search_defaults(struct walk *w, const char *name, const struct object *by)
{
	_free_ char *dir = NULL;

	for (size_t i = 0; loader_default_dirs[i]; i++) {
		int r = search_dir(w, loader_default_dirs[i], name, by);

		if (r != 0)
			return r;
	}
	if (!w->interpreter)
		return 0;
	dir = directory_of(w->interpreter);
	return dir ? search_dir(w, dir, name, by) : -ENOMEM;
}

/* ---- the walk ---- */

static int load_by_path(struct walk *w, const char *name, const struct object *by)
{
	char path[PATH_MAX];

	return expand(name, strlen(name), by->origin, path) ? load(w, path, by) : 0;
}

static bool asked_before(struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->asked_count; i++)
		if (!strcmp(w->asked[i], name))
			return true;
	if (w->asked_count < ASKED_MAX)
		w->asked[w->asked_count++] = name;
	return w->asked_count == ASKED_MAX;
}

/* Finds what `by` asks for. Returns 0, found or not, or -errno. */
static int find_need(struct walk *w, const char *name, const struct object *by)
{
	int r;

	if (!*name || asked_before(w, name))
		return 0;
	if (strchr(name, '/')) {
		r = load_by_path(w, name, by);
		return r < 0 ? r : 0;
	}
	r = search_rpath(w, name, by);
	if (r == 0 && w->l->library_path && *w->l->library_path)
		r = search_list(w, w->l->library_path, w->objects[0]->origin, name, by);
	if (r == 0 && by->needs.runpath)
		r = search_list(w, by->needs.runpath, by->origin, name, by);
	if (r == 0)
		r = search_cache(w, name, by);
	if (r == 0)
		r = search_defaults(w, name, by);
	return r < 0 ? r : 0;
}

/* The names in LD_PRELOAD, cut at blanks and colons in `words`. */
static int load_preloads(struct walk *w, char *words)
{
	char *rest = NULL;
	int r = 0;

	for (char *name = strtok_r(words, " :", &rest); name && r == 0;
	     name = strtok_r(NULL, " :", &rest))
		r = find_need(w, name, w->objects[0]);
	return r;
}

static int load_needs(struct walk *w)
{
	int r = 0;

	for (size_t i = 0; i < w->count; i++) /* grows on the way */
		for (size_t k = 0; k < w->objects[i]->needs.count && r == 0; k++)
			r = find_need(w, w->objects[i]->needs.names[k], w->objects[i]);
	return r;
}

int loader_walk(struct loader *l, const char *path)
{
	_free_ char *preload = strdup(l->preload ? l->preload : "");
	_free_ char *real = realpath(path, NULL);
	_free_ struct walk *w = calloc(1, sizeof(*w));
	int r;

	if (!preload || !w)
		return -ENOMEM;
	w->l = l;
	r = real ? load(w, real, NULL) : 0;
	if (r > 0 && w->count)
		r = load_preloads(w, preload);
	if (r >= 0)
		r = load_needs(w);
	for (size_t i = 0; i < w->count; i++)
		object_free(w->objects[i]);
	free(w->interpreter);
	return r < 0 ? r : 0;
}

void loader_done(struct loader *l)
{
	fileset_free(&l->visited);
}
