/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* ---- the file ---- */

static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	/* Not access(): for root any one of the bits will do, and so it is for execve(). */
	return st.st_mode & 0111 ? 0 : -EACCES;
}

static int candidate(const char *dir, size_t dir_len, const char *name, char **ret)
{
	char *path = NULL;
	int r;

	if (asprintf(&path, "%.*s/%s", dir_len ? (int)dir_len : 1, dir_len ? dir : ".", name) < 0)
		return -ENOMEM;
	r = executable(path);
	if (r < 0) {
		free(path);
		return r;
	}
	*ret = path;
	return 0;
}

int command_find(const char *name, char **ret)
{
	const char *dirs = getenv("PATH");
	int found = -ENOENT;
	int r;

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		r = executable(name);
		if (r < 0)
			return r;
		*ret = strdup(name);
		return *ret ? 0 : -ENOMEM;
	}
	for (const char *dir = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin";;) {
		size_t len = strcspn(dir, ":");

		r = candidate(dir, len, name, ret);
		if (r == 0 || r == -ENOMEM)
			return r;
		if (r == -EACCES)
			found = r;
		if (!dir[len])
			return found;
		dir += len + 1;
	}
}

/* ---- the user ---- */

static int fill_user(const struct passwd *pw, struct spawn_user *ret)
{
	struct spawn_user u = {.change = true, .uid = pw->pw_uid, .gid = pw->pw_gid};

	u.name = strdup(pw->pw_name);
	u.home = strdup(pw->pw_dir);
	if (!u.name || !u.home) {
		spawn_user_done(&u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

/* A number that no account has: it owns nothing, so it gets nothing but itself. */
static int fill_number(uid_t uid, struct spawn_user *ret)
{
	struct spawn_user u = {.change = true, .uid = uid, .gid = (gid_t)uid};

	u.home = strdup("/");
	if (!u.home)
		return -ENOMEM;
	*ret = u;
	return 0;
}

/* Digits only, and no more than a uid has: one that wraps around could be root's. */
static bool is_uid(const char *text, uid_t *ret)
{
	unsigned long uid;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	uid = strtoul(text, NULL, 10);
	*ret = (uid_t)uid;
	return !errno && *ret == uid && *ret != (uid_t)-1; /* which is no user to the kernel */
}

int spawn_user_find(const char *name, struct spawn_user *ret)
{
	const char *who = name ? name : getenv("SUDO_UID");
	const struct passwd *pw;
	bool number;
	uid_t uid;

	if (!who || (!name && !*who)) {
		*ret = (struct spawn_user){.change = false};
		return 0;
	}
	number = is_uid(who, &uid);
	pw = number ? getpwuid(uid) : getpwnam(who);
	if (pw)
		return fill_user(pw, ret);
	return number && name ? fill_number(uid, ret) : -ENOENT;
}

void spawn_user_done(struct spawn_user *u)
{
	free(u->name);
	free(u->home);
	*u = (struct spawn_user){0};
}

static int set_name(const char *key, const char *name)
{
	return name ? setenv(key, name, 1) : unsetenv(key);
}

static int become(const struct spawn_user *u)
{
	int r;

	if (!u->change)
		return 0;
	r = u->name ? initgroups(u->name, u->gid) : setgroups(0, NULL);
	if (r < 0 || setgid(u->gid) < 0 || setuid(u->uid) < 0)
		return -errno;
	if (setenv("HOME", u->home, 1) < 0 || set_name("USER", u->name) < 0 ||
	    set_name("LOGNAME", u->name) < 0)
		return -errno;
	return 0;
}

/* ---- the process ---- */

/* What warden changed for itself goes back to what its caller had; nothing else is touched. */
static void reset_signals(const struct spawn_signals *was)
{
	sigaction(SIGPIPE, &was->pipe, NULL);
	sigaction(SIGXFSZ, &was->xfsz, NULL);
	sigaction(SIGCHLD, &was->chld, NULL);
	sigprocmask(SIG_SETMASK, &was->mask, NULL);
}

static void child(const struct spawn *s, int report)
{
	int r = s->inside(s->ctx);

	if (r == 0)
		r = become(s->user);
	if (r == 0) {
		reset_signals(s->signals);
		setrlimit(RLIMIT_NOFILE, s->files);
		execv(s->path, s->argv);
		r = -errno;
	}
	if (write(report, &r, sizeof(r)) < 0)
		_exit(126);
	_exit(126);
}

/* fork() into a cgroup: the child never ran outside of it. */
static pid_t fork_into(int cgroup)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int spawn_start(const struct spawn *s, pid_t *ret_pid)
{
	int report[2];
	int r = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid = fork_into(s->cgroup);
	if (!pid) {
		close(report[0]);
		child(s, report[1]);
	}
	r = pid < 0 ? -errno : 0;
	close(report[1]);
	if (r < 0) {
		close(report[0]);
		return r;
	}
	do
		n = read(report[0], &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == (ssize_t)sizeof(r)) {
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return 0;
}
