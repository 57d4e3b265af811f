/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

/* ---- writing ---- */

static void begin(struct buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		buf_add_char(b, ',');
	if (key) {
		buf_add_char(b, '"');
		buf_add_str(b, key);
		buf_add(b, "\":", 2);
	}
}

/* What a plain copy cannot write. Returns how many bytes it took. */
static size_t add_special(struct buf *b, const char *s, size_t len)
{
	static const char letters[256] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
					  ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
	unsigned char c = (unsigned char)*s;
	int n;

	if (letters[c]) {
		buf_add(b, (char[]){'\\', letters[c]}, 2);
		return 1;
	}
	if (c < 0x20) {
		buf_addf(b, "\\u%04x", c);
		return 1;
	}
	n = utf8_step(s, len);
	if (n < 0) {
		buf_add_str(b, UTF8_REPLACEMENT);
		return (size_t)-n;
	}
	buf_add(b, s, (size_t)n);
	return (size_t)n;
}

void json_text(struct buf *b, const char *key, const char *s, size_t len)
{
	begin(b, key);
	buf_add_char(b, '"');
	for (size_t i = 0; i < len;) {
		size_t run = i + utf8_plain(s + i, len - i);

		buf_add(b, s + i, run - i);
		i = run < len ? run + add_special(b, s + run, len - run) : run;
	}
	buf_add_char(b, '"');
}

void json_u64(struct buf *b, const char *key, uint64_t v)
{
	begin(b, key);
	buf_add_u64(b, v);
}

void json_bool(struct buf *b, const char *key, bool v)
{
	begin(b, key);
	buf_add_str(b, v ? "true" : "false");
}

void json_base64(struct buf *b, const char *key, const void *data, size_t len)
{
	begin(b, key);
	buf_add_char(b, '"');
	buf_add_base64(b, data, len);
	buf_add_char(b, '"');
}

size_t json_open(struct buf *b, const char *key, char bracket)
{
	size_t mark = b->len;

	begin(b, key);
	buf_add_char(b, bracket);
	return mark;
}

void json_close(struct buf *b, char bracket)
{
	buf_add_char(b, bracket);
}

void json_close_or_drop(struct buf *b, size_t mark, char bracket)
{
	char last = b->len ? b->data[b->len - 1] : '\0';

	if (last == '{' || last == '[')
		b->len = mark;
	else
		json_close(b, bracket);
}

/* ---- reading ---- */

struct scan {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool accept(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool scan_escape(struct scan *s)
{
	if (s->p == s->end || !*s->p || !strchr("\"\\/bfnrtu", *s->p))
		return false;
	if (*s->p++ != 'u')
		return true;
	for (int i = 0; i < 4; i++, s->p++)
		if (s->p == s->end || !*s->p || !strchr("0123456789abcdefABCDEF", *s->p))
			return false;
	return true;
}

static bool scan_string(struct scan *s)
{
	if (!accept(s, '"'))
		return false;
	for (;;) {
		int n;

		s->p += utf8_plain(s->p, (size_t)(s->end - s->p));
		if (s->p == s->end)
			return false;
		if (accept(s, '"')) {
			return true;
		} else if (accept(s, '\\')) {
			if (!scan_escape(s))
				return false;
		} else {
			n = utf8_step(s->p, (size_t)(s->end - s->p));
			if (n < 2) /* invalid, or a control character */
				return false;
			s->p += n;
		}
	}
}

static bool scan_digits(struct scan *s)
{
	const char *first = s->p;

	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return s->p > first;
}

static bool scan_number(struct scan *s)
{
	accept(s, '-');
	if (!accept(s, '0') && !scan_digits(s))
		return false;
	if (accept(s, '.') && !scan_digits(s))
		return false;
	if (accept(s, 'e') || accept(s, 'E')) {
		if (!accept(s, '+'))
			accept(s, '-');
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= n && !memcmp(s->p, words[i], n)) {
			s->p += n;
			return true;
		}
	}
	return false;
}

static bool scan_value(struct scan *s, int depth);

/* Elements until `close`, members with keys when it is a brace; behind the opening bracket. */
static bool scan_elements(struct scan *s, char close, int depth)
{
	skip_space(s);
	if (accept(s, close))
		return true;
	do {
		skip_space(s);
		if (close == '}') {
			if (!scan_string(s))
				return false;
			skip_space(s);
			if (!accept(s, ':'))
				return false;
			skip_space(s);
		}
		if (!scan_value(s, depth))
			return false;
		skip_space(s);
	} while (accept(s, ','));
	return accept(s, close);
}

static bool scan_value(struct scan *s, int depth)
{
	if (s->p == s->end || depth >= JSON_DEPTH)
		return false;
	if (*s->p == '"')
		return scan_string(s);
	if (accept(s, '{'))
		return scan_elements(s, '}', depth + 1);
	if (accept(s, '['))
		return scan_elements(s, ']', depth + 1);
	return *s->p == '-' || is_digit(*s->p) ? scan_number(s) : scan_word(s);
}

/* One member of the outermost object. Returns 1 when it is no JSON, else what `fn` returned. */
static int scan_member(struct scan *s, json_member_fn fn, void *arg)
{
	const char *key, *key_end, *value;

	skip_space(s);
	key = s->p + 1;
	if (!scan_string(s))
		return 1;
	key_end = s->p - 1;
	skip_space(s);
	if (!accept(s, ':'))
		return 1;
	skip_space(s);
	value = s->p;
	if (!scan_value(s, 1))
		return 1;
	return fn(arg, key, (size_t)(key_end - key), value, (size_t)(s->p - value));
}

int json_scan(const char *text, size_t len, json_member_fn fn, void *arg, size_t *ret_at)
{
	struct scan s = {text, text + len};
	int r = 1;

	skip_space(&s);
	if (!accept(&s, '{'))
		goto bad;
	skip_space(&s);
	if (!accept(&s, '}')) {
		do {
			r = scan_member(&s, fn, arg);
			if (r)
				goto bad;
			skip_space(&s);
		} while (accept(&s, ','));
		if (!accept(&s, '}'))
			goto bad;
	}
	skip_space(&s);
	if (s.p == s.end)
		return 0;
bad:
	if (r < 0)
		return r;
	*ret_at = (size_t)(s.p - text);
	return -EBADMSG;
}
