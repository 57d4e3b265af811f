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
	char *build_id;	   /* or NULL */
	const char *stack; /* static, or NULL */
};

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

/* Takes over the build id. Returns it, or NULL when there is none, or no memory. */
static const char *keep(struct exes *e, const struct rec *r, char *build_id, const char *stack)
{
	struct exe *x = build_id || stack ? calloc(1, sizeof(*x)) : NULL;

	exes_drop(e, r->tgid);
	if (!x || map_put(&e->known, r->tgid, x) < 0) {
		free(build_id);
		free(x);
		return NULL;
	}
	x->start = r->start;
	x->stack = stack;
	return x->build_id = build_id;
}

void exes_look(struct exes *e, const struct rec *r)
{
	_free_ char *id = NULL;
	const char *stack;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/exe", r->tgid);
	id = build_id_at(path, UINT64_MAX);
	stack = stack_of_process((pid_t)r->tgid);
	/* Asked behind: a number that was another's by then is not this one's now. */
	if ((id || stack) && process_is((pid_t)r->tgid, r->start))
		keep(e, r, TAKE_PTR(id), stack);
}

/* When a process began, by the clock that files are dated by. */
static uint64_t began(uint64_t start)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return time_now() - ((uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec) + start;
}

const char *exes_build_id(struct exes *e, const struct rec *r, const char *path)
{
	const struct exe *x = map_get(&e->known, r->tgid);

	if (x && x->start == r->start)
		return x->build_id;
	return path && path[0] == '/' ? keep(e, r, build_id_at(path, began(r->start)), NULL) : NULL;
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
