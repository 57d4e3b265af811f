/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_LOADER_H
#define WARDEN_LOADER_H

#include <sys/stat.h>

#include "elf64.h"
#include "fileset.h"
#include "ldcache.h"

/*
 * Which files the dynamic loader would map for a program, without running anything: DT_NEEDED of
 * the program and of its libraries in turn, looked up as ld.so(8) says, in DT_RPATH (the asking
 * file's and, up the chain, of those that loaded it), LD_LIBRARY_PATH, DT_RUNPATH, ld.so.cache and
 * the default directories. $ORIGIN is understood; directories with $LIB or $PLATFORM are left out.
 *
 * Where the loader would choose by the kind of CPU, all the choices are taken. What a program loads
 * by dlopen(3) is not known before it does. A walk ends at 256 files, or 65536 paths that were tried.
 */

/* Called once with each file; the rest is the loader's. A negative result ends the walk. */
typedef int (*loader_file_fn)(void *arg, const char *path, const struct stat *st,
			      const struct elf64 *elf);

struct loader {
	const struct ldcache *cache; /* borrowed, like the strings */
	const char *library_path;    /* LD_LIBRARY_PATH, or NULL */
	const char *preload;         /* LD_PRELOAD, or NULL */
	loader_file_fn fn;
	void *arg;
	struct fileset visited; /* files handed over, in any walk */
};

/* The directories that are searched when nothing else says where; NULL ends them. */
extern const char *const loader_default_dirs[];

/*
 * Hands over the program at `path`, if it is one (ELF, x86-64), and its libraries, those left out
 * that an earlier walk has met. Returns 0, -ENOMEM, or what `fn` returned.
 */
int loader_walk(struct loader *l, const char *path);

/* Frees what the loader has gathered. */
void loader_done(struct loader *l);

#endif
