/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/ask.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/glob.h"

static int refuse(struct buf *complaint, const char *activity, const char *why)
{
	buf_addf(complaint, "'%.80s' %s", activity, why);
	return buf_error(complaint) < 0 ? -ENOMEM : -EINVAL;
}

/* Sets the text that tables are asked for. One that is too long is not matched: unknown. */
static void set_text(struct ask *ask, const char *text, size_t len)
{
	if (len > NAME_MAX_LEN) {
		ask->flags |= ACTIVITY_UNKNOWN;
		return;
	}
	memcpy(ask->text, text, len);
	ask->len = (uint32_t)len;
}

/* Keeps a copy of a field, cut where no name is as long; `at` is where in ask->fields it begins. */
static const char *keep(struct ask *ask, size_t *at, const char *field, size_t len)
{
	char *copy = ask->fields + *at;
	size_t room = sizeof(ask->fields) - *at - 1;

	len = len < room ? len : room;
	memcpy(copy, field, len);
	copy[len] = '\0';
	*at += len + 1 < room ? len + 1 : room;
	return copy;
}

static void set_name(struct ask *ask, const char *text)
{
	size_t at = 0;

	ask->name.text = keep(ask, &at, text, strlen(text));
	ask->name.len = strlen(ask->name.text);
	set_text(ask, text, strlen(text));
}

static int parse_exec(const char *activity, const char *path, struct ask *ask,
		      struct buf *complaint)
{
	bool unknown = !strcmp(path, "unknown");

	if (*path != '/' && !unknown && (strncmp(path, "memfd:", 6) != 0 || !path[6]))
		return refuse(complaint, activity,
			      "is no program: an absolute path, memfd:NAME or unknown is one");
	ask->flags |= unknown ? ACTIVITY_UNKNOWN : 0;
	set_name(ask, path);
	return 0;
}

static int parse_unix(const char *activity, const char *path, struct ask *ask,
		      struct buf *complaint)
{
	if (*path != '/' && *path != '@')
		return refuse(
			complaint, activity,
			"is no socket: write net:unix:/PATH, or net:unix:@NAME for an abstract "
			"one");
	set_name(ask, path);
	return 0;
}

/* What tables of host names are asked for. */
static int set_host(struct ask *ask, const struct pattern *p)
{
	_buf_ struct buf text = {};
	size_t at = 0;

	ask->name.host = keep(ask, &at, p->host, strlen(p->host));
	buf_addf(&text, "%u:%s", p->port, p->host);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	set_text(ask, text.data, text.len);
	return 0;
}

static void set_place(struct ask *ask, const struct pattern *p)
{
	ask->name.family = p->family;
	memcpy(ask->name.addr, p->addr, sizeof(ask->name.addr));
	ask->name.port = (uint16_t)p->port;
	ask->name.proto = p->proto < 0 ? PROTO_TCP : (enum image_proto)p->proto;
}

static uint8_t address_bits(const struct pattern *p)
{
	return p->family == AF_INET ? 32 : 128;
}

/* A place to listen at; without an address it is at every one. */
static int set_listen(const char *activity, struct ask *ask, struct pattern *p, struct buf *complaint)
{
	if (p->form == NET_ANY) {
		p->family = AF_INET6;
		p->prefix = address_bits(p);
	}
	if (p->prefix != address_bits(p) || p->port == PORT_ANY)
		return refuse(complaint, activity,
			      "is no single place to listen at: write net:listen:PORT or "
			      "net:listen:ADDRESS:PORT, with /udp behind or not");
	ask->name.kind = KIND_LISTEN;
	set_place(ask, p);
	return 0;
}

/* True for a pattern that matches one destination, by its address or by a name. */
static bool is_single(const struct pattern *p)
{
	if (p->port == PORT_ANY)
		return false;
	return pattern_is_host(p) ? glob_is_literal(p->host)
				  : pattern_is_address(p) && p->form == NET_ADDR &&
					    p->prefix == address_bits(p);
}

/* An address is written in patterns as it is in names; a name has one address and one port. */
static int parse_address(const char *activity, struct ask *ask, struct buf *complaint)
{
	_cleanup_(diags_free) struct diags diags = {};
	_cleanup_(pattern_done) struct pattern p = {};
	int r;

	r = pattern_parse(activity, (struct place){}, &p, &diags);
	if (r == -EINVAL && diags.count)
		buf_add_str(complaint, diags.items[diags.count - 1].message);
	if (r < 0)
		return buf_error(complaint) < 0 ? -ENOMEM : r;
	if (p.kind == KIND_LISTEN)
		return set_listen(activity, ask, &p, complaint);
	if (!is_single(&p))
		return refuse(complaint, activity,
			      "is no single destination: write net:ADDRESS:PORT or net:HOST:PORT, "
			      "or with /PROTOCOL behind");
	set_place(ask, &p);
	return p.host ? set_host(ask, &p) : 0;
}

static int parse_net(const char *activity, const char *rest, struct ask *ask, struct buf *complaint)
{
	if (!strcmp(rest, "raw")) {
		ask->name.raw = true;
		return 0;
	}
	if (!strncmp(rest, "unix:", 5))
		return parse_unix(activity, rest + 5, ask, complaint);
	return parse_address(activity, ask, complaint);
}

/* Host names are the same in both cases, and with or without the dot of the root. */
static const char *keep_host(struct ask *ask, size_t *at, const char *host, size_t len)
{
	char *copy;

	len -= len > 1 && host[len - 1] == '.';
	copy = (char *)keep(ask, at, host, len);
	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

/* The path of OPTIONS * is "*", CONNECT has none, and every other one begins with a slash. */
static const char *request_fault(const char *host, size_t len, const char *path, bool connect)
{
	if (!len || (*path && *path != '/' && strcmp(path, "*") != 0))
		return "is no request: write http:METHOD HOST/PATH";
	if (memchr(host, ':', len) && *host != '[')
		return "has a port or a scheme: a request is named by its host, without";
	if (*path && connect)
		return "has a path: CONNECT has none";
	return NULL;
}

static int parse_http(const char *activity, const char *rest, struct ask *ask,
		      struct buf *complaint)
{
	_buf_ struct buf text = {};
	size_t method = strcspn(rest, " /"), len, at = 0;
	bool connect = !strncmp(rest, "CONNECT ", 8);
	const char *host = rest + method + 1, *path, *fault;

	if (!method || rest[method] != ' ')
		return refuse(complaint, activity, "is no request: write http:METHOD HOST/PATH");
	len = strcspn(host, " /?#*");
	path = host + len;
	fault = request_fault(host, len, path, connect);
	if (fault)
		return refuse(complaint, activity, fault);
	if (!*path && !connect)
		path = "/";
	ask->name.method = keep(ask, &at, rest, method);
	ask->name.host = keep_host(ask, &at, host, len);
	ask->name.path = keep(ask, &at, path, strlen(path));
	buf_addf(&text, "%s %s%s", ask->name.method, ask->name.host, path);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	set_text(ask, text.data, text.len);
	return 0;
}

static int parse_file(const char *activity, const char *path, struct ask *ask, struct buf *complaint)
{
	if (*path != '/')
		return refuse(complaint, activity, "is no file: write file:write /PATH");
	set_name(ask, path);
	return 0;
}

static const struct {
	const char *prefix;
	enum kind kind;
	int (*parse)(const char *activity, const char *rest, struct ask *ask,
		     struct buf *complaint);
} forms[] = {
	{"exec:", KIND_EXEC, parse_exec},
	{"net:", KIND_NET, parse_net},
	{"http:", KIND_HTTP, parse_http},
	{"file:write ", KIND_FILE, parse_file},
};

int ask_parse(const char *activity, struct ask *ret, struct buf *complaint)
{
	*ret = (struct ask){};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t len = strlen(forms[i].prefix);

		if (strncmp(activity, forms[i].prefix, len) != 0)
			continue;
		ret->name.kind = forms[i].kind;
		return forms[i].parse(activity, activity + len, ret, complaint);
	}
	/* No kind that there is: the parser of patterns knows the nearest, and what comes later. */
	return parse_address(activity, ret, complaint);
}
