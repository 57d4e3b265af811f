/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/reason.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/ask.h"

/* What a sentence is made of. */
struct refusal {
	const struct rule_view *rule; /* NULL: no rule */
	const char *kind;             /* of the activity, `kind_len` bytes */
	int kind_len;
	bool raw; /* net:raw, which has a name, but is as good as a destination without one */
};

static void add_place(struct buf *b, const struct rule_view *rule)
{
	if (rule->line)
		buf_addf(b, "%s:%u", rule->file, rule->line);
	else
		buf_add_str(b, "default");
}

static void say_audit(struct buf *b, const struct refusal *r)
{
	buf_add_str(b, "the audit trail cannot be written");
}

static void say_deny(struct buf *b, const struct refusal *r)
{
	if (!r->rule && r->raw)
		buf_add_str(b, "no entry names it, and there are rules for net");
	else if (!r->rule)
		buf_addf(b, "it cannot be named, and there are rules for %.*s", r->kind_len,
			 r->kind);
	else if (r->rule->mode == MODE_AUDIT)
		buf_addf(b, "matches %s, which only records", r->rule->id);
	else
		buf_addf(b, "%s by %s", r->rule->action == ACTION_KILL ? "killed" : "denied",
			 r->rule->id);
}

static void say_allow(struct buf *b, const struct refusal *r)
{
	buf_addf(b, "no allow entry (%.*s is closed by ", r->kind_len, r->kind);
	add_place(b, r->rule);
	buf_add_char(b, ')');
}

static void say_opaque(struct buf *b, const struct refusal *r)
{
	buf_add_str(b, "its plaintext cannot be seen (opaque is ");
	buf_add_str(b, r->rule->mode == MODE_AUDIT ? "audit: " : "deny: ");
	add_place(b, r->rule);
	buf_add_char(b, ')');
}

static void say_content(struct buf *b, const struct refusal *r)
{
	buf_addf(b, "phrase of content rule '%s'", r->rule->id);
}

static const struct {
	void (*say)(struct buf *b,
		    const struct refusal *r); /* NULL: such a layer refuses nothing */
	bool needs_rule;
} sentences[] = {
	[LAYER_NONE] = {},
	[LAYER_AUDIT] = {say_audit, false},
	[LAYER_DENY] = {say_deny, false},
	[LAYER_ALLOW] = {say_allow, true},
	[LAYER_OPAQUE] = {say_opaque, true},
	[LAYER_CONTENT] = {say_content, true},
};

/* Of the kind's name. What is listened at is a kind of its own, whose name has a colon. */
static size_t kind_len(const char *activity)
{
	static const char listen[] = "net:listen";

	return strncmp(activity, listen, strlen(listen)) ? strcspn(activity, ":") : strlen(listen);
}

char *decision_reason(const void *img, const struct decision *d, const char *activity)
{
	_buf_ struct buf b = {};
	struct rule_view rule;
	bool has_rule = ask_rule(img, d->rule, &rule);
	struct refusal r = {
		.rule = has_rule ? &rule : NULL,
		.kind = activity,
		.kind_len = (int)kind_len(activity),
		.raw = !strcmp(activity, "net:raw"),
	};

	if (d->verdict != VERDICT_ALLOW && sentences[d->layer].say &&
	    (has_rule || !sentences[d->layer].needs_rule)) {
		sentences[d->layer].say(&b, &r);
		if (has_rule && rule.reason)
			buf_addf(&b, ": %s", rule.reason);
	}
	buf_add_char(&b, '\0');
	return buf_error(&b) < 0 ? NULL : TAKE_PTR(b.data);
}
