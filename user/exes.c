/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "exes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "elf64.h"
#include "process.h"
#include "regular.h"
#include "stacks.h"

struct exe {
	uint64_t start; /* of the process */
	dev_t dev;	/* of its program; 0 where that was looked at by a path */
	ino_t ino;
	char *build_id;	   /* or NULL */
	const char *stack; /* static, or NULL */
};

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void exe_free(struct exe *x)
{
	if (x)
		free(x->build_id);
	free(x);
}

void exes_drop(struct exes *e, uint32_t tgid)
{
	exe_free(map_take(&e->known, tgid));
}

/* Of a file that was last changed before `since`, ns since 1970; NULL: not known. */
static char *build_id_at(const char *path, uint64_t since)
{
	_close_ int fd = -1;
	struct elf64 elf;
	struct stat st;
	char *id = NULL;

	fd = regular_open(path, &st);
	if (fd < 0 || (uint64_t)st.st_ctim.tv_sec * NS_PER_SEC + (uint64_t)st.st_ctim.tv_nsec >= since)
		return NULL;
	if (elf64_open(fd, &elf) < 0)
		return NULL;
	elf64_build_id(&elf, &id);
	elf64_close(&elf);
	return id;
}

/* Takes over the build id. Returns what is kept, or NULL when there is no memory. */
static struct exe *keep(struct exes *e, const struct rec *r, char *build_id)
{
	struct exe *x = calloc(1, sizeof(*x));

	exes_drop(e, r->tgid);
	if (!x || map_put(&e->known, r->tgid, x) < 0) {
		free(build_id);
		free(x);
		return NULL;
	}
	x->start = r->start;
	x->build_id = build_id;
	return x;
}

static const char *search_stack(struct exes *e, const struct rec *r)
{
	uint64_t from = now(CLOCK_MONOTONIC);
	const char *stack = e->spent < EXES_SEARCH_NS ? stack_of_process((pid_t)r->tgid) : NULL;

	e->spent += now(CLOCK_MONOTONIC) - from;
	return stack;
}

void exes_look(struct exes *e, const struct rec *r)
{
	struct exe *x = map_get(&e->known, r->tgid);
	_free_ char *id = NULL;
	const char *stack;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/exe", r->tgid);
	if (stat(path, &st) < 0 ||
	    (x && x->start == r->start && x->dev == st.st_dev && x->ino == st.st_ino))
		return;
	id = build_id_at(path, UINT64_MAX);
	stack = search_stack(e, r);
	/* Asked behind: a number that was another's by then is not this one's now. */
	x = process_is((pid_t)r->tgid, r->start) ? keep(e, r, TAKE_PTR(id)) : NULL;
	if (!x)
		return;
	x->stack = stack;
	x->dev = st.st_dev;
	x->ino = st.st_ino;
}

/* When a process began, by the clock that files are dated by. */
static uint64_t began(uint64_t start)
{
	return time_now() - now(CLOCK_BOOTTIME) + start;
}

const char *exes_build_id(struct exes *e, const struct rec *r, const char *path)
{
	const struct exe *x = map_get(&e->known, r->tgid);

	if (x && x->start == r->start)
		return x->build_id;
	x = path && path[0] == '/' ? keep(e, r, build_id_at(path, began(r->start))) : NULL;
	return x ? x->build_id : NULL;
}

const char *exes_stack(const struct exes *e, const struct rec *r)
{
	const struct exe *x = map_get(&e->known, r->tgid);

	return x && x->start == r->start ? x->stack : NULL;
}

void exes_free(struct exes *e)
{
	struct exe *x;
	size_t at = 0;

	while ((x = map_next(&e->known, &at, NULL)))
		exe_free(x);
	map_free(&e->known);
}
