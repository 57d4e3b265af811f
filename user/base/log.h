/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_LOG_H
#define WARDEN_BASE_LOG_H

#include <stdbool.h>

/*
 * Messages to people, on stderr, each line beginning with "warden: ". Only commands log; lower
 * layers return -errno and let their caller say what it means. errno is left as it was.
 */

enum log_level {
	LOG_ERROR,   /* --quiet: errors only */
	LOG_NOTICE,  /* the default: denials, warnings, summaries */
	LOG_VERBOSE, /* -v: every decision */
	LOG_DEBUG,   /* --debug: libbpf's output too */
};

extern enum log_level log_level;

/*
 * How long a line may wait for its reader, in ms; -1, the default: for ever. What is not printed is
 * counted, and the number printed once there is room.
 */
extern int log_patience;

/* True when stderr is a terminal and NO_COLOR is not set. */
bool log_colour(void);

/* Writes one line; appends the newline. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_ERROR, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_verbose(...) log_line(LOG_VERBOSE, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)

#endif
