/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/chain.h"
#include "audit/compact.h"
#include "audit/lines.h"
#include "audit/names.h"
#include "audit/trail.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "cmd/cmd.h"

#define FOLLOW_MS 100 /* how often a followed file is looked at; works on every file system */

static const char *const formats[] = {"compact", "json"};

/* What the command line asks for; all zeros is everything. */
struct args {
	bool follow;
	bool json;
	const char *run;
	const char *user;
	uint64_t types;    /* bit by enum audit_type; 0: any */
	uint64_t verdicts; /* bit by enum verdict; 0: any */
	uint64_t since;    /* ns since 1970 */
};

_Static_assert(AUDIT_TYPES <= 64, "a type is a bit of args.types");

static int choose(const char *what, const char *value, const char *const *names, size_t n,
		  uint64_t *bits)
{
	int i = opts_choice("events", what, value, names, n);

	if (i < 0)
		return EXIT_USAGE;
	*bits |= 1ULL << i;
	return 0;
}

static int set_type(void *to, const char *value)
{
	return choose("type", value, audit_type_names, AUDIT_TYPES, &((struct args *)to)->types);
}

static int set_verdict(void *to, const char *value)
{
	return choose("verdict", value, verdict_names, VERDICT_COUNT,
		      &((struct args *)to)->verdicts);
}

static int set_format(void *to, const char *value)
{
	uint64_t format = 0;
	int r = choose("output format", value, formats, 2, &format);

	((struct args *)to)->json = format == 2;
	return r;
}

static int set_since(void *to, const char *value)
{
	uint64_t now = time_now(), since;

	if (!time_parse_duration(value, &since)) {
		since = since < now ? now - since : 0;
	} else if (time_parse(value, &since) < 0) {
		log_error("events: '%s' is neither a duration (10s, 5m, 2h, 1d) nor a time "
			  "(2026-11-22T08:00:00Z)",
			  value);
		return EXIT_USAGE;
	}
	((struct args *)to)->since = since;
	return 0;
}

static const struct opt options[] = {
	{"follow", 'f', NULL, "go on with what is written later", OPT_FLAG(struct args, follow)},
	{"run", 0, "ID", "only events of this run", OPT_TEXT(struct args, run)},
	{"type", 0, "T", "only of this type (exec, http.request...); may be repeated",
	 OPT_CALL(set_type)},
	{"verdict", 0, "V", "only with this verdict: allow audit deny kill; may be repeated",
	 OPT_CALL(set_verdict)},
	{"user", 0, "U", "only of this user", OPT_TEXT(struct args, user)},
	{"since", 0, "T", "only since 10s, 5m, 2h, 1d ago, or since an RFC 3339 time",
	 OPT_CALL(set_since)},
	{"output", 'o', "FORMAT", "compact (default), or json: the lines as they are",
	 OPT_CALL(set_format)},
	{},
};

static const struct opts command = {
	.name = "events",
	.operands = "[AUDIT]",
	.about = "Prints the events of an audit trail.",
	.options = options,
	.notes =
		"AUDIT is a file, - for standard input, or a directory, of which the trail written\n"
		"last is read; by default " TRAIL_DIR ".",
};

/* ---- one line ---- */

static bool is_among(const char *value, const char *const *names, size_t n, uint64_t bits)
{
	for (size_t i = 0; value && i < n; i++)
		if (bits & 1ULL << i && !strcmp(value, names[i]))
			return true;
	return !bits;
}

static bool equals(const cJSON *event, const char *path, const char *want)
{
	const char *value = want ? compact_text(event, path) : NULL;

	return !want || (value && !strcmp(value, want));
}

static bool is_since(const cJSON *event, uint64_t since)
{
	const char *text = compact_text(event, "time");
	uint64_t time;

	return !since || (text && !time_parse(text, &time) && time >= since);
}

static bool wanted(const struct args *a, const cJSON *event)
{
	return is_among(compact_text(event, "type"), audit_type_names, AUDIT_TYPES, a->types) &&
	       is_among(compact_text(event, "decision.verdict"), verdict_names, VERDICT_COUNT,
			a->verdicts) &&
	       equals(event, "run.id", a->run) && equals(event, "identity.user", a->user) &&
	       is_since(event, a->since);
}

/* Prints the line if it is wanted. False when it is no JSON object. */
static bool show(const struct args *a, const char *line, size_t len)
{
	cJSON *event = cJSON_ParseWithLength(line, len);
	_buf_ struct buf out = {};
	bool ok = cJSON_IsObject(event);

	if (ok && wanted(a, event)) {
		if (a->json) {
			buf_add(&out, line, len);
			buf_add_char(&out, '\n');
		} else {
			compact_line(&out, event);
		}
		fwrite(out.data, 1, out.len, stdout);
	}
	cJSON_Delete(event);
	return ok;
}

/* ---- the file ---- */

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	stopped = 1;
}

/* Whoever reads our output has left: nothing more to do, and nothing wrong. */
static bool reader_left(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, FOLLOW_MS) > 0 && out.revents & (POLLERR | POLLNVAL);
}

/* After a cut (log rotation by copying) the file begins anew. */
static void begin_anew_if_cut(struct lines *lines, const char *path)
{
	off_t at = lseek(lines->fd, 0, SEEK_CUR);
	struct stat st;

	if (at < 0 || fstat(lines->fd, &st) < 0 || st.st_size >= at)
		return;
	log_notice("events: %s was cut; going on with its beginning", path);
	lseek(lines->fd, 0, SEEK_SET);
	lines_reset(lines);
}

static int complain_unreadable(const char *path, uint64_t line, int r)
{
	if (r == -EMSGSIZE)
		log_error("%s:%" PRIu64 ": longer than %zu MiB", path, line, CHAIN_LINE_MAX >> 20);
	else
		log_error("%s: %s", path, strerror(-r));
	return EXIT_FAILED;
}

/* Prints all lines that are there now. Returns an exit status, EXIT_FAILED for any bad line. */
static int show_lines(const struct args *a, struct lines *lines, const char *path)
{
	int status = EXIT_OK, r = 0;
	const char *line;
	size_t len;

	while (!ferror(stdout) && !stopped && (r = lines_next(lines, &line, &len)) > 0) {
		if (show(a, line, len))
			continue;
		log_error("%s:%" PRIu64 ": not a JSON object", path, lines->number);
		status = EXIT_FAILED;
	}
	return r < 0 ? complain_unreadable(path, lines->number + 1, r) : status;
}

/* Writes out what was printed. False when there is nobody to print to any more. */
static bool flush(int *status)
{
	if (!ferror(stdout) && !fflush(stdout))
		return true;
	if (errno != EPIPE) {
		log_error("events: cannot write: %s", strerror(errno));
		*status = EXIT_FAILED;
	}
	return false;
}

static int follow(const struct args *a, struct lines *lines, const char *path)
{
	const struct sigaction stop = {.sa_handler = on_stop};
	int status = EXIT_OK;

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	for (;;) {
		if (show_lines(a, lines, path) != EXIT_OK)
			status = EXIT_FAILED;
		if (!flush(&status) || stopped || reader_left())
			return status;
		begin_anew_if_cut(lines, path);
	}
}

static int read_trail(const struct args *a, int fd, const char *path)
{
	struct lines lines = {.fd = fd};
	struct stat st;
	int status;

	/* What is no file has an end that is one. */
	if (a->follow && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		status = follow(a, &lines, path);
	} else {
		status = show_lines(a, &lines, path);
		if (flush(&status) && lines_rest(&lines))
			log_notice("%s:%" PRIu64 ": unfinished last line left out", path,
				   lines.number + 1);
	}
	lines_free(&lines);
	return status;
}

/* The file to read, to be freed: `path`, or the newest trail in it when it is a directory. */
static char *find_trail(const char *path)
{
	struct stat st;
	char *found;
	int r = 0;

	if (stat(path, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		return strdup(path);
	if (!r)
		r = trail_newest(path, &found);
	if (!r)
		return found;
	if (r == -ENOENT)
		log_error("events: no audit trail at %s", path);
	else
		log_error("events: %s: %s", path, strerror(-r));
	return NULL;
}

int cmd_events(int argc, char **argv)
{
	struct args args = {};
	_free_ char *path = NULL;
	_close_ int fd = -1;
	int first, status;

	status = opts_parse(&command, argc, argv, &args, &first);
	if (status != OPTS_GO_ON)
		return status;
	if (argc - first > 1) {
		log_error("events: one AUDIT at a time; see 'warden events --help'");
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN); /* seen as EPIPE, and no failure */
	if (first < argc && !strcmp(argv[first], "-"))
		return read_trail(&args, STDIN_FILENO, "-");
	path = find_trail(first < argc ? argv[first] : TRAIL_DIR);
	if (!path)
		return EXIT_FAILED;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		log_error("events: %s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	return read_trail(&args, fd, path);
}
