/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_AUDIT_COMPACT_H
#define WARDEN_AUDIT_COMPACT_H

#include <cjson/cJSON.h>

#include "base/buf.h"

/*
 * Appends one line, newline included, that says an event to a person: time, verdict, type, what was
 * done, process and program, why, and the line's number. "-" stands for what is not known. Nothing
 * in it can reach the terminal as a control sequence. Any JSON object will do.
 */
void compact_line(struct buf *out, const cJSON *event);

/* The string at "key" or "object.key"; NULL when there is none. */
const char *compact_text(const cJSON *event, const char *path);

#endif
