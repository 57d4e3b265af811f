/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "console.h"

#include <stdio.h>
#include <string.h>

#include "audit/names.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/utf8.h"

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define RESET  "\033[0m"

static const struct {
	const char *verdict;
	const char *word; /* what a person reads */
	const char *colour;
	enum log_level level;
} styles[] = {
	{"allow", "allowed", GREEN, LOG_VERBOSE},
	{"audit", "would deny", YELLOW, LOG_NOTICE},
	{"deny", "denied", RED, LOG_NOTICE},
	{"kill", "killed", RED, LOG_NOTICE},
};

#define STYLES (sizeof(styles) / sizeof(styles[0]))

static size_t style_of(const char *verdict)
{
	for (size_t i = 0; i < STYLES; i++)
		if (!strcmp(verdict, styles[i].verdict))
			return i;
	return STYLES;
}

/* What a workload chose to call things must not move the cursor. */
static void add_text(struct buf *b, const char *text)
{
	utf8_visible(b, text, strlen(text));
}

/* Why, unless it was allowed, and who: ": reason (tier)  [python3 4711]". */
static void add_rest(struct buf *b, const struct audit_event *ev)
{
	const struct audit_decision *d = &ev->decision;

	if (d->reason && *d->reason) {
		buf_add_str(b, ": ");
		add_text(b, d->reason);
	}
	if (d->tier && strcmp(d->tier, "none"))
		buf_addf(b, " (%s)", d->tier);
	buf_add_str(b, "  [");
	add_text(b, ev->process.comm ? ev->process.comm : "?");
	buf_addf(b, " %llu]", (unsigned long long)ev->process.pid.value);
}

void console_event(const struct audit_event *ev, const char *trail, uint64_t seq)
{
	_buf_ struct buf line = {0};
	size_t i;

	if (!ev->decision.verdict || !ev->activity)
		return;
	i = style_of(ev->decision.verdict);
	if (i == STYLES || styles[i].level > log_level)
		return;
	buf_addf(&line, "%s%-10s%s %s", log_colour() ? styles[i].colour : "", styles[i].word,
		 log_colour() ? RESET : "", ev->type == AUDIT_OPAQUE ? "opaque " : "");
	add_text(&line, ev->activity);
	add_rest(&line, ev);
	if (!buf_error(&line))
		log_line(styles[i].level, "%.*s", (int)line.len, (const char *)line.data);
	if (seq && i >= 2 && trail && strcmp(trail, "-"))
		log_verbose("           line %llu of %s", (unsigned long long)seq, trail);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void console_summary(const struct session_counts *c, const struct tiers *t, bool enforcing,
		     const char *trail)
{
	log_notice("%llu program%s, %llu destination%s, %llu request%s: %llu denied, %llu would "
		   "have been",
		   (unsigned long long)c->programs, plural(c->programs),
		   (unsigned long long)c->destinations, plural(c->destinations),
		   (unsigned long long)c->requests, plural(c->requests),
		   (unsigned long long)c->refused, (unsigned long long)c->audited);
	if (enforcing)
		log_notice("enforced by: exec %s, net %s, plaintext %s", tier_names[t->exec],
			   tier_names[t->net], tier_names[t->plaintext]);
	else
		log_notice("nothing was enforced: %s", "this run only watched");
	if (strcmp(trail, "-"))
		log_notice("audit trail: %s", trail);
}
