/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_CMD_CMD_H
#define WARDEN_CMD_CMD_H

#include "base/opts.h"

/* The exit status of every command; `run` ends with the command's own once that has started. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* no root, a file that cannot be read, a broken chain... */
	EXIT_USAGE = 2,  /* unknown or not yet supported command or option */
	EXIT_POLICY = 3, /* unreadable, invalid or not yet supported policy */
	EXIT_KERNEL = 4, /* this kernel cannot enforce what the policy requires */
};

_Static_assert((int)OPTS_HELP == EXIT_OK && (int)OPTS_USAGE == EXIT_USAGE,
	       "what opts_parse() returns is an exit status");

/* Commands get their own name as argv[0], say what went wrong, and return an exit status. */
int cmd_run(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/*
 * The value of a command's `--policy`, for its function: a second one is refused. Returns 0, or an
 * exit status after a complaint.
 */
int cmd_one_policy(const char *command, const char **to, const char *value);

struct policy;
struct diags;
struct resolvers;

/*
 * Where rules name hosts: finds out which resolvers there are, and adds the rule that they are reachable.
 * Elsewhere there are none. Returns 0 or -errno.
 */
int cmd_add_resolvers(struct policy *policy, struct resolvers *ret);

/* For commands that only read: `-` is standard input. As policy_load(), then as cmd_add_resolvers(). */
int cmd_load_policy(const char *file, struct policy **ret_policy, struct diags *diags);

/* What a policy's file is called in messages. */
const char *cmd_policy_name(const char *file);

#endif
