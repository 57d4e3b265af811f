/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include "script.h"
#include "unit/tool.h"

static int read_text(const char *text, struct script *s)
{
	int fd = memfd_create("script", MFD_CLOEXEC);
	int r;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	r = script_read(fd, s);
	close(fd);
	return r;
}

static void assert_script(const char *text, const char *interpreter, const char *argument,
			  const char *target)
{
	struct script s;
	char *found = NULL;

	assert_int_equal(read_text(text, &s), 0);
	assert_string_equal(s.interpreter, interpreter);
	assert_int_equal(!s.argument, !argument);
	if (argument)
		assert_string_equal(s.argument, argument);
	assert_int_equal(script_env_target(&s, &found), target ? 0 : -ENOENT);
	if (target)
		assert_string_equal(found, target);
	free(found);
	script_free(&s);
}

static void test_lines(void **state)
{
	assert_script("#!/bin/sh\necho", "/bin/sh", NULL, NULL);
	assert_script("#!/bin/sh", "/bin/sh", NULL, NULL);
	assert_script("#! \t/bin/sh  -e -u \t\n", "/bin/sh", "-e -u", NULL);
	assert_script("#!/usr/bin/env node\n", "/usr/bin/env", "node", "node");
	assert_script("#!env node\n", "env", "node", "node");
	assert_script("#!/usr/bin/env\n", "/usr/bin/env", NULL, NULL);
	assert_script("#!/usr/bin/env node --flag\n", "/usr/bin/env", "node --flag", "node --flag");
	assert_script("#!/usr/bin/env -S node --flag\n", "/usr/bin/env", "-S node --flag", "node");
	assert_script("#!/usr/bin/env -Snode\n", "/usr/bin/env", "-Snode", "node");
	assert_script("#!/bin/env --split-string=X=1 -i -u A -C / deno run\n", "/bin/env",
		      "--split-string=X=1 -i -u A -C / deno run", "deno");
	assert_script("#!/usr/bin/env -S -i\n", "/usr/bin/env", "-S -i", NULL);
	assert_script("#!/usr/bin/env -S -u\n", "/usr/bin/env", "-S -u", NULL);
	assert_script("#!/usr/bin/env -i\n", "/usr/bin/env", "-i", NULL);
	assert_script("#!/usr/bin/myenv node\n", "/usr/bin/myenv", "node", NULL);
}

static void test_no_script(void **state)
{
	static const char *const texts[] = {"",
					    "#",
					    "#!",
					    "#!\n/bin/sh",
					    "#! \t\n",
					    "\n#!/bin/sh",
					    "\x7f"
					    "ELF"};
	struct script s;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_text(texts[i], &s), -ENOENT);
	assert_int_equal(script_read(-1, &s), -EBADF);
}

static void test_long(void **state)
{
	char text[1000];
	struct script s;

	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/", 3);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(read_text(text, &s), 0);
	assert_int_equal(strlen(s.interpreter), 253); /* the kernel reads 255 bytes */
	script_free(&s);
}

static void assert_found(const char *name, const char *list, const char *dir, const char *want)
{
	char full[4096], *path = NULL;

	assert_int_equal(script_lookup(name, list, &path), want ? 0 : -ENOENT);
	if (want) {
		snprintf(full, sizeof(full), "%s/%s", dir, want);
		assert_string_equal(path, full);
	}
	free(path);
}

static void test_lookup(void **state)
{
	char *dir = tool_directory(), list[4096], name[4096], *path;

	snprintf(list, sizeof(list), "%s/none:%s/a::%s/b", dir, dir, dir);
	assert_true(tool_run("mkdir -p %s/a/dir %s/b", dir, dir));
	tool_write(dir, "a/plain", 0644, "");
	tool_write(dir, "b/plain", 0755, "");
	tool_write(dir, "b/both", 0755, "");
	tool_write(dir, "a/both", 0755, "");
	tool_write(dir, "b/dir", 0755, "");
	assert_found("both", list, dir, "a/both");
	assert_found("plain", list, dir, "b/plain");
	assert_found("dir", list, dir, "b/dir");
	assert_found("nothing", list, dir, NULL);
	assert_found("both", "", dir, NULL);
	snprintf(name, sizeof(name), "%s/b/both", dir);
	assert_found(name, list, dir, "b/both");
	snprintf(name, sizeof(name), "%s/a/plain", dir);
	assert_found(name, list, dir, NULL);
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(script_lookup("b/both", "/x", &path), 0);
	assert_string_equal(path, "b/both");
	free(path);
	assert_int_equal(chdir("b"), 0);
	assert_int_equal(script_lookup("both", ":/x", &path), 0); /* empty: here */
	assert_string_equal(path, "both");
	free(path);
	assert_int_equal(chdir("/"), 0);
	tool_directory_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_script),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_lookup),
	};

	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
