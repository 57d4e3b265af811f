/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern.h"

#include <string.h>

#include "policy/glob.h"

/* What two patterns have to do with each other, field by field. */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int bit = 0; bit < bits; bit++)
		if ((a[bit / 8] ^ b[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

/* A host that is an IPv6 address has more spellings than the one that is compared. */
static bool is_v6(const char *host)
{
	return host && *host == '[';
}

static bool host_covers(const char *a, const char *b)
{
	if (is_v6(a) || is_v6(b))
		return !a || (b && !strcmp(a, b));
	return glob_covers(GLOB_HOST, a, b);
}

static bool host_disjoint(const char *a, const char *b)
{
	if (is_v6(a) || is_v6(b))
		return is_v6(a) && is_v6(b) && strcmp(a, b) != 0;
	return glob_disjoint(GLOB_HOST, a, b);
}

static bool has_no_address(const struct pattern *p)
{
	return p->form == NET_UNIX || p->form == NET_RAW;
}

static bool net_covers(const struct pattern *a, const struct pattern *b)
{
	if (has_no_address(a) || has_no_address(b))
		return a->form == b->form && glob_covers(GLOB_TEXT, a->text, b->text);
	/* net:* is sockets with a path, too: only itself covers it. */
	if (pattern_is_any(b))
		return false;
	if (a->port != PORT_ANY && a->port != b->port)
		return false;
	if (a->proto >= 0 && a->proto != b->proto)
		return false;
	if (a->form == NET_ANY)
		return true;
	if (a->form == NET_HOST)
		return b->form == NET_HOST && host_covers(a->host, b->host);
	if (a->kind == KIND_LISTEN) /* at 0.0.0.0 and :: it depends on where they stand */
		return false;
	return b->form == NET_ADDR && a->family == b->family && a->prefix <= b->prefix &&
	       same_bits(a->addr, b->addr, a->prefix);
}

bool pattern_covers(const struct pattern *a, const struct pattern *b)
{
	if (a->kind != b->kind)
		return false;
	if (pattern_is_any(a))
		return true;
	if (a->kind == KIND_NET || a->kind == KIND_LISTEN)
		return net_covers(a, b);
	return glob_covers(GLOB_TEXT, a->text, b->text) &&
	       glob_covers(GLOB_TEXT, a->method, b->method) && host_covers(a->host, b->host) &&
	       glob_covers(GLOB_TEXT, a->path, b->path);
}

static bool net_disjoint(const struct pattern *a, const struct pattern *b)
{
	uint8_t prefix = a->prefix < b->prefix ? a->prefix : b->prefix;

	if (pattern_is_any(a) || pattern_is_any(b))
		return false;
	if (has_no_address(a) || has_no_address(b))
		return a->form != b->form || glob_disjoint(GLOB_TEXT, a->text, b->text);
	if (a->port != PORT_ANY && b->port != PORT_ANY && a->port != b->port)
		return a->kind != KIND_LISTEN || (a->port && b->port);
	if (a->proto >= 0 && b->proto >= 0 && a->proto != b->proto)
		return true;
	if (a->form == NET_ANY || b->form == NET_ANY || a->kind == KIND_LISTEN)
		return false;
	if (a->form == NET_HOST || b->form == NET_HOST) /* a host may have any address */
		return a->form == b->form && host_disjoint(a->host, b->host);
	return a->family != b->family || !same_bits(a->addr, b->addr, prefix);
}

bool pattern_disjoint(const struct pattern *a, const struct pattern *b)
{
	if (a->kind != b->kind)
		return true;
	if (a->kind == KIND_NET || a->kind == KIND_LISTEN)
		return net_disjoint(a, b);
	return glob_disjoint(GLOB_TEXT, a->text, b->text) ||
	       glob_disjoint(GLOB_TEXT, a->method, b->method) || host_disjoint(a->host, b->host) ||
	       glob_disjoint(GLOB_TEXT, a->path, b->path);
}
