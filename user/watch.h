/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_WATCH_H
#define WARDEN_WATCH_H

/* A command's life under watch: from loading the programs to the last exit of the workload. */

#include "audit/trail.h"
#include "policy/blob.h"
#include "policy/policy.h"
#include "resolvers.h"
#include "runs.h"
#include "spawn.h"
#include "tiers.h"

/* Exit statuses beyond those of commands, as shells have them. */
enum {
	WATCH_CANNOT_RUN = 126,
	WATCH_NOT_FOUND = 127,
	WATCH_SIGNALLED = 128, /* plus the signal */
};

struct watch_options {
	const struct policy *policy; /* or NULL */
	const struct image_block *image;
	const struct tiers *tiers;
	const struct resolvers *resolvers; /* who names addresses; NULL: no rule needs names */
	const struct run_place *place;
	struct trail *trail;
	const char *trail_path;
	const char *run_id;
	const char *run_name;
	const struct spawn_user *user;
	const char *path;
	char **argv;
};

/* Runs it to the end. Returns the exit status; complaints are printed. */
int watch_command(const struct watch_options *o);

#endif
