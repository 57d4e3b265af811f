/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/explain_parts.h"

#include "base/utf8.h"

static const char *const keys[COND_TEXTS] = {
	[COND_ARGS] = "args",
	[COND_ENV] = "env",
	[COND_HASH] = "sha256",
};

/* The first phrase of the list that is in the text, or NULL. */
static const char *find_phrase(const char *text, size_t len, const struct phrase_list *list)
{
	for (size_t i = 0; text && i < list->count; i++)
		if (memmem(text, len, list->items[i], strlen(list->items[i])))
			return list->items[i];
	return NULL;
}

/* Host names admit private addresses where their entry says so. */
static bool admits_address(const struct explain *e, const struct entry *entry)
{
	bool admits = !e->ask->name.private || entry->private;

	for (size_t i = 0; i < entry->match.count && !admits; i++)
		admits = pattern_is_address(&entry->match.items[i]) &&
			 pattern_matches(&entry->match.items[i], &e->ask->name);
	return admits;
}

/* What is against an entry: a phrase that must not be there, or that none of the others is. */
static void add_fault(struct buf *out, const struct explain *e, enum cond_text text,
		      const char *none)
{
	if (none) {
		buf_addf(out, "--%s has \"", keys[text]);
		utf8_visible(out, none, strlen(none));
		buf_addf(out, "\" of its %s.none", keys[text]);
	} else if (text != COND_HASH) {
		buf_addf(out, "--%s has no phrase of its %s.any", keys[text], keys[text]);
	} else {
		buf_add_str(out, e->ask->hash ? "--sha256 is none of its sha256"
					      : "it has a sha256, and no --sha256 was said");
	}
}

bool explain_holds(const struct explain *e, const struct entry *entry, bool admits, struct buf *out)
{
	const char *const texts[COND_TEXTS] = {
		[COND_ARGS] = e->text, [COND_ENV] = e->ask->env, [COND_HASH] = e->ask->hash};
	const size_t lens[COND_TEXTS] = {
		[COND_ARGS] = e->text_len, [COND_ENV] = e->ask->env_len, [COND_HASH] = HASH_TEXT};

	for (enum cond_text t = 0; t < COND_TEXTS; t++) {
		const struct condition *c = &entry->conds[t];
		const char *none = find_phrase(texts[t], lens[t], &c->none);

		if (!none && (!c->any.count || find_phrase(texts[t], lens[t], &c->any)))
			continue;
		if (out)
			add_fault(out, e, t, none);
		return false;
	}
	if (admits && !admits_address(e, entry)) {
		if (out)
			buf_add_str(out, "has no 'private: true', and --private was said");
		return false;
	}
	if (!admits || entry_admits_changed(entry) || !(e->ask->flags & ACTIVITY_CHANGED))
		return true;
	if (out)
		buf_add_str(out, "has no 'changed: true', and --changed was said");
	return false;
}
