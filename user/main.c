/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "cmd/cmd.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv); /* NULL: known, and not there yet */
	const char *help;
} commands[] = {
	{"run", cmd_run, "run a command as a workload"},
	{"doctor", cmd_doctor, "what this kernel lets warden see and enforce"},
	{"check", cmd_check, "validate policies"},
	{"explain", cmd_explain, "what a policy decides on an activity, and why"},
	{"events", cmd_events, "read an audit trail"},
	{"verify", cmd_verify, "check the hash chain of audit trails"},
	{"daemon", NULL, NULL},
	{"test", NULL, NULL},
	{"replay", NULL, NULL},
	{"status", NULL, NULL},
	{"top", NULL, NULL},
	{"prices", NULL, NULL},
	{"report", NULL, NULL},
	{"unload", NULL, NULL},
	{"oci-hook", NULL, NULL},
	{"learn", NULL, NULL},
	{"grant", NULL, NULL},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("usage: warden COMMAND [OPTION]...\n"
	      "Sees what AI agents do, and stops what policy forbids.\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].main)
			fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fputs("\n  --help     this text; each command has one of its own\n"
	      "  --version  the version\n",
	      out);
}

static int unknown(const char *name)
{
	const char *names[COMMANDS + 2] = {"--help", "--version"};
	const char *close;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i + 2] = commands[i].name;
	close = nearest(name, names, COMMANDS + 2);
	log_error("unknown %s '%s'%s%s%s; see warden --help", *name == '-' ? "option" : "command",
		  name, close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "");
	return EXIT_USAGE;
}

/*
 * Where the caller closed a standard stream, no file of ours may take its place. What is there
 * instead can be used for nothing: whoever asked for output there hears of it. Programs that we
 * start find it closed again.
 */
static void occupy_standard_streams(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC) < 0)
			_exit(EXIT_FAILED);
}

/* What was printed and did not arrive is a failure, if nothing else was. */
static int finish(int status)
{
	if (status != EXIT_OK || (fflush(stdout) == 0 && !ferror(stdout)))
		return status;
	log_error("cannot write to standard output");
	return EXIT_FAILED;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("warden " WARDEN_VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name))
			continue;
		if (commands[i].main)
			return commands[i].main(argc - 1, argv + 1);
		log_error("%s is not supported yet", name);
		return EXIT_USAGE;
	}
	return unknown(name);
}

int main(int argc, char **argv)
{
	occupy_standard_streams();
	return finish(dispatch(argc, argv));
}
