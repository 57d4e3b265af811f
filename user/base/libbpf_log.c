/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/libbpf_log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

void libbpf_log_text(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")))
		if (*line)
			log_debug("%s", line);
}

/*
 * Not libbpf's own debug level, which tells each of its steps: the reasons of a refusal, a whole
 * verifier log with its end, come as warnings.
 */
static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	_free_ char *text = NULL;
	int n;

	if (log_level < LOG_DEBUG || level == LIBBPF_DEBUG)
		return 0;
	n = vasprintf(&text, fmt, ap);
	if (n < 0) {
		text = NULL;
		return 0;
	}
	libbpf_log_text(text);
	return n;
}

void libbpf_log_init(void)
{
	libbpf_set_print(print);
}
