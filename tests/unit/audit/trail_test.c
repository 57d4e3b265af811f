/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/content.h"
#include "testing.h"

static void test_fresh(void **state)
{
	const struct audit_host host = {.name = "node-7", .boot_id = "b"};
	const struct trail_options options = {.path = in_dir("fresh"), .host = &host, .sync = true};
	struct audit_event ev = {.type = AUDIT_RUN_START, .time = TEST_TIME, .run = {"R", "demo"}};
	struct trail *t = NULL;
	_free_ char *line = NULL;
	struct stat st;
	mode_t mask = umask(0);

	assert_int_equal(trail_open(&t, &options), 0);
	umask(mask);
	assert_int_equal(trail_seq(t), 0);
	assert_int_equal(trail_append(t, &ev), 0);
	assert_int_equal(trail_seq(t), 1);
	assert_int_equal(trail_close(&t), 0);
	assert_null(t);
	assert_int_equal(stat(in_dir("fresh"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_verifies(in_dir("fresh"), 1);
	line = get_line(in_dir("fresh"), 1);
	assert_ptr_equal(strstr(line, "{\"v\":1,\"seq\":1,\"id\":\"01"), line);
	assert_non_null(strstr(line,
			       "\",\"time\":\"2026-11-22T08:00:00.123456789Z\","
			       "\"type\":\"run.start\",\"severity\":\"info\","
			       "\"host\":\"node-7\",\"boot_id\":\"b\","
			       "\"run\":{\"id\":\"R\",\"name\":\"demo\"},\"prev\":\"sha256:0"));
}

static void test_continued(void **state)
{
	const char *path = in_dir("continued");
	char last[32] = "";

	for (int i = 0; i < 5; i++)
		assert_int_equal(append_samples(path, i * 3, 3), 0);
	assert_verifies(path, 15);
	/* The clock of later writers was behind: ids grow nevertheless. */
	assert_int_equal(append_samples(path, 0, 2), 0);
	assert_verifies(path, 17);
	for (int i = 1; i <= 17; i++) {
		_free_ char *line = get_line(path, i);
		cJSON *ev = cJSON_Parse(line);
		const char *id = cJSON_GetObjectItem(ev, "id")->valuestring;

		assert_int_equal(cJSON_GetObjectItem(ev, "seq")->valueint, i);
		assert_true(strlen(id) == 26 && strcmp(id, last) > 0);
		strcpy(last, id);
		cJSON_Delete(ev);
	}
}

static void test_second_writer(void **state)
{
	const char *path = in_dir("locked");
	struct trail *t = open_trail(path);

	assert_int_equal(append(t, 0), 0);
	assert_int_equal(try_open(path), -EBUSY);
	assert_int_equal(append(t, 1), 0);
	trail_close(&t);
	assert_int_equal(try_open(path), 0);
	assert_verifies(path, 2);
}

static void test_cannot_open(void **state)
{
	assert_int_equal(try_open(in_dir("missing/x")), -ENOENT);
	assert_int_equal(try_open("/"), -EISDIR);
	assert_int_equal(try_open(""), -ENOENT);
}

static void test_makes_its_directory(void **state)
{
	char dir[128], path[160];
	struct trail_options options = {.path = path, .dir = dir};
	struct trail *t = NULL;
	struct stat st;

	strcpy(dir, in_dir("made"));
	snprintf(path, sizeof(path), "%s/sub/x.jsonl", dir);
	assert_int_equal(trail_open(&t, &options), -ENOENT);
	assert_int_equal(stat(dir, &st), -1);
	snprintf(path, sizeof(path), "%s/x.jsonl", dir);
	assert_int_equal(trail_open(&t, &options), 0);
	trail_close(&t);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Already there, also where it is not what the file is missing. */
	assert_int_equal(trail_open(&t, &options), 0);
	trail_close(&t);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("missing/x", path), 0);
	assert_int_equal(trail_open(&t, &options), -ENOENT);
}

/* What does not exist is not written, and costs no number. */
static void test_refused_event(void **state)
{
	const char *path = in_dir("refused");
	struct trail *t = open_trail(path);
	struct audit_event ev = sample(0);

	ev.decision.verdict = "perhaps";
	assert_int_equal(trail_append(t, &ev), -EINVAL);
	assert_int_equal(append(t, 0), 0);
	trail_close(&t);
	assert_verifies(path, 1);
}

static void test_line_too_long(void **state)
{
	const char *path = in_dir("too-long");
	struct trail *t = open_trail(path);
	struct audit_event ev = sample(0);
	size_t len = (size_t)65 << 20;
	char *text = malloc(len);

	memset(text, 'a', len);
	ev.content.request = (struct audit_body){.text = text, .len = len};
	assert_int_equal(trail_append(t, &ev), -EMSGSIZE);
	assert_int_equal(append(t, 0), 0);
	trail_close(&t);
	assert_verifies(path, 1);
	free(text);
}

/* The most that a body kept by `capture: full` can need, in text and in base64. */
static void test_full_content_fits(void **state)
{
	static const unsigned char worst[] = "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\x01";
	size_t len = CONTENT_FULL, want = len / 16 * 36 + len / 3 * 4;
	const char *path = in_dir("full");
	unsigned char *text = malloc(len);

	for (int binary = 0; binary < 2; binary++) {
		struct trail *t = open_trail(path);
		struct audit_event ev = sample(0);

		for (size_t i = 0; i < len; i++)
			text[i] = binary ? 0xff : worst[i % 16];
		ev.content.request = (struct audit_body){.text = text, .len = len};
		assert_int_equal(trail_append(t, &ev), 0);
		trail_close(&t);
	}
	assert_verifies(path, 2);
	assert_in_range(size_of(path), want, want + 8192);
	free(text);
}

static void test_pipe(void **state)
{
	const char *path = in_dir("fifo");
	char text[4096];
	struct trail *t;
	ssize_t n;
	int in;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(mkfifo(path, 0600), 0);
	in = open(path, O_RDONLY | O_NONBLOCK);
	t = open_trail(path);
	assert_int_equal(append(t, 0), 0);
	assert_int_equal(append(t, 1), 0);
	n = read(in, text, sizeof(text));
	assert_true(n > 0 && text[n - 1] == '\n');
	write_file(in_dir("from-fifo"), text, (size_t)n);
	assert_verifies(in_dir("from-fifo"), 2);
	close(in);
	assert_int_equal(append(t, 2), -EPIPE);
	trail_close(&t);
}

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Writes until nobody has taken anything for as long as that may last. Returns the lines. */
static int fill(struct trail *t)
{
	int n = 0, r;

	do
		r = append(t, n++);
	while (!r && n < 10000);
	assert_int_equal(r, -EAGAIN);
	return n - 1;
}

/* Takes what is in the pipe into a file. */
static void empty_into(int in, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	char text[4096];
	ssize_t n;

	while ((n = read(in, text, sizeof(text))) > 0)
		assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

/* What does not fit is given up in time; the torn line is completed once somebody reads again. */
static void a_pipe_that_nobody_reads(struct trail *t, int in, const char *path)
{
	uint64_t start;
	int lines;

	alarm(60); /* rather than wait for ever */
	lines = fill(t);
	start = monotonic();
	for (int i = 0; i < 5; i++)
		assert_int_equal(append(t, lines + i), -EAGAIN);
	assert_true(monotonic() - start < NS_PER_SEC / 2);
	assert_int_equal(trail_seq(t), lines);
	empty_into(in, path);
	assert_int_equal(append(t, lines + 5), 0);
	trail_close(&t);
	alarm(0);
	empty_into(in, path);
}

static void test_pipe_unread(void **state)
{
	const char *path = in_dir("unread");
	struct verify v;
	struct trail *t;
	int in;

	assert_int_equal(mkfifo(path, 0600), 0);
	in = open(path, O_RDONLY | O_NONBLOCK);
	t = open_trail(path);
	a_pipe_that_nobody_reads(t, in, in_dir("from-unread"));
	assert_int_equal(verify_path(in_dir("from-unread"), &v), 0);
	assert_string_equal(v.why, "");
	assert_true(v.lines > 10);
	close(in);
}

/* Another one who writes there still waits when there is no room: that is up to him. */
static void stdout_unread(int in, int out)
{
	int saved = dup(STDOUT_FILENO), flags = fcntl(out, F_GETFL);
	struct verify v;

	unlink(in_dir("from-stdout"));
	assert_int_equal(fcntl(in, F_SETFL, O_NONBLOCK), 0);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	a_pipe_that_nobody_reads(open_trail("-"), in, in_dir("from-stdout"));
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(fcntl(out, F_GETFL), flags);
	close(out);
	close(in);
	assert_int_equal(verify_path(in_dir("from-stdout"), &v), 0);
	assert_string_equal(v.why, "");
	assert_true(v.lines > 10);
}

static void test_stdout_unread(void **state)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	stdout_unread(ends[0], ends[1]);
	/* This one cannot be opened anew. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	stdout_unread(ends[0], ends[1]);
}

static void test_stdout(void **state)
{
	int saved = dup(STDOUT_FILENO);
	int fd = open(in_dir("stdout"), O_RDWR | O_CREAT, 0600);
	struct trail *t;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	t = open_trail("-");
	assert_int_equal(append(t, 0), 0);
	trail_close(&t);
	assert_int_equal(write(STDOUT_FILENO, "", 0), 0); /* it is still open */
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_verifies(in_dir("stdout"), 1);
}

static void test_newest(void **state)
{
	static const char *const names[] = {"c.jsonl", "a.jsonl", "b.jsonl", "z.txt", ".jsonl"};
	char dir[128], *path = NULL;

	strcpy(dir, in_dir("newest"));
	assert_int_equal(trail_newest(dir, &path), -ENOENT);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(trail_newest(dir, &path), -ENOENT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000 + (time_t)i}};
		char file[160];

		snprintf(file, sizeof(file), "%s/%s", dir, names[i]);
		write_file(file, "", 0);
		assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
	}
	assert_int_equal(trail_newest(dir, &path), 0);
	assert_string_equal(path + strlen(dir), "/b.jsonl");
	free(path);
}

static void test_host(void **state)
{
	struct audit_host host;

	audit_host_read(&host);
	assert_int_equal(strlen(host.boot_id), 36);
	assert_true(*host.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_second_writer),
		cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_makes_its_directory),
		cmocka_unit_test(test_refused_event),
		cmocka_unit_test(test_line_too_long),
		cmocka_unit_test(test_full_content_fits),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_pipe_unread),
		cmocka_unit_test(test_stdout_unread),
		cmocka_unit_test(test_stdout),
		cmocka_unit_test(test_newest),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests_name("audit/trail", tests, make_dir, remove_dir);
}
