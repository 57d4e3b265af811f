/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TESTS_TOOL_H
#define WARDEN_TESTS_TOOL_H

/* What tests of files need: other programs to compare with, and a directory to try things in. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs a shell command and returns what it prints, to be freed; NULL when it fails. */
__attribute__((format(printf, 1, 2))) static inline char *tool_output(const char *fmt, ...)
{
	char command[8192], *text = NULL;
	size_t len = 0, cap = 0;
	va_list ap;
	FILE *p;
	int c;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	p = popen(command, "re");
	if (!p)
		return NULL;
	do {
		if (len + 1 >= cap) {
			cap = cap ? 2 * cap : 4096;
			text = realloc(text, cap);
			if (!text)
				abort();
		}
		c = fgetc(p);
		text[len++] = c == EOF ? '\0' : (char)c;
	} while (c != EOF);
	if (pclose(p) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

#define tool_run(...)                                                                              \
	({                                                                                         \
		char *_text = tool_output(__VA_ARGS__);                                            \
		int _ok = _text != NULL;                                                           \
		free(_text);                                                                       \
		_ok;                                                                               \
	})

/* Ends the test as skipped, with the reason, unless the condition holds. */
#define need(condition, what)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			print_message("[  SKIPPED ] no %s here\n", what);                          \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

#define need_tool(name) need(tool_run("command -v %s", name), name)
#define need_file(path) need(!access(path, R_OK), path)

/* A fresh directory, to be given to tool_directory_remove(). */
static inline char *tool_directory(void)
{
	const char *base = getenv("TMPDIR");
	char *dir;

	if (asprintf(&dir, "%s/warden-test-XXXXXX", base && *base ? base : "/tmp") < 0)
		abort();
	if (!mkdtemp(dir))
		abort();
	return dir;
}

static inline void tool_directory_remove(char *dir)
{
	tool_run("rm -rf '%s'", dir);
	free(dir);
}

/* Writes a text file of the given mode below `dir`. */
static inline void tool_write(const char *dir, const char *name, mode_t mode, const char *text)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, mode) != 0)
		abort();
}

#endif
