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
	static const char *const kinds[KIND_COUNT] = {"exec", "net", "http", "net:listen", "file"};
	static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};

	printf("policy %s, mode %s\n", policy->name, modes[policy->mode]);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct closer closer = policy_closer(policy, (enum kind)kind);

		if (closer.rule)
			printf("%-5s closed by %s at %s:%u:%u\n", kinds[kind], closer.rule,
			       policy->file, closer.place.line, closer.place.column);
		else if (kind < KIND_LISTEN)
			printf("%-5s open\n", kinds[kind]);
	}
}

/* What makes decisions slower, as nothing else does: the number of automata that a name is put
 * through. */
static void print_groups(const struct image_block *image)
{
	/* Brokers are in every policy, and none of its own. */
	static const char *const texts[TEXT_COUNT] = {
		[TEXT_EXEC] = "exec",         [TEXT_UNIX] = "unix",
		[TEXT_HTTP] = "http",         [TEXT_HOST] = "host",
		[TEXT_HOST_UDP] = "host/udp", [TEXT_HOST_OTHER] = "host/other",
	};
	const struct image_text *t = image_header(image->data)->text;

	for (int text = 0; text < TEXT_COUNT; text++) {
		uint32_t groups = t[text].dfas;

		/* Most policies have one table of hosts for all protocols. */
		if (text > TEXT_HOST && t[text].dfa == t[TEXT_HOST].dfa)
			continue;
		if (groups && texts[text])
			printf("%-5s %u group%s of globs with several '*' or exceptions\n",
			       texts[text], groups, groups == 1 ? "" : "s");
	}
}

static void image_free(struct image_block *image)
{
	free(image->data);
}

static int check_file(const char *file, bool strict)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	_cleanup_(image_free) struct image_block image = {};
	int r = cmd_load_policy(file, &policy, &diags);

	/* A policy that is right in itself may still need tables larger than there can be. */
	if (r == 0)
		r = policy_lower(policy, 1, &image, &diags);
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
	print_groups(&image);
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
