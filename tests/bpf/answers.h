/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_ANSWERS_H
#define TESTS_BPF_ANSWERS_H

/* One question, what the kernel says and what the command line says. Include behind cmocka.h. */

#include <sys/socket.h>

#include "audit/names.h"
#include "base/utf8.h"
#include "kernel_answer.h"
#include "policy/ask.h"
#include "random.h"

/* What is asked, in the words of the command line. */
struct asked {
	struct ask ask;
	struct buf activity; /* with a NUL behind */
	struct buf text;     /* for content rules */
	uint32_t cut;        /* where its second piece begins */
	struct buf env;      /* of a program */
	uint32_t env_cut;
	char hash[HASH_TEXT + 1]; /* "": not known */
	uint16_t host_family; /* of a name: the address, which is private or not */
	uint64_t host_addr[2];
	bool mapped; /* the kernel is asked about the IPv4-mapped address */
	bool audit_failed;
};

struct answer {
	struct image_row hit;
	struct cond_bits seen[COND_TEXTS];
	struct decision decision;
	uint32_t phrase;
	uint32_t reserved;
};

_Static_assert(sizeof(struct answer) == 104, "compared as bytes");

static void asked_done(struct asked *a)
{
	buf_free(&a->activity);
	buf_free(&a->text);
	buf_free(&a->env);
}

/* What stands for the activity's name in the kernel: behind the kind. */
static const char *raw_name(const struct asked *a)
{
	static const char *const kinds[] = {"exec:", "net:unix:", "http:"};

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (!strncmp(a->activity.data, kinds[i], strlen(kinds[i])))
			return a->activity.data + strlen(kinds[i]);
	return "";
}

static uint64_t half_address(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | bytes[i];
	return v;
}

static void pose_destination(struct question *q, const struct asked *a)
{
	const struct activity_name *n = &a->ask.name;
	uint64_t high = half_address(n->addr), low = half_address(n->addr + 8);

	q->text = n->raw ? QUESTION_RAW : QUESTION_ADDRESS;
	q->family = n->family;
	q->port = n->port;
	q->proto = n->proto | (n->kind == KIND_LISTEN ? PROTO_LISTEN : 0);
	q->addr[0] = n->family == AF_INET ? 0 : high;
	q->addr[1] = n->family == AF_INET ? high >> 32 : low;
	if (!a->mapped)
		return;
	q->family = AF_INET6;
	q->addr[1] |= 0xffffULL << 32;
}

/*
 * A name that is too long, or empty, is given to the kernel as it is, for it to find that out. What
 * lies behind a name in its buffer is left from others.
 */
static void pose_name(struct question *q, const struct asked *a)
{
	const struct activity_name *n = &a->ask.name;
	const char *raw = raw_name(a);
	size_t len = a->ask.len ? a->ask.len : strlen(raw);

	q->text = n->kind == KIND_EXEC	 ? TEXT_EXEC
		  : n->kind == KIND_HTTP ? TEXT_HTTP
		  : n->kind == KIND_FILE ? TEXT_FILE
		  : n->host		 ? TEXT_HOST + n->proto
					 : TEXT_UNIX;
	q->port = n->port;
	q->proto = n->proto;
	q->family = a->host_family;
	memcpy(q->addr, a->host_addr, sizeof(q->addr));
	q->len = (uint32_t)len;
	if (!a->ask.len)
		q->flags &= ~(uint32_t)ACTIVITY_UNKNOWN;
	memcpy(q->name, a->ask.len ? (const char *)a->ask.text : raw,
	       len < NAME_SIZE ? len : NAME_SIZE);
}

static void answer_by_kernel(struct kernel_side *side, const struct asked *a, struct answer *ret)
{
	struct question *q = side->question;

	q->kind = a->ask.name.kind;
	q->flags = a->ask.flags;
	if (a->ask.name.kind == KIND_LISTEN ||
	    (a->ask.name.kind == KIND_NET && !a->ask.name.text && !a->ask.name.host))
		pose_destination(q, a);
	else
		pose_name(q, a);
	if (a->text.len)
		memcpy(q->content, a->text.data, a->text.len);
	q->content_len = (uint32_t)a->text.len;
	q->cut = a->cut;
	if (a->env.len)
		memcpy(q->env, a->env.data, a->env.len);
	q->env_len = (uint32_t)a->env.len;
	q->env_cut = a->env_cut;
	q->hashed = *a->hash != '\0';
	memcpy(q->hash, a->hash, HASH_TEXT);
	kernel_ask(side, a->audit_failed);
	*ret = (struct answer){.hit = q->hit, .phrase = q->phrase, .decision = q->decision};
	memcpy(ret->seen, q->seen, sizeof(ret->seen));
}

static void answer_by_command(const void *img, const struct asked *a, struct answer *ret)
{
	_buf_ struct buf text = {};
	struct activity activity;
	struct ask ask = a->ask;

	buf_add(&text, a->text.data, a->text.len);
	for (size_t i = 0; i < text.len; i++) /* as arguments are written on a command line */
		if (!text.data[i] && a->ask.name.kind == KIND_EXEC)
			text.data[i] = ' ';
	ask.env = a->env.data;
	ask.env_len = a->env.len;
	ask.hash = *a->hash ? a->hash : NULL;
	if (a->audit_failed)
		ask.flags |= ACTIVITY_UNRECORDED;
	ask_decide(img, &ask, text.data, text.len, &activity, &ret->decision);
	ret->hit = activity.hit;
	ret->phrase = activity.phrase;
	ret->reserved = 0;
	memcpy(ret->seen, activity.seen, sizeof(ret->seen));
}

/* ---- differences ---- */

static void print_answer(const char *who, const struct answer *a)
{
	const struct decision *d = &a->decision;

	print_message(
		"%-7s %s layer %s rule %d tier %u; hit deny %d audit %d allow %d opaque %d "
		"changed %d; "
		"phrase %d; conditions %#llx, args %#llx %#llx, env %#llx %#llx, sha256 %#llx\n",
		who, d->verdict < VERDICT_COUNT ? verdict_names[d->verdict] : "?",
		d->layer < LAYER_COUNT ? layer_names[d->layer] : "?", (int)d->rule, d->tier,
		(int)a->hit.deny, (int)a->hit.audit, (int)a->hit.allow, (int)a->hit.opaque,
		(int)a->hit.changed, (int)a->phrase, a->hit.conds, a->seen[COND_ARGS].any,
		a->seen[COND_ARGS].none, a->seen[COND_ENV].any, a->seen[COND_ENV].none,
		a->seen[COND_HASH].any);
}

static void print_visible(const char *what, const struct buf *text)
{
	_buf_ struct buf out = {};

	utf8_visible(&out, text->data, text->len);
	print_message("%s (%zu bytes): %.*s\n", what, text->len, (int)out.len, out.data);
}

static void assert_same(const struct buf *policy, const struct asked *a, const struct answer *k,
			const struct answer *c)
{
	if (!memcmp(k, c, sizeof(*k)))
		return;
	print_message("--- policy:\n%.*s---\n", (int)policy->len, policy->data);
	print_visible("activity", &a->activity);
	print_message("flags %#x%s%s%s\n", a->ask.flags, a->mapped ? ", IPv4-mapped" : "",
		      a->ask.name.private ? ", private" : "",
		      a->audit_failed ? ", trail broken" : "");
	print_visible("text", &a->text);
	print_message("cut at %u\n", a->cut);
	print_visible("environment", &a->env);
	print_message("cut at %u\n", a->env_cut);
	print_message("sha256 %s\n", a->hash);
	print_answer("kernel", k);
	print_answer("command", c);
	fail_msg("kernel and command line differ; WARDEN_SEED=%llu",
		 (unsigned long long)random_given);
}

#endif
