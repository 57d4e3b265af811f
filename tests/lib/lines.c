/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Looks into files of JSON lines, for tests: audit trails and the logs of the servers.
 *
 *   lines count FILE COND...       how many lines fulfil every condition
 *   lines acts  FILE COND...       how many acts they stand for: a folded line is `repeat` of them
 *   lines show  FILE KEY COND...   the values of KEY in those lines, one a line
 *   lines text  FILE TEXT          on how many connections the far end received TEXT
 *   lines after FILE PATH          how many bytes a connection still received after it had
 *                                  answered PATH; -1 when it never did
 *
 * COND is KEY=GLOB, or KEY!=GLOB; a key goes into objects and lists with dots: decision.verdict=deny,
 * exec.args.0=sh. A missing key has the value "" (so KEY= asks for absence). A value that is no string is
 * its JSON, with a blank behind commas and colons, in ASCII.
 *
 * What warden writes is read without warden's own reader, strictly by RFC 8259. A program of a few pages,
 * because tests ask hundreds of times, and an interpreter's start takes an emulated machine half a second.
 */
#include <err.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define DEPTH        64
#define NUL_STAND_IN 1 /* in values that are matched: no glob on a command line holds NUL, and none this */

/* ---- one value ----
 *
 * What is read is appended to a buffer; without one it is only checked, or stepped over.
 */

static void put(struct buf *b, const char *text, size_t len)
{
	if (b)
		buf_add(b, text, len);
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* The four digits of an escape, or -1. */
static long hex4(const char *p)
{
	char digits[5] = {0};

	if (strspn(p, "0123456789abcdefABCDEF") < 4)
		return -1;
	memcpy(digits, p, 4);
	return strtol(digits, NULL, 16);
}

static void add_utf8(struct buf *b, long c)
{
	if (c < 0x80) {
		buf_add_char(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(b, (char)(0xc0 | c >> 6));
	} else {
		buf_add_char(b, (char)(c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18));
		if (c >= 0x10000)
			buf_add_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(b, (char)(0x80 | (c & 0x3f)));
}

/* One escape, behind its backslash. Returns what comes behind it, or NULL. */
static const char *read_escape(const char *p, struct buf *ret)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter = *p ? strchr(letters, *p) : NULL;
	long c, low;

	if (letter) {
		put(ret, &meant[letter - letters], 1);
		return p + 1;
	}
	c = *p == 'u' ? hex4(p + 1) : -1;
	if (c < 0)
		return NULL;
	p += 5;
	low = c >> 10 == 0xd800 >> 10 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
	if (low >> 10 == 0xdc00 >> 10) {
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
		p += 6;
	}
	if (ret)
		add_utf8(ret, c);
	return p;
}

/* The text of a string. Returns what comes behind it, or NULL when it is none. */
static const char *read_string(const char *p, struct buf *ret)
{
	if (*p++ != '"')
		return NULL;
	while (p && *p != '"') {
		const char *run = p;

		while ((unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
			p++;
		put(ret, run, (size_t)(p - run));
		if (*p == '\\')
			p = read_escape(p + 1, ret);
		else if (*p != '"')
			return NULL;
	}
	return p ? p + 1 : NULL;
}

/* In ASCII, as other programs that are asked for JSON in one line print it. */
static void add_quoted(struct buf *b, const struct buf *text)
{
	static const char meant[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	buf_add_char(b, '"');
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];
		const char *special = c ? strchr(meant, c) : NULL;
		int more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		long code = more ? c & (0x3f >> more) : c;

		for (; more && i + 1 < text->len; more--)
			code = code << 6 | (text->data[++i] & 0x3f);
		if (special)
			buf_addf(b, "\\%c", letters[special - meant]);
		else if (code >= 0x10000)
			buf_addf(b, "\\u%04lx\\u%04lx", 0xd800 + ((code - 0x10000) >> 10),
				 0xdc00 + (code & 0x3ff));
		else if (code < ' ' || code > '~')
			buf_addf(b, "\\u%04lx", code);
		else
			buf_add_char(b, (char)code);
	}
	buf_add_char(b, '"');
}

static const char *read_digits(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n ? p + n : NULL;
}

static const char *read_number(const char *p)
{
	p += *p == '-';
	p = *p == '0' ? p + 1 : read_digits(p);
	if (p && *p == '.')
		p = read_digits(p + 1);
	if (p && (*p == 'e' || *p == 'E'))
		p = read_digits(p + 1 + (p[1] == '+' || p[1] == '-'));
	return p;
}

static const char *read_scalar(const char *p, struct buf *ret)
{
	static const char *const words[] = {"true", "false", "null"};
	_buf_ struct buf text = {0};
	const char *end = NULL;

	if (*p == '"') {
		end = read_string(p, ret ? &text : NULL);
		if (ret)
			add_quoted(ret, &text);
		return end;
	}
	for (size_t i = 0; i < 3 && !end; i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			end = p + strlen(words[i]);
	if (!end)
		end = read_number(p);
	if (end)
		put(ret, p, (size_t)(end - p));
	return end;
}

/* A value, as JSON. Returns what comes behind it, or NULL when there is none. */
static const char *read_value(const char *p, struct buf *ret, int depth)
{
	char close = *p == '{' ? '}' : ']';
	_buf_ struct buf key = {0};

	if (*p != '{' && *p != '[')
		return read_scalar(p, ret);
	if (depth == DEPTH)
		return NULL;
	put(ret, p, 1);
	p = skip_blanks(p + 1);
	for (bool first = true; *p != close; first = false) {
		if (!first && *p++ != ',')
			return NULL;
		if (!first)
			put(ret, ", ", 2);
		p = skip_blanks(p);
		if (close == '}') {
			buf_reset(&key);
			p = read_string(p, &key);
			p = p ? skip_blanks(p) : NULL;
			if (!p || *p++ != ':')
				return NULL;
			if (ret)
				add_quoted(ret, &key);
			put(ret, ": ", 2);
			p = skip_blanks(p);
		}
		p = read_value(p, ret, depth + 1);
		if (!p)
			return NULL;
		p = skip_blanks(p);
	}
	put(ret, &close, 1);
	return p + 1;
}

/* ---- values in a line ---- */

/* The value of a key in an object or list that has been read before, or NULL. The last one counts. */
static const char *member(const char *p, const char *name, size_t len)
{
	_buf_ struct buf key = {0};
	const char *found = NULL;
	bool object = *p == '{';
	char *end;
	size_t wanted = 0;

	if (*p != '{' && *p != '[')
		return NULL;
	if (!object) {
		wanted = strtoul(name, &end, 10);
		if (*name < '0' || *name > '9' || end != name + len)
			return NULL;
	}
	p = skip_blanks(p + 1);
	for (size_t i = 0; *p != '}' && *p != ']'; i++) {
		buf_reset(&key);
		if (object)
			p = skip_blanks(skip_blanks(read_string(p, &key)) + 1);
		if (object ? key.len == len && !memcmp(key.data, name, len) : i == wanted)
			found = p;
		p = skip_blanks(read_value(p, NULL, 0));
		p = skip_blanks(p + (*p == ','));
	}
	return found;
}

/* Writes the value of a key, NUL-terminated. Returns false when it is missing. */
static bool value_of(const char *line, const char *key, size_t len, struct buf *ret)
{
	buf_reset(ret);
	while (line) {
		size_t part = strcspn(key, ".");

		if (part > len)
			part = len;
		line = member(line, key, part);
		if (part == len)
			break;
		key += part + 1;
		len -= part + 1;
	}
	if (line && *line == '"')
		read_string(line, ret);
	else if (line)
		read_value(line, ret, 0);
	buf_add_char(ret, 0);
	if (buf_error(ret) < 0)
		errx(2, "out of memory");
	return line;
}

static bool is(const char *line, const char *key, const char *text)
{
	_buf_ struct buf value = {0};

	if (!value_of(line, key, strlen(key), &value))
		errx(2, "a line without %s: %s", key, line);
	return !strcmp(value.data, text);
}

static bool holds(const char *line, const char *condition)
{
	const char *equals = strchr(condition, '=');
	_buf_ struct buf value = {0};
	bool negated;
	int r;

	if (!equals || equals == condition)
		errx(2, "no condition: %s", condition);
	negated = equals[-1] == '!';
	value_of(line, condition, (size_t)(equals - condition) - negated, &value);
	for (size_t i = 0; i + 1 < value.len; i++)
		if (!value.data[i])
			value.data[i] = NUL_STAND_IN;
	r = fnmatch(equals + 1, value.data, FNM_NOESCAPE);
	if (r != 0 && r != FNM_NOMATCH)
		errx(2, "cannot match %s with %s", value.data, condition);
	return (r == 0) != negated;
}

static bool all_hold(const char *line, char **conditions)
{
	for (; *conditions; conditions++)
		if (!holds(line, *conditions))
			return false;
	return true;
}

/* ---- what is asked ---- */

static long long total;

static void count(const char *line, char **rest)
{
	total += all_hold(line, rest);
}

static void acts(const char *line, char **rest)
{
	_buf_ struct buf value = {0};

	if (all_hold(line, rest))
		total += value_of(line, "repeat", 6, &value) ? atoll(value.data) : 1;
}

static void show(const char *line, char **rest)
{
	_buf_ struct buf value = {0};

	if (!all_hold(line, rest + 1))
		return;
	value_of(line, *rest, strlen(*rest), &value);
	fwrite(value.data, 1, value.len - 1, stdout);
	putchar('\n');
}

static struct stream {
	char *conn;
	struct buf text;
} *streams;
static size_t stream_count;

static struct stream *stream_of(const char *conn)
{
	for (size_t i = 0; i < stream_count; i++)
		if (!strcmp(streams[i].conn, conn))
			return &streams[i];
	streams = realloc(streams, (stream_count + 1) * sizeof(*streams));
	if (!streams)
		errx(2, "out of memory");
	streams[stream_count] = (struct stream){.conn = strdup(conn)};
	return &streams[stream_count++];
}

static void text(const char *line, char **rest)
{
	_buf_ struct buf conn = {0}, part = {0};

	if (!is(line, "what", "data") && !is(line, "what", "datagram"))
		return;
	if (!value_of(line, "conn", 4, &conn) || !value_of(line, "text", 4, &part))
		errx(2, "data without a connection, or without text: %s", line);
	buf_add(&stream_of(conn.data)->text, part.data, part.len - 1);
}

static void text_end(char **rest)
{
	size_t len = strlen(*rest);

	for (size_t i = 0; i < stream_count; i++)
		total += !len || (streams[i].text.len &&
				  memmem(streams[i].text.data, streams[i].text.len, *rest, len));
}

static void after(const char *line, char **rest)
{
	static struct buf conn;
	_buf_ struct buf value = {0};

	if (is(line, "what", "answer") && is(line, "path", *rest)) {
		value_of(line, "conn", 4, &conn);
		total = 0;
	} else if (is(line, "what", "raw") && conn.len && is(line, "conn", conn.data)) {
		value_of(line, "bytes", 5, &value);
		total += atoll(value.data);
	}
}

static const struct verb {
	const char *name;
	void (*line)(const char *line, char **rest);
	void (*end)(char **rest);
	int arguments; /* at least */
	bool prints;   /* by itself */
	long long first;
} verbs[] = {
	{"count", count, NULL, 0, false, 0},  {"acts", acts, NULL, 0, false, 0},
	{"show", show, NULL, 1, true, 0},     {"text", text, text_end, 1, false, 0},
	{"after", after, NULL, 1, false, -1},
};

static const struct verb *find_verb(const char *name, int arguments)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name) && arguments >= verbs[i].arguments)
			return &verbs[i];
	errx(2, "usage: lines count|acts|show|text|after FILE ... (see the source)");
}

/* Whether all of it is one value, in valid UTF-8. */
static bool is_sound(const char *line, size_t len)
{
	const char *end = strlen(line) == len && mbstowcs(NULL, line, 0) != (size_t)-1
				  ? read_value(skip_blanks(line), NULL, 0)
				  : NULL;

	return end && !*skip_blanks(end);
}

int main(int argc, char **argv)
{
	const struct verb *verb = find_verb(argc > 2 ? argv[1] : "", argc - 3);
	FILE *file = fopen(argv[2], "re");
	size_t room = 0, number = 0;
	char *line = NULL;
	ssize_t len;

	if (!file || !setlocale(LC_ALL, "C.UTF-8"))
		err(2, "%s", argv[2]);
	total = verb->first;
	while ((len = getline(&line, &room, file)) > 0) {
		number++;
		if (!is_sound(line, (size_t)len))
			errx(2, "%s:%zu: not JSON: %s", argv[2], number, line);
		verb->line(skip_blanks(line), argv + 3);
	}
	if (ferror(file))
		err(2, "%s", argv[2]);
	if (verb->end)
		verb->end(argv + 3);
	if (!verb->prints)
		printf("%lld\n", total);
	return 0;
}
