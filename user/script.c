/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "script.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIRST_LINE 255 /* the kernel reads no further */
#define BLANKS     " \t"

/* Cuts the line into the interpreter and its one argument, without the blanks around them. */
static int cut_line(char *line, struct script *s)
{
	size_t len;
	char *p;

	line[strcspn(line, "\n")] = '\0';
	for (len = strlen(line); len && strchr(BLANKS, line[len - 1]); len--)
		line[len - 1] = '\0';
	p = line + strspn(line, BLANKS);
	len = strcspn(p, BLANKS);
	if (!len)
		return -ENOENT;
	s->interpreter = strndup(p, len);
	if (!s->interpreter)
		return -ENOMEM;
	p += len;
	p += strspn(p, BLANKS);
	if (!*p)
		return 0;
	s->argument = strdup(p);
	return s->argument ? 0 : -ENOMEM;
}

int script_read(int fd, struct script *ret)
{
	char line[FIRST_LINE + 1];
	struct script s = {};
	ssize_t n;
	int r;

	n = pread(fd, line, FIRST_LINE, 0);
	if (n < 0)
		return -errno;
	line[n] = '\0';
	if (n < 2 || line[0] != '#' || line[1] != '!')
		return -ENOENT;
	r = cut_line(line + 2, &s);
	if (r < 0)
		script_free(&s);
	else
		*ret = s;
	return r;
}

void script_free(struct script *s)
{
	free(s->interpreter);
	free(s->argument);
	*s = (struct script){};
}

/* Options of env that take the next word as their value. */
static bool takes_value(const char *option)
{
	static const char *const names[] = {"-u", "-C", "--unset", "--chdir"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(option, names[i]))
			return true;
	return false;
}

/* The words behind -S are words of env's own command line. */
static const char *split_text(const char *argument)
{
	static const char *const forms[] = {"-S", "-vS", "--split-string="};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strncmp(argument, forms[i], strlen(forms[i])))
			return argument + strlen(forms[i]);
	return NULL;
}

int script_env_target(const struct script *s, char **ret)
{
	const char *slash = strrchr(s->interpreter, '/');
	_free_ char *words = NULL;
	const char *text;
	char *word, *rest = NULL;

	if (strcmp(slash ? slash + 1 : s->interpreter, "env") != 0 || !s->argument)
		return -ENOENT;
	text = split_text(s->argument);
	if (!text) { /* one word, blanks and all */
		if (s->argument[0] == '-' || strchr(s->argument, '='))
			return -ENOENT;
		*ret = strdup(s->argument);
		return *ret ? 0 : -ENOMEM;
	}
	words = strdup(text);
	if (!words)
		return -ENOMEM;
	word = strtok_r(words, BLANKS, &rest);
	while (word && (word[0] == '-' || strchr(word, '='))) {
		if (takes_value(word))
			strtok_r(NULL, BLANKS, &rest);
		word = strtok_r(NULL, BLANKS, &rest);
	}
	if (!word)
		return -ENOENT;
	*ret = strdup(word);
	return *ret ? 0 : -ENOMEM;
}

static bool runnable(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

int script_lookup(const char *name, const char *path_list, char **ret)
{
	bool path = strchr(name, '/') != NULL;

	for (const char *p = path_list; p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		_free_ char *full = NULL;
		int len = (int)strcspn(p, ":");

		if (asprintf(&full, "%.*s%s%s", path ? 0 : len, p, path || !len ? "" : "/", name) <
		    0) {
			full = NULL;
			return -ENOMEM;
		}
		if (runnable(full)) {
			*ret = TAKE_PTR(full);
			return 0;
		}
		if (path)
			break;
	}
	return -ENOENT;
}
