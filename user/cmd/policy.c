/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/log.h"
#include "cmd/cmd.h"

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
