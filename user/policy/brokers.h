/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_BROKERS_H
#define WARDEN_POLICY_BROKERS_H

#include "policy/policy.h"

/*
 * Brokers: unix sockets whose servers act for the caller, outside of its workload and its rules. Every
 * policy denies them unless it names them.
 */

#define BROKER_PATHS 4

struct broker {
	const char *rule;		 /* "broker:docker": what decisions call it */
	const char *paths[BROKER_PATHS]; /* globs, as behind net:unix:; the rest is NULL */
	const char *reason;		 /* what it does for who reaches it: the end of a sentence */
};

#define BROKERS 16

extern const struct broker brokers[BROKERS];

/*
 * Adds the rules to a policy that was checked. A socket is not in them where `allow` names it, or an
 * entry of `deny` with mode: audit. A pattern names it that matches nothing but paths of that broker,
 * as the path itself does. Returns 0 or -ENOMEM.
 */
int brokers_add(struct policy *policy);

#endif
