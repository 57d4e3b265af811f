/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "broker.h"
#include "conds.h"
#include "fold.h"

static uint64_t half_address(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | bytes[i];
	return v;
}

/* A name without its address, of which is known only that no CIDR of the policy has it. */
static void match_name_of(const void *img, const struct ask *ask, struct matcher *m)
{
	const struct activity_name *n = &ask->name;

	match_dest(img, image_header(img)->net4.other, n->port, n->proto, m);
	match_host(img, n->proto, ask->text, ask->len, n->private, m);
}

static void match_destination(const void *img, const struct ask *ask, struct matcher *m)
{
	const struct activity_name *n = &ask->name;
	uint32_t class;

	if (n->host) {
		match_name_of(img, ask, m);
		return;
	}
	if (n->family == AF_INET)
		class = match_addr4(img, (uint32_t)(half_address(n->addr) >> 32), m);
	else
		class = match_addr6(img, half_address(n->addr), half_address(n->addr + 8), m);
	match_dest(img, class, n->port, n->proto | (n->kind == KIND_LISTEN ? PROTO_LISTEN : 0), m);
}

/* What brokers are known by is the path as it would be resolved. */
static void match_broker(const void *img, const struct ask *ask, struct matcher *m)
{
	uint8_t plain[PLAIN_SIZE], name[NAME_SIZE];
	uint32_t len;

	if (!broker_any(img))
		return;
	if (ask->text[0] == '@')
		match_text(img, TEXT_BROKER, ask->text, ask->len, m);
	if (ask->text[0] != '/')
		return; /* from which directory is not known */
	len = broker_plain(ask->text, ask->len, plain, m);
	memcpy(name, plain + PLAIN_SIZE - len, len);
	if (len)
		match_text(img, TEXT_BROKER, name, len, m);
}

static uint32_t match_socket(const void *img, const struct ask *ask, struct matcher *m)
{
	uint32_t flags = match_unix(img, ask->text, ask->len, m) ? ACTIVITY_UNKNOWN : 0;

	match_broker(img, ask, m);
	return flags;
}

/* Returns what is to be said of the activity besides what it hits: enum activity_flag. */
static uint32_t match_name(const void *img, const struct ask *ask, struct matcher *m)
{
	enum kind kind = ask->name.kind;

	static const enum text texts[KIND_COUNT] = {
		[KIND_EXEC] = TEXT_EXEC, [KIND_HTTP] = TEXT_HTTP, [KIND_FILE] = TEXT_FILE};

	if (kind == KIND_EXEC && ask->known)
		match_inode(img, ask->file.dev, ask->file.ino, ask->file.generation, m);
	if (kind == KIND_NET && ask->name.raw)
		return match_raw(img, m) ? ACTIVITY_UNKNOWN : 0;
	if (kind == KIND_LISTEN || (kind == KIND_NET && !ask->name.text))
		match_destination(img, ask, m);
	else if (ask->len && kind == KIND_NET)
		return match_socket(img, ask, m);
	else if (ask->len)
		match_text(img, texts[kind], ask->text, ask->len, m);
	return 0;
}

/* ---- content ---- */

static uint32_t phrase_rule(const void *img, uint32_t phrase, enum kind kind)
{
	struct activity a = {.kind = kind, .phrase = phrase};

	return decide_content(img, &a);
}

/*
 * One step of an automaton. Returns the phrase that ends here if it breaks an earlier rule than
 * `phrase` does, else `phrase`.
 */
static uint32_t step(const void *img, const struct image_dfa *d, enum kind kind, uint8_t byte,
		     uint32_t *state, uint32_t phrase)
{
	uint32_t at = (uint32_t)((const uint8_t *)d - (const uint8_t *)img);
	uint32_t class, found;

	if (!d->trans)
		return phrase;
	class = image_u8(img, (uint64_t)d->classes + byte);
	*state = image_u32(img, d->trans + (uint64_t)((*state & DFA_STATE) + class) * 4);
	if (!(*state & DFA_ACCEPT))
		return phrase;
	found = match_dfa_accept(img, at, *state);
	return phrase_rule(img, found, kind) < phrase_rule(img, phrase, kind) ? found : phrase;
}

/* Both automata of that way, whether case counts or not. */
static uint32_t both(const void *img, enum kind kind, size_t way, uint8_t byte, uint32_t *states)
{
	const struct image_dfa *d = image_header(img)->phrases;
	uint32_t phrase = step(img, &d[way], kind, byte, &states[way], ROW_NONE);

	return step(img, &d[way | PHRASE_EXACT], kind, byte, &states[way | PHRASE_EXACT], phrase);
}

uint32_t ask_phrase(const void *img, enum kind kind, const char *text, size_t len)
{
	uint32_t states[PHRASE_WAYS], phrase = ROW_NONE;
	struct fold fold = {};

	if (!image_has_phrases(img, kind))
		return ROW_NONE;
	for (size_t n = 0; n < PHRASE_WAYS; n++)
		states[n] = image_header(img)->phrases[n].start;
	for (size_t i = 0; i < len && phrase == ROW_NONE; i++) {
		phrase = both(img, kind, 0, (uint8_t)text[i], states);
		for (fold_next(&fold, (uint8_t)text[i]); fold.count && phrase == ROW_NONE;)
			phrase = both(img, kind, PHRASE_FOLDED, fold_take(&fold), states);
	}
	return phrase;
}

/* ---- conditions ---- */

/* Which entries' phrases are in the text. */
static void see(const void *img, struct matcher *m, enum cond_text which, const char *text,
		size_t len, struct activity *a)
{
	if (!text || !conds_want(img, &m->hit, which))
		return;
	conds_begin(img, m, which);
	for (size_t i = 0; i < len; i++)
		conds_step(img, m, which, (uint8_t)text[i], a);
}

/* ---- decisions ---- */

void ask_decide(const void *img, const struct ask *ask, const char *text, size_t len,
		struct activity *ret_activity, struct decision *ret)
{
	struct matcher m = {};

	matcher_init(&m);
	activity_init(ret_activity, ask->name.kind);
	conds_init(ret_activity);
	ret_activity->flags = ask->flags | match_name(img, ask, &m);
	see(img, &m, COND_ARGS, text, len, ret_activity);
	see(img, &m, COND_ENV, ask->env, ask->env_len, ret_activity);
	see(img, &m, COND_HASH, ask->hash, HASH_TEXT, ret_activity);
	conds_settle(img, ret_activity, &m.hit);
	ret_activity->hit = m.hit;
	if (text)
		ret_activity->phrase = ask_phrase(img, ask->name.kind, text, len);
	decide(img, ret_activity, ret);
}

static const char *string_at(const void *img, uint32_t off)
{
	return off ? (const char *)img + off : NULL;
}

bool ask_rule(const void *img, uint32_t rule, struct rule_view *ret)
{
	const struct image_header *h = image_header(img);
	const struct image_rule *r;

	if (rule >= h->rule_count)
		return false;
	r = (const struct image_rule *)((const uint8_t *)img + h->rules) + rule;
	*ret = (struct rule_view){
		.id = string_at(img, r->id),
		.reason = string_at(img, r->reason),
		.file = string_at(img, h->file),
		.line = r->line,
		.column = r->column,
		.layer = r->layer,
		.action = r->action,
		.mode = r->mode,
	};
	return true;
}
