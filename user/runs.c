/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/cleanup.h"
#include "cgroup.h"
#include "members.h"
#include "mounts.h"
#include "sockets.h"

#define RUNS_DIR  "/run/warden/runs"
#define KILL_WAIT 5000 /* ms until the tasks of a killed cgroup are gone */
#define STALE	  60   /* s after which an empty file is nobody's */
#define PATIENCE  5000 /* ms that a run which starts is given way to */

static int fail(struct run_error *error, int r, const char *what, const char *where)
{
	snprintf(error->text, sizeof(error->text), "%s %s: %s", what, where, strerror(-r));
	return r;
}

static void free_place(struct run_place *p)
{
	free(p->file);
	free(p->pins);
	free(p->cgroup);
	if (p->lock >= 0)
		close(p->lock);
	*p = (struct run_place)RUN_PLACE_NONE;
}

/*
 * Whoever starts has a lock, of the open file, so that it ends with him. It is only looked at here, and
 * whoever cannot have it goes on: all that a workload can do with one of its own is to waste time.
 */
static bool someone_starts(int dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(dir, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int runs_starting(void)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(RUNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		fcntl(fd, F_OFD_SETLK, &lock);
	return fd;
}

/*
 * Removes the pins one by one: bpffs keeps nothing but files here. Each may take the kernel a tenth
 * of a second, for which another run would have to wait to attach a program of its own. It is quick
 * once that is there, for then the hook stays as it is.
 */
static void remove_pins(const char *pins)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	_close_ int runs = open(RUNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int patience = PATIENCE;
	DIR *dir = opendir(pins);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		for (; patience > 0 && someone_starts(runs); patience -= 10)
			nanosleep(&pause, NULL);
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
	rmdir(pins);
}

/*
 * In this order: no task may outlive the links that guard it, nor may what these keep from being sent. A run
 * that has ended well has no cgroup any more, and warden has destroyed such sockets.
 */
static int clean_up(const char *file, const char *pins, const char *cgroup)
{
	struct stat st;
	bool left = stat(cgroup, &st) == 0;
	int r = cgroup_destroy(cgroup, KILL_WAIT);

	if (r == 0)
		r = members_destroy_pinned(pins, KILL_WAIT);
	if (r < 0)
		return r;
	if (left)
		sockets_destroy_of(st.st_ino); /* without SOCK_DESTROY there is nothing more to do about it */
	remove_pins(pins);
	unlink(file);
	return 0;
}

/* ---- the guardian ---- */

/* All descriptors from 3 on, but two. */
static void close_all_but(int one, int other)
{
	unsigned low = (unsigned)(one < other ? one : other);
	unsigned high = (unsigned)(one < other ? other : one);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/*
 * Waits for the end of warden, however it comes, and cleans up behind it. Also after a good end:
 * detaching probes takes the kernel a while, for which nobody has to wait.
 */
static void guardian_main(const struct run_place *p, int warden)
{
	struct pollfd end = {.fd = warden, .events = POLLIN};
	sigset_t all;
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_NAME, "warden-guard");
	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close_all_but(p->lock, warden);
	if (chdir("/") < 0)
		_exit(1);
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	_exit(clean_up(p->file, p->pins, p->cgroup) < 0);
}

static int start_guardian(const struct run_place *p)
{
	_close_ int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t pid = self < 0 ? -1 : fork();

	if (!pid)
		guardian_main(p, self);
	return pid < 0 ? -errno : 0;
}

/* ---- begin and end ---- */

static int write_file(const struct run_place *p)
{
	int n = dprintf(p->lock, "%s\n%s\n", p->cgroup, p->pins);

	return n < 0 ? -errno : 0;
}

static int name_places(const char *id, struct run_place *p, struct run_error *error)
{
	char bpffs[PATH_MAX], name[64];
	int r = mounts_bpffs(bpffs, sizeof(bpffs));

	if (r < 0)
		return fail(error, r, "cannot mount a bpffs at", "/run/warden/bpf");
	snprintf(p->id, sizeof(p->id), "%s", id);
	snprintf(name, sizeof(name), "warden-%s", id);
	r = cgroup_path(name, &p->cgroup);
	if (r == -ENAMETOOLONG)
		return fail(error, r, "cannot make a cgroup below", "this one");
	if (r < 0)
		return fail(error, r, "no cgroup v2 hierarchy", "is mounted");
	if (asprintf(&p->file, "%s/%s", RUNS_DIR, id) < 0 ||
	    asprintf(&p->pins, "%s/%s", bpffs, id) < 0)
		return fail(error, -ENOMEM, "cannot name", "the run");
	return 0;
}

int run_place_begin(const char *id, struct run_place *ret, struct run_error *error)
{
	struct run_place p = RUN_PLACE_NONE;
	int r = name_places(id, &p, error);

	if (r < 0)
		goto out;
	if (mkdir(RUNS_DIR, 0700) < 0 && errno != EEXIST) {
		r = fail(error, -errno, "cannot make", RUNS_DIR);
		goto out;
	}
	p.lock = open(p.file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* A reaper may have it for the moment in which it sees that there is nothing in it. */
	if (p.lock < 0 || flock(p.lock, LOCK_EX) < 0) {
		r = fail(error, -errno, "cannot make", p.file);
		goto out;
	}
	r = write_file(&p);
	if (r == 0 && mkdir(p.pins, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = start_guardian(&p);
	if (r < 0) {
		fail(error, r, "cannot prepare", p.file);
		rmdir(p.pins);
		unlink(p.file);
		goto out;
	}
	*ret = p;
	return 0;
out:
	free_place(&p);
	return r;
}

int run_place_end(struct run_place *p)
{
	int r;

	if (p->lock < 0)
		return 0;
	r = cgroup_destroy(p->cgroup, KILL_WAIT);
	free_place(p);
	return r;
}

/* ---- reaping ---- */

static int reap_one(int dir, const char *name)
{
	_close_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	char text[2 * PATH_MAX], file[PATH_MAX], *cgroup = text, *pins, *end;
	struct stat st;
	ssize_t n;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0) { /* a start that has not come to naming anything, or never did */
		if (fstat(fd, &st) == 0 && st.st_mtime + STALE < time(NULL))
			unlinkat(dir, name, 0);
		return 0;
	}
	text[n] = 0;
	pins = strchr(cgroup, '\n');
	end = pins ? strchr(pins + 1, '\n') : NULL;
	if (!end)
		return 0;
	*pins++ = 0;
	*end = 0;
	snprintf(file, sizeof(file), "%s/%s", RUNS_DIR, name);
	return clean_up(file, pins, cgroup) == 0;
}

int runs_reap(void)
{
	DIR *dir = opendir(RUNS_DIR);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			n += reap_one(dirfd(dir), e->d_name);
	closedir(dir);
	return n;
}
