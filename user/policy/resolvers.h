/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_RESOLVERS_H
#define WARDEN_POLICY_RESOLVERS_H

#include "policy/policy.h"

/*
 * Resolvers: the servers whose answers say which names an address has. Where rules name hosts they have
 * to be reachable.
 */

struct resolver_addr {
	uint8_t family;   /* AF_INET, AF_INET6 */
	uint8_t addr[16]; /* network byte order */
};

/*
 * Adds the rule `resolvers` to a policy that was checked, if that names hosts in net: and closes net:
 * an allow entry, behind those that are written, for these addresses at port 53, tcp and udp. Entries
 * that deny them still do. Call it once at most. Returns 0, -ENOMEM, or -EINVAL for an address of
 * another family.
 */
int policy_add_resolvers(struct policy *policy, const struct resolver_addr *addrs, size_t count);

#endif
