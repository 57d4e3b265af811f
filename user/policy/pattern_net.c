/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/pattern_fields.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Decimal digits only, without leading zeros: other readers take those for octal. */
static bool read_number(const char *text, unsigned long max, unsigned long *ret)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n;

	if (!digits || text[digits] || digits > 9 || (digits > 1 && text[0] == '0'))
		return false;
	n = strtoul(text, NULL, 10);
	if (n > max)
		return false;
	*ret = n;
	return true;
}

static int read_proto(const struct fields *f, const char *text, struct pattern *p)
{
	static const struct {
		const char *name;
		int proto;
	} names[] = {{"tcp", PROTO_TCP}, {"udp", PROTO_UDP}, {"*", -1}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, text)) {
			p->proto = names[i].proto;
			return 0;
		}
	return fields_refuse(f, "has the protocol '%.80s': tcp and udp are known", text);
}

/* What stands behind the address: nothing, or ":PORT", or ":PORT/PROTO". */
static int read_port(const struct fields *f, const char *rest, struct pattern *p)
{
	_free_ char *port = NULL;
	const char *slash = strchr(rest, '/');
	unsigned long n = PORT_ANY;

	if (!*rest)
		return 0;
	if (*rest != ':')
		return fields_refuse(
			f, "has '%.80s' behind the address: write :PORT or :PORT/PROTO", rest);
	port = strndup(rest + 1, slash ? (size_t)(slash - rest - 1) : strlen(rest));
	if (!port)
		return -ENOMEM;
	if (read_number(port, ~0UL, &n) && n > 65535)
		return fields_refuse(f, "has a port above 65535");
	if (strcmp(port, "*") != 0 && !read_number(port, 65535, &n))
		return fields_refuse(f, "has the port '%.80s': write one number, or *", port);
	p->port = (uint32_t)n;
	return slash ? read_proto(f, slash + 1, p) : 0;
}

/* Clears what is behind the prefix; false when there was nothing. */
static bool clear_host_bits(uint8_t *addr, unsigned int bits, unsigned int prefix)
{
	bool cleared = false;

	for (unsigned int bit = prefix; bit < bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		cleared |= addr[bit / 8] & mask;
		addr[bit / 8] &= (uint8_t)~mask;
	}
	return cleared;
}

/* IPv4-mapped addresses are decided as what the kernel connects them to. */
static void unmap(struct pattern *p)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (p->family != AF_INET6 || p->prefix < 96 || memcmp(p->addr, mapped, sizeof(mapped)) != 0)
		return;
	memmove(p->addr, p->addr + 12, 4);
	memset(p->addr + 4, 0, 12);
	p->family = AF_INET;
	p->prefix -= 96;
}

/* "ADDRESS" or "ADDRESS/PREFIX"; writes into `text`. */
static int read_cidr(const struct fields *f, int family, char *text, struct pattern *p)
{
	unsigned int bits = family == AF_INET ? 32 : 128;
	unsigned long prefix = bits;
	char *slash = strchr(text, '/');
	char network[INET6_ADDRSTRLEN];

	if (slash)
		*slash = '\0';
	if (inet_pton(family, text, p->addr) != 1)
		return fields_refuse(f, "has no IPv%d address in '%.80s'", bits == 32 ? 4 : 6,
				     text);
	if (slash && !read_number(slash + 1, bits, &prefix))
		return fields_refuse(f, "has the prefix length '%.80s': write 0 to %u", slash + 1,
				     bits);
	p->form = NET_ADDR;
	p->family = (uint8_t)family;
	p->prefix = (uint8_t)prefix;
	if (clear_host_bits(p->addr, bits, p->prefix))
		return fields_refuse(f, "has bits set behind the prefix: the network is %s/%lu",
				     inet_ntop(family, p->addr, network, sizeof(network)), prefix);
	unmap(p);
	return 0;
}

/* "[ADDRESS]", "[ADDRESS/PREFIX]", and what may stand behind. */
static int read_v6(const struct fields *f, struct pattern *p)
{
	const char *close = strchr(f->text, ']');
	_free_ char *text = NULL;
	int r;

	if (!close)
		return fields_refuse(f, "has no ]");
	text = strndup(f->text + 1, (size_t)(close - f->text - 1));
	if (!text)
		return -ENOMEM;
	r = read_cidr(f, AF_INET6, text, p);
	return r < 0 ? r : read_port(f, close + 1, p);
}

/* True for an IPv6 address, or a network, that lacks its brackets. */
static bool is_bare_v6(const char *text)
{
	char addr[INET6_ADDRSTRLEN + 1] = "";
	uint8_t bytes[16];
	size_t len = strcspn(text, "/");

	if (len >= sizeof(addr))
		return false;
	memcpy(addr, text, len);
	return inet_pton(AF_INET6, addr, bytes) == 1;
}

#define DIGITS "0123456789"

/* What looks like something else than a name, because it is. `text` is what is before the colon. */
static int refuse_address(const struct fields *f, const char *text)
{
	const char *slash = strrchr(text, '/');
	const char *rest = f->text + strlen(text);

	if (is_bare_v6(f->text))
		return fields_refuse(f, "lacks brackets: write net:[%.80s]", f->text);
	if (!*text)
		return fields_refuse(f, "has nothing before its colon: write net:*%.80s for all",
				     rest);
	if (*text == '/')
		return fields_refuse(f, "is a path: write net:unix:%.80s", text);
	if (slash && (!strcmp(slash, "/tcp") || !strcmp(slash, "/udp")))
		return fields_refuse(f, "has a protocol without a port: write net:%.*s:*%s",
				     (int)(slash - text), text, slash);
	if (strpbrk(text, DIGITS) && strspn(text, DIGITS "./*?") == strlen(text))
		return fields_refuse(f, "has a glob in an address: write a CIDR, as 10.0.0.0/8");
	if (!strncmp(rest, "://", 3))
		return fields_refuse(f, "has a scheme: begin with the host");
	if (slash)
		return fields_refuse(f, "has '%.80s' behind the host: write :PORT or :PORT/PROTO",
				     strchr(text, '/'));
	if (*rest && strchr(rest + 1, ':'))
		return fields_refuse(f, "has several colons: an IPv6 address stands in brackets");
	return 0;
}

/* ---- names ---- */

#define LABEL_MAX 63 /* bytes (RFC 1035, 2.3.4) */
#define HOST_MAX  253

/* What no name in DNS is like. A star may stand for nothing. */
static int check_name(const struct fields *f, const char *host)
{
	const char *last = strrchr(host, '.');
	size_t label = 0, name = 0;

	for (const char *c = host; *c; c++) {
		label = *c == '.' ? 0 : label + (*c != '*');
		name += *c != '*';
		if (label > LABEL_MAX)
			return fields_refuse(f,
					     "has more than %d bytes between two dots, as no "
					     "host name has",
					     LABEL_MAX);
	}
	if (name > HOST_MAX)
		return fields_refuse(f, "is longer than %d bytes, as no host name is", HOST_MAX);
	last = last ? last + 1 : host;
	if (strspn(last, DIGITS) == strlen(last))
		return fields_refuse(f, "ends in a number, as only an address does");
	if (!strcmp(last, "localhost"))
		return fields_warn(f, "matches nothing: no resolver is asked for localhost, write "
				      "net:127.0.0.0/8 and net:[::1]");
	return 0;
}

static int read_name(const struct fields *f, const char *text, struct pattern *p)
{
	int r = fields_host(f, text, strlen(text), &p->host);

	p->form = p->host ? NET_HOST : NET_ANY;
	return r < 0 || !p->host ? r : check_name(f, p->host);
}

static int read_address(const struct fields *f, struct pattern *p)
{
	size_t len = strcspn(f->text, ":");
	_free_ char *text = strndup(f->text, len);
	int r = 0;

	if (!text)
		return -ENOMEM;
	if (!strcmp(text, "*"))
		p->form = NET_ANY;
	else if (!is_bare_v6(f->text) && len && strspn(text, DIGITS "./") == len)
		r = read_cidr(f, AF_INET, text, p);
	else if ((r = refuse_address(f, text)) == 0)
		r = read_name(f, text, p);
	return r < 0 ? r : read_port(f, f->text + len, p);
}

/* "unix" or "unix:PATH"; abstract sockets are written with a leading @, as ss and strace do. */
static int read_unix(const struct fields *f, struct pattern *p)
{
	const char *path = f->text + 4;

	p->form = NET_UNIX;
	if (!*path)
		return 0;
	path++;
	if (!*path || !strchr("/@*?", *path))
		return fields_refuse(f, "is not an absolute path: write net:unix:/PATH, or "
					"net:unix:@NAME for an abstract socket");
	return fields_glob(f, GLOB_TEXT, path, strlen(path), &p->text);
}

/* Such a socket sends to any address what it likes: there is no more to say about it. */
static int read_raw(const struct fields *f, struct pattern *p)
{
	if (f->text[3])
		return fields_refuse(f, "has '%.80s' behind net:raw, which has no port and no address",
				     f->text + 3);
	p->form = NET_RAW;
	return 0;
}

/* "listen", or "listen:PORT", or "listen:ADDRESS:PORT", either with "/PROTO" behind. */
static int read_listen(const struct fields *f, struct pattern *p)
{
	const char *place = f->text + strlen("listen");
	struct fields inner = *f;

	p->kind = KIND_LISTEN;
	p->form = NET_ANY;
	if (!*place)
		return 0;
	inner.text = place + 1;
	if (!*inner.text)
		return fields_refuse(f, "has no port: write net:listen:* for any");
	if (strchr(inner.text, ']') ? !strstr(inner.text, "]:")
				    : !strchr(inner.text, ':') && strchr(inner.text, '.'))
		return fields_refuse(f, "has an address without a port: write net:listen:%.80s:*",
				     inner.text);
	if (*inner.text == '[')
		return read_v6(&inner, p);
	if (is_bare_v6(inner.text))
		return fields_refuse(f, "lacks brackets: write net:listen:[%.80s]:*", inner.text);
	if (!strchr(inner.text, ':'))
		return read_port(&inner, place, p);
	if (inner.text[strspn(inner.text, "0123456789./*")] != ':')
		return fields_refuse(f, "has no address in front of its port: that is an IPv4 address or "
					"CIDR, one of IPv6 in brackets, or *");
	return read_address(&inner, p);
}

static bool is_field(const char *text, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(text, name, len) && (!text[len] || text[len] == ':');
}

int fields_net(const struct fields *f, struct pattern *p)
{
	if (!*f->text)
		return fields_refuse(f, "names no destination: write net:* for all");
	if (is_field(f->text, "listen"))
		return read_listen(f, p);
	if (is_field(f->text, "raw"))
		return read_raw(f, p);
	if (is_field(f->text, "unix"))
		return read_unix(f, p);
	if (*f->text == '[')
		return read_v6(f, p);
	return read_address(f, p);
}
