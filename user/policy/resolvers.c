/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/resolvers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "policy/check.h"
#include "policy/pattern.h"
#include "policy/rules.h"

/* As it would be written. */
static int add_pattern(const struct resolver_addr *a, const char *proto, struct patterns *to)
{
	_cleanup_(diags_free) struct diags diags = {};
	char addr[INET6_ADDRSTRLEN], source[INET6_ADDRSTRLEN + 32];
	struct pattern p;
	int r;

	if (!inet_ntop(a->family, a->addr, addr, sizeof(addr)))
		return -EINVAL;
	snprintf(source, sizeof(source), a->family == AF_INET6 ? "net:[%s]:53/%s" : "net:%s:53/%s",
		 addr, proto);
	r = pattern_parse(source, (struct place){}, &p, &diags);
	return r < 0 ? r : patterns_add(to, &p);
}

static int add_addresses(struct entry *e, const struct resolver_addr *addrs, size_t count)
{
	static const char *const protos[] = {"udp", "tcp"};
	int r = 0;

	e->id = strdup("resolvers");
	if (!e->id)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(protos) / sizeof(protos[0]) && !r; k++)
			r = add_pattern(&addrs[i], protos[k], &e->match);
	return r;
}

int policy_add_resolvers(struct policy *policy, const struct resolver_addr *addrs, size_t count)
{
	struct entries *to = &policy->resolvers;

	if (!count || !policy_closer(policy, KIND_NET).rule || !rules_name_hosts(policy, false))
		return 0;
	to->items = calloc(1, sizeof(*to->items));
	if (!to->items)
		return -ENOMEM;
	to->count = 1;
	return add_addresses(&to->items[0], addrs, count);
}
