/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

static void proc_free(struct proc *p)
{
	if (!p)
		return;
	free(p->exe);
	free(p->script);
	free(p->started);
	free(p);
}

struct proc *proc_of(struct session *s, const struct rec *r)
{
	struct proc *p = map_get(&s->procs, r->tgid);
	struct proc *parent;

	if (p && p->start == r->start)
		return p;
	proc_free(map_take(&s->procs, r->tgid)); /* the number was used again */
	p = calloc(1, sizeof(*p));
	if (!p || map_put(&s->procs, r->tgid, p) < 0) {
		free(p);
		s->counts.broken++;
		return NULL;
	}
	parent = map_get(&s->procs, r->ppid);
	p->start = r->start;
	p->tgid = r->tgid;
	p->ppid = r->ppid;
	if (parent && parent->exe)
		p->exe = strdup(parent->exe);
	if (parent && parent->script)
		p->script = strdup(parent->script);
	return p;
}

void proc_exec(struct proc *p, const char *path, size_t len)
{
	free(p->exe);
	p->exe = len ? strndup(path, len) : NULL;
	free(p->script);
	p->script = p->started;
	p->started = NULL;
}

void proc_script(struct proc *p, const char *path)
{
	free(p->started);
	p->started = path ? strdup(path) : NULL;
}

void proc_drop(struct session *s, uint32_t tgid)
{
	proc_free(map_take(&s->procs, tgid));
}

void proc_free_all(struct session *s)
{
	size_t at = 0;
	struct proc *p;

	while ((p = map_next(&s->procs, &at, NULL)))
		proc_free(p);
	map_free(&s->procs);
}
