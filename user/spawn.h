/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SPAWN_H
#define WARDEN_SPAWN_H

/* The command of a run: finding it, whose it is, and starting it in its cgroup. */

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * The file that a name stands for, looked up in PATH as a shell does (a name with a slash is taken
 * as it is). The caller frees it. -ENOENT: there is none; -EACCES: it may not be executed; other
 * -errno of the last look.
 */
int command_find(const char *name, char **ret);

/* Whom the command runs as. */
struct spawn_user {
	bool change; /* false: as we are */
	uid_t uid;
	gid_t gid;
	char *name; /* owned, as is home; NULL: a number that no account has */
	char *home;
};

/*
 * The user named (or numbered) `name`; with NULL, the one who called sudo, or nobody else. -ENOENT
 * when there is no such user, as there is none named "". A number need not have an account: its
 * group is then the same number, it has no other groups, and its home is "/". But sudo's callers
 * all have one.
 */
int spawn_user_find(const char *name, struct spawn_user *ret);
void spawn_user_done(struct spawn_user *u);

/* The caller's signals, as they were before warden changed them. */
struct spawn_signals {
	sigset_t mask;
	struct sigaction pipe;
	struct sigaction xfsz;
	struct sigaction chld;
};

struct spawn {
	const char *path; /* the program */
	char **argv;
	const struct spawn_user *user;
	int cgroup; /* fd of its directory */
	/* Run by the new process first of all, inside the cgroup; returns 0 or -errno. */
	int (*inside)(void *ctx);
	void *ctx;
	const struct spawn_signals *signals;
	const struct rlimit *files; /* the caller's limit of open files */
};

/*
 * Starts it: its first instruction is already inside the cgroup. Returns 0 with its pid once
 * execve() has succeeded or the process has been killed on the way; else the -errno of what failed,
 * with no process left.
 */
int spawn_start(const struct spawn *s, pid_t *ret_pid);

#endif
