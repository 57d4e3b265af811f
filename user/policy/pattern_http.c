/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern_fields.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/pattern.h"

/* Method names are case-sensitive (RFC 9110, 9.1), and nobody's client sends these. */
static int warn_of_case(const struct fields *f, const char *method, size_t len)
{
	static const char *const known[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
					    "CONNECT", "OPTIONS", "TRACE", "PATCH"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == len && !strncasecmp(known[i], method, len) &&
		    strncmp(known[i], method, len) != 0)
			return fields_warn(f,
					   "matches no common request: methods are written in "
					   "capitals, as %s",
					   known[i]);
	return 0;
}

static int read_method(const struct fields *f, const char *text, size_t len, struct pattern *p)
{
	static const char token[] = ALNUM "!#$%&'*+-^_`|~?\\[]{}"; /* RFC 9110, 5.6.2, and globs */
	int r;

	if (strspn(text, token) < len && memchr(text, '/', len))
		return fields_refuse(f, "has no method: write http:METHOD HOST/PATH, and * for any "
					"method");
	if (strspn(text, token) < len || !len)
		return fields_refuse(f,
				     "has the method '%.*s': write http:METHOD HOST/PATH, and * "
				     "for any method",
				     len > 80 ? 80 : (int)len, text);
	r = fields_glob(f, GLOB_TEXT, text, len, &p->method);
	return r < 0 ? r : warn_of_case(f, text, len);
}

/* "[ADDRESS]" as it stands in a URL, in any spelling; the brackets are no glob. */
static int read_host_v6(const struct fields *f, const char *text, size_t len, struct pattern *p)
{
	const char *close = memchr(text, ']', len);
	char canonical[INET6_ADDRSTRLEN];
	_free_ char *host = NULL;
	unsigned char addr[16];

	if (close && close[1] == ':')
		return fields_refuse(f, "has a port: ports are of net:, leave it out");
	host = strndup(text, len);
	if (!host)
		return -ENOMEM;
	if (!pattern_host_v6(host, addr))
		return fields_refuse(f, "has no IPv6 address in [ ]");
	inet_ntop(AF_INET6, addr, canonical, sizeof(canonical));
	if (asprintf(&p->host, "[%s]", canonical) >= 0)
		return 0;
	p->host = NULL;
	return -ENOMEM;
}

static int read_host(const struct fields *f, const char *text, size_t len, struct pattern *p)
{
	size_t good = strcspn(text, ": ");

	if (*text == '[')
		return read_host_v6(f, text, len, p);
	if (good < len && text[good] == ':')
		return fields_refuse(f, "has a port: ports are of net:, leave it out");
	if (good < len)
		return fields_refuse(f, "has a blank in the host: there is one blank, behind the "
					"method");
	return fields_host(f, text, len, &p->host);
}

/* Names of requests are normal: decoded, without dot segments, without a query. */
static int warn_of_path(const struct fields *f, const char *path)
{
	static const char *const dots[] = {"/./", "/../"};
	const char *percent = strchr(path, '%');
	const char *last = strrchr(path, '/');
	const char *query = strchr(path, '?');
	bool dotted = !strcmp(last, "/.") || !strcmp(last, "/..");

	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++)
		dotted |= strstr(path, dots[i]) != NULL;
	if (dotted)
		return fields_warn(f, "matches no request: . and .. are taken out of paths before");
	if (strstr(path, "//"))
		return fields_warn(f, "matches no request: several slashes are taken for one "
				      "before");
	if (percent && isxdigit((unsigned char)percent[1]) && isxdigit((unsigned char)percent[2]))
		return fields_warn(f, "has a %% escape: paths are decoded before, write the "
				      "character itself");
	if (query && strchr(query, '='))
		return fields_warn(f, "has a ? that is any one byte: a query is not part of the "
				      "name");
	return 0;
}

static int read_path(const struct fields *f, const char *text, struct pattern *p)
{
	int r = fields_glob(f, GLOB_TEXT, text, strlen(text), &p->path);

	if (r == 0 && p->method && !strcmp(p->method, "CONNECT"))
		return fields_warn(f, "matches no request: CONNECT has no path, leave it out");
	return r < 0 ? r : warn_of_path(f, text);
}

int fields_http(const struct fields *f, struct pattern *p)
{
	size_t method = strcspn(f->text, " ");
	const char *host = f->text + method + 1;
	const char *slash;
	int r;

	if (!*f->text)
		return fields_refuse(f, "names no request: write http:* for all");
	r = read_method(f, f->text, method, p);
	if (r < 0 || !f->text[method])
		return r;
	if (!*host || *host == ' ')
		return fields_refuse(f, "has no host behind its blank");
	if (*host == '/')
		return fields_refuse(f, "has no host: write * before the path for any");
	slash = strchr(host, '/');
	if (slash && slash[-1] == ':' && slash[1] == '/')
		return fields_refuse(f, "has a scheme: begin with the host");
	r = read_host(f, host, slash ? (size_t)(slash - host) : strlen(host), p);
	if (r < 0 || !slash)
		return r;
	return read_path(f, slash, p);
}
