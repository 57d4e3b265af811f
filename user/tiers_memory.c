/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "tiers_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "mounts.h"

#define MEMORY_MAX 16384 /* bytes */

/* ---- what the answer depends on ---- */

/* The first line of a file, or that it cannot be read. */
static void add_file(struct buf *b, const char *path)
{
	_fclose_ FILE *f = fopen(path, "re");
	char line[256] = "-\n";

	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	buf_addf(b, "%s %s\n", path, line);
}

static void add_link(struct buf *b, const char *path)
{
	char text[256];
	ssize_t n = readlink(path, text, sizeof(text));

	buf_addf(b, "%s %.*s\n", path, n > 0 ? (int)n : 1, n > 0 ? text : "-");
}

static void add_capabilities(struct buf *b)
{
	_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7) || !strncmp(line, "Seccomp:", 8))
			buf_add_str(b, line);
}

static void add_self(struct buf *b)
{
	struct stat st = {};
	struct utsname name;

	stat("/proc/self/exe", &st);
	uname(&name);
	buf_addf(b, "warden %llu:%llu %lld %lld.%09ld\n", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_ctim.tv_sec,
		 st.st_ctim.tv_nsec);
	buf_addf(b, "%s %s\n", name.release, name.version);
}

static void describe(struct buf *b)
{
	static const char *const files[] = {
		"/proc/sys/kernel/random/boot_id",
		"/proc/sys/kernel/ftrace_enabled",
		"/proc/sys/kernel/perf_event_paranoid",
		"/proc/sys/net/core/bpf_jit_enable",
		"/sys/kernel/security/lsm",
		"/sys/kernel/security/lockdown",
	};
	static const char *const links[] = {
		"/proc/self/ns/user", "/proc/self/ns/mnt",    "/proc/self/ns/net",
		"/proc/self/ns/pid",  "/proc/self/ns/cgroup",
	};

	add_self(b);
	add_capabilities(b);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		add_file(b, files[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		add_link(b, links[i]);
}

/* ---- the file: what it depends on, an empty line, and a line a facility ---- */

static void write_results(struct buf *b, const struct tiers *t)
{
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		buf_addf(b, "%s %s%s\n", facility_names[f].name, t->facility[f].works ? "works" : "",
			 t->facility[f].reason);
}

/* One line, in the order of the facilities. Returns where the next one begins, or NULL. */
static const char *read_result(const char *line, enum facility f, struct facility_result *ret)
{
	size_t name = strlen(facility_names[f].name), len = strcspn(line, "\n");
	const char *text = line + name + 1;

	if (strncmp(line, facility_names[f].name, name) != 0 || line[name] != ' ' || !line[len])
		return NULL;
	len -= name + 1;
	*ret = (struct facility_result){.works = len == 5 && !strncmp(text, "works", 5)};
	if (!ret->works && (!len || len >= sizeof(ret->reason)))
		return NULL;
	if (!ret->works)
		memcpy(ret->reason, text, len);
	return text + len + 1;
}

static int read_results(const char *text, struct tiers *ret)
{
	struct tiers t = {.lasting = true};

	for (enum facility f = 0; f < FACILITY_COUNT; f++) {
		text = read_result(text, f, &t.facility[f]);
		if (!text)
			return -EBADMSG;
	}
	if (*text)
		return -EBADMSG;
	tiers_choose(&t);
	*ret = t;
	return 0;
}

/* Nobody but root may have written it. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && st.st_size < MEMORY_MAX;
}

int tiers_recall(const char *path, struct tiers *ret)
{
	_close_ int fd = -1;
	_free_ char *text = calloc(1, MEMORY_MAX);
	_buf_ struct buf now = {};

	describe(&now);
	if (!text || buf_error(&now) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!is_ours(fd) || read(fd, text, MEMORY_MAX - 1) < 0)
		return -EBADMSG;
	if (strncmp(text, (const char *)now.data, now.len) != 0 || text[now.len] != '\n')
		return -ESTALE;
	return read_results(text + now.len + 1, ret);
}

void tiers_remember(const char *path, const struct tiers *tiers)
{
	char draft[PATH_MAX];
	_buf_ struct buf text = {};
	_close_ int fd = -1;

	unlink(path);
	if (tiers->lasting) {
		describe(&text);
		buf_add_char(&text, '\n');
		write_results(&text, tiers);
	}
	if (buf_error(&text) < 0 || text.len >= MEMORY_MAX)
		return;
	mkdir(MOUNTS_STATE_DIR, 0700);
	snprintf(draft, sizeof(draft), "%s.%d", path, getpid());
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, text.data, text.len) != (ssize_t)text.len || rename(draft, path) < 0)
		unlink(draft);
}
