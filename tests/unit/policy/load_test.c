/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cmd/cmd.h"
#include "parsing.h"
#include "policy/yaml.h"
#include "unit/tool.h"

static char *dir;

static const char *in_dir(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static const char *write_policy(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return in_dir(name);
}

static int make_dir(void **state)
{
	dir = tool_directory();
	return 0;
}

static int remove_dir(void **state)
{
	tool_directory_remove(dir);
	return 0;
}

static void assert_load_fails(const char *file, const char *message)
{
	struct policy *policy = NULL;
	struct diags diags = {};

	assert_int_equal(policy_load(file, &policy, &diags), -EINVAL);
	assert_null(policy);
	assert_said(&diags, message, file);
	diags_free(&diags);
}

static void loads(void **state)
{
	static const char text[] =
		HEAD "deny: [\"exec:/proc/self/exe/x\"]\nallow: [\"net:*:443\"]\n";
	struct policy *policy = NULL;
	struct diags diags = {};
	const char *file = write_policy("good.yaml", text, strlen(text));

	assert_int_equal(policy_load(file, &policy, &diags), 0);
	assert_string_equal(policy->file, file);
	assert_int_equal(diags.errors, 0);
	diags_free(&diags);
	policy_free(&policy);
}

static void says_why_not(void **state)
{
	size_t len = (8 << 20) + 1;
	char *large = malloc(len);

	assert_non_null(large);
	memset(large, '#', len);
	assert_load_fails(in_dir("none.yaml"),
			  "1:1: error: cannot be read: No such file or directory\n");
	assert_load_fails(dir, "1:1: error: cannot be read: Is a directory\n");
	assert_load_fails(in_dir("none/none.yaml"),
			  "1:1: error: cannot be read: No such file or directory\n");
	assert_load_fails("", "1:1: error: cannot be read: No such file or directory\n");
	assert_load_fails(write_policy("empty.yaml", "", 0), "1:1: error: it is empty\n");
	assert_load_fails(write_policy("large.yaml", large, len),
			  "1:1: error: larger than 8 MiB\n");
	assert_load_fails("/dev/zero", "1:1: error: larger than 8 MiB\n"); /* and has an end */
	free(large);
}

/* Runs the command with both outputs in one file. Returns its status. */
static int run_check(char *const *argv, char *out, size_t size)
{
	char line[1024];
	int argc = 0, status;
	size_t n;
	FILE *f;

	while (argv[argc])
		argc++;
	fflush(NULL);
	snprintf(line, sizeof(line), "%s/out", dir);
	switch (fork()) {
	case -1: fail(); break;
	case 0:
		if (!freopen(line, "w", stdout) || dup2(1, 2) < 0)
			_exit(99);
		setvbuf(stdout, NULL, _IOLBF, 0);
		status = cmd_check(argc, (char **)argv);
		fflush(stdout);
		_exit(status);
	default: assert_true(wait(&status) > 0);
	}
	f = fopen(line, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	fclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void checks_as_a_command(void **state)
{
	static const char open_policy[] = HEAD "mode: audit\ndeny: [\"net:*:25\"]\n";
	static const char warned[] = HEAD "deny: [\"net:*:25\", \"net:*:25\"]\n"
					  "allow: [\"net:*\"]\ndefault: {exec: deny}\n";
	static const char globs[] = HEAD "deny: [\"exec:/a/*/b/*\", \"exec:/c/*\", \"exec:/d\"]\n";
	static const char broken[] = HEAD "mode: on\nlimits: []\n";
	char a[96], b[96], c[96], out[4096], expected[4096];

	snprintf(a, sizeof(a), "%s", write_policy("a.yaml", open_policy, strlen(open_policy)));
	snprintf(b, sizeof(b), "%s", write_policy("b.yaml", warned, strlen(warned)));
	snprintf(c, sizeof(c), "%s", write_policy("c.yaml", broken, strlen(broken)));

	assert_int_equal(run_check((char *[]){"check", a, b, NULL}, out, sizeof(out)), EXIT_OK);
	snprintf(expected, sizeof(expected),
		 "policy p, mode audit\nexec  open\nnet   open\nhttp  open\n"
		 "%s:3:20: warning: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n"
		 "policy p, mode enforce\nexec  closed by default at %s:5:11\n"
		 "net   closed by allow at %s:4:1\nhttp  open\n",
		 b, b, b);
	assert_string_equal(out, expected);

	assert_int_equal(run_check((char *[]){"check", "--strict", a, b, NULL}, out, sizeof(out)),
			 EXIT_POLICY);
	snprintf(expected, sizeof(expected),
		 "policy p, mode audit\nexec  open\nnet   open\nhttp  open\n"
		 "%s:3:20: error: 'deny[1]' never decides: 'deny[0]' (3:8) comes before it\n",
		 b);
	assert_string_equal(out, expected);

	assert_int_equal(run_check((char *[]){"check", c, a, NULL}, out, sizeof(out)), EXIT_POLICY);
	snprintf(expected, sizeof(expected),
		 "%s:3:7: error: 'mode' must be enforce or audit, not 'on'\n"
		 "%s:4:1: error: 'limits' is not supported yet\n"
		 "policy p, mode audit\nexec  open\nnet   open\nhttp  open\n",
		 c, c);
	assert_string_equal(out, expected);

	assert_non_null(freopen(c, "r", stdin));
	assert_int_equal(run_check((char *[]){"check", "-", NULL}, out, sizeof(out)), EXIT_POLICY);
	assert_string_equal(out, "<stdin>:3:7: error: 'mode' must be enforce or audit, not 'on'\n"
				 "<stdin>:4:1: error: 'limits' is not supported yet\n");

	snprintf(a, sizeof(a), "%s", write_policy("a.yaml", globs, strlen(globs)));
	assert_int_equal(run_check((char *[]){"check", a, NULL}, out, sizeof(out)), EXIT_OK);
	assert_string_equal(out, "policy p, mode enforce\nexec  open\nnet   open\nhttp  open\n"
				 "exec  1 group of globs with several '*' or exceptions\n");

	assert_int_equal(run_check((char *[]){"check", NULL}, out, sizeof(out)), EXIT_USAGE);
	assert_string_equal(out, "warden: check: no POLICY to check; see 'warden check --help'\n");
	assert_int_equal(run_check((char *[]){"check", "--strcit", a, NULL}, out, sizeof(out)),
			 EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(says_why_not),
		cmocka_unit_test(checks_as_a_command),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
