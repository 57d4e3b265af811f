/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "jsonrpc.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "rpc.h"

#define KEEP_ROOM ((size_t)64 << 10) /* of the buffer, from one line to the next */

struct jsonrpc {
	const struct jsonrpc_handler *handler;
	void *arg;
	size_t *held;
	struct buf line;   /* the beginning of one */
	bool skips;	   /* up to the next newline */
	enum jsonrpc_why why; /* it does */
	uint64_t skipped;
};

int jsonrpc_new(struct jsonrpc **ret_reader, const struct jsonrpc_handler *handler, size_t *held, void *arg)
{
	struct jsonrpc *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->handler = handler;
	r->held = held;
	r->arg = arg;
	*ret_reader = r;
	return 0;
}

static void line_drop(struct jsonrpc *r)
{
	*r->held -= r->line.len;
	if (r->line.cap > KEEP_ROOM || r->line.failed)
		buf_free(&r->line);
	buf_reset(&r->line);
}

void jsonrpc_free(struct jsonrpc *reader)
{
	if (!reader)
		return;
	line_drop(reader);
	buf_free(&reader->line);
	free(reader);
}

/* ---- one message ---- */

/* The text of a JSON string, to be freed; NULL when it is none. */
static char *unescape(const char *text, size_t len)
{
	cJSON *value = len && *text == '"' ? cJSON_ParseWithLength(text, len) : NULL;
	char *s = value && cJSON_IsString(value) ? strdup(value->valuestring) : NULL;

	cJSON_Delete(value);
	return s;
}

char *jsonrpc_plain(const struct jsonrpc_text *text)
{
	char *plain = unescape(text->at, text->len);

	return plain ? plain : strndup(text->at, text->len);
}

/* A key comes without its quotes, and may have escapes. */
static bool is_key(const char *key, size_t len, const char *name)
{
	char quoted[128], *plain;
	bool is;

	if (!memchr(key, '\\', len))
		return len == strlen(name) && !memcmp(key, name, len);
	if (len + 2 > sizeof(quoted)) /* longer than any of ours with every byte escaped */
		return false;
	quoted[0] = quoted[len + 1] = '"';
	memcpy(quoted + 1, key, len);
	plain = unescape(quoted, len + 2);
	is = plain && !strcmp(plain, name);
	free(plain);
	return is;
}

/* Where the values of some keys go. */
struct wanted {
	const char *name;
	struct jsonrpc_text *to;
};

static int take(void *arg, const char *key, size_t key_len, const char *value, size_t value_len)
{
	for (const struct wanted *w = arg; w->name; w++)
		if (is_key(key, key_len, w->name))
			*w->to = (struct jsonrpc_text){value, value_len};
	return 0;
}

static bool is_text(const struct jsonrpc_text *t, const char *text)
{
	return t->at && t->len == strlen(text) && !memcmp(t->at, text, t->len);
}

/* Members of params, or of a result, which need not be an object. */
static void look_inside(const struct jsonrpc_text *object, struct wanted *wanted)
{
	size_t at;

	if (object->at && *object->at == '{')
		json_scan(object->at, object->len, take, wanted, &at);
}

/* What is an object, but no message, is nobody's business. */
static bool classify(struct jsonrpc_message *m, const struct jsonrpc_text *result,
		     const struct jsonrpc_text *error)
{
	if (m->method)
		m->kind = m->id.at ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
	else if (error->at && !is_text(error, "null"))
		m->kind = JSONRPC_ERROR;
	else
		m->kind = JSONRPC_RESULT;
	if (m->kind >= JSONRPC_RESULT)
		m->result = m->kind == JSONRPC_ERROR ? *error : *result;
	return m->method || (m->result.at && m->id.at);
}

static void look_at_call(struct jsonrpc_message *m, char **tool)
{
	struct jsonrpc_text name = {0};
	struct wanted wanted[] = {{"name", &name}, {"arguments", &m->arguments}, {0}};

	if (m->kind != JSONRPC_REQUEST || strcmp(m->method, "tools/call") != 0)
		return;
	look_inside(&m->params, wanted);
	*tool = unescape(name.at, name.len);
	m->tool = *tool;
}

static void look_at_answer(struct jsonrpc_message *m)
{
	struct jsonrpc_text failed = {0};
	struct wanted wanted[] = {{"isError", &failed}, {0}};

	if (m->kind == JSONRPC_RESULT)
		look_inside(&m->result, wanted);
	m->failed = m->kind == JSONRPC_ERROR || is_text(&failed, "true");
}

/* Returns 0, or -EBADMSG for what is no object. */
static int message(struct jsonrpc *r, const char *text, size_t len)
{
	struct jsonrpc_message m = {0};
	struct jsonrpc_text method = {0}, result = {0}, error = {0};
	struct wanted wanted[] = {{"method", &method}, {"id", &m.id},	 {"params", &m.params},
				  {"result", &result}, {"error", &error}, {0}};
	char *name, *tool = NULL;
	size_t at;

	if (json_scan(text, len, take, wanted, &at) < 0)
		return -EBADMSG;
	name = unescape(method.at, method.len);
	m.method = name;
	if (classify(&m, &result, &error)) {
		look_at_call(&m, &tool);
		look_at_answer(&m);
		r->handler->message(r->arg, &m);
	}
	free(name);
	free(tool);
	return 0;
}

/* ---- one line ---- */

/* The length of the value that an array has there, up to a comma or the array's end; its inside is not looked at. */
static size_t element(const char *text, size_t len)
{
	bool string = false;
	size_t depth = 0, i;

	for (i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			i += c == '\\';
			string = c != '"';
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth--)
				return i;
		} else if (c == ',' && !depth) {
			return i;
		}
	}
	return len;
}

static void trim(const char **text, size_t *len)
{
	while (*len && rpc_is_blank((unsigned char)**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len && rpc_is_blank((unsigned char)(*text)[*len - 1]))
		(*len)--;
}

/* Messages in an array. Those in front of what cannot be read are messages. */
static int batch(struct jsonrpc *r, const char *text, size_t len)
{
	const char *end = text + len;
	int ret = 0;

	if (len < 2 || end[-1] != ']')
		return -EBADMSG;
	for (text++, end--; text < end && ret == 0;) {
		size_t n = element(text, (size_t)(end - text)), inner = n;
		const char *one = text;

		trim(&one, &inner);
		if (inner || text + n < end)
			ret = message(r, one, inner);
		text += n;
		if (text < end && *text++ != ',')
			ret = -EBADMSG;
	}
	return ret;
}

static void line(struct jsonrpc *r, const char *text, size_t len)
{
	int ret = 0;

	trim(&text, &len);
	if (len && *text == '{')
		ret = message(r, text, len);
	else if (len && *text == '[')
		ret = batch(r, text, len);
	if (ret < 0)
		r->handler->unread(r->arg, JSONRPC_BROKEN, len);
}

/* ---- lines of a stream ---- */

static void skip(struct jsonrpc *r, enum jsonrpc_why why)
{
	if (!r->skips)
		r->why = why;
	r->skips = true;
	r->skipped += r->line.len;
	line_drop(r);
}

static void skip_end(struct jsonrpc *r)
{
	if (r->skips)
		r->handler->unread(r->arg, r->why, r->skipped);
	r->skips = false;
	r->skipped = 0;
}

/* Keeps the beginning of a line, or a further part of it. */
static void keep(struct jsonrpc *r, const char *data, size_t len)
{
	if (r->skips) {
		r->skipped += len;
		return;
	}
	if (r->line.len + len > RPC_LINE_MAX || *r->held + len > JSONRPC_HELD_MAX) {
		skip(r, JSONRPC_TOO_LONG);
		r->skipped += len;
		return;
	}
	buf_add(&r->line, data, len);
	if (r->line.failed) {
		skip(r, JSONRPC_TOO_LONG);
		r->skipped += len;
		return;
	}
	*r->held += len;
}

static void line_end(struct jsonrpc *r)
{
	if (r->skips)
		skip_end(r);
	else
		line(r, r->line.data, r->line.len);
	line_drop(r);
}

void jsonrpc_feed(struct jsonrpc *reader, const void *data, size_t len)
{
	const char *at = data, *end = at + len, *newline;

	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		size_t n = (size_t)(newline - at);

		if (!reader->line.len && !reader->skips && n <= RPC_LINE_MAX) {
			line(reader, at, n);
		} else {
			keep(reader, at, n);
			line_end(reader);
		}
		at = newline + 1;
	}
	if (at < end)
		keep(reader, at, (size_t)(end - at));
}

void jsonrpc_gap(struct jsonrpc *reader, uint64_t missing)
{
	skip(reader, JSONRPC_GAP);
	reader->skipped += missing;
}

void jsonrpc_forget(struct jsonrpc *reader)
{
	line_drop(reader);
	reader->skips = false;
	reader->skipped = 0;
}

void jsonrpc_end(struct jsonrpc *reader)
{
	line_end(reader);
}
