/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_BROKERS_H
#define WARDEN_POLICY_BROKERS_H

#include "policy/policy.h"

/*
 * Brokers: what acts for others, outside of their workload and its rules. Servers do that for whoever
 * reaches their unix socket (KIND_NET), others for whoever writes a file that they read (KIND_FILE).
 * Every policy denies them unless it names them.
 */

#define BROKER_PATHS 12

struct broker {
	const char *rule; /* "broker:docker": what decisions call it */
	enum kind kind;
	const char *paths[BROKER_PATHS]; /* globs, as behind net:unix: or file:write; the rest is NULL */
	const char *reason;		 /* what it does for who reaches it: the end of a sentence */
};

#define BROKERS 26

extern const struct broker brokers[BROKERS];

/*
 * Adds the rules to a policy that was checked. A path is not in them where `allow` names it, or an
 * entry of `deny` with mode: audit. A pattern names it that matches nothing but paths of that broker,
 * as the path itself does.
 *
 * Directories above the files of a broker are in them, too, with a slash behind: who puts another one
 * in the place of /etc has written crontabs. Returns 0 or -ENOMEM.
 */
int brokers_add(struct policy *policy);

/* True when all its files are settings of the kernel (sysctls), which are held where files are not, too. */
bool broker_is_setting(const struct broker *b);

/* True when everything that a pattern for files matches is a broker's. */
bool brokers_have_file(const struct pattern *pattern);

#endif
