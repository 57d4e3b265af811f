/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "policy/load.h"
#include "policy/rules.h"
#include "resolvers.h"

/* Several policies would each decide, and the strictest verdict win: one of them alone misleads. */
int cmd_one_policy(const char *command, const char **to, const char *value)
{
	if (*to) {
		log_error("%s: several policies are not supported yet", command);
		return EXIT_USAGE;
	}
	*to = value;
	return EXIT_OK;
}

static bool is_stdin(const char *file)
{
	return !strcmp(file, "-");
}

const char *cmd_policy_name(const char *file)
{
	return is_stdin(file) ? "<stdin>" : file;
}

int cmd_add_resolvers(struct policy *policy, struct resolvers *ret)
{
	struct resolver_addr addrs[RESOLVERS];
	int r;

	*ret = (struct resolvers){};
	if (!rules_name_hosts(policy, false))
		return 0;
	r = resolvers_look(ret);
	return r < 0 ? r : policy_add_resolvers(policy, addrs, resolvers_addrs(ret, addrs));
}

int cmd_load_policy(const char *file, struct policy **ret_policy, struct diags *diags)
{
	struct resolvers resolvers;
	int r;

	if (is_stdin(file))
		r = policy_load_fd(STDIN_FILENO, cmd_policy_name(file), ret_policy, diags);
	else
		r = policy_load(file, ret_policy, diags);
	return r < 0 ? r : cmd_add_resolvers(*ret_policy, &resolvers);
}
