/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "policy/explain.h"
#include "policy/hash.h"
#include "policy/load.h"
#include "policy/lower.h"

struct args {
	const char *policy;
	const char *text;
	const char *env;
	char hash[HASH_TEXT + 1]; /* "": not said */
	bool changed;
	bool private;
};

static int set_policy(void *args, const char *value)
{
	return cmd_one_policy("explain", &((struct args *)args)->policy, value);
}

static int set_hash(void *args, const char *value)
{
	if (hash_parse(value, ((struct args *)args)->hash))
		return 0;
	log_error("explain: --sha256 takes the %d hexadecimal digits of one, not '%s'", HASH_TEXT,
		  value);
	return EXIT_USAGE;
}

static int refuse_id(void *args, const char *value)
{
	log_error("explain: --id is not supported yet");
	return EXIT_USAGE;
}

static int refuse_event(void *args, const char *value)
{
	log_error("explain: --event is not supported yet");
	return EXIT_USAGE;
}

static const struct opt options[] = {
	{"policy", 'p', "POLICY", "the policy to ask, - for standard input", OPT_CALL(set_policy)},
	{"args", 0, "TEXT", "arguments of the program, for content rules and conditions",
	 OPT_TEXT(struct args, text)},
	{"env", 0, "TEXT", "its environment, one variable a line, for conditions",
	 OPT_TEXT(struct args, env)},
	{"sha256", 0, "HASH", "of its content, for conditions", OPT_CALL(set_hash)},
	{"changed", 0, NULL, "it was changed since the run began, or is new",
	 OPT_FLAG(struct args, changed)},
	{"private", 0, NULL, "the host name is one of a private address",
	 OPT_FLAG(struct args, private)},
	{"id", 0, "KEY=VALUE", "not supported yet", OPT_CALL(refuse_id)},
	{"event", 0, "AUDIT:SEQ", "not supported yet", OPT_CALL(refuse_event)},
	{}};

static const struct opts command = {
	.name = "explain",
	.operands = "-p POLICY ACTIVITY",
	.about = "Prints what a policy decides on an activity, layer by layer, and why.",
	.options = options,
	.notes =
		"ACTIVITY is what the audit trail calls it: exec:/usr/bin/nc (the resolved file),\n"
		"net:203.0.113.7:443, net:[2001:db8::1]:53/udp, net:api.example.com:443 (of a\n"
		"public address that no rule names), net:unix:/run/x.sock, net:listen:8080, or\n"
		"http:POST api.example.com/v1/x. The first line is VERDICT LAYER RULE\n"
		"FILE:LINE:COL. The exit status is 0 on a denial, too. It needs no root.",
};

/* Names are decoded, without dot segments and without a query: somebody may have pasted a URL. */
static void warn_of_path(const struct ask *ask)
{
	const char *path = ask->name.kind == KIND_HTTP ? ask->name.path : "";
	const char *percent = strchr(path, '%');

	if (strchr(path, '?') || strstr(path, "/./") || strstr(path, "/../") ||
	    (percent && strspn(percent + 1, "0123456789abcdefABCDEF") >= 2))
		log_notice("explain: the path is taken as it is; in the name of a request it is "
			   "percent-decoded, and has neither dot segments nor a query");
}

/* A program that is here is asked about as the file that it is, too. */
static void look_at_file(struct ask *ask)
{
	struct file_ids ids = {};

	if (ask->name.kind != KIND_EXEC || ask->name.text[0] != '/' || file_ids_read(&ids) < 0)
		return;
	ask->known = file_id(&ids, AT_FDCWD, ask->name.text, &ask->file) == 0;
	file_ids_done(&ids);
}

static int parse_activity(const char *activity, struct ask *ret)
{
	_buf_ struct buf complaint = {};
	int r = ask_parse(activity, ret, &complaint);

	if (r == -EINVAL)
		log_error("explain: %.*s", (int)complaint.len, complaint.data);
	else if (r < 0)
		log_error("explain: %s", strerror(-r));
	return r;
}

/* Loads and compiles. Returns an exit status, after complaining. */
static int load(const char *file, struct policy **ret_policy, struct image_block *ret)
{
	_cleanup_(diags_free) struct diags diags = {};
	int r = cmd_load_policy(file, ret_policy, &diags);

	if (!r)
		r = policy_lower(*ret_policy, 0, ret, &diags);
	if (!r)
		return EXIT_OK;
	diags_print(&diags, cmd_policy_name(file), stderr);
	if (r == -EINVAL)
		return EXIT_POLICY;
	log_error("explain: %s: %s", file, strerror(-r));
	return EXIT_FAILED;
}

static int answer(const struct args *args, const char *activity, const struct ask *ask)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	struct image_block block = {};
	_buf_ struct buf out = {};
	int status = load(args->policy, &policy, &block);
	_free_ void *owned = block.data;

	if (status != EXIT_OK)
		return status;
	explain(&(struct explain){policy, block.data, ask, activity, args->text,
				  args->text ? strlen(args->text) : 0},
		&out);
	if (buf_error(&out) < 0) {
		log_error("explain: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout)) {
		log_error("explain: cannot write the result: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

int cmd_explain(int argc, char **argv)
{
	_free_ struct ask *ask = malloc(sizeof(*ask));
	struct args args = {};
	int first, status;

	status = opts_parse(&command, argc, argv, &args, &first);
	if (status != OPTS_GO_ON)
		return status;
	if (!ask) {
		log_error("explain: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (!args.policy || first + 1 != argc) {
		log_error("explain: %s; see 'warden explain --help'",
			  !args.policy    ? "no POLICY to ask (-p)"
			  : first == argc ? "no ACTIVITY to ask for"
					  : "more than one ACTIVITY");
		return EXIT_USAGE;
	}
	if (parse_activity(argv[first], ask) < 0)
		return EXIT_USAGE;
	if ((args.text || args.env || args.changed || *args.hash) && ask->name.kind != KIND_EXEC) {
		log_error("explain: %s is for exec: only", args.text    ? "--args"
							   : args.env   ? "--env"
							   : *args.hash ? "--sha256"
									: "--changed");
		return EXIT_USAGE;
	}
	if (args.private && (ask->name.kind != KIND_NET || !ask->name.host)) {
		log_error("explain: --private is for host names in net: only");
		return EXIT_USAGE;
	}
	ask->name.private = args.private;
	/* What has no path is new without being asked. */
	ask->flags |= args.changed && ask->text[0] == '/' ? ACTIVITY_CHANGED : 0;
	ask->env = args.env;
	ask->env_len = args.env ? strlen(args.env) : 0;
	ask->hash = *args.hash ? args.hash : NULL;
	warn_of_path(ask);
	look_at_file(ask);
	return answer(&args, argv[first], ask);
}
