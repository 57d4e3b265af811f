/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "resolvers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define RESOLV_CONF "/etc/resolv.conf"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void map4(const void *v4, uint8_t ret[16])
{
	memcpy(ret, mapped, sizeof(mapped));
	memcpy(ret + 12, v4, 4);
}

/* ---- resolv.conf ---- */

/* Without an address in `text` there is nothing to add. */
static void add(struct resolvers *r, char *text)
{
	uint8_t addr[16], v4[4];

	text[strcspn(text, " \t\r\n%#;")] = '\0';
	if (inet_pton(AF_INET, text, v4) == 1)
		map4(v4, addr);
	else if (inet_pton(AF_INET6, text, addr) != 1)
		return;
	for (size_t i = 0; i < r->count; i++)
		if (!memcmp(r->addr[i], addr, sizeof(addr)))
			return;
	if (r->count < RESOLVERS)
		memcpy(r->addr[r->count++], addr, sizeof(addr));
}

int resolvers_read(FILE *resolv_conf, struct resolvers *ret)
{
	static const char keyword[] = "nameserver";
	char loopback[] = "127.0.0.1";
	_free_ char *line = NULL;
	size_t room = 0;

	*ret = (struct resolvers){};
	while (getline(&line, &room, resolv_conf) >= 0) {
		size_t len = sizeof(keyword) - 1;

		if (!strncmp(line, keyword, len) && (line[len] == ' ' || line[len] == '\t'))
			add(ret, line + len + strspn(line + len, " \t"));
	}
	if (!ret->count)
		add(ret, loopback);
	return ferror(resolv_conf) ? -EIO : 0;
}

/* ---- this machine ---- */

static bool is_loopback(const uint8_t addr[16])
{
	return !memcmp(addr, mapped, sizeof(mapped))
		       ? addr[12] == 127
		       : !memcmp(addr, &in6addr_loopback, sizeof(in6addr_loopback));
}

static bool is_address(const struct sockaddr *sa, const uint8_t addr[16])
{
	uint8_t own[16] = {};

	if (sa && sa->sa_family == AF_INET)
		map4(&((const struct sockaddr_in *)sa)->sin_addr, own);
	else if (sa && sa->sa_family == AF_INET6)
		memcpy(own, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof(own));
	else
		return false;
	return !memcmp(own, addr, sizeof(own));
}

static int find_local(struct resolvers *r)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (size_t i = 0; i < r->count; i++) {
		r->local[i] = is_loopback(r->addr[i]);
		for (struct ifaddrs *a = all; a; a = a->ifa_next)
			r->local[i] |= is_address(a->ifa_addr, r->addr[i]);
	}
	freeifaddrs(all);
	return 0;
}

static int find_interfaces(struct resolvers *r)
{
	struct if_nameindex *all = if_nameindex();

	if (!all)
		return -errno;
	for (struct if_nameindex *i = all; i->if_index; i++)
		if (i->if_index > r->interfaces)
			r->interfaces = i->if_index;
	if_freenameindex(all);
	return 0;
}

int resolvers_look(struct resolvers *ret)
{
	_fclose_ FILE *f = fopen(RESOLV_CONF, "re");
	struct stat st;
	int r;

	if (!f && errno != ENOENT)
		return -errno;
	if (!f)
		f = fopen("/dev/null", "re");
	r = f ? resolvers_read(f, ret) : -errno;
	if (!r && stat("/proc/self/ns/net", &st) < 0)
		r = -errno;
	if (r < 0)
		return r;
	ret->netns = (uint32_t)st.st_ino;
	r = find_local(ret);
	return r < 0 ? r : find_interfaces(ret);
}

size_t resolvers_addrs(const struct resolvers *r, struct resolver_addr ret[RESOLVERS])
{
	for (size_t i = 0; i < r->count; i++) {
		bool v4 = !memcmp(r->addr[i], mapped, sizeof(mapped));

		ret[i] = (struct resolver_addr){.family = v4 ? AF_INET : AF_INET6};
		memcpy(ret[i].addr, r->addr[i] + (v4 ? 12 : 0), v4 ? 4 : 16);
	}
	return r->count;
}
