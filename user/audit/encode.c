/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/names.h"
#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"

typedef void (*add_fn)(struct buf *out, const struct audit_event *ev);

static void add_process_id(struct buf *out, const char *key, const struct audit_number *pid,
			   const struct audit_number *start)
{
	char text[44]; /* two numbers of up to 20 digits */
	int n;

	if (!pid->known || !start->known)
		return;
	n = snprintf(text, sizeof(text), "%" PRIu64 ":%" PRIu64, pid->value, start->value);
	json_text(out, key, text, (size_t)n);
}

static void add_process_ids(struct buf *out, const struct audit_event *ev)
{
	const struct audit_process *p = &ev->process;

	add_process_id(out, "id", &p->pid, &p->start);
	add_process_id(out, "parent_id", &p->ppid, &p->parent_start);
}

static void add_also(struct buf *out, const struct audit_event *ev)
{
	const struct audit_decision *d = &ev->decision;

	if (!d->also_count)
		return;
	json_open(out, "also", '[');
	for (size_t i = 0; i < d->also_count; i++) {
		json_open(out, NULL, '{');
		json_str(out, "policy", d->also[i].policy);
		json_str(out, "layer", d->also[i].layer);
		json_str(out, "rule", d->also[i].rule);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void add_args(struct buf *out, const struct audit_event *ev)
{
	const char *arg = ev->exec.args, *end = arg ? arg + ev->exec.args_len : NULL;

	if (!arg)
		return;
	json_open(out, "args", '[');
	while (arg < end) {
		size_t len = strnlen(arg, (size_t)(end - arg));

		json_text(out, NULL, arg, len);
		arg += len + 1;
	}
	json_close(out, ']');
	if (ev->exec.args_cut)
		json_bool(out, "args_truncated", true);
}

/* Bytes of the body that count as text: all, or all but a character that truncation cut. */
static size_t text_len(const struct audit_body *b)
{
	return b->truncated ? utf8_whole(b->text, b->len) : b->len;
}

static bool is_text(const struct audit_body *b)
{
	const unsigned char *p = b->text;
	size_t len = b->text ? text_len(b) : 0, controls = 0;

	for (size_t i = 0; i < len; i++) {
		i += utf8_plain((const char *)p + i, len - i);
		if (i == len)
			break;
		if (!p[i])
			return false;
		controls += p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t';
	}
	return controls <= len / 16 + 1 && (!len || utf8_valid(b->text, len));
}

static void add_body(struct buf *out, const char *key, const struct audit_body *b, bool base64)
{
	if (!b->text)
		return;
	if (base64)
		json_base64(out, key, b->text, b->len);
	else
		json_text(out, key, b->text, text_len(b));
}

static void add_measures(struct buf *out, const char *bytes_key, const char *sha256_key,
			 const struct audit_body *b)
{
	if (b->bytes.known)
		json_u64(out, bytes_key, b->bytes.value);
	json_str(out, sha256_key, b->sha256);
}

static void add_call(struct buf *out, const struct audit_event *ev)
{
	const struct audit_call *call = &ev->call;
	char hash[72];

	if (call->args)
		json_text(out, "args", call->args,
			  call->args_cut ? utf8_whole(call->args, call->args_len) : call->args_len);
	if (call->args && call->args_cut)
		json_bool(out, "args_truncated", true);
	if (!call->args_hash)
		return;
	snprintf(hash, sizeof(hash), "sha256:%.64s", call->args_hash);
	json_str(out, "args_hash", hash);
}

static void add_content(struct buf *out, const struct audit_event *ev)
{
	const struct audit_body *request = &ev->content.request, *response = &ev->content.response;
	bool base64 = !is_text(request) || !is_text(response);

	add_body(out, "request", request, base64);
	add_body(out, "response", response, base64);
	if (base64)
		json_str(out, "encoding", "base64");
	if (request->text || response->text)
		json_bool(out, "truncated", request->truncated || response->truncated);
	add_measures(out, "request_bytes", "request_sha256", request);
	add_measures(out, "response_bytes", "response_sha256", response);
}

enum field_kind { OPEN, CLOSE, TEXT, NUMBER, SPECIAL };

struct field {
	enum field_kind kind;
	const char *key;
	size_t at;
	add_fn add;
};

#define T(key, member)                                                                             \
	{                                                                                          \
		TEXT, key, offsetof(struct audit_event, member), NULL                              \
	}
#define N(key, member)                                                                             \
	{                                                                                          \
		NUMBER, key, offsetof(struct audit_event, member), NULL                            \
	}
#define S(fn)                                                                                      \
	{                                                                                          \
		SPECIAL, NULL, 0, fn                                                               \
	}
#define O(key)                                                                                     \
	{                                                                                          \
		OPEN, key, 0, NULL                                                                 \
	}
#define C                                                                                          \
	{                                                                                          \
		CLOSE, NULL, 0, NULL                                                               \
	}

/* The contract, in its order. An object in which nothing is known is not written. */
/* clang-format off */
static const struct field fields[] = {
	O("run"), T("id", run.id), T("name", run.name), C,
	O("identity"),
		T("user", identity.user), T("session", identity.session),
		T("tenant", identity.tenant), T("role", identity.role),
		T("region", identity.region), C,
	O("process"),
		S(add_process_ids), N("pid", process.pid), N("tid", process.tid),
		N("ppid", process.ppid), T("exe", process.exe), T("comm", process.comm),
		N("uid", process.uid), C,
	O("container"), T("cgroup", container.cgroup), C,
	T("activity", activity), T("tool", tool), T("flow", flow),
	O("decision"),
		T("verdict", decision.verdict), T("layer", decision.layer),
		T("rule", decision.rule), T("reason", decision.reason),
		T("policy", decision.policy), N("generation", decision.generation),
		T("at", decision.at), T("matched", decision.matched), T("tier", decision.tier),
		T("errno", decision.error), S(add_also), C,
	O("exec"), T("path", exec.path), S(add_args), T("cwd", exec.cwd), T("sha256", exec.sha256), C,
	O("net"),
		T("proto", net.proto), T("addr", net.addr), N("port", net.port),
		T("host", net.host), C,
	O("http"),
		T("method", http.method), T("host", http.host), T("path", http.path),
		N("status", http.status), C,
	O("call"),
		T("id", call.id), S(add_call), N("duration_ms", call.duration_ms),
		T("status", call.status), C,
	O("content"), S(add_content), C,
	O("opaque"), N("bytes", opaque.bytes), T("build_id", opaque.build_id),
		T("stack", opaque.stack), C,
	O("loss"),
		T("reason", loss.reason), N("records", loss.records), N("bytes", loss.bytes), C,
	O("end"),
		T("status", end.status), N("exit", end.exit), N("duration_ms", end.duration_ms),
		N("tool_calls", end.tool_calls), N("model_calls", end.model_calls),
		N("violations", end.violations), C,
	N("repeat", repeat),
};
/* clang-format on */

static void add_fields(struct buf *out, const struct audit_event *ev)
{
	size_t mark = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];
		const void *at = (const char *)ev + f->at;
		const struct audit_number *number = at;

		switch (f->kind) {
		case OPEN: mark = json_open(out, f->key, '{'); break;
		case CLOSE: json_close_or_drop(out, mark, '}'); break;
		case TEXT: json_str(out, f->key, *(const char *const *)at); break;
		case SPECIAL: f->add(out, ev); break;
		case NUMBER:
			if (number->known)
				json_u64(out, f->key, number->value);
			break;
		}
	}
}

int audit_encode(struct buf *out, const struct audit_event *ev, const struct audit_stamp *stamp)
{
	const char *severity = audit_severity(ev->type, ev->decision.verdict);
	char time[TIME_TEXT];

	if (!severity)
		return -EINVAL;
	time_format(ev->time, time);
	json_open(out, NULL, '{');
	json_u64(out, "v", 1);
	json_u64(out, "seq", stamp->seq);
	json_str(out, "id", stamp->id);
	json_str(out, "time", time);
	json_str(out, "type", audit_type_names[ev->type]);
	json_str(out, "severity", severity);
	json_str(out, "host", stamp->host);
	json_str(out, "boot_id", stamp->boot_id);
	add_fields(out, ev);
	json_str(out, "prev", stamp->prev);
	return buf_error(out);
}
