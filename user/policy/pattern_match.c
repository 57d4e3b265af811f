/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/glob.h"

static int compare_numbers(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_globs(const char *a, const char *b)
{
	if (!a || !b)
		return compare_numbers(!!a, !!b);
	return strcmp(a, b);
}

int pattern_compare(const struct pattern *a, const struct pattern *b)
{
	const int steps[] = {
		compare_numbers(a->kind, b->kind),     compare_numbers(a->form, b->form),
		compare_numbers(a->family, b->family), compare_numbers(a->prefix, b->prefix),
		memcmp(a->addr, b->addr, 16),          compare_numbers(a->port, b->port),
		compare_numbers(a->proto, b->proto),   compare_globs(a->text, b->text),
		compare_globs(a->method, b->method),   compare_globs(a->host, b->host),
		compare_globs(a->path, b->path),
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i])
			return steps[i];
	return 0;
}

bool pattern_is_any(const struct pattern *p)
{
	if (p->kind == KIND_NET || p->kind == KIND_LISTEN)
		return p->form == NET_ANY && p->port == PORT_ANY && p->proto < 0;
	return p->kind != KIND_COUNT && !p->text && !p->method && !p->host && !p->path;
}

bool pattern_is_host(const struct pattern *p)
{
	return p->kind == KIND_NET && p->form == NET_HOST;
}

bool pattern_is_address(const struct pattern *p)
{
	return p->kind == KIND_NET && (p->form == NET_ANY || p->form == NET_ADDR);
}

static bool field_matches(enum glob_field field, const char *glob, const char *text)
{
	return glob_match(field, glob, text, strlen(text));
}

bool pattern_host_v6(const char *host, uint8_t ret_addr[16])
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strlen(host);

	if (len < 2 || len - 2 >= sizeof(text) || host[0] != '[' || host[len - 1] != ']')
		return false;
	memcpy(text, host + 1, len - 2);
	text[len - 2] = '\0';
	return inet_pton(AF_INET6, text, ret_addr) == 1;
}

/* An IPv6 address is that address in whatever way it is written. */
static bool host_matches(const char *glob, const char *host)
{
	uint8_t want[16], got[16];

	if (!glob || !pattern_host_v6(glob, want))
		return field_matches(GLOB_HOST, glob, host);
	return pattern_host_v6(host, got) && !memcmp(want, got, sizeof(want));
}

static bool address_matches(const struct pattern *p, const struct activity_name *n)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v4 = n->family == AF_INET6 && !memcmp(n->addr, mapped, sizeof(mapped));
	const uint8_t *addr = v4 ? n->addr + 12 : n->addr;

	if (p->family != (v4 ? AF_INET : n->family))
		return false;
	for (unsigned int bit = 0; bit < p->prefix; bit++)
		if ((p->addr[bit / 8] ^ addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

/* Unix and raw sockets have neither port nor protocol: net:* names them, net:*:443 does not. */
static bool net_matches(const struct pattern *p, const struct activity_name *n)
{
	if (pattern_is_any(p))
		return true;
	if (n->raw || p->form == NET_RAW)
		return n->raw && p->form == NET_RAW;
	if (n->text || p->form == NET_UNIX)
		return n->text && p->form == NET_UNIX &&
		       glob_match(GLOB_TEXT, p->text, n->text, n->len);
	if (p->port != PORT_ANY && p->port != n->port)
		return false;
	if (p->proto >= 0 && p->proto != (int)n->proto)
		return false;
	if (p->form == NET_HOST)
		return n->host && field_matches(GLOB_HOST, p->host, n->host);
	return p->form == NET_ANY || address_matches(p, n);
}

/* All zeros: it stands for every address of IPv4, or of both. */
static bool is_every_address(const struct activity_name *n, const struct pattern *p)
{
	static const struct pattern all4 = {.family = AF_INET, .prefix = 32};
	static const struct pattern all = {.family = AF_INET6, .prefix = 128};

	return address_matches(&all, n) || (p->family == AF_INET && address_matches(&all4, n));
}

/*
 * `some`: whether the pattern names some of the places that the socket listens at, and not all of them.
 * One that was not bound has port 0, and will get one that nobody knows yet.
 */
static bool listen_matches(const struct pattern *p, const struct activity_name *n, bool some)
{
	if (p->port != PORT_ANY && p->port != n->port && !(some && !n->port))
		return false;
	if (p->proto >= 0 && p->proto != (int)n->proto)
		return false;
	return p->form == NET_ANY || address_matches(p, n) || (some && is_every_address(n, p));
}

bool pattern_matches(const struct pattern *p, const struct activity_name *n)
{
	if (p->kind != n->kind)
		return false;
	switch (p->kind) {
	case KIND_FILE:
	case KIND_EXEC: return glob_match(GLOB_TEXT, p->text, n->text, n->len);
	case KIND_NET: return net_matches(p, n);
	case KIND_LISTEN: return listen_matches(p, n, true);
	case KIND_HTTP:
		return field_matches(GLOB_TEXT, p->method, n->method) &&
		       host_matches(p->host, n->host) && field_matches(GLOB_TEXT, p->path, n->path);
	default: return false;
	}
}

bool pattern_admits(const struct pattern *p, const struct activity_name *n)
{
	bool names_path = !p->text || strchr("/*?", p->text[0]);

	if (n->kind == KIND_EXEC && names_path && (!n->len || n->text[0] != '/'))
		return false;
	if (n->kind == KIND_NET && n->raw && p->form != NET_RAW)
		return false;
	if (n->kind == KIND_LISTEN)
		return p->kind == KIND_LISTEN && listen_matches(p, n, false);
	return pattern_matches(p, n);
}

bool pattern_excepts(const struct pattern *p, const struct activity_name *n, bool admitted)
{
	if (n->kind == KIND_LISTEN && !admitted)
		return pattern_admits(p, n);
	return pattern_matches(p, n);
}
