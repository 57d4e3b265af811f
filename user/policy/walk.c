/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40 /* as many as the kernel follows */

/*
 * A path on its way through the root directory. What is done has no links in it, so that ".." can
 * be taken from its end; a link found in what is left is put in its place.
 */
struct walk {
	int root;
	char done[PATH_MAX]; /* "" or "/usr/bin" */
	char left[PATH_MAX]; /* "" or "/git" */
	unsigned int links;
};

static void go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash)
		*slash = '\0';
}

/* Replaces what is left by a link's target and what was left behind the link. */
static int follow(struct walk *w, const char *target)
{
	char left[PATH_MAX];

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (snprintf(left, sizeof(left), "%s%s", target, w->left) >= (int)sizeof(left))
		return -ENAMETOOLONG;
	memcpy(w->left, left, sizeof(left));
	if (target[0] == '/')
		w->done[0] = '\0';
	else
		go_up(w);
	return 0;
}

/* Goes one name further, which is what `done` ends with, or back to where a link leads. */
static int step_down(struct walk *w)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	n = readlinkat(w->root, w->done + 1, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		return follow(w, target);
	}
	if (errno != EINVAL)
		return -errno;
	/* Not a link. What has a slash behind it must be a directory, or the path means nothing. */
	if (fstatat(w->root, w->done + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return w->left[0] && !S_ISDIR(st.st_mode) ? -ENOTDIR : 0;
}

/* Takes the next name from what is left. Returns 1 when there is none. */
static int step(struct walk *w)
{
	char *name = w->left + strspn(w->left, "/");
	size_t len = strcspn(name, "/");
	size_t done = strlen(w->done);
	char rest[PATH_MAX];

	if (!len)
		return 1;
	if (done + 1 + len >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[done] = '/';
	memcpy(w->done + done + 1, name, len);
	w->done[done + 1 + len] = '\0';
	strcpy(rest, name + len);
	strcpy(w->left, rest);

	name = w->done + done + 1;
	if (!strcmp(name, "."))
		w->done[done] = '\0';
	else if (!strcmp(name, "..")) {
		w->done[done] = '\0';
		go_up(w);
	} else {
		return step_down(w);
	}
	return 0;
}

int walk_path(int root, const char *path, char *ret_path)
{
	struct walk w = {.root = root};
	int r;

	if (strlen(path) >= sizeof(w.left))
		return -ENAMETOOLONG;
	strcpy(w.left, path);
	do {
		r = step(&w);
	} while (r == 0);
	if (r < 0)
		return r;
	strcpy(ret_path, w.done[0] ? w.done : "/");
	return 0;
}
