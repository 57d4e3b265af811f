/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TESTS_AUDIT_TESTING_H
#define WARDEN_TESTS_AUDIT_TESTING_H

/* What several tests of the audit trail need. Included after cmocka.h. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/trail.h"
#include "audit/verify.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/time.h"

#define UNUSED __attribute__((unused))

#define TEST_TIME (1795334400ULL * NS_PER_SEC + 123456789) /* 2026-11-22T08:00:00.123456789Z */

static char test_dir[64]; /* by make_dir() */

static UNUSED int make_dir(void **state)
{
	strcpy(test_dir, "/tmp/warden-audit-XXXXXX");
	return mkdtemp(test_dir) ? 0 : -1;
}

static UNUSED int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", test_dir);
	return system(command);
}

/* A path in the test's directory; the same memory each time. */
static UNUSED const char *in_dir(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	return path;
}

static UNUSED void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* The whole of it, with a NUL behind that does not count. */
static UNUSED struct buf read_file(const char *path)
{
	struct buf b = {};
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	do {
		assert_int_equal(buf_reserve(&b, 65536), 0);
		n = read(fd, b.data + b.len, 65535);
		b.len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	b.data[b.len] = '\0';
	close(fd);
	return b;
}

static UNUSED int verify_path(const char *path, struct verify *v)
{
	int fd = open(path, O_RDONLY);
	int r;

	assert_true(fd >= 0);
	*v = (struct verify){};
	r = verify_trail(fd, v);
	close(fd);
	return r;
}

static UNUSED void assert_verifies(const char *path, uint64_t lines)
{
	struct verify v;

	assert_int_equal(verify_path(path, &v), 0);
	assert_string_equal(v.why, "");
	assert_int_equal(v.lines, lines);
}

/* Event number `i` of a sample trail. */
static UNUSED struct audit_event sample(int i)
{
	static const char *const verdicts[] = {"allow", "deny", "audit"};
	static char path[32];

	snprintf(path, sizeof(path), "exec:/usr/bin/p%d", i);
	return (struct audit_event){
		.type = i % 4 == 3 ? AUDIT_CONNECT : AUDIT_EXEC,
		.time = TEST_TIME + (uint64_t)i * NS_PER_SEC,
		.run = {i % 2 ? "R1" : "R0", "sample"},
		.identity.user = i % 2 ? "alice" : NULL,
		.process = {.pid = KNOWN(4000 + i), .exe = "/usr/bin/python3"},
		.activity = path,
		.decision = {.verdict = verdicts[i % 3], .reason = "because"},
	};
}

static UNUSED int append_samples(const char *path, int from, int n)
{
	const struct trail_options options = {.path = path};
	struct trail *t = NULL;
	int r = trail_open(&t, &options);

	for (int i = from; !r && i < from + n; i++) {
		struct audit_event ev = sample(i);

		r = trail_append(t, &ev);
	}
	trail_close(&t);
	return r;
}

static UNUSED struct trail *open_trail(const char *path)
{
	const struct trail_options options = {.path = path};
	struct trail *t = NULL;

	assert_int_equal(trail_open(&t, &options), 0);
	return t;
}

static UNUSED int append(struct trail *t, int i)
{
	struct audit_event ev = sample(i);

	return trail_append(t, &ev);
}

static UNUSED int try_open(const char *path)
{
	const struct trail_options options = {.path = path};
	struct trail *t = NULL;
	int r = trail_open(&t, &options);

	assert_true(r < 0 ? !t : !!t);
	trail_close(&t);
	return r;
}

/* The text of line `n`, from 1, to be freed. */
static UNUSED char *get_line(const char *path, int n)
{
	struct buf text = read_file(path);
	char *line = text.data;

	while (--n)
		line = strchr(line, '\n') + 1;
	line = strndup(line, strcspn(line, "\n"));
	buf_free(&text);
	return line;
}

static UNUSED uint64_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

/* What a command printed. */
struct output {
	char out[16384];
	char err[4096];
};

/* Runs a command in a child, with stdin from `input` unless that is NULL. Returns its status. */
static UNUSED int run_command(int (*cmd)(int, char **), char *const *argv, const char *input,
			      struct output *o)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), argc = 0, status;
	ssize_t n;
	pid_t pid;

	while (argv[argc])
		argc++;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int in = open(input ? input : "/dev/null", O_RDONLY);

		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		status = cmd(argc, (char **)argv);
		fflush(stdout);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = pread(out, o->out, sizeof(o->out) - 1, 0);
	o->out[n > 0 ? n : 0] = '\0';
	n = pread(err, o->err, sizeof(o->err) - 1, 0);
	o->err[n > 0 ? n : 0] = '\0';
	close(out);
	close(err);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif
