/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "policy/check.h"
#include "policy/load.h"
#include "policy/lower.h"

struct args {
	bool strict;
};

static const struct opt options[] = {
	{"strict", 0, NULL, "take warnings for errors", OPT_FLAG(struct args, strict)}, {}};

static const struct opts command = {
	.name = "check",
	.operands = "POLICY...",
	.about = "Validates policies and prints what each of them closes.",
	.options = options,
	.notes =
		"POLICY is a file, or - for standard input.\n"
		"Complaints go to stderr, as FILE:LINE:COL: error|warning|note: MESSAGE. The exit\n"
		"status is 3 when a policy has errors. It needs no root.",
};

static void make_strict(struct diags *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		if (diags->items[i].level == DIAG_WARNING)
			diags->items[i].level = DIAG_ERROR;
	diags->errors += diags->warnings;
	diags->warnings = 0;
}

static void print_policy(const struct policy *policy)
{
	static const char *const kinds[KIND_COUNT] = {"exec", "net", "http"};
	static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};

	printf("policy %s, mode %s\n", policy->name, modes[policy->mode]);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct closer closer = policy_closer(policy, (enum kind)kind);

		if (closer.rule)
			printf("%-5s closed by %s at %s:%u:%u\n", kinds[kind], closer.rule,
			       policy->file, closer.place.line, closer.place.column);
		else
			printf("%-5s open\n", kinds[kind]);
	}
}

/* A policy that is right in itself may still need tables larger than there can be. */
static int compile(const struct policy *policy, struct diags *diags)
{
	struct image_block image = {0};
	int r = policy_lower(policy, 1, &image, diags);

	free(image.data);
	return r;
}

static int check_file(const char *file, bool strict)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	int r = cmd_load_policy(file, &policy, &diags);

	if (r == 0)
		r = compile(policy, &diags);
	if (strict)
		make_strict(&diags);
	diags_print(&diags, cmd_policy_name(file), stderr);
	if (r < 0 && r != -EINVAL) {
		log_error("check: %s: %s", file, strerror(-r));
		return EXIT_FAILED;
	}
	if (diags.errors)
		return EXIT_POLICY;
	print_policy(policy);
	return EXIT_OK;
}

int cmd_check(int argc, char **argv)
{
	struct args args = {};
	int first, status;

	status = opts_parse(&command, argc, argv, &args, &first);
	if (status != OPTS_GO_ON)
		return status;
	if (first == argc) {
		log_error("check: no POLICY to check; see 'warden check --help'");
		return EXIT_USAGE;
	}
	status = EXIT_OK;
	for (int i = first; i < argc; i++) {
		int one = check_file(argv[i], args.strict);

		if (one != EXIT_OK && status != EXIT_FAILED)
			status = one;
	}
	if (fflush(stdout)) {
		log_error("check: cannot write the result: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	return status;
}
