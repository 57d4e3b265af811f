/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/compact.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"

static const cJSON *find(const cJSON *event, const char *path)
{
	const char *dot = strchr(path, '.');
	char first[16];

	if (!dot)
		return cJSON_GetObjectItemCaseSensitive(event, path);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event, first),
						dot + 1);
}

const char *compact_text(const cJSON *event, const char *path)
{
	return cJSON_GetStringValue(find(event, path));
}

/* Appends what stands at `path` behind `before`. False, and nothing, when there is nothing. */
static bool add(struct buf *out, const cJSON *event, const char *before, const char *path)
{
	const cJSON *item = find(event, path);

	if (!cJSON_IsNumber(item) && !cJSON_IsString(item))
		return false;
	buf_add_str(out, before);
	if (cJSON_IsNumber(item))
		buf_addf(out, "%.0f", item->valuedouble);
	else
		utf8_visible(out, item->valuestring, strlen(item->valuestring));
	return true;
}

static void add_column(struct buf *out, const cJSON *event, const char *path, size_t width)
{
	size_t start = out->len;

	if (!add(out, event, "", path))
		buf_add_char(out, '-');
	do
		buf_add_char(out, ' ');
	while (out->len - start <= width && !out->failed);
}

/* Milliseconds are enough for the eye: 2026-11-22T08:00:00.123Z */
static void add_time(struct buf *out, const cJSON *event)
{
	const char *time = compact_text(event, "time");
	char text[TIME_TEXT];
	uint64_t ns;

	if (!time || time_parse(time, &ns) < 0) {
		add_column(out, event, "time", 0);
		return;
	}
	time_format(ns, text);
	buf_addf(out, "%.23sZ ", text);
}

/* What it was about. Returns whether that is the process itself: what ended, what broke out. */
static bool add_subject(struct buf *out, const cJSON *event)
{
	if (add(out, event, "", "activity") || add(out, event, "", "exec.path"))
		return false;
	if (add(out, event, "", "http.method")) {
		add(out, event, " ", "http.host");
		add(out, event, "", "http.path");
		return false;
	}
	if (add(out, event, "", "net.host") || add(out, event, "", "net.addr")) {
		add(out, event, ":", "net.port");
		return false;
	}
	if (add(out, event, "", "process.exe") || add(out, event, "", "process.comm"))
		return true;
	if (!add(out, event, "", "run.name") && !add(out, event, "", "decision.policy"))
		buf_add_char(out, '-');
	return false;
}

static void add_process(struct buf *out, const cJSON *event, bool named)
{
	add(out, event, "  ", "process.pid");
	if (!named && !add(out, event, " ", "process.exe"))
		add(out, event, " ", "process.comm");
}

static void add_why(struct buf *out, const cJSON *event)
{
	add(out, event, "  status ", "http.status");
	if (!add(out, event, "  ", "decision.reason") && add(out, event, "  ", "decision.layer"))
		add(out, event, " ", "decision.rule");
	if (add(out, event, "  ", "loss.reason")) {
		add(out, event, " records ", "loss.records");
		add(out, event, " bytes ", "loss.bytes");
	}
	add(out, event, "  ", "end.status");
	add(out, event, "  exit ", "end.exit");
	add(out, event, "  violations ", "end.violations");
	add(out, event, "  times ", "repeat");
}

void compact_line(struct buf *out, const cJSON *event)
{
	add_time(out, event);
	add_column(out, event, "decision.verdict", 5);
	add_column(out, event, "type", 14);
	add_process(out, event, add_subject(out, event));
	add_why(out, event);
	add(out, event, "  #", "seq");
	buf_add_char(out, '\n');
}
