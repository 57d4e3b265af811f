/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <string.h>
#include <sys/socket.h>

#include "policy/glob.h"
#include "policy/pattern.h"

/*
 * A path without globs also means what its file is a link to. Where there is no such file, another
 * machine may have it, and it may be a link there to anything.
 */
static bool is_certain(const struct pattern *p)
{
	return p->kind != KIND_EXEC || p->found || !p->text || p->text[0] != '/' ||
	       !glob_is_literal(p->text);
}

bool check_covers(const struct pattern *a, const struct pattern *b)
{
	return is_certain(b) && pattern_covers(a, b);
}

bool check_apart(const struct pattern *a, const struct pattern *b)
{
	return a->kind != b->kind || (is_certain(a) && is_certain(b) && pattern_disjoint(a, b));
}

static bool is_literal(const char *glob)
{
	return glob && glob_is_literal(glob);
}

bool check_is_single(const struct pattern *p)
{
	if (p->kind == KIND_HTTP)
		return is_literal(p->method) && is_literal(p->host) && is_literal(p->path);
	if (p->kind == KIND_EXEC || p->kind == KIND_FILE || p->form == NET_UNIX)
		return is_literal(p->text);
	if (p->form == NET_RAW)
		return true;
	if (p->form == NET_HOST)
		return is_literal(p->host) && p->port != PORT_ANY && p->proto >= 0;
	return p->form == NET_ADDR && p->prefix == (p->family == AF_INET ? 32 : 128) &&
	       p->port != PORT_ANY && p->proto >= 0;
}

uint64_t check_cost(const struct pattern *a, const struct pattern *b)
{
	if (a->kind != b->kind)
		return 1;
	return a->kind == KIND_LISTEN || pattern_is_address(a) || pattern_is_address(b)
		       ? 16
		       : (uint64_t)strlen(a->source) * strlen(b->source);
}

bool check_same_place(struct place a, struct place b)
{
	return a.line == b.line && a.column == b.column;
}
