/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_OPTS_H
#define WARDEN_BASE_OPTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A command's options as one table, which parses them and prints its help:
 *
 *	struct args { bool follow; const char *run; uint32_t types; };
 *
 *	static const struct opt options[] = {
 *		{"follow", 'f', NULL, "wait for more", OPT_FLAG(struct args, follow)},
 *		{"run", 0, "ID", "only of this run", OPT_TEXT(struct args, run)},
 *		{"type", 0, "T", "only of this type", OPT_CALL(add_type)},
 *		{}};
 *	static const struct opts command = {
 *		.name = "events", .operands = "[AUDIT]", .about = "Prints ...", .options = options};
 *
 *	r = opts_parse(&command, argc, argv, &args, &first);
 *	if (r != OPTS_GO_ON)
 *		return r;
 *
 * `--help` (-h) is in every command without a row. Complaints and help are printed here: this
 * belongs to the commands, which are what talks to people.
 */

enum opt_kind { OPT_KIND_FLAG, OPT_KIND_TEXT, OPT_KIND_CALL };

struct opt {
	const char *name;   /* long name; NULL ends the table */
	char letter;        /* short name, or 0 */
	const char *arg;    /* what the help calls its argument; NULL: it takes none */
	const char *help;   /* one line, lower case, no full stop */
	enum opt_kind kind; /* these three by OPT_FLAG, OPT_TEXT or OPT_CALL */
	size_t at;
	int (*call)(void *args, const char *value);
};

/* Sets a bool to true. */
#define OPT_FLAG(type, member) OPT_KIND_FLAG, offsetof(type, member), NULL
/* Sets a const char * (NULL before) to the argument, which lives as long as argv. A second one is
 * refused: the first would be forgotten without a word. */
#define OPT_TEXT(type, member) OPT_KIND_TEXT, offsetof(type, member), NULL
/* Calls a function with the `args` of opts_parse() and the argument (NULL when it takes none): to
 * check, convert or collect. It returns 0, or prints a complaint and returns an exit status. */
#define OPT_CALL(fn) OPT_KIND_CALL, 0, fn

struct opts {
	const char *name;     /* of the command: "events" */
	const char *operands; /* of the usage line: "[AUDIT]"; "" for none */
	const char *about;    /* one sentence */
	const struct opt *options;
	const char *notes;    /* printed behind the options, or NULL */
	bool stop_at_operand; /* what follows the first operand belongs to it ("-- CMD ARGS...") */
};

enum {
	OPTS_GO_ON = -1, /* everything was read */
	OPTS_HELP = 0,   /* help was printed: the command is done */
	OPTS_USAGE = 2,  /* a complaint was printed: wrong usage */
};

/*
 * Reads argv (argv[0] is the command's name) into `args`; sets `ret_first` to the index of the
 * first operand (operands are moved behind the options, unless stop_at_operand). Returns
 * OPTS_GO_ON, or the exit status to end with: OPTS_HELP, OPTS_USAGE, or what a call returned.
 */
int opts_parse(const struct opts *o, int argc, char **argv, void *args, int *ret_first);

/*
 * The index of `value` among `names`, else -1 after complaining that it is an unknown `what`, with
 * the nearest known one.
 */
int opts_choice(const char *command, const char *what, const char *value, const char *const *names,
		size_t n);

#endif
