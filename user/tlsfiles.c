/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "tlsfiles.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader.h"
#include "regular.h"
#include "script.h"

#define SCRIPT_DEPTH  5 /* the kernel follows no more */
#define PATH_FALLBACK "/usr/local/bin:/usr/bin:/bin"

/* Libraries that programs load while they run: how their names begin. */
static const char *const libraries[] = {"libssl.so", "libgnutls.so", "libssl3.so", "libnspr4.so"};

/* Programs that bring TLS themselves, or in a library that only they load. */
static const char *const runtimes[] = {"node", "nodejs", "deno", "bun", "claude", "opencode", "python3",
				       "python"};

struct start {
	struct tls_files files;
	struct ldcache cache;
	struct loader loader;
	const char *path; /* of the environment */
};

/* ---- the list ---- */

int tlsfiles_add(struct tls_files *fs, struct tls_files *known, struct tls_file *f)
{
	struct tls_file **files = reallocarray(fs->files, fs->count + 1, sizeof(struct tls_file *));
	int r;

	if (!files)
		return -ENOMEM;
	fs->files = files;
	r = fileset_add(&known->found, &(struct file_key){f->dev, f->ino, 0});
	if (r < 0)
		return r;
	fs->files[fs->count++] = f;
	return 0;
}

void tlsfiles_free(struct tls_files *fs)
{
	for (size_t i = 0; i < fs->count; i++)
		tlsfile_free(fs->files[i]);
	free(fs->files);
	fileset_free(&fs->found);
	fileset_free(&fs->looked);
	*fs = (struct tls_files){};
}

/* Adds the file if it is a TLS file and a new one; whatever is wrong with it, it is none. One that is in
 * doubt matters when a process turns out to run it, and is found again then. */
static int add_file(struct tls_files *fs, struct tls_file *f, int r)
{
	if (r == 0 && !f->count)
		r = -ENOENT;
	if (r == 0)
		r = tlsfiles_add(fs, fs, f);
	if (r < 0)
		tlsfile_free(f);
	return r == -ENOMEM ? r : 0;
}

static int add_path(struct tls_files *fs, const char *path)
{
	_free_ char *real = realpath(path, NULL);
	struct tls_file *f = NULL;
	int r;

	if (!real)
		return 0;
	r = tlsfile_read(real, &f);
	return add_file(fs, f, r);
}

/* A loader_file_fn. */
static int add_loaded(void *arg, const char *path, const struct stat *st, const struct elf64 *elf)
{
	struct tls_files *fs = arg;
	struct tls_file *f = NULL;
	int r;

	if (fileset_has(&fs->found, &(struct file_key){st->st_dev, st->st_ino, 0}))
		return 0;
	r = tlsfile_of(elf, path, &f);
	return add_file(fs, f, r);
}

/* ---- libraries that programs load while they run ---- */

static bool is_library(const char *name)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (!strncmp(name, libraries[i], strlen(libraries[i])))
			return true;
	return false;
}

static int add_cached(struct start *s)
{
	struct ldcache_entry e;
	int r = 0;

	for (size_t i = 0; r == 0 && ldcache_next(&s->cache, &i, &e);)
		if (is_library(e.name))
			r = add_path(&s->files, e.path);
	return r;
}

static int add_from_dir(struct start *s, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (d && r == 0 && (e = readdir(d)) != NULL) {
		char path[PATH_MAX];

		if (!is_library(e->d_name))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < PATH_MAX)
			r = add_path(&s->files, path);
	}
	if (d)
		closedir(d);
	return r;
}

static int add_common(struct start *s)
{
	int r = 0;

	if (s->cache.count)
		return add_cached(s);
	for (size_t i = 0; loader_default_dirs[i] && r == 0; i++)
		r = add_from_dir(s, loader_default_dirs[i]);
	return r;
}

/* ---- programs ---- */

static int add_program(struct start *s, const char *path, int depth);

static int add_named(struct start *s, const char *name, int depth)
{
	_free_ char *path = NULL;
	int r;

	r = script_lookup(name, s->path, &path);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return add_program(s, path, depth);
}

static int add_script(struct start *s, const struct script *script, int depth)
{
	_free_ char *target = NULL;
	int r;

	r = add_program(s, script->interpreter, depth);
	if (r < 0)
		return r;
	r = script_env_target(script, &target);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return add_named(s, target, depth);
}

static int add_program(struct start *s, const char *path, int depth)
{
	struct script script;
	struct stat st;
	int fd, r;

	fd = depth < SCRIPT_DEPTH ? regular_open(path, &st) : -ENOENT;
	if (fd < 0)
		return 0;
	r = script_read(fd, &script);
	close(fd);
	if (r == -ENOENT)
		return loader_walk(&s->loader, path);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = add_script(s, &script, depth + 1);
	script_free(&script);
	return r;
}

static int add_runtimes(struct start *s)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]) && r == 0; i++)
		r = add_named(s, runtimes[i], 0);
	return r;
}

static const char *env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

int tlsfiles_before_start(const char *cmd_path, char *const *env, struct tls_files *ret)
{
	const char *path = env_value(env, "PATH");
	struct start s = {.path = path ? path : PATH_FALLBACK};
	int r;

	s.loader = (struct loader){
		.cache = &s.cache,
		.library_path = env_value(env, "LD_LIBRARY_PATH"),
		.preload = env_value(env, "LD_PRELOAD"),
		.fn = add_loaded,
		.arg = &s.files,
	};
	r = ldcache_open(LDCACHE_PATH, &s.cache);
	if (r != -ENOMEM)
		r = add_common(&s);
	if (r == 0)
		r = add_program(&s, cmd_path, 0);
	if (r == 0)
		r = add_runtimes(&s);
	loader_done(&s.loader);
	ldcache_close(&s.cache);
	if (r < 0)
		tlsfiles_free(&s.files);
	else
		*ret = s.files;
	return r;
}
