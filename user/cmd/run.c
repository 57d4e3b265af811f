/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* warden run: starts a command as a workload, under a policy or only watched. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/libbpf_log.h"
#include "base/log.h"
#include "base/time.h"
#include "base/ulid.h"
#include "cmd/cmd.h"
#include "inherited.h"
#include "policy/load.h"
#include "policy/lower.h"
#include "policy/rules.h"
#include "process.h"
#include "runs.h"
#include "spawn.h"
#include "support.h"
#include "tiers_memory.h"
#include "watch.h"

struct args {
	const char *policy;
	const char *audit;
	const char *user;
	bool audit_mode;
};

/* ---- options ---- */

static int set_policy(void *p, const char *value)
{
	return cmd_one_policy("run", &((struct args *)p)->policy, value);
}

static int set_mode(void *p, const char *value)
{
	static const char *const modes[] = {"audit"};
	struct args *a = p;

	if (opts_choice("run", "mode", value, modes, 1) < 0)
		return EXIT_USAGE;
	a->audit_mode = true;
	return 0;
}

static int set_id(void *p, const char *value)
{
	log_error("run: --id is not supported yet");
	return EXIT_USAGE;
}

static int set_label(void *p, const char *value)
{
	log_error("run: --label is not supported yet");
	return EXIT_USAGE;
}

static int set_verbose(void *p, const char *value)
{
	log_level = LOG_VERBOSE;
	return 0;
}

static int set_quiet(void *p, const char *value)
{
	log_level = LOG_ERROR;
	return 0;
}

static int set_debug(void *p, const char *value)
{
	log_level = LOG_DEBUG;
	return 0;
}

static const struct opt options[] = {
	{"policy", 'p', "POLICY", "enforce this policy (`match` is ignored)", OPT_CALL(set_policy)},
	{"audit", 0, "FILE", "write audit events to FILE, - for stdout",
	 OPT_TEXT(struct args, audit)},
	{"mode", 0, "audit", "decide and record, block nothing", OPT_CALL(set_mode)},
	{"uid", 0, "USER", "run CMD as this user (name or number)", OPT_TEXT(struct args, user)},
	{"id", 0, "KEY=VALUE", "identity of the run (not supported yet)", OPT_CALL(set_id)},
	{"label", 0, "K=V", "label of the run (not supported yet)", OPT_CALL(set_label)},
	{"verbose", 'v', NULL, "print every decision, not only denials", OPT_CALL(set_verbose)},
	{"quiet", 0, NULL, "print errors only", OPT_CALL(set_quiet)},
	{"debug", 0, NULL, "print what libbpf says, too", OPT_CALL(set_debug)},
	{},
};

static const struct opts command = {
	.name = "run",
	.operands = "-- CMD [ARG]...",
	.about = "Runs CMD as a workload: watched, and held to a policy if one is given.",
	.options = options,
	.notes = "Exit status: CMD's own; 128+signal when it was killed; 126 when it may not or "
		 "cannot be\nrun, 127 when there is none. Before CMD starts: 1 failed, 2 usage, 3 "
		 "policy, 4 this\nkernel cannot enforce the policy.\n",
	.stop_at_operand = true,
};

/* ---- the policy ---- */

static int load_policy(const struct args *a, struct policy **ret, struct resolvers *resolvers)
{
	struct policy *policy = NULL;
	struct diags diags = {0};
	int r;

	if (!a->policy)
		return EXIT_OK;
	r = policy_load(a->policy, &policy, &diags);
	/* Notes and warnings are for `check`; here only what stops the run is said. */
	if (r < 0)
		diags_print(&diags, a->policy, stderr);
	diags_free(&diags);
	if (r < 0)
		return EXIT_POLICY;
	r = cmd_add_resolvers(policy, resolvers);
	if (r < 0) {
		log_error("cannot find out which resolvers there are: %s", strerror(-r));
		policy_free(&policy);
		return EXIT_FAILED;
	}
	if (a->audit_mode)
		policy->mode = MODE_AUDIT;
	*ret = policy;
	return EXIT_OK;
}

static int lower_policy(const struct policy *policy, const char *file, struct image_block *ret)
{
	struct diags diags = {0};
	int r = policy_lower(policy, 1, ret, &diags);

	if (r < 0)
		diags_print(&diags, file, stderr);
	diags_free(&diags);
	malloc_trim(0); /* what compiling needed is not needed again */
	return r < 0 ? EXIT_POLICY : EXIT_OK;
}

/* ---- the command ---- */

static int find_command(const char *name, char **ret)
{
	int r = command_find(name, ret);

	if (r == 0)
		return EXIT_OK;
	if (r == -ENOENT || r == -ENOTDIR) {
		log_error("%s: command not found", name);
		return WATCH_NOT_FOUND;
	}
	log_error("%s: %s", name, strerror(-r));
	return WATCH_CANNOT_RUN;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- the trail ---- */

static int open_trail(const char *path, struct trail **ret)
{
	struct audit_host host;
	const struct trail_options o = {
		.path = path, .dir = TRAIL_DIR, .host = &host, .sync = true};
	int r;

	audit_host_read(&host);
	r = trail_open(ret, &o);
	if (r == -EBUSY)
		log_error("%s: another warden writes this audit file", path);
	else if (r == -EBADMSG)
		log_error("%s: does not end in an audit line; move it away or choose another file",
			  path);
	else if (r < 0)
		log_error("%s: cannot open the audit file: %s", path, strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

/* ---- one run ---- */

struct run {
	struct policy *policy;
	struct image_block image;
	struct resolvers resolvers; /* none unless rules name hosts */
	char *path; /* of the command */
	char id[ULID_TEXT];
	char trail_path[4096];
	struct spawn_user user;
	struct trail *trail;
	struct run_place place;
	struct tiers tiers;
};

static int check_support(const struct run *run)
{
	_buf_ struct buf notes = {0};
	int r = support_check(run->policy, &run->tiers, &notes);

	for (char *line = (char *)notes.data; line && line < (char *)notes.data + notes.len;) {
		char *end = memchr(line, '\n', (size_t)((char *)notes.data + notes.len - line));

		log_line(r < 0 ? LOG_ERROR : LOG_NOTICE, "%.*s", (int)(end - line), line);
		line = end + 1;
	}
	if (r == 0)
		return EXIT_OK;
	log_error("this kernel cannot enforce %s; see `warden doctor`", run->policy->file);
	return EXIT_KERNEL;
}

static int check_inherited(const struct run *run)
{
	_buf_ struct buf complaint = {0};
	int r = inherited_check(run->image.data, run->tiers.net, &complaint);

	if (r == 0)
		return EXIT_OK;
	if (r == -EPERM)
		log_error("run: %.*s", (int)complaint.len, complaint.data);
	else
		log_error("run: cannot look at open files: %s", strerror(-r));
	return EXIT_FAILED;
}

static int probe_kernel(struct run *run)
{
	int r = tiers_recall(TIERS_MEMORY, &run->tiers);

	if (r == 0) {
		log_debug("what this kernel can do is known since an earlier run");
		return check_support(run);
	}
	r = tiers_probe(&run->tiers);
	if (r == 0)
		tiers_remember(TIERS_MEMORY, &run->tiers);
	if (r < 0) {
		log_error("cannot find out what this kernel can do: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return check_support(run);
}

static int watch(struct run *run, char **argv)
{
	const struct watch_options o = {
		.policy = run->policy,
		.image = &run->image,
		.tiers = &run->tiers,
		.resolvers = run->resolvers.count ? &run->resolvers : NULL,
		.place = &run->place,
		.trail = run->trail,
		.trail_path = run->trail_path,
		.run_id = run->id,
		.run_name = run->policy ? run->policy->name : base_name(argv[0]),
		.user = &run->user,
		.path = run->path,
		.argv = argv,
	};

	return watch_command(&o);
}

static int begin_place(struct run *run)
{
	struct run_error error;

	runs_reap();
	if (run_place_begin(run->id, &run->place, &error) == 0)
		return EXIT_OK;
	log_error("%s", error.text);
	return EXIT_FAILED;
}

static int name_run(struct run *run, const struct args *a)
{
	struct ulid ulid = ULID_INIT;

	if (ulid_next(&ulid, time_now() / NS_PER_MS, run->id) < 0) {
		log_error("no random numbers to name the run");
		return EXIT_FAILED;
	}
	if (a->audit)
		snprintf(run->trail_path, sizeof(run->trail_path), "%s", a->audit);
	else
		snprintf(run->trail_path, sizeof(run->trail_path), "%s/%s%s", TRAIL_DIR, run->id,
			 TRAIL_SUFFIX);
	return EXIT_OK;
}

static int check_caller(void)
{
	if (geteuid() != 0) {
		log_error("run: root is needed to watch a command; try sudo");
		return EXIT_FAILED;
	}
	if (process_ids_are_global())
		return EXIT_OK;
	log_error("run: warden is in a PID namespace of its own, where it cannot tell who does "
		  "what; start it outside (in a container: --pid=host)");
	return EXIT_FAILED;
}

/* Everything that can fail without a trace comes first; each step prints its own complaint. */
static int run_all(struct run *run, const struct args *a, char **argv)
{
	int r = load_policy(a, &run->policy, &run->resolvers);

	if (r == EXIT_OK)
		r = lower_policy(run->policy, a->policy, &run->image);
	if (r == EXIT_OK)
		r = check_caller();
	if (r == EXIT_OK && spawn_user_find(a->user, &run->user) < 0) {
		log_error("run: no such user: %s", a->user ? a->user : getenv("SUDO_UID"));
		r = EXIT_FAILED;
	}
	if (r == EXIT_OK)
		r = find_command(argv[0], &run->path);
	if (r == EXIT_OK)
		r = probe_kernel(run);
	if (r == EXIT_OK)
		r = check_inherited(run);
	if (r == EXIT_OK)
		r = name_run(run, a);
	if (r == EXIT_OK)
		r = open_trail(run->trail_path, &run->trail);
	if (r == EXIT_OK)
		r = begin_place(run);
	return r == EXIT_OK ? watch(run, argv) : r;
}

int cmd_run(int argc, char **argv)
{
	struct run run = {.place = RUN_PLACE_NONE};
	struct args a = {0};
	int first, r;

	r = opts_parse(&command, argc, argv, &a, &first);
	if (r != OPTS_GO_ON)
		return r;
	if (first >= argc) {
		log_error("run: no command; try: warden run -- CMD ARGS...");
		return EXIT_USAGE;
	}
	libbpf_log_init();
	r = run_all(&run, &a, argv + first);
	run_place_end(&run.place);
	trail_close(&run.trail);
	spawn_user_done(&run.user);
	free(run.path);
	free(run.image.data);
	policy_free(&run.policy);
	return r;
}
