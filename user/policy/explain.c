/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/explain_parts.h"

#include <stdlib.h>
#include <strings.h>

#include "audit/names.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "policy/check.h"
#include "policy/fold_text.h"
#include "policy/reason.h"
#include "policy/rules.h"

const char *const explain_kinds[KIND_COUNT] = {"exec", "net", "http", "net:listen", "file"};

/* What a policy file says is shown, never obeyed by the terminal. */
static void add_visible(struct buf *out, const char *text)
{
	utf8_visible(out, text, strlen(text));
}

static void add_place(struct buf *out, const struct explain *e, struct place place)
{
	if (!place.line) {
		buf_add_str(out, "built in");
		return;
	}
	add_visible(out, e->policy->file);
	buf_addf(out, ":%u:%u", place.line, place.column);
}

/* A line of one layer. */
static void begin_line(struct buf *out, enum layer layer)
{
	buf_addf(out, "%s:%*s", layer_names[layer], 9 - (int)strlen(layer_names[layer]), "");
}

void explain_named(struct buf *out, const struct explain *e, const char *id, struct place place)
{
	add_visible(out, id);
	buf_add_str(out, " (");
	add_place(out, e, place);
	buf_add_char(out, ')');
}

/* The pattern as it is written, and what became of it. */
static void add_pattern(struct buf *out, const struct explain *e, const struct pattern *p)
{
	buf_add_char(out, '"');
	add_visible(out, p->source);
	buf_add_str(out, "\" (");
	if (p->tool) {
		buf_add_str(out, "tool ");
		add_visible(out, p->tool);
		buf_add_str(out, ", ");
	}
	if (p->kind == KIND_EXEC && p->text && strcmp(p->source + strlen("exec:"), p->text) != 0) {
		buf_add_str(out, "which is ");
		add_visible(out, p->text);
		buf_add_str(out, ", ");
	}
	add_place(out, e, p->place);
	buf_add_char(out, ')');
}

/* ---- entries ---- */

bool explain_has_name(const struct explain *e)
{
	return e->ask->len || !(e->ask->flags & ACTIVITY_UNKNOWN);
}

const struct pattern *explain_match(const struct explain *e, const struct patterns *patterns,
				    bool admits)
{
	for (size_t i = 0; i < patterns->count && explain_has_name(e); i++) {
		const struct pattern *p = &patterns->items[i];

		if (admits ? pattern_admits(p, &e->ask->name) : pattern_matches(p, &e->ask->name))
			return p;
	}
	return NULL;
}

const struct pattern *explain_except(const struct explain *e, const struct entry *entry, bool admits)
{
	for (size_t i = 0; i < entry->except.count && explain_has_name(e); i++)
		if (pattern_excepts(&entry->except.items[i], &e->ask->name, admits))
			return &entry->except.items[i];
	return NULL;
}

/* A line for each entry of a list whose patterns match. Returns how many are in force. */
static size_t explain_entries(const struct explain *e, const struct rule_list *list,
			      const char *verb, struct buf *out)
{
	size_t hits = 0;

	for (size_t i = 0; i < list->entries->count; i++) {
		const struct entry *entry = &list->entries->items[i];
		const struct pattern *match =
			explain_match(e, &entry->match, list->layer != LAYER_DENY);
		const struct pattern *except =
			explain_except(e, entry, list->layer != LAYER_DENY);
		const struct pattern *file = NULL;
		bool holds;

		if (list->layer == LAYER_DENY && e->ask->known && (!match || except))
			file = entry_file(entry, &e->ask->file);
		if (file) {
			match = file;
			except = NULL;
		}
		if (!match)
			continue;
		holds = explain_holds(e, entry, list->layer == LAYER_ALLOW, NULL);
		hits += !except && holds;
		begin_line(out, list->layer);
		explain_named(out, e, entry->id, entry->place);
		buf_addf(out, " %s ", file && holds	   ? "matches the same file by"
				      : except || !holds ? "would match by"
							 : verb);
		add_pattern(out, e, match);
		if (except) {
			buf_add_str(out, ", but excepts ");
			add_pattern(out, e, except);
		} else if (!holds) {
			buf_add_str(out, ", but ");
			explain_holds(e, entry, list->layer == LAYER_ALLOW, out);
		} else if (entry->audit) {
			buf_add_str(out, ", and only records (mode: audit)");
		}
		buf_add_char(out, '\n');
	}
	return hits;
}

static void explain_deny(const struct explain *e, const struct rule_list *lists,
			 const struct activity *a, struct buf *out)
{
	enum kind kind = e->ask->name.kind;

	size_t hits = explain_entries(e, &lists[0], "matches", out) +
		      explain_entries(e, &lists[3], "matches", out);
	struct rule_view rule;

	if (hits)
		return;
	begin_line(out, LAYER_DENY);
	if (ask_rule(e->img, a->hit.deny, &rule)) { /* a broker, of which its plain path is known */
		buf_addf(out, "%s (built in) matches where that path leads\n", rule.id);
		return;
	}
	buf_add_str(out, "no entry matches\n");
	if ((a->flags & ACTIVITY_UNKNOWN) && a->hit.allow == RULE_NONE &&
	    image_header(e->img)->kinds[kind].ruled) {
		begin_line(out, LAYER_DENY);
		buf_addf(out, "what %s is refused where there are rules for %s\n",
			 e->ask->name.raw ? "sends to any address" : "cannot be named",
			 explain_kinds[kind]);
	}
}

static void explain_allow(const struct explain *e, const struct rule_list *lists, struct buf *out)
{
	struct closer closer = policy_closer(e->policy, e->ask->name.kind);
	size_t hits = explain_entries(e, &lists[1], "admits it by", out) +
		      explain_entries(e, &lists[4], "admits it by", out);

	if (hits)
		return;
	begin_line(out, LAYER_ALLOW);
	if (!closer.rule) {
		buf_addf(out, "%s is open\n", explain_kinds[e->ask->name.kind]);
		return;
	}
	buf_addf(out, "no entry admits it, and %s is closed by ", explain_kinds[e->ask->name.kind]);
	explain_named(out, e, closer.rule, closer.place);
	buf_add_char(out, '\n');
}

/* Whether plaintext can be seen shows on the connection, so this says what would be. */
static void explain_opaque(const struct explain *e, const struct rule_list *list, struct buf *out)
{
	static const char *const words[] = {
		[CHOICE_ALLOW] = "allow",
		[CHOICE_AUDIT] = "audit",
		[CHOICE_DENY] = "deny",
	};

	if (e->ask->name.kind != KIND_NET || e->ask->name.text ||
	    explain_entries(e, list, "admits what cannot be seen by", out))
		return;
	begin_line(out, LAYER_OPAQUE);
	buf_addf(out, "%s, should its plaintext not be seen", words[e->policy->opaque]);
	if (e->policy->opaque_place.line) {
		buf_add_str(out, " (");
		add_place(out, e, e->policy->opaque_place);
		buf_add_char(out, ')');
	}
	buf_add_char(out, '\n');
}

/* ---- content ---- */

static bool has_phrase(const char *text, size_t text_len, const char *phrase, bool exact)
{
	size_t len = strlen(phrase);

	if (exact)
		return memmem(text, text_len, phrase, len) != NULL;
	for (size_t at = 0; at + len <= text_len; at++)
		if (!strncasecmp(text + at, phrase, len))
			return true;
	return false;
}

const char *explain_phrase(const struct explain *e, const struct content_rule *rule)
{
	_buf_ struct buf folded = {};
	const char *text = e->text;
	size_t len = e->text_len;

	if (!text || !(rule->in >> e->ask->name.kind & 1))
		return NULL;
	if (rule->folded) {
		fold_text(&folded, text, len);
		text = folded.data;
		len = folded.len;
	}
	for (size_t i = 0; i < rule->phrases.count; i++)
		if (*rule->phrases.items[i] &&
		    has_phrase(text, len, rule->phrases.items[i], rule->exact))
			return rule->phrases.items[i];
	return NULL;
}

static void explain_content(const struct explain *e, struct buf *out)
{
	size_t rules = 0, broken = 0;

	for (size_t i = 0; i < e->policy->content_count; i++) {
		const struct content_rule *rule = &e->policy->content[i];
		const char *phrase = explain_phrase(e, rule);

		rules += rule->in >> e->ask->name.kind & 1;
		if (!phrase)
			continue;
		broken++;
		begin_line(out, LAYER_CONTENT);
		explain_named(out, e, rule->name, rule->place);
		buf_add_str(out, " has the phrase \"");
		add_visible(out, phrase);
		buf_add_str(out, "\"\n");
	}
	if (broken)
		return;
	begin_line(out, LAYER_CONTENT);
	if (!rules)
		buf_addf(out, "no rule for %s\n", explain_kinds[e->ask->name.kind]);
	else
		buf_add_str(out,
			    e->text ? "no phrase matches\n" : "not looked at: no text was given\n");
}

/* ---- the whole ---- */

/* A host may have any address. */
static void explain_address(const struct explain *e, struct buf *out)
{
	const struct activity_name *n = &e->ask->name;

	if (n->kind == KIND_NET && n->host)
		buf_addf(out, "address:  taken for a %s one that no rule for addresses names\n",
			 n->private ? "private" : "public");
}

static void add_verdict(const struct explain *e, const struct decision *d, struct buf *out)
{
	struct rule_view rule;

	buf_addf(out, "%s %s ", verdict_names[d->verdict], layer_names[d->layer]);
	if (!ask_rule(e->img, d->rule, &rule)) {
		buf_add_str(out, "- -\n");
		return;
	}
	add_visible(out, rule.id);
	buf_add_char(out, ' ');
	if (rule.line)
		add_place(out, e, (struct place){rule.line, rule.column});
	else
		buf_add_char(out, '-');
	buf_add_char(out, '\n');
}

void explain(const struct explain *e, struct buf *out)
{
	struct rule_list lists[RULE_LISTS];
	_free_ char *reason = NULL;
	struct activity a;
	struct decision d;

	rule_lists(e->policy, lists);
	ask_decide(e->img, e->ask, e->text, e->text_len, &a, &d);
	add_verdict(e, &d, out);
	explain_address(e, out);
	explain_deny(e, lists, &a, out);
	explain_allow(e, lists, out);
	explain_opaque(e, &lists[2], out);
	explain_content(e, out);
	reason = decision_reason(e->img, &d, e->activity);
	if (!reason) {
		out->failed = true;
		return;
	}
	if (d.verdict == VERDICT_ALLOW)
		return;
	buf_add_str(out, "reason:   ");
	add_visible(out, reason);
	buf_add_char(out, '\n');
	explain_remedies(e, &a, out);
}
