/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "testing.h"

/* The commands `verify` and `events`, as their users see them. */

#define TRAIL_LINES 12

static struct output o;

#define RUN(cmd, input, ...) run_command(cmd, (char *const[]){__VA_ARGS__, NULL}, input, &o)

static int make_trail(void **state)
{
	return make_dir(state) || append_samples(in_dir("trail.jsonl"), 0, TRAIL_LINES);
}

static int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static char *trail(void)
{
	static char path[160];

	strcpy(path, in_dir("trail.jsonl"));
	return path;
}

static void assert_printed(const char *out, const char *err)
{
	assert_string_equal(o.out, out);
	assert_string_equal(o.err, err);
}

/* `fmt` with the path of a file in the test's directory. */
static const char *with(const char *fmt, const char *name)
{
	static char text[2][512];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), fmt, in_dir(name));
	return text[turn];
}

/* ---- verify ---- */

static void test_verify_ok(void **state)
{
	assert_int_equal(RUN(cmd_verify, NULL, "verify", trail()), EXIT_OK);
	assert_printed(with("%s: ok, 12 lines\n", "trail.jsonl"), "");
	assert_int_equal(RUN(cmd_verify, trail(), "verify", "-"), EXIT_OK);
	assert_printed("-: ok, 12 lines\n", "");
}

static void test_verify_bad(void **state)
{
	struct buf text = read_file(trail());
	char *third = strchr(strchr(text.data, '\n') + 1, '\n') + 1;
	char bad[160];

	strcpy(bad, in_dir("bad"));
	*(char *)memmem(third, 1000, "because", 7) = 'B';
	write_file(bad, text.data, text.len);
	buf_free(&text);
	/* Each file is judged; one bad one makes the status. */
	assert_int_equal(RUN(cmd_verify, NULL, "verify", bad, trail()), EXIT_FAILED);
	assert_printed(with("%s: ok, 12 lines\n", "trail.jsonl"),
		       with("warden: %s:3: hash differs: the line was changed\n", "bad"));
}

static void test_verify_usage(void **state)
{
	assert_int_equal(RUN(cmd_verify, NULL, "verify"), EXIT_USAGE);
	assert_printed("", "warden: verify: no AUDIT to check; see 'warden verify --help'\n");
	assert_int_equal(RUN(cmd_verify, NULL, "verify", "--hepl"), EXIT_USAGE);
	assert_printed("", "warden: verify: unknown option '--hepl'; did you mean '--help'?\n");
	assert_int_equal(RUN(cmd_verify, NULL, "verify", "--help"), EXIT_OK);
	assert_memory_equal(o.out, "usage: warden verify [OPTION]... AUDIT...\n\n", 43);
	assert_int_equal(RUN(cmd_verify, NULL, "verify", (char *)in_dir("none")), EXIT_FAILED);
	assert_printed("", with("warden: %s: No such file or directory\n", "none"));
}

/* ---- events ---- */

static void test_events_compact(void **state)
{
	assert_int_equal(RUN(cmd_events, NULL, "events", trail()), EXIT_OK);
	assert_int_equal(count_lines(o.out), TRAIL_LINES);
	assert_string_equal(o.err, "");
	*(strchr(o.out, '\n') + 1) = '\0';
	assert_string_equal(o.out, "2026-11-22T08:00:00.123Z allow exec           exec:/usr/bin/p0"
				   "  4000 /usr/bin/python3  because  #1\n");
}

/* -o json changes no byte: what it prints of a whole trail verifies. */
static void test_events_json(void **state)
{
	struct buf text = read_file(trail());

	assert_int_equal(RUN(cmd_events, NULL, "events", "-o", "json", trail()), EXIT_OK);
	assert_string_equal(o.out, text.data);
	assert_int_equal(RUN(cmd_events, trail(), "events", "--output=json", "-"), EXIT_OK);
	assert_string_equal(o.out, text.data);
	buf_free(&text);
}

static void test_events_filters(void **state)
{
	static const struct {
		const char *words[4];
		int lines;
	} cases[] = {
		{{"--run", "R0"}, 6},
		{{"--run", "R"}, 0},
		{{"--type", "connect"}, 3},
		{{"--type", "connect", "--type", "exec"}, 12},
		{{"--type", "tamper"}, 0},
		{{"--verdict", "deny"}, 4},
		{{"--verdict", "deny", "--verdict", "audit"}, 8},
		{{"--verdict", "kill"}, 0},
		{{"--user", "alice"}, 6},
		{{"--user", "bob"}, 0},
		{{"--user", "alice", "--run", "R0"}, 0},
		{{"--verdict", "allow", "--type", "connect"}, 1},
		{{"--since", "2026-11-22T08:00:10Z"}, 2},
		{{"--since", "2026-11-22T10:00:00+02:00"}, 12},
		{{"--since", "2554-01-01T00:00:00Z"}, 0},
		{{"--since", "200000d"}, 12},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *const *w = (char *const *)cases[i].words;
		int status;

		status = w[2] ? RUN(cmd_events, NULL, "events", w[0], w[1], w[2], w[3], trail())
			      : RUN(cmd_events, NULL, "events", w[0], w[1], trail());
		assert_int_equal(status, EXIT_OK);
		if (count_lines(o.out) != cases[i].lines)
			print_error("%s %s: %s", w[0], w[1], o.out);
		assert_int_equal(count_lines(o.out), cases[i].lines);
	}
}

/* Relative to now: an event of a minute ago is within 5m and not within 10s. */
static void test_events_since_duration(void **state)
{
	const struct trail_options options = {.path = in_dir("recent")};
	struct audit_event ev = {.type = AUDIT_HEARTBEAT, .time = time_now() - 60 * NS_PER_SEC};
	struct trail *t = NULL;
	char *path = strdup(in_dir("recent"));

	assert_int_equal(trail_open(&t, &options), 0);
	assert_int_equal(trail_append(t, &ev), 0);
	trail_close(&t);
	assert_int_equal(RUN(cmd_events, NULL, "events", "--since", "5m", path), EXIT_OK);
	assert_int_equal(count_lines(o.out), 1);
	assert_int_equal(RUN(cmd_events, NULL, "events", "--since", "10s", path), EXIT_OK);
	assert_int_equal(count_lines(o.out), 0);
	free(path);
}

static void test_events_usage(void **state)
{
	static const char *const cases[][3] = {
		{"--type", "exce", "unknown type 'exce'; did you mean 'exec'?"},
		{"--type", "http.requst",
		 "unknown type 'http.requst'; did you mean 'http.request'?"},
		{"--verdict", "denny", "unknown verdict 'denny'; did you mean 'deny'?"},
		{"--verdict", "zzz", "unknown verdict 'zzz'; known are: allow audit deny kill"},
		{"-o", "yaml", "unknown output format 'yaml'; known are: compact json"},
		{"--since", "yesterday",
		 "'yesterday' is neither a duration (10s, 5m, 2h, 1d) nor a time "
		 "(2026-11-22T08:00:00Z)"},
		{"--foo", "x", "unknown option '--foo'; did you mean '--follow'?"},
		{"a", "b", "one AUDIT at a time; see 'warden events --help'"},
	};
	char want[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			RUN(cmd_events, NULL, "events", (char *)cases[i][0], (char *)cases[i][1]),
			EXIT_USAGE);
		snprintf(want, sizeof(want), "warden: events: %s\n", cases[i][2]);
		assert_printed("", want);
	}
	assert_int_equal(RUN(cmd_events, NULL, "events", "--help"), EXIT_OK);
	assert_memory_equal(o.out, "usage: warden events [OPTION]... [AUDIT]\n\nPrints", 48);
}

static void test_events_directory(void **state)
{
	char dir[128], *path;

	strcpy(dir, in_dir("trails"));
	assert_int_equal(RUN(cmd_events, NULL, "events", dir), EXIT_FAILED);
	assert_printed("", with("warden: events: no audit trail at %s\n", "trails"));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(RUN(cmd_events, NULL, "events", dir), EXIT_FAILED);
	assert_printed("", with("warden: events: no audit trail at %s\n", "trails"));
	path = strdup(in_dir("trails/one.jsonl"));
	assert_int_equal(append_samples(path, 0, 3), 0);
	assert_int_equal(RUN(cmd_events, NULL, "events", dir), EXIT_OK);
	assert_int_equal(count_lines(o.out), 3);
	free(path);
}

static void test_events_bad_lines(void **state)
{
	static const char text[] = "{\"type\":\"exec\"}\nnonsense\n{\"type\":\"exit\"}\n{\"type\"";
	char *path = strdup(in_dir("bad-lines"));
	char want[512];

	write_file(path, text, sizeof(text) - 1);
	assert_int_equal(RUN(cmd_events, NULL, "events", "-o", "json", path), EXIT_FAILED);
	snprintf(want, sizeof(want),
		 "warden: %s:2: not a JSON object\nwarden: %s:4: unfinished last line left out\n",
		 path, path);
	assert_printed("{\"type\":\"exec\"}\n{\"type\":\"exit\"}\n", want);
	free(path);
}

/* ---- following ---- */

struct follower {
	pid_t pid;
	int out; /* its stdout, to read */
};

static struct follower start_follower(char *path)
{
	char *argv[] = {"events", "-f", "-o", "json", path, NULL};
	struct follower f;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	f.pid = fork();
	if (!f.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* should this test die first */
		close(fds[0]);
		dup2(fds[1], STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		_exit(cmd_events(5, argv));
	}
	close(fds[1]);
	f.out = fds[0];
	return f;
}

/* Waits for `n` lines, for at most ten seconds (then SIGALRM ends the test). */
static void await_lines(const struct follower *f, int n)
{
	char c;

	alarm(10);
	while (n && read(f->out, &c, 1) == 1)
		n -= c == '\n';
	alarm(0);
	assert_int_equal(n, 0);
}

static int await_exit(const struct follower *f)
{
	int status;

	alarm(10);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	alarm(0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_follow(void **state)
{
	char *path = strdup(in_dir("followed"));
	struct follower f;
	struct buf text;

	assert_int_equal(append_samples(path, 0, 2), 0);
	f = start_follower(path);
	await_lines(&f, 2);
	assert_int_equal(append_samples(path, 2, 3), 0);
	await_lines(&f, 3);
	/* Cut and begun anew, as log rotation by copying does. */
	text = read_file(path);
	assert_int_equal(truncate(path, 0), 0);
	usleep(300000);
	assert_int_equal(append_samples(path, 0, 1), 0);
	await_lines(&f, 1);
	buf_free(&text);
	kill(f.pid, SIGINT);
	assert_int_equal(await_exit(&f), EXIT_OK);
	close(f.out);
	free(path);
}

/* `warden events -f | head` ends with head, though nothing more is written. */
static void test_follow_reader_leaves(void **state)
{
	char *path = strdup(in_dir("left"));
	struct follower f;

	assert_int_equal(append_samples(path, 0, 1), 0);
	f = start_follower(path);
	await_lines(&f, 1);
	close(f.out);
	assert_int_equal(await_exit(&f), EXIT_OK);
	free(path);
}

static void test_output_to_full_device(void **state)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		char *events[] = {"events", trail(), NULL}, *verify[] = {"verify", trail(), NULL};
		int full = open("/dev/full", O_WRONLY);

		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		dup2(full, STDOUT_FILENO);
		status = cmd_events(2, events) == EXIT_FAILED;
		clearerr(stdout);
		status &= cmd_verify(2, verify) == EXIT_FAILED;
		_exit(status ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_ok),
		cmocka_unit_test(test_verify_bad),
		cmocka_unit_test(test_verify_usage),
		cmocka_unit_test(test_events_compact),
		cmocka_unit_test(test_events_json),
		cmocka_unit_test(test_events_filters),
		cmocka_unit_test(test_events_since_duration),
		cmocka_unit_test(test_events_usage),
		cmocka_unit_test(test_events_directory),
		cmocka_unit_test(test_events_bad_lines),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_reader_leaves),
		cmocka_unit_test(test_output_to_full_device),
	};

	return cmocka_run_group_tests_name("audit/commands", tests, make_trail, remove_dir);
}
