/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define HASH_PREFIX "sha256:"
#define HASH_KEY    ",\"hash\":\""
#define HASH_TAIL   (sizeof(HASH_KEY) - 1 + CHAIN_HASH_TEXT - 1 + 2) /* ,"hash":"...", brace */

static int hash_text(struct sha256 *sha, const char *data, size_t len, char out[CHAIN_HASH_TEXT])
{
	int r;

	r = sha256_start(sha);
	if (!r)
		r = sha256_add(sha, data, len);
	if (r < 0)
		return r;
	memcpy(out, HASH_PREFIX, sizeof(HASH_PREFIX) - 1);
	return sha256_finish(sha, out + sizeof(HASH_PREFIX) - 1);
}

int chain_seal(struct buf *line, struct sha256 *sha, char ret_hash[CHAIN_HASH_TEXT])
{
	char hash[CHAIN_HASH_TEXT];
	int r;

	r = buf_error(line);
	if (r < 0)
		return r;
	if (line->len > CHAIN_LINE_MAX - HASH_TAIL - 1)
		return -EMSGSIZE;
	r = hash_text(sha, line->data, line->len, hash);
	if (r < 0)
		return r;
	buf_add_str(line, HASH_KEY);
	buf_add_str(line, hash);
	buf_add_str(line, "\"}\n");
	r = buf_error(line);
	if (!r)
		memcpy(ret_hash, hash, sizeof(hash));
	return r;
}

/* ---- reading ---- */

static int bad(char why[CHAIN_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(char why[CHAIN_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CHAIN_WHY, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* A whole number without sign, fraction or leading zero that 64 bits hold. */
static bool read_u64(const char *s, size_t len, uint64_t *ret)
{
	uint64_t v = 0;

	if (!len || (len > 1 && *s == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return false;
	*ret = v;
	return true;
}

/* A string of exactly cap - 1 characters that needs no escape; `s` includes the quotes. */
static bool read_text(const char *s, size_t len, char *ret, size_t cap)
{
	if (len != cap - 1 + 2 || *s != '"' || memchr(s, '\\', len))
		return false;
	memcpy(ret, s + 1, cap - 1);
	ret[cap - 1] = '\0';
	return true;
}

static bool read_hash(const char *s, size_t len, char *ret)
{
	return read_text(s, len, ret, CHAIN_HASH_TEXT) &&
	       !strncmp(ret, HASH_PREFIX, sizeof(HASH_PREFIX) - 1) &&
	       strspn(ret + sizeof(HASH_PREFIX) - 1, "0123456789abcdef") == SHA256_TEXT - 1;
}

enum { HAS_V = 1, HAS_SEQ = 2, HAS_PREV = 4, HAS_HASH = 8, HAS_ID = 16 };

struct reader {
	struct chain_link link;
	unsigned has;
	const char *wrong; /* the first member that is not what it should be */
};

static bool read_member(struct reader *r, unsigned which, const char *value, size_t len)
{
	struct chain_link *l = &r->link;
	uint64_t version = 0;

	switch (which) {
	case HAS_V: return read_u64(value, len, &version) && version == 1;
	case HAS_SEQ: return read_u64(value, len, &l->seq);
	case HAS_PREV: return read_hash(value, len, l->prev);
	case HAS_HASH: return read_hash(value, len, l->hash);
	case HAS_ID: return read_text(value, len, l->id, sizeof(l->id));
	}
	return false;
}

static const struct {
	const char *name;
	unsigned bit;
	bool required;
} members[] = {
	{"v", HAS_V, true},       {"seq", HAS_SEQ, true}, {"prev", HAS_PREV, true},
	{"hash", HAS_HASH, true}, {"id", HAS_ID, false},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int on_member(void *arg, const char *key, size_t key_len, const char *value, size_t len)
{
	struct reader *r = arg;

	for (size_t i = 0; i < MEMBERS; i++) {
		if (strlen(members[i].name) != key_len || memcmp(key, members[i].name, key_len))
			continue;
		/* Readers differ in which of two equal keys they believe. */
		if ((r->has & members[i].bit || !read_member(r, members[i].bit, value, len)) &&
		    !r->wrong)
			r->wrong = members[i].name;
		r->has |= members[i].bit;
	}
	return 0;
}

/* The hash has to be the last member, written as the trail writes it, for the rest to be hashed. */
static bool ends_with_hash(const char *line, size_t len, const char *hash)
{
	char tail[HASH_TAIL + 1];

	snprintf(tail, sizeof(tail), HASH_KEY "%s\"}", hash);
	return len > HASH_TAIL && !memcmp(line + len - HASH_TAIL, tail, HASH_TAIL);
}

int chain_parse(const char *line, size_t len, struct sha256 *sha, struct chain_link *ret_link,
		char why[CHAIN_WHY])
{
	struct reader reader = {};
	char hash[CHAIN_HASH_TEXT];
	size_t at;
	int r;

	r = json_scan(line, len, on_member, &reader, &at);
	if (r < 0)
		return bad(why, "not a JSON object (at byte %zu)", at + 1);
	for (size_t i = 0; i < MEMBERS; i++)
		if (members[i].required && !(reader.has & members[i].bit))
			return bad(why, "no \"%s\": not an audit line", members[i].name);
	if (reader.wrong)
		return bad(why, "\"%s\" is not what an audit line of version 1 has there",
			   reader.wrong);
	if (*line != '{')
		return bad(why, "does not begin with \"{\"");
	if (!ends_with_hash(line, len, reader.link.hash))
		return bad(why, "\"hash\" is not at the end of the line");
	r = hash_text(sha, line, len - HASH_TAIL, hash);
	if (r < 0)
		return r;
	if (strcmp(hash, reader.link.hash) != 0)
		return bad(why, "hash differs: the line was changed");
	*ret_link = reader.link;
	return 0;
}

int chain_check(struct chain *chain, const char *line, size_t len, struct sha256 *sha,
		char why[CHAIN_WHY])
{
	struct chain_link link;
	int r;

	r = chain_parse(line, len, sha, &link, why);
	if (r < 0)
		return r;
	if (link.seq != chain->seq + 1)
		return bad(why, "seq is %" PRIu64 ", not %" PRIu64 ": lines are missing or moved",
			   link.seq, chain->seq + 1);
	if (strcmp(link.prev, chain->hash) != 0)
		return bad(why, "prev differs: it is not the hash of the line before");
	chain->seq = link.seq;
	memcpy(chain->hash, link.hash, sizeof(chain->hash));
	return 0;
}
