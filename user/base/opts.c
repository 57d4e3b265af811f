/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/opts.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/nearest.h"

#define OPTS_MAX 32
#define LONG_VAL 256 /* what getopt_long() returns for row i, by its long name, is LONG_VAL + i */

static const struct opt help_option = {
	.name = "help", .letter = 'h', .help = "print this text and exit"};

/* The rows of one command with `help` as the last, and the same in getopt's form. */
struct table {
	const struct opt *rows[OPTS_MAX + 1];
	const char *names[OPTS_MAX + 1];
	struct option longs[OPTS_MAX + 2];
	char shorts[2 * OPTS_MAX + 8];
	size_t n;
};

static void add_row(struct table *t, const struct opt *row)
{
	char letter[] = {row->letter, row->arg ? ':' : '\0', '\0'};

	assert(t->n <= OPTS_MAX);
	t->rows[t->n] = row;
	t->names[t->n] = row->name;
	t->longs[t->n] = (struct option){row->name, row->arg ? required_argument : no_argument,
					 NULL, LONG_VAL + (int)t->n};
	if (row->letter)
		strcat(t->shorts, letter);
	t->n++;
}

static void build(struct table *t, const struct opts *o)
{
	*t = (struct table){};
	/* ':' tells a missing argument from an unknown option, '+' ends at the first operand. */
	strcpy(t->shorts, o->stop_at_operand ? "+:" : ":");
	for (const struct opt *row = o->options; row && row->name; row++)
		add_row(t, row);
	add_row(t, &help_option);
}

static void print_help(const struct opts *o, const struct table *t)
{
	char names[OPTS_MAX + 1][64];
	int width = 0;

	printf("usage: warden %s [OPTION]...%s%s\n\n%s\n\n", o->name, *o->operands ? " " : "",
	       o->operands, o->about);
	for (size_t i = 0; i < t->n; i++) {
		const struct opt *row = t->rows[i];
		char letter[] = {'-', row->letter, ',', ' ', '\0'};
		int n = snprintf(names[i], sizeof(names[i]), "%s--%s%s%s",
				 row->letter ? letter : "    ", row->name, row->arg ? " " : "",
				 row->arg ? row->arg : "");

		width = n > width ? n : width;
	}
	for (size_t i = 0; i < t->n; i++)
		printf("  %-*s  %s\n", width, names[i], t->rows[i]->help);
	if (o->notes)
		printf("\n%s\n", o->notes);
}

/* The row of what getopt_long() returned or left in optopt; NULL when there is none. */
static const struct opt *find_row(const struct table *t, int val)
{
	if (val >= LONG_VAL)
		return t->rows[val - LONG_VAL];
	for (size_t i = 0; i < t->n; i++)
		if (val && t->rows[i]->letter == val)
			return t->rows[i];
	return NULL;
}

static int complain_unknown(const struct opts *o, const struct table *t, const char *word)
{
	size_t len = strcspn(word + 2, "=");
	char name[64];
	const char *close;

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name)),
		 word + 2);
	close = nearest(name, t->names, t->n);
	if (close)
		log_error("%s: unknown option '--%s'; did you mean '--%s'?", o->name, name, close);
	else
		log_error("%s: unknown option '--%s'; see 'warden %s --help'", o->name, name,
			  o->name);
	return OPTS_USAGE;
}

/* Says what is wrong where getopt_long() returned '?' or ':'. */
static int complain(const struct opts *o, const struct table *t, int what, char **argv)
{
	const struct opt *row = find_row(t, optopt);

	if (what == ':')
		log_error("%s: option '--%s' needs an argument: %s", o->name, row->name, row->arg);
	else if (row)
		log_error("%s: option '--%s' takes no argument", o->name, row->name);
	else if (optopt)
		log_error("%s: unknown option '-%c'; see 'warden %s --help'", o->name, optopt,
			  o->name);
	else
		return complain_unknown(o, t, argv[optind - 1]);
	return OPTS_USAGE;
}

static int set_text(const struct opts *o, const struct opt *row, const char **to, const char *value)
{
	if (*to) {
		log_error("%s: option '--%s' is given twice", o->name, row->name);
		return OPTS_USAGE;
	}
	*to = value;
	return 0;
}

static int apply(const struct opts *o, const struct opt *row, void *args, const char *value)
{
	char *to = (char *)args + row->at;

	switch (row->kind) {
	case OPT_KIND_FLAG: *(bool *)to = true; return 0;
	case OPT_KIND_TEXT: return set_text(o, row, (const char **)to, value);
	case OPT_KIND_CALL: return row->call(args, value);
	}
	return 0;
}

int opts_parse(const struct opts *o, int argc, char **argv, void *args, int *ret_first)
{
	struct table t;
	int val, r;

	build(&t, o);
	optind = 0; /* glibc: begin afresh, whoever parsed before */
	opterr = 0;
	while ((val = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct opt *row;

		if (val == '?' || val == ':')
			return complain(o, &t, val, argv);
		row = find_row(&t, val);
		if (row == &help_option) {
			print_help(o, &t);
			return OPTS_HELP;
		}
		r = apply(o, row, args, optarg);
		if (r)
			return r;
	}
	*ret_first = optind;
	return OPTS_GO_ON;
}

int opts_choice(const char *command, const char *what, const char *value, const char *const *names,
		size_t n)
{
	_buf_ struct buf known = {};
	const char *close;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(value, names[i]))
			return (int)i;
		buf_addf(&known, "%s%s", i ? " " : "", names[i]);
	}
	close = nearest(value, names, n);
	if (close)
		log_error("%s: unknown %s '%s'; did you mean '%s'?", command, what, value, close);
	else
		log_error("%s: unknown %s '%s'; known are: %.*s", command, what, value,
			  (int)known.len, known.len ? known.data : "");
	return -1;
}
