/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_RESOLVERS_H
#define WARDEN_RESOLVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "names.h"
#include "policy/resolvers.h"

/* The resolvers whose answers name addresses, and what a workload's network looks like at its start. */
struct resolvers {
	size_t count;
	uint8_t addr[RESOLVERS][16]; /* network byte order, IPv4 as an IPv4-mapped one */
	bool local[RESOLVERS];	     /* an address of this machine's own */
	uint32_t netns;		     /* number of the network namespace */
	uint32_t interfaces;	     /* the highest number of an interface in it */
};

/*
 * Takes the addresses out of a stream of the form of resolv.conf(5): at most RESOLVERS, none twice. A
 * scope (%eth0) is left out, a line that is no address passed over. Without any line it is 127.0.0.1, as
 * it is for the C library. Returns 0 or -EIO.
 */
int resolvers_read(FILE *resolv_conf, struct resolvers *ret);

/* Those of the caller's /etc/resolv.conf (none: 127.0.0.1), and its network. Returns 0 or -errno. */
int resolvers_look(struct resolvers *ret);

/* Their addresses, as a policy takes them. Returns how many. */
size_t resolvers_addrs(const struct resolvers *r, struct resolver_addr ret[RESOLVERS]);

#endif
