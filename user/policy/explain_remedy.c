/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/explain_parts.h"

#include "base/utf8.h"
#include "policy/check.h"

/* What would have to change in the policy for an activity to be allowed. */

/* One ASCII character between double quotes of YAML. */
static void add_char(struct buf *out, char c)
{
	if (c == '"' || c == '\\')
		buf_add_char(out, '\\');
	utf8_visible(out, &c, 1); /* its escapes are YAML's */
}

static void add_ascii(struct buf *out, char c, bool last)
{
	if ((unsigned char)c < ' ' || c == 0x7f) {
		buf_add_char(out, '?');
		return;
	}
	if (strchr("*?\\[]{}", c) || (c == ' ' && last))
		add_char(out, '\\');
	add_char(out, c);
}

/*
 * Text as a glob that matches just that, as it stands between double quotes of YAML. YAML has no
 * words for bytes that are no text, and patterns take no control characters: both become '?', any
 * one byte. A blank at the end is escaped, to show that it is meant.
 */
static void add_literal(struct buf *out, const char *text)
{
	for (size_t left = strlen(text); left;) {
		int n = utf8_step(text, left);

		if (n == 1)
			add_ascii(out, *text, left == 1);
		else if (n > 1)
			utf8_visible(out, text, (size_t)n);
		for (int bad = n; bad < 0; bad++)
			buf_add_char(out, '?');
		n = n < 0 ? -n : n;
		text += n;
		left -= (size_t)n;
	}
}

void explain_pattern(const struct ask *ask, const char *activity, struct buf *out)
{
	const struct activity_name *n = &ask->name;

	buf_addf(out, "\"%s:", explain_kinds[n->kind]);
	if (n->kind == KIND_HTTP) {
		add_literal(out, n->method);
		buf_add_char(out, ' ');
		if (*n->host == '[')
			utf8_visible(out, n->host, strlen(n->host));
		else
			add_literal(out, n->host);
		if (*n->path == '/') /* no pattern says "no path": it is left out */
			add_literal(out, n->path);
	} else if (n->text) {
		buf_add_str(out, n->kind == KIND_NET ? "unix:" : n->kind == KIND_FILE ? "write " : "");
		add_literal(out, n->text);
	} else {
		activity += strlen(explain_kinds[n->kind]) + 1;
		utf8_visible(out, activity, strlen(activity));
	}
	buf_add_char(out, '"');
}

/* A name cannot be excepted from addresses, nor an address from names. */
static bool may_except(const struct explain *e, const struct entry *entry)
{
	bool host = e->ask->name.host;

	for (size_t i = 0; i < entry->match.count && e->ask->name.kind == KIND_NET; i++)
		if (host ? pattern_is_address(&entry->match.items[i])
			 : pattern_is_host(&entry->match.items[i]))
			return false;
	return true;
}

static void remedy_deny(const struct explain *e, struct buf *out)
{
	for (size_t i = 0; i < e->policy->deny.count; i++) {
		const struct entry *entry = &e->policy->deny.items[i];

		if (entry->audit || !explain_holds(e, entry, false, NULL) ||
		    !explain_match(e, &entry->match, false) ||
		    explain_except(e, entry, false))
			continue;
		buf_add_str(out, "to allow it, remove ");
		explain_named(out, e, entry->id, entry->place);
		if (may_except(e, entry)) {
			buf_add_str(out, ", or add to its except: - ");
			explain_pattern(e->ask, e->activity, out);
		}
		buf_add_char(out, '\n');
	}
}

/* A deny entry that only records names a broker without closing net. */
static void remedy_broker(const struct explain *e, struct buf *out)
{
	bool named = false;

	for (size_t i = 0; i < e->policy->brokers.count; i++)
		named |= explain_match(e, &e->policy->brokers.items[i].match, false) &&
			 !explain_except(e, &e->policy->brokers.items[i], false);
	if (!named)
		return;
	buf_add_str(out, "to allow it, and record its use, add to deny: - {match: ");
	explain_pattern(e->ask, e->activity, out);
	buf_add_str(out, ", mode: audit}\n");
}

/*
 * Naming a kind in `allow` closes it, so a kind that was open is opened again by its general
 * pattern. That one does not admit what has no name.
 */
static void remedy_allow(const struct explain *e, const struct activity *a, struct buf *out)
{
	enum kind kind = e->ask->name.kind;
	const char *key = a->flags & ACTIVITY_CHANGED ? "changed"
			  : e->ask->name.private      ? "private"
						      : NULL;
	bool closed = policy_closer(e->policy, kind).rule;

	if (a->hit.allow != RULE_NONE || (!closed && !(a->flags & ACTIVITY_UNKNOWN)) ||
	    !image_header(e->img)->kinds[kind].ruled)
		return;
	if (!explain_has_name(e)) {
		buf_addf(out, "no rule can allow it: names of more than %u bytes are not matched\n",
			 NAME_MAX_LEN);
		return;
	}
	buf_add_str(out, "to allow it, add to allow: - ");
	buf_add_str(out, key ? "{match: " : "");
	explain_pattern(e->ask, e->activity, out);
	if (key)
		buf_addf(out, ", %s: true}", key);
	buf_add_char(out, '\n');
	if (!closed)
		buf_addf(out, "and, as that closes %s, add to allow: - \"%s:*\"\n",
			 explain_kinds[kind], explain_kinds[kind]);
}

static void remedy_content(const struct explain *e, struct buf *out)
{
	for (size_t i = 0; i < e->policy->content_count; i++) {
		const struct content_rule *rule = &e->policy->content[i];
		const char *phrase = explain_phrase(e, rule);

		if (!phrase)
			continue;
		buf_add_str(out, "to allow it, remove \"");
		utf8_visible(out, phrase, strlen(phrase));
		buf_add_str(out, "\" from ");
		explain_named(out, e, rule->name, rule->place);
		buf_addf(out, ", or %s from its in\n", explain_kinds[e->ask->name.kind]);
	}
}

void explain_remedies(const struct explain *e, const struct activity *a, struct buf *out)
{
	remedy_deny(e, out);
	remedy_broker(e, out);
	remedy_allow(e, a, out);
	remedy_content(e, out);
}
