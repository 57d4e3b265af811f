/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_SCRIPT_H
#define WARDEN_SCRIPT_H

/* What the first line of a script, `#!INTERPRETER ARGUMENT`, makes the kernel run. Owned. */
struct script {
	char *interpreter;
	char *argument; /* one, with its blanks; NULL when there is none */
};

/* Reads it as the kernel does. Returns 0; -ENOENT when the file is no script; -ENOMEM, -errno. */
int script_read(int fd, struct script *ret);

void script_free(struct script *s);

/*
 * When the interpreter is env(1): the name of the program that it looks up in PATH, to be freed.
 * Understands its options that stand before the name, -S and settings (`-S X=1 node --flag`).
 * Returns 0; -ENOENT when it is not env or names nothing; -ENOMEM.
 */
int script_env_target(const struct script *s, char **ret);

/*
 * Looks a command up in a list of directories as execvp(3) does: a name with a slash is a path
 * already. Returns 0 and the path, to be freed; -ENOENT; -ENOMEM.
 */
int script_lookup(const char *name, const char *path_list, char **ret);

#endif
