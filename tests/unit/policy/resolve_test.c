/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "parsing.h"
#include "policy/resolve.h"
#include "policy/walk.h"
#include "unit/tool.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *dir;
static int root = -1;

static void add_file(const char *path)
{
	int fd = openat(root, path, O_CREAT | O_WRONLY, 0755);

	assert_true(fd >= 0);
	close(fd);
}

static void add_link(const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, root, path), 0);
}

/* A root directory as systems have it, with some traps. */
static int make_root(void **state)
{
	dir = tool_directory();
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "usr", 0755), 0);
	assert_int_equal(mkdirat(root, "usr/bin", 0755), 0);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	add_file("usr/bin/dash");
	add_file("usr/bin/ls");
	add_file("usr/bin/what*");
	add_link("usr/bin", "bin");
	add_link("dash", "usr/bin/sh");
	add_link("/etc/alternatives", "etc/alt");
	assert_int_equal(mkdirat(root, "etc/alternatives", 0755), 0);
	add_link("/usr/bin/ls", "etc/alternatives/list");
	add_link("../../etc/alt/list", "usr/bin/list");
	add_link("what*", "usr/bin/star");
	add_link("../../../../../../../etc", "usr/out");
	add_link("loop", "usr/loop");
	add_link("gone", "usr/bin/dangling");
	return 0;
}

static int remove_root(void **state)
{
	close(root);
	tool_directory_remove(dir);
	return 0;
}

static void walks(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *real;
	} rows[] = {
		{"/", 0, "/"},
		{"//./..//", 0, "/"},
		{"/usr/bin/dash", 0, "/usr/bin/dash"},
		{"//usr///bin/./dash", 0, "/usr/bin/dash"},
		{"/usr/../usr/bin/../bin/dash", 0, "/usr/bin/dash"},
		{"/../../usr/bin/dash", 0, "/usr/bin/dash"}, /* nothing is above the root */
		{"/usr/bin/sh", 0, "/usr/bin/dash"},
		{"/bin/sh", 0, "/usr/bin/dash"},
		{"/bin", 0, "/usr/bin"},
		{"/bin/", 0, "/usr/bin"},
		{"/bin/..", 0, "/usr"}, /* of what the link leads to */
		{"/bin/list", 0, "/usr/bin/ls"},
		{"/usr/out/alt/list", 0, "/usr/bin/ls"},
		{"/usr/out", 0, "/etc"},
		{"/usr/bin/star", 0, "/usr/bin/what*"},
		{"/usr/loop", -ELOOP, NULL},
		{"/usr/loop/x", -ELOOP, NULL},
		{"/usr/bin/dangling", -ENOENT, NULL},
		{"/usr/bin/none", -ENOENT, NULL},
		{"/none/../usr", -ENOENT, NULL},
		{"/usr/bin/dash/", -ENOTDIR, NULL},
		{"/usr/bin/sh/", -ENOTDIR, NULL},
		{"/usr/bin/dash/x", -ENOTDIR, NULL},
		{"/usr/bin/dash/..", -ENOTDIR, NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char real[PATH_MAX] = "as it was";

		if (walk_path(root, rows[i].path, real) != rows[i].error)
			fail_msg("%s: not %s", rows[i].path, strerror(-rows[i].error));
		assert_string_equal(real, rows[i].real ?: "as it was");
	}
}

static void walks_bounded(void **state)
{
	char path[PATH_MAX + 2], real[PATH_MAX];

	memset(path, '/', sizeof(path));
	path[PATH_MAX] = '\0';
	assert_int_equal(walk_path(root, path, real), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(walk_path(root, path, real), 0);
	assert_string_equal(real, "/");
	memset(path + 1, 'x', PATH_MAX - 2);
	assert_int_equal(walk_path(root, path, real), -ENAMETOOLONG);
}

/* In the real root, the C library must come to the same. */
static void walks_as_realpath(void **state)
{
	static const char *const paths[] = {"/bin/sh",  "/usr/bin/awk",  "/sbin/init",
					    "/lib64",   "/var/run",      "/usr/bin/python3",
					    "/bin/../", "/etc/localtime"};
	int slash = open("/", O_PATH | O_DIRECTORY);
	size_t found = 0;

	for (size_t i = 0; i < COUNT(paths); i++) {
		char *expected = realpath(paths[i], NULL);
		char real[PATH_MAX];

		if (!expected) {
			assert_int_not_equal(walk_path(slash, paths[i], real), 0);
			continue;
		}
		assert_int_equal(walk_path(slash, paths[i], real), 0);
		assert_string_equal(real, expected);
		free(expected);
		found++;
	}
	assert_true(found >= 3);
	close(slash);
}

/* The patterns of an entry, as SOURCE=TEXT, and what was said. */
static void assert_resolved(const char *text, const char *patterns, const char *notes)
{
	struct policy *policy = checked(text, "");
	const struct entries *const lists[] = {&policy->deny, &policy->allow};
	struct diags diags = {};
	char *found = NULL;
	size_t len;
	FILE *f = open_memstream(&found, &len);

	assert_int_equal(policy_resolve(policy, root, &diags), 0);
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->count; j++) {
			const struct patterns *both[] = {&lists[i]->items[j].match,
							 &lists[i]->items[j].except};

			for (size_t k = 0; k < 2; k++)
				for (size_t l = 0; l < both[k]->count; l++)
					fprintf(f, "%s%s=%s\n", k ? "-" : "",
						both[k]->items[l].source,
						both[k]->items[l].text ?: "*");
		}
	fclose(f);
	assert_string_equal(found, patterns);
	assert_said(&diags, notes, text);
	assert_int_equal(diags.warnings, 0);
	free(found);
	diags_free(&diags);
	policy_free(&policy);
}

static void adds_what_links_mean(void **state)
{
	assert_resolved(HEAD "deny: [\"exec:/bin/sh\", \"exec:/usr/bin/ls\", \"exec:/none\"]\n",
			"exec:/bin/sh=/bin/sh\nexec:/bin/sh=/usr/bin/dash\n"
			"exec:/usr/bin/ls=/usr/bin/ls\nexec:/none=/none\n",
			"3:8: note: exec:/bin/sh means /usr/bin/dash here\n");
	assert_resolved(HEAD "allow: [{match: [\"exec:/usr/bin/list\", \"exec:/bin/ls\"]}]\n",
			"exec:/usr/bin/list=/usr/bin/list\nexec:/bin/ls=/bin/ls\n"
			"exec:/usr/bin/list=/usr/bin/ls\nexec:/bin/ls=/usr/bin/ls\n",
			"3:18: note: exec:/usr/bin/list means /usr/bin/ls here\n"
			"3:40: note: exec:/bin/ls means /usr/bin/ls here\n");
	/* What a pattern matches, an exception must take away under its other name, too. */
	assert_resolved(HEAD "deny: [{match: \"exec:/usr/*\", except: \"exec:/bin/sh\"}]\n",
			"exec:/usr/*=/usr/*\n-exec:/bin/sh=/bin/sh\n-exec:/bin/sh=/usr/bin/dash\n",
			"3:39: note: exec:/bin/sh means /usr/bin/dash here\n");
	/* A star in the name of a file is no glob. */
	assert_resolved(HEAD "deny: [\"exec:/bin/star\", 'exec:/bin/what\\*']\n",
			"exec:/bin/star=/bin/star\nexec:/bin/star=/usr/bin/what\\*\n"
			"exec:/bin/what\\*=/bin/what\\*\nexec:/bin/what\\*=/usr/bin/what\\*\n",
			"3:8: note: exec:/bin/star means /usr/bin/what* here\n"
			"3:26: note: exec:/bin/what\\* means /usr/bin/what* here\n");
}

static void tells_what_admits_nothing(void **state)
{
	assert_resolved(HEAD "allow: [\"exec:/usr/bin/none\", \"exec:/usr/bin/dangling\", "
			     "\"exec:/usr/loop\"]\n",
			"exec:/usr/bin/none=/usr/bin/none\n"
			"exec:/usr/bin/dangling=/usr/bin/dangling\nexec:/usr/loop=/usr/loop\n",
			"3:9: note: exec:/usr/bin/none admits nothing: no such file here\n"
			"3:31: note: exec:/usr/bin/dangling admits nothing: no such file here\n"
			"3:57: note: exec:/usr/loop was not resolved: Too many levels of symbolic "
			"links\n");
	assert_resolved(HEAD "deny: [\"exec:/usr/bin\"]\n", "exec:/usr/bin=/usr/bin\n",
			"3:8: note: exec:/usr/bin is a directory here, not a program\n");
	assert_resolved(HEAD "deny: [\"exec:/bin/*\", \"exec:/usr/bin/*\", \"exec:/b*/x\"]\n",
			"exec:/bin/*=/bin/*\nexec:/usr/bin/*=/usr/bin/*\nexec:/b*/x=/b*/x\n",
			"3:8: note: exec:/bin/* matches no resolved path: /bin is /usr/bin here\n");
}

/* What deny entries name is known as a file, too; exceptions and allow entries are names alone. */
static void knows_denied_files(void **state)
{
	struct policy *policy = checked(HEAD "deny: [\"exec:/bin/sh\", \"exec:/none\", \"exec:/usr/*\"]\n"
					     "allow: [\"exec:/usr/bin/ls\"]\n",
					"");
	struct diags diags = {};
	struct stat st;

	assert_int_equal(fstatat(root, "usr/bin/dash", &st, 0), 0);
	assert_int_equal(policy_resolve(policy, root, &diags), 0);
	assert_true(policy->deny.items[0].match.items[0].known);
	assert_int_equal(policy->deny.items[0].match.items[0].file.ino, st.st_ino);
	assert_false(policy->deny.items[1].match.items[0].known);
	assert_false(policy->deny.items[2].match.items[0].known);
	assert_false(policy->allow.items[0].match.items[0].known);
	diags_free(&diags);
	policy_free(&policy);
}

static void tells_of_hard_links(void **state)
{
	assert_int_equal(linkat(root, "usr/bin/ls", root, "usr/bin/dir", 0), 0);
	assert_resolved(HEAD "deny: [\"exec:/usr/bin/ls\"]\n", "exec:/usr/bin/ls=/usr/bin/ls\n",
			"3:8: note: exec:/usr/bin/ls is one file with 2 names here (hard links): all "
			"are denied\n");
	assert_resolved(HEAD "allow: [\"exec:/usr/bin/ls\"]\n", "exec:/usr/bin/ls=/usr/bin/ls\n",
			"");
	assert_int_equal(unlinkat(root, "usr/bin/dir", 0), 0);
}

static void leaves_the_rest_alone(void **state)
{
	assert_resolved(HEAD "deny: [{match: \"exec:*\", mode: audit}, \"net:unix:/bin/sh\"]\n"
			     "allow: [\"exec:unknown\", {match: \"exec:memfd:x\", changed: true}, \"exec:*/sh\"]\n",
			"exec:*=*\nnet:unix:/bin/sh=/bin/sh\nexec:unknown=unknown\n"
			"exec:memfd:x=memfd:x\nexec:*/sh=*/sh\n",
			"");
}

static void tells_of_tools_once(void **state)
{
	assert_resolved(HEAD "tools: {t: {match: \"exec:/bin/sh\"}}\n"
			     "deny: [{match: \"exec:/usr/*\", except: t}]\n"
			     "allow: [t]\n",
			"exec:/usr/*=/usr/*\n-exec:/bin/sh=/bin/sh\n-exec:/bin/sh=/usr/bin/dash\n"
			"exec:/bin/sh=/bin/sh\nexec:/bin/sh=/usr/bin/dash\n",
			"3:20: note: exec:/bin/sh means /usr/bin/dash here\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(walks_bounded),
		cmocka_unit_test(walks_as_realpath),
		cmocka_unit_test(adds_what_links_mean),
		cmocka_unit_test(tells_what_admits_nothing),
		cmocka_unit_test(knows_denied_files),
		cmocka_unit_test(tells_of_hard_links),
		cmocka_unit_test(leaves_the_rest_alone),
		cmocka_unit_test(tells_of_tools_once),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
