/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/glob.h"
#include "policy/pattern.h"

/* A field that is left out, or only a star, matches anything. */
static bool is_any(const char *glob)
{
	return !glob || !strcmp(glob, "*");
}

/* net:*, without port and protocol, is every destination, sockets with a path included. */
static bool is_every_net(const struct pattern *p)
{
	return p->form == NET_ANY && p->port == PORT_ANY && p->proto < 0;
}

bool pattern_speaks(const struct pattern *p, enum text text)
{
	switch (text) {
	case TEXT_EXEC: return p->kind == KIND_EXEC;
	case TEXT_HTTP: return p->kind == KIND_HTTP;
	case TEXT_FILE: return p->kind == KIND_FILE;
	case TEXT_HOST:
	case TEXT_HOST_UDP:
	case TEXT_HOST_OTHER:
		return pattern_is_host(p) &&
		       (p->proto < 0 || p->proto == (int)text - (int)TEXT_HOST);
	default: return p->kind == KIND_NET && (p->form == NET_UNIX || is_every_net(p));
	}
}

/* ---- automata ---- */

/* Any path: none, or what begins with one of the two bytes that end a host. */
static void any_path_nfa(struct nfa *n)
{
	nfa_skip(n, 2);
	nfa_step(n, STEP_ONE, byteset_in("/*"));
	nfa_step(n, STEP_MANY, byteset_but(NULL));
}

/*
 * The name of a request is METHOD host/path. CONNECT has no path, and the one of OPTIONS * is "*":
 * neither has the slash that others begin with, and no host has a star.
 */
static void http_nfa(const struct pattern *p, struct nfa *n)
{
	struct byteset word = byteset_but(" "), all = byteset_but(NULL);

	nfa_glob(n, p->method, word, word);
	nfa_text(n, " ");
	if (is_any(p->host) && is_any(p->path)) {
		nfa_step(n, STEP_MANY, all);
		return;
	}
	host_nfa(is_any(p->host) ? NULL : p->host, n);
	if (is_any(p->path))
		any_path_nfa(n);
	else
		nfa_glob(n, p->path, all, all);
}

/* PORT:HOST, as match_host() is asked. */
static void destination_nfa(const struct pattern *p, struct nfa *n)
{
	char port[16];

	if (p->port == PORT_ANY) {
		nfa_step(n, STEP_MANY, byteset_in("0123456789"));
	} else {
		snprintf(port, sizeof(port), "%u", p->port);
		nfa_text(n, port);
	}
	nfa_text(n, ":");
	host_nfa(p->host, n);
}

void pattern_nfa(const struct pattern *p, enum text text, struct nfa *n)
{
	struct byteset all = byteset_but(NULL);

	if (text == TEXT_HTTP)
		http_nfa(p, n);
	else if (text_is_host(text))
		destination_nfa(p, n);
	else
		nfa_glob(n, p->kind == KIND_NET && p->form == NET_ANY ? NULL : p->text, all, all);
}

/* ---- shapes ---- */

/* The shape of a glob whose '*' and '?' may be any byte. */
static enum shape glob_shape(const char *glob)
{
	size_t stars = 0, others = 0, last = 0, len = 0;

	if (is_any(glob))
		return SHAPE_ANY;
	for (const char *g = glob; *g; g++, len++) {
		if (*g == '*') {
			stars++;
			last = len;
		} else if (*g == '?') {
			others++;
		} else if (*g == '\\' && g[1]) {
			g++;
		}
	}
	if (others || stars > 1)
		return SHAPE_GLOB;
	if (!stars)
		return SHAPE_LITERAL;
	if (last == len - 1)
		return SHAPE_PREFIX;
	return glob[0] == '*' ? SHAPE_SUFFIX : SHAPE_GLOB;
}

/* Appends a glob's bytes without escapes and without the star that may begin or end it. */
static void add_bytes(struct buf *b, const char *glob)
{
	for (; *glob; glob++) {
		if (*glob == '*')
			continue;
		if (*glob == '\\' && glob[1])
			glob++;
		buf_add_char(b, *glob);
	}
}

static bool has_one_spelling(const char *host)
{
	uint8_t addr[16];

	return glob_is_literal(host) && !pattern_host_v6(host, addr);
}

static enum shape http_shape(const struct pattern *p, struct buf *b)
{
	enum shape shape = glob_shape(p->path);
	bool any_host = is_any(p->host);

	if (is_any(p->method) && any_host && shape == SHAPE_ANY)
		return SHAPE_ANY;
	if (is_any(p->method) || !glob_is_literal(p->method))
		return SHAPE_GLOB;
	if (any_host ? shape != SHAPE_ANY : !has_one_spelling(p->host))
		return SHAPE_GLOB;
	if (shape == SHAPE_GLOB || shape == SHAPE_SUFFIX)
		return SHAPE_GLOB;
	add_bytes(b, p->method);
	buf_add_char(b, ' ');
	if (any_host)
		return SHAPE_PREFIX;
	add_bytes(b, p->host);
	if (shape == SHAPE_ANY)
		return SHAPE_HOST;
	add_bytes(b, p->path);
	return shape;
}

/* A host with any port is the end of a name, and so are all hosts below one. */
static enum shape host_shape(const struct pattern *p, struct buf *b)
{
	bool below = !strncmp(p->host, "*.", 2);
	const char *name = p->host + (below ? 2 : 0);

	if (!glob_is_literal(name) || (below && p->port != PORT_ANY))
		return SHAPE_GLOB;
	if (p->port != PORT_ANY)
		buf_addf(b, "%u", p->port);
	buf_add_char(b, below ? '.' : ':');
	add_bytes(b, name);
	return p->port == PORT_ANY ? SHAPE_SUFFIX : SHAPE_LITERAL;
}

static enum shape text_shape(const struct pattern *p, struct buf *b)
{
	const char *glob = p->kind == KIND_NET && p->form == NET_ANY ? NULL : p->text;
	enum shape shape = glob_shape(glob);

	if (shape != SHAPE_ANY && shape != SHAPE_GLOB)
		add_bytes(b, glob);
	return shape;
}

int pattern_shape(const struct pattern *p, enum text text, enum shape *ret, char **ret_bytes)
{
	_buf_ struct buf b = {};
	enum shape shape = text == TEXT_HTTP    ? http_shape(p, &b)
			   : text_is_host(text) ? host_shape(p, &b)
						: text_shape(p, &b);

	buf_add_char(&b, '\0');
	if (buf_error(&b) < 0)
		return -ENOMEM;
	*ret = shape;
	*ret_bytes = TAKE_PTR(b.data);
	return 0;
}
