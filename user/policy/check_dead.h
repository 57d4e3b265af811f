/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_CHECK_DEAD_H
#define WARDEN_POLICY_CHECK_DEAD_H

#include "policy/diag.h"

/*
 * Inside of policy_check() and policy_check_reach(): what warns of rules that can never decide.
 * Only what is certain whatever happens is said. They return 0 or -ENOMEM.
 */

/* Keys that have nothing to say. */
int check_dead(const struct policy *policy, struct diags *diags);

/*
 * Numbers the entries that have conditions, and looks at `changed`. Returns -EINVAL, too, with an
 * error in `diags`, when there are too many of them, or one asks for more than a name of what is no
 * program.
 */
int check_conds(struct policy *policy, struct diags *diags);

/*
 * What is wrong with entries that name hosts: exceptions of another sort, and `private` where no host
 * is named. Returns -EINVAL, too, with an error in `diags`.
 */
int check_hosts(const struct policy *policy, struct diags *diags);

/* Notes what denying a host name does not hold. */
int check_denied_hosts(const struct policy *policy, struct diags *diags);

/* Entries that match what another entry has decided, and exceptions that take all or nothing. */
int check_covered(const struct policy *policy, struct diags *diags);
int check_excepts(const struct policy *policy, struct diags *diags);

/* As pattern_covers() and pattern_disjoint(), on every machine that has the programs of this one.
 */
bool check_covers(const struct pattern *a, const struct pattern *b);
bool check_apart(const struct pattern *a, const struct pattern *b);

/* True for the name of one thing, which covers nothing but itself. */
bool check_is_single(const struct pattern *p);

/* What it costs to compare two, and when to stop: a policy may have many patterns, and long ones.
 */
uint64_t check_cost(const struct pattern *a, const struct pattern *b);
#define CHECK_MAX_WORK 100000000

bool check_same_place(struct place a, struct place b);

#endif
