/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"

static const struct opts command = {
	.name = "verify",
	.operands = "AUDIT...",
	.about = "Checks the hash chain of audit trails and names the first bad line of each.",
	.notes = "AUDIT is a file, or - for standard input. A trail whose last lines were all cut\n"
		 "off is not told from a shorter one: keep the last hash elsewhere to see that.",
};

static int verify_file(const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	_close_ int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct verify v;
	int r;

	if (!is_stdin && opened < 0)
		r = -errno;
	else
		r = verify_trail(is_stdin ? STDIN_FILENO : opened, &v);
	if (!r)
		printf("%s: ok, %" PRIu64 " line%s\n", path, v.lines, v.lines == 1 ? "" : "s");
	else if (r == -EBADMSG)
		log_error("%s:%" PRIu64 ": %s", path, v.lines + 1, v.why);
	else
		log_error("%s: %s", path, strerror(-r));
	return r ? EXIT_FAILED : EXIT_OK;
}

int cmd_verify(int argc, char **argv)
{
	int first, status;

	status = opts_parse(&command, argc, argv, NULL, &first);
	if (status != OPTS_GO_ON)
		return status;
	if (first == argc) {
		log_error("verify: no AUDIT to check; see 'warden verify --help'");
		return EXIT_USAGE;
	}
	status = EXIT_OK;
	for (int i = first; i < argc; i++)
		if (verify_file(argv[i]) != EXIT_OK)
			status = EXIT_FAILED;
	if (fflush(stdout)) {
		log_error("verify: cannot write the result: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	return status;
}
