/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Trials of destinations: may a subject connect and send? */
#include "tiers_probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A machine without this family has nothing to refuse. */
static bool udp_refused(const struct answer *a, int32_t want)
{
	return a->value[0] == -EAFNOSUPPORT ||
	       (a->value[1] == want && a->value[2] == want && a->value[3] == want);
}

static void try_net_udp(struct probe *p, enum facility f, enum probe_turn turn)
{
	struct answer v4, v6;

	if (!probe_begin(p, f, turn) || !probe_ask(p, f, ORDER_UDP, AF_INET, &v4) ||
	    !probe_ask(p, f, ORDER_UDP, AF_INET6, &v6))
		return;
	probe_end(p, f, udp_refused(&v4, -EPERM) && udp_refused(&v6, -EPERM),
		  "socket(), connect() or sendto() goes through");
}

static void try_net_unix(struct probe *p)
{
	const enum facility f = FACILITY_NET_UNIX;
	struct answer a;

	if (!probe_begin(p, f, TURN_NET_UNIX) || !probe_ask(p, f, ORDER_UNIX, 0, &a))
		return;
	probe_end(p, f, a.value[0] == -EPERM && a.value[1] == -EPERM,
		  "connect() or sendto() goes through");
}

void try_net(struct probe *p)
{
	try_net_udp(p, FACILITY_NET_LSM, TURN_NET_LSM);
	try_net_udp(p, FACILITY_NET_CGROUP, TURN_NET_CGROUP);
	try_net_unix(p);
}
