/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_RANDOM_POLICY_H
#define TESTS_BPF_RANDOM_POLICY_H

/*
 * Random policies, as the text of a policy file, so that a difference can be read, kept and tried
 * by hand.
 */

#include "image.h"
#include "random_pattern.h"

#define TOOLS 3

/* In quotes, where a backslash is an escape of YAML's, too. */
static void add_quoted(struct buf *b, const char *text, size_t len)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < len; i++) {
		if (strchr("\"\\", text[i]))
			buf_add_char(b, '\\');
		buf_add_char(b, text[i]);
	}
	buf_add_char(b, '"');
}

static void add_quoted_by(struct buf *b, random_fn make)
{
	_buf_ struct buf text = {};

	make(&text);
	add_quoted(b, text.data, text.len);
}

/* One pattern, or now and then the name of a tool, where that may stand. */
static void add_item(struct buf *b, random_fn make)
{
	/* Tools have addresses. */
	if (make == add_pattern && !of_hosts && once_in(8))
		buf_addf(b, "tool%u", pick(TOOLS));
	else
		add_quoted_by(b, make);
}

static void add_list(struct buf *b, random_fn make, uint32_t n)
{
	buf_add_char(b, '[');
	for (uint32_t i = 0; i < n; i++) {
		buf_add_str(b, i ? ", " : "");
		add_item(b, make);
	}
	buf_add_char(b, ']');
}

/* Phrases that end each other, begin each other, and differ by case only. */
static const char *const phrase_words[] = {
	"rm -rf", "rm",   "-rf /", "DROP TABLE", "drop",       "able users", "RM",  "Delete",
	"e f",    "aaab", "aab",   "sudo",       "sudo rm -f", "\xc3\xa4x",  "#!/b"};

static void add_phrase(struct buf *b)
{
	ADD_WORD(b, phrase_words);
}

/* " KEY: {any: [...], none: [...]}", or only one of the lists. */
static void add_condition(struct buf *b, const char *key)
{
	static const char *const lists[] = {"any", "none"};
	uint32_t which = 1 + pick(3);

	buf_addf(b, ", %s: {", key);
	for (uint32_t i = 0; i < 2; i++) {
		if (!(which >> i & 1))
			continue;
		buf_addf(b, "%s%s: ", which == 3 && i ? ", " : "", lists[i]);
		add_list(b, add_phrase, 1 + pick(3));
	}
	buf_add_char(b, '}');
}

/* Few, which begin and end alike. */
static void add_hash(struct buf *b)
{
	buf_addf(b, "%c%061d%c%c", "aA0"[pick(3)], 0, "01"[pick(2)], "bB1"[pick(3)]);
}

static uint32_t conditional_entries; /* a policy may have so many only */

/* What is admitted by its hash has a path. */
static bool has_paths_only(const struct buf *b, size_t from)
{
	return !memmem(b->data + from, b->len - from, "exec:m", 6) &&
	       !memmem(b->data + from, b->len - from, "exec:u", 6);
}

static void add_conditions(struct buf *b, bool denies, size_t from)
{
	uint32_t which = pick(denies ? 7 : 8) + denies;

	if (!denies && !has_paths_only(b, from))
		which &= 3;
	if (!denies && pick(4)) /* most, as few questions are admitted by one */
		buf_add_str(b, ", changed: true");
	if (!which)
		return;
	conditional_entries++;
	if (which & 1)
		add_condition(b, "args");
	if (which & 2)
		add_condition(b, "env");
	if (which & 4) {
		buf_add_str(b, ", sha256: ");
		add_list(b, add_hash, 1 + pick(3));
	}
}

static void add_entry(struct buf *b, random_fn make, bool denies, bool admits)
{
	/* Only programs have arguments and an environment. */
	bool conditional = make == add_pattern && conditional_entries < CONDS_MAX && once_in(3);
	size_t from = b->len;

	of_hosts = pick(2);
	hosts_added = 0;
	buf_add_str(b, "  - ");
	if (!conditional && once_in(3)) {
		add_item(b, make);
		buf_add_char(b, '\n');
		return;
	}
	if (conditional)
		make = add_exec;
	buf_add_str(b, "{match: ");
	add_list(b, make, 1 + pick(3));
	if (conditional)
		add_conditions(b, denies, from);
	if (admits && hosts_added && pick(2))
		buf_add_str(b, ", private: true");
	if (pick(2)) {
		buf_add_str(b, ", except: ");
		add_list(b, make, 1 + pick(3));
	}
	if (denies && once_in(3))
		buf_add_str(b, ", mode: audit");
	if (denies && once_in(4))
		buf_add_str(b, ", action: kill");
	if (once_in(4))
		buf_add_str(b, ", reason: because");
	buf_add_str(b, "}\n");
}

static void add_entries(struct buf *b, const char *key, random_fn make, uint32_t n)
{
	if (n)
		buf_addf(b, "%s:\n", key);
	for (uint32_t i = 0; i < n; i++)
		add_entry(b, make, !strcmp(key, "deny"), !strcmp(key, "allow"));
	of_hosts = false;
}

static void add_tools(struct buf *b)
{
	buf_add_str(b, "tools:\n");
	for (uint32_t i = 0; i < TOOLS; i++) {
		buf_addf(b, "  tool%u: {match: [", i);
		add_quoted_by(b, add_pattern);
		buf_add_str(b, ", ");
		add_quoted_by(b, add_pattern);
		buf_add_str(b, "]}\n");
	}
}

static void add_default(struct buf *b)
{
	static const char *const words[] = {"allow", "deny"};
	static const char *const kinds[] = {"exec", "net", "http"};

	if (pick(2))
		return;
	buf_add_str(b, "default: ");
	if (once_in(3)) {
		ADD_WORD(b, words);
	} else {
		buf_addf(b, "{%s: ", kinds[pick(3)]);
		ADD_WORD(b, words);
		buf_add_char(b, '}');
	}
	buf_add_char(b, '\n');
}

static void add_opaque(struct buf *b)
{
	static const char *const words[] = {"allow", "audit", "deny"};

	if (once_in(3))
		return;
	buf_add_str(b, "opaque:\n  default: ");
	ADD_WORD(b, words);
	buf_add_char(b, '\n');
	add_entries(b, "  allow", add_destination, pick(4));
}

static void add_content(struct buf *b, uint32_t n)
{
	static const char *const places[] = {"exec", "http", "[exec, http]"};

	if (n)
		buf_add_str(b, "content:\n");
	for (uint32_t i = 0; i < n; i++) {
		buf_addf(b, "  - {name: words%u, in: %s, deny: ", i, places[pick(3)]);
		add_list(b, add_phrase, 1 + pick(3));
		if (pick(2))
			buf_add_str(b, ", case: exact");
		if (pick(2))
			buf_add_str(b, ", space: any");
		buf_add_str(b, "}\n");
	}
}

/* Appends a policy of up to `entries` deny entries, and somewhat fewer others. */
static void random_policy(struct buf *b, uint32_t entries)
{
	conditional_entries = 0;
	buf_add_str(b, "version: 1\nname: random\n");
	if (once_in(6))
		buf_add_str(b, "mode: audit\n");
	if (pick(2))
		buf_addf(b, "on_audit_failure: %s\n", pick(2) ? "deny" : "continue");
	add_tools(b);
	add_entries(b, "deny", add_pattern, pick(entries + 1));
	add_entries(b, "allow", add_pattern, pick(2) ? pick(entries / 2 + 1) : 0);
	add_default(b);
	add_opaque(b);
	add_content(b, pick(2) ? 1 + pick(4) : 0);
}

#endif
