/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/opts.h"

struct args {
	bool follow;
	const char *run;
	char ids[64];
};

static int add_id(void *to, const char *value)
{
	struct args *a = to;

	if (!strchr(value, '='))
		return OPTS_USAGE;
	strcat(strcat(a->ids, value), ";");
	return 0;
}

static const struct opt options[] = {
	{"follow", 'f', NULL, "go on", OPT_FLAG(struct args, follow)},
	{"run", 0, "ID", "only this run", OPT_TEXT(struct args, run)},
	{"id", 'i', "KEY=VALUE", "identity", OPT_CALL(add_id)},
	{},
};

static struct opts command = {
	.name = "events",
	.operands = "[AUDIT]",
	.about = "Prints events.",
	.options = options,
};

static struct args args;
static int first;
static char out[4096], err[4096];

static int redirect(int fd, int *ret_saved)
{
	int mem = memfd_create("output", 0);

	assert_true(mem >= 0);
	*ret_saved = dup(fd);
	dup2(mem, fd);
	return mem;
}

static void restore(int fd, int saved, int mem, char text[4096])
{
	ssize_t n = pread(mem, text, 4095, 0);

	text[n > 0 ? n : 0] = '\0';
	dup2(saved, fd);
	close(saved);
	close(mem);
}

/* Parses "events" and the words, up to NULL; what was printed is in `out` and `err`. */
static int parse(const char *const *words)
{
	char *argv[16] = {"events"};
	int argc = 1, saved[2], mem[2], r;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	args = (struct args){};
	first = 0;
	fflush(stdout);
	mem[0] = redirect(STDOUT_FILENO, &saved[0]);
	mem[1] = redirect(STDERR_FILENO, &saved[1]);
	r = opts_parse(&command, argc, argv, &args, &first);
	fflush(stdout);
	restore(STDOUT_FILENO, saved[0], mem[0], out);
	restore(STDERR_FILENO, saved[1], mem[1], err);
	if (r == OPTS_GO_ON)
		assert_true(first <= argc);
	return r;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_reads(void **state)
{
	assert_int_equal(PARSE("-f", "--run", "R1", "--id=a=b", "-ic=d", "FILE"), OPTS_GO_ON);
	assert_true(args.follow);
	assert_string_equal(args.run, "R1");
	assert_string_equal(args.ids, "a=b;c=d;");
	assert_int_equal(first, 6);
	/* Behind operands too, and again: nothing is left of the parse before. */
	assert_int_equal(PARSE("FILE", "--follow"), OPTS_GO_ON);
	assert_true(args.follow);
	assert_null(args.run);
	assert_int_equal(first, 2);
	assert_int_equal(PARSE("--", "--follow"), OPTS_GO_ON);
	assert_false(args.follow);
	assert_int_equal(first, 2);
	assert_string_equal(err, "");
	assert_string_equal(out, "");
}

static void test_stops_at_operand(void **state)
{
	command.stop_at_operand = true;
	assert_int_equal(PARSE("-f", "CMD", "--run", "x", "-z"), OPTS_GO_ON);
	command.stop_at_operand = false;
	assert_true(args.follow);
	assert_null(args.run);
	assert_int_equal(first, 2);
}

static void assert_complains(const char *text)
{
	assert_string_equal(err, text);
	assert_string_equal(out, "");
}

static void test_complains(void **state)
{
	assert_int_equal(PARSE("--foo"), OPTS_USAGE);
	assert_complains("warden: events: unknown option '--foo'; did you mean '--follow'?\n");
	assert_int_equal(PARSE("--folow=3"), OPTS_USAGE);
	assert_complains("warden: events: unknown option '--folow'; did you mean '--follow'?\n");
	assert_int_equal(PARSE("--hlep"), OPTS_USAGE);
	assert_complains("warden: events: unknown option '--hlep'; did you mean '--help'?\n");
	assert_int_equal(PARSE("FILE", "--zzzz"), OPTS_USAGE);
	assert_complains("warden: events: unknown option '--zzzz'; see 'warden events --help'\n");
	assert_int_equal(PARSE("-fz"), OPTS_USAGE);
	assert_complains("warden: events: unknown option '-z'; see 'warden events --help'\n");
	assert_int_equal(PARSE("--run"), OPTS_USAGE);
	assert_complains("warden: events: option '--run' needs an argument: ID\n");
	assert_int_equal(PARSE("-i"), OPTS_USAGE);
	assert_complains("warden: events: option '--id' needs an argument: KEY=VALUE\n");
	assert_int_equal(PARSE("--follow=yes"), OPTS_USAGE);
	assert_complains("warden: events: option '--follow' takes no argument\n");
	assert_int_equal(PARSE("--run=R1", "-f", "-f", "--run", "R1"), OPTS_USAGE);
	assert_complains("warden: events: option '--run' is given twice\n");
}

static void test_call_ends(void **state)
{
	assert_int_equal(PARSE("--id", "nothing"), OPTS_USAGE);
	assert_complains("");
}

static void test_help(void **state)
{
	static const char *const want = "usage: warden events [OPTION]... [AUDIT]\n"
					"\n"
					"Prints events.\n"
					"\n"
					"  -f, --follow        go on\n"
					"      --run ID        only this run\n"
					"  -i, --id KEY=VALUE  identity\n"
					"  -h, --help          print this text and exit\n"
					"\n"
					"More.\n";

	command.notes = "More.";
	assert_int_equal(PARSE("--help"), OPTS_HELP);
	assert_string_equal(out, want);
	assert_string_equal(err, "");
	assert_int_equal(PARSE("-f", "-h"), OPTS_HELP);
	assert_string_equal(out, want);
	command.notes = NULL;
}

static void test_no_options(void **state)
{
	command.options = NULL;
	assert_int_equal(PARSE("FILE"), OPTS_GO_ON);
	assert_int_equal(PARSE("-f"), OPTS_USAGE);
	command.options = options;
}

static void test_choice(void **state)
{
	static const char *const known[] = {"compact", "json"};
	int saved, mem = redirect(STDERR_FILENO, &saved);
	int right = opts_choice("events", "output format", "json", known, 2);
	int close = opts_choice("events", "output format", "jsn", known, 2);
	int wrong = opts_choice("events", "output format", "yaml", known, 2);

	restore(STDERR_FILENO, saved, mem, err);
	assert_int_equal(right, 1);
	assert_int_equal(close, -1);
	assert_int_equal(wrong, -1);
	assert_string_equal(
		err, "warden: events: unknown output format 'jsn'; did you mean 'json'?\n"
		     "warden: events: unknown output format 'yaml'; known are: compact json\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),     cmocka_unit_test(test_stops_at_operand),
		cmocka_unit_test(test_complains), cmocka_unit_test(test_call_ends),
		cmocka_unit_test(test_help),      cmocka_unit_test(test_no_options),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests_name("base/opts", tests, NULL, NULL);
}
