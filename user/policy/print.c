/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/print.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "audit/names.h"
#include "base/cleanup.h"
#include "policy/ask.h"
#include "policy/print_tables.h"

static const char *const modes[] = {[MODE_ENFORCE] = "enforce", [MODE_AUDIT] = "audit"};
static const char *const choices[] = {
	[CHOICE_ALLOW] = "allow",
	[CHOICE_AUDIT] = "audit",
	[CHOICE_DENY] = "deny",
};
static const char *const actions[] = {
	[ACTION_ALLOW] = "allow",
	[ACTION_DENY] = "deny",
	[ACTION_KILL] = "kill",
};
static const char *const captures[] = {"off", "metadata", "evidence", "full"};
static const char *const kinds[] = {[KIND_EXEC] = "exec", [KIND_NET] = "net", [KIND_HTTP] = "http", [KIND_LISTEN] = "net:listen",
				    [KIND_FILE] = "file"};
static const char *const texts[] = {
	[TEXT_EXEC] = "exec",
	[TEXT_UNIX] = "net:unix",
	[TEXT_BROKER] = "net:unix (brokers)",
	[TEXT_FILE] = "file:write",
	[TEXT_HTTP] = "http",
	[TEXT_HOST] = "net:HOST/tcp",
	[TEXT_HOST_UDP] = "net:HOST/udp",
	[TEXT_HOST_OTHER] = "net:HOST (other protocols)",
};
static const char *const protos[] = {
	[PROTO_TCP] = "tcp",
	[PROTO_UDP] = "udp",
	[PROTO_OTHER] = "other",
};

void print_text(struct buf *out, const void *text, size_t len)
{
	const uint8_t *p = text;

	buf_add_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_addf(out, "\\%c", p[i]);
		else if (p[i] < 0x20 || p[i] >= 0x7f)
			buf_addf(out, "\\x%02x", p[i]);
		else
			buf_add_char(out, (char)p[i]);
	}
	buf_add_char(out, '"');
}

static void print_string(struct buf *out, const char *s)
{
	print_text(out, s, strlen(s));
}

void print_rule_number(struct buf *out, const char *what, uint32_t rule)
{
	if (rule != RULE_NONE)
		buf_addf(out, " %s %u", what, rule);
}

static void print_bits(struct buf *out, const char *what, uint64_t bits)
{
	if (bits)
		buf_addf(out, " %s", what);
	for (; bits; bits &= bits - 1)
		buf_addf(out, " %d", __builtin_ctzll(bits));
}

/* `more` is what the allow rule admits, besides, that is in the field `changed`. */
static void print_rules_of(struct buf *out, const void *img, uint32_t row, const char *more)
{
	uint64_t at = image_header(img)->rows + (uint64_t)row * sizeof(struct image_row);
	size_t before = out->len;

	print_rule_number(out, "deny", image_u32(img, at));
	print_rule_number(out, "audit", image_u32(img, at + 4));
	print_rule_number(out, "allow", image_u32(img, at + 8));
	print_rule_number(out, "opaque", image_u32(img, at + 12));
	print_rule_number(out, more, image_u32(img, at + 16));
	print_bits(out, "conditions", image_u64(img, at + 24));
	if (out->len == before)
		buf_add_str(out, " nothing");
}

void print_row(struct buf *out, const void *img, uint32_t row)
{
	print_rules_of(out, img, row, "changed");
}

static void print_host_row(struct buf *out, const void *img, uint32_t row)
{
	print_rules_of(out, img, row, "private");
}

/* ---- header ---- */

static void print_header(struct buf *out, const void *img)
{
	const struct image_header *h = image_header(img);

	buf_addf(out, "image %u generation %llu\n", h->version, (unsigned long long)h->generation);
	buf_add_str(out, "policy ");
	print_string(out, (const char *)img + h->name);
	buf_add_str(out, " file ");
	print_string(out, (const char *)img + h->file);
	buf_addf(out, "\nmode %s\non_audit_failure %s", modes[h->mode],
		 choices[h->on_audit_failure]);
	print_rule_number(out, "rule", h->audit_rule);
	buf_addf(out, "\nopaque %s", choices[h->opaque]);
	print_rule_number(out, "rule", h->opaque_rule);
	buf_addf(out, "\ncapture %s\n", captures[h->capture]);
}

static void print_kinds(struct buf *out, const void *img)
{
	const struct image_header *h = image_header(img);

	for (enum kind k = 0; k < KIND_COUNT; k++) {
		if (k >= KIND_LISTEN && !h->kinds[k].ruled)
			continue;
		buf_addf(out, "kind %s %s", kinds[k],
			 h->kinds[k].closed_by == RULE_NONE ? "open" : "closed");
		print_rule_number(out, "by rule", h->kinds[k].closed_by);
		buf_add_str(out, h->kinds[k].ruled ? " ruled" : "");
		buf_add_str(out, h->kinds[k].hosts ? " hosts\n" : "\n");
	}
	if (h->raw != ROW_NONE) {
		buf_add_str(out, "net:raw");
		print_row(out, img, h->raw);
		buf_add_char(out, '\n');
	}
}

static void print_rules(struct buf *out, const void *img)
{
	struct rule_view v;

	for (uint32_t i = 0; ask_rule(img, i, &v); i++) {
		buf_addf(out, "rule %u %s %s %s at %u:%u ", i, layer_names[v.layer],
			 actions[v.action], modes[v.mode], v.line, v.column);
		print_string(out, v.id);
		if (v.reason) {
			buf_add_str(out, " reason ");
			print_string(out, v.reason);
		}
		buf_add_char(out, '\n');
	}
}

/* ---- texts ---- */

/*
 * The buckets of a hash table that are in use, in the order of `compare`, so that equal tables print the
 * same. The caller frees the array; NULL without memory.
 */
static void *used_buckets(struct buf *out, const void *img, const struct image_hash *hash, size_t size,
			  bool (*is_used)(const void *bucket),
			  int (*compare)(const void *a, const void *b, void *img))
{
	const uint8_t *table = (const uint8_t *)img + hash->off;
	uint8_t *used = calloc(hash->count + 1, size);
	uint32_t n = 0;

	if (!used) {
		out->failed = true;
		return NULL;
	}
	for (uint32_t i = 0; n < hash->count && i <= hash->mask; i++)
		if (is_used(table + i * size))
			memcpy(used + n++ * size, table + i * size, size);
	qsort_r(used, n, size, compare, (void *)(uintptr_t)img);
	return used;
}

static bool bucket_is_used(const void *bucket)
{
	return ((const struct image_bucket *)bucket)->len;
}

static int compare_buckets(const void *a, const void *b, void *arg)
{
	const struct image_bucket *x = a, *y = b;
	const uint8_t *img = arg;
	uint32_t len = x->len < y->len ? x->len : y->len;
	int r = memcmp(img + x->text, img + y->text, len);

	if (r || x->len == y->len)
		return r;
	return x->len < y->len ? -1 : 1;
}

typedef void (*row_printer)(struct buf *out, const void *img, uint32_t row);

static void print_hash(struct buf *out, const void *img, const char *what,
		       const struct image_hash *hash, row_printer print)
{
	_free_ struct image_bucket *used =
		used_buckets(out, img, hash, sizeof(*used), bucket_is_used, compare_buckets);

	for (uint32_t i = 0; used && i < hash->count; i++) {
		buf_addf(out, "  %s ", what);
		print_text(out, (const uint8_t *)img + used[i].text, used[i].len);
		buf_add_char(out, ':');
		print(out, img, used[i].row);
		buf_add_char(out, '\n');
	}
}

/* Host names have a table for each protocol, or one for all. */
static bool is_shared(const void *img)
{
	const struct image_text *t = &image_header(img)->text[TEXT_HOST];

	return !memcmp(t, t + 1, sizeof(*t)) && !memcmp(t, t + 2, sizeof(*t));
}

static void print_texts(struct buf *out, const void *img, enum text text)
{
	const struct image_text *t = &image_header(img)->text[text];
	const struct image_dfa *groups = (const void *)((const uint8_t *)img + t->dfa);
	row_printer print = text >= TEXT_HOST ? print_host_row : print_row;
	bool shared = text >= TEXT_HOST && is_shared(img);

	if (shared && text > TEXT_HOST)
		return;
	if (!t->literals.count && !t->prefixes.count && !t->suffixes.count && t->any == ROW_NONE &&
	    !t->dfas)
		return;
	buf_addf(out, "names %s\n", shared ? "net:HOST" : texts[text]);
	print_hash(out, img, "literal", &t->literals, print);
	print_hash(out, img, "prefix", &t->prefixes, print);
	print_hash(out, img, "suffix", &t->suffixes, print);
	if (t->any != ROW_NONE) {
		buf_add_str(out, "  any:");
		print(out, img, t->any);
		buf_add_char(out, '\n');
	}
	for (uint32_t i = 0; i < t->dfas; i++) {
		buf_addf(out, "  automaton %u", i);
		print_dfa(out, img, &groups[i], print);
	}
}

/* ---- addresses ---- */

static void print_border(struct buf *out, const void *img, const struct image_net *net, bool v6,
			 uint32_t i)
{
	char text[INET6_ADDRSTRLEN];
	uint64_t words[2] = {};
	uint8_t addr[16];
	int bytes = v6 ? 16 : 4;

	if (v6)
		words[0] = image_u64(img, net->borders + (uint64_t)i * 16);
	words[1] = image_u64(img, net->borders + (v6 ? (uint64_t)i * 16 + 8 : (uint64_t)i * 8));
	for (int b = 0; b < bytes; b++)
		addr[bytes - 1 - b] = (uint8_t)(words[1 - b / 8] >> b % 8 * 8);
	buf_addf(out, "  from %s: class %u\n",
		 inet_ntop(v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text)),
		 image_u32(img, net->classes + (uint64_t)i * 4));
}

static void print_net(struct buf *out, const void *img, const struct image_net *net, bool v6)
{
	if (!net->count)
		return;
	buf_addf(out, "addresses %s\n", v6 ? "v6" : "v4");
	for (uint32_t i = 0; i < net->count; i++)
		print_border(out, img, net, v6, i);
}

static bool dest_is_used(const void *bucket)
{
	return ((const struct image_dest *)bucket)->key;
}

static int compare_dests(const void *a, const void *b, void *img)
{
	const struct image_dest *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void print_dest(struct buf *out, const void *img, const struct image_dest *dest)
{
	uint32_t port = dest->key >> 4 & 0x1ffff;

	buf_addf(out, "  class %u ", (uint32_t)(dest->key >> 24));
	if (port == PORT_ANY)
		buf_add_str(out, "any port");
	else
		buf_addf(out, "port %u", port);
	buf_addf(out, " %s%s:", dest->key & PROTO_LISTEN ? "listen " : "", protos[dest->key & 3]);
	print_row(out, img, dest->row);
	buf_add_char(out, '\n');
}

static void print_dests(struct buf *out, const void *img)
{
	const struct image_hash *hash = &image_header(img)->dests;
	_free_ struct image_dest *used =
		used_buckets(out, img, hash, sizeof(*used), dest_is_used, compare_dests);

	if (used && hash->count)
		buf_add_str(out, "destinations\n");
	for (uint32_t i = 0; used && i < hash->count; i++)
		print_dest(out, img, &used[i]);
}

/* ---- files ---- */

static bool inode_is_used(const void *bucket)
{
	return ((const struct image_inode *)bucket)->used;
}

static int compare_inodes(const void *a, const void *b, void *img)
{
	const struct image_inode *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void print_inode(struct buf *out, const void *img, const struct image_inode *inode)
{
	buf_addf(out, "  device %u:%u inode %llu generation %u:", inode->dev >> 20,
		 inode->dev & 0xfffff, (unsigned long long)inode->ino, inode->generation);
	print_row(out, img, inode->row);
	buf_add_char(out, '\n');
}

static void print_inodes(struct buf *out, const void *img)
{
	const struct image_hash *hash = &image_header(img)->inodes;
	_free_ struct image_inode *used =
		used_buckets(out, img, hash, sizeof(*used), inode_is_used, compare_inodes);

	if (used && hash->count)
		buf_add_str(out, "files\n");
	for (uint32_t i = 0; used && i < hash->count; i++)
		print_inode(out, img, &used[i]);
}

/* ---- content ---- */

static void print_phrase(struct buf *out, const void *img, uint32_t phrase)
{
	uint64_t at = image_header(img)->phrase_rows + (uint64_t)phrase * 16;

	for (enum kind k = 0; k < KIND_TEXTS; k++)
		print_rule_number(out, kinds[k], image_u32(img, at + k * 4));
}

static void print_phrases(struct buf *out, const void *img)
{
	static const char *const names[PHRASE_WAYS] = {
		[0] = "ignoring case",
		[PHRASE_EXACT] = "exact",
		[PHRASE_FOLDED] = "folded, ignoring case",
		[PHRASE_FOLDED | PHRASE_EXACT] = "folded, exact",
	};
	const struct image_header *h = image_header(img);

	for (int i = 0; i < PHRASE_WAYS; i++) {
		if (!h->phrases[i].trans)
			continue;
		buf_addf(out, "phrases %s", names[i]);
		print_dfa(out, img, &h->phrases[i], print_phrase);
	}
}

/* ---- conditions ---- */

static const char *const cond_texts[COND_TEXTS] = {
	[COND_ARGS] = "args",
	[COND_ENV] = "env",
	[COND_HASH] = "sha256",
};

static void print_cond_row(struct buf *out, const void *img, uint32_t row)
{
	uint64_t at = image_header(img)->conds.rows + (uint64_t)row * sizeof(struct cond_bits);

	print_bits(out, "any", image_u64(img, at));
	print_bits(out, "none", image_u64(img, at + 8));
}

static void print_cond(struct buf *out, const void *img, uint32_t i)
{
	const struct image_conds *c = &image_header(img)->conds;

	buf_addf(out, "condition %u %s rule %u", i,
		 c->allow >> i & 1   ? "allow"
		 : c->audit >> i & 1 ? "audit"
				     : "deny",
		 image_u32(img, c->rules + (uint64_t)i * 4));
	for (enum cond_text t = 0; t < COND_TEXTS; t++) {
		if (c->need[t].any >> i & 1)
			buf_addf(out, " %s.any", cond_texts[t]);
		if (c->need[t].none >> i & 1)
			buf_addf(out, " %s.none", cond_texts[t]);
	}
	buf_add_str(out, c->changed >> i & 1 ? " changed\n" : "\n");
}

static void print_conds(struct buf *out, const void *img)
{
	const struct image_conds *c = &image_header(img)->conds;

	for (uint32_t i = 0; i < c->count; i++)
		print_cond(out, img, i);
	for (enum cond_text t = 0; t < COND_TEXTS; t++) {
		if (!c->dfas[t].trans)
			continue;
		buf_addf(out, "phrases of %s", cond_texts[t]);
		print_dfa(out, img, &c->dfas[t], print_cond_row);
	}
}

void image_print(const void *img, struct buf *out)
{
	const struct image_header *h = image_header(img);

	print_header(out, img);
	print_kinds(out, img);
	print_rules(out, img);
	for (enum text t = 0; t < TEXT_COUNT; t++)
		print_texts(out, img, t);
	print_net(out, img, &h->net4, false);
	print_net(out, img, &h->net6, true);
	print_dests(out, img);
	print_inodes(out, img);
	print_phrases(out, img);
	print_conds(out, img);
}
