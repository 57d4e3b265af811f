/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_RANDOM_QUESTION_H
#define TESTS_BPF_RANDOM_QUESTION_H

/*
 * Random activities and texts for a given policy: most are made from its own patterns and phrases,
 * so that they hit, and then damaged a little, so that they only just do not.
 */

#include <ctype.h>

#include "policy/policy.h"
#include "random_pattern.h"

/* ---- what a star stands for ---- */

static void add_letters(struct buf *b, uint32_t n)
{
	while (n--)
		buf_add_char(b, "abnctx1/-"[pick(9)]);
}

static void add_any_text(struct buf *b)
{
	if (once_in(3))
		add_letters(b, pick(12));
	else if (pick(2))
		add_path(b);
	else
		ADD_WORD(b, names);
}

static void add_label(struct buf *b)
{
	static const char *const labels[] = {"a", "b", "api", "db", "db1", "internal", "x-y"};

	ADD_WORD(b, labels);
}

/* One or more whole labels, as a leading "*." asks for. */
static void add_labels(struct buf *b)
{
	add_label(b);
	for (uint32_t n = pick(3); n--;) {
		buf_add_char(b, '.');
		add_label(b);
	}
}

/* A text that the glob matches. */
static void expand_glob(struct buf *b, const char *glob, bool host)
{
	bool first = true;

	for (; *glob; glob++, first = false) {
		if (*glob == '\\' && glob[1])
			buf_add_char(b, *++glob);
		else if (*glob == '*' && host && first && glob[1] == '.')
			add_labels(b);
		else if (*glob == '*' && host)
			buf_add(b, "zab", pick(4));
		else if (*glob == '*')
			add_any_text(b);
		else
			buf_add_char(b, *glob == '?' ? 'q' : *glob);
	}
}

/* ---- names ---- */

/* Damages up to two of the bytes from `from` on; no byte becomes 0. */
static void mutate(struct buf *b, size_t from)
{
	for (uint32_t n = 1 + pick(2); n-- && b->len > from + 1;) {
		char *at = b->data + from + pick((uint32_t)(b->len - from));

		switch (pick(5)) {
		case 0: *at = (char)(1 + pick(255)); break;
		case 1: *at = "/*?ab.\\"[pick(7)]; break;
		case 2: *at = (char)(isupper((unsigned char)*at) ? tolower : toupper)(*at); break;
		case 3: b->len--; break;
		default: buf_add_char(b, *at); break;
		}
	}
}

static void name_path(struct buf *b, const struct pattern *p, const char *kind)
{
	size_t from;

	buf_add_str(b, kind);
	from = b->len;
	if (p->text)
		expand_glob(b, p->text, false);
	else
		add_path(b);
	if (once_in(3))
		mutate(b, from + 1);
}

static void name_exec(struct buf *b, const struct pattern *p)
{
	name_path(b, p, "exec:");
}

static void name_file(struct buf *b, const struct pattern *p)
{
	name_path(b, p, "file:write ");
}

static void name_unix(struct buf *b, const struct pattern *p)
{
	size_t from;

	buf_add_str(b, "net:unix:");
	from = b->len;
	if (p->text)
		expand_glob(b, p->text, false);
	else
		add_path(b);
	if (once_in(3))
		mutate(b, from + 1);
}

/* An address of the network, often its first or last; now and then the one outside. */
static void random_address(const struct pattern *p, uint8_t *addr)
{
	unsigned int bits = p->family == AF_INET ? 32 : 128;
	uint32_t edge = pick(4);

	memcpy(addr, p->addr, 16);
	for (unsigned int bit = p->prefix; bit < bits; bit++)
		if (edge == 1 || (edge > 1 && pick(2)))
			addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (!once_in(4) || edge > 1)
		return;
	for (unsigned int i = bits / 8; i--;) { /* one below the first, one above the last */
		addr[i] = (uint8_t)(edge ? addr[i] + 1 : addr[i] - 1);
		if (addr[i] != (edge ? 0 : 0xff))
			break;
	}
}

static void name_place(struct buf *b, const struct pattern *p, const char *kind)
{
	static const uint16_t ports[] = {0, 53, 80, 443, 65535};
	static const char *const protos[] = {"", "/tcp", "/udp"};
	static const struct pattern all[] = {{.family = AF_INET}, {.family = AF_INET6}};
	const struct pattern *where = p->form == NET_ADDR ? p : &all[pick(2)];
	uint32_t port = p->port == PORT_ANY || once_in(6) ? ports[pick(5)] : p->port;
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];

	random_address(where, addr);
	if (once_in(6))
		memset(addr, 0, sizeof(addr)); /* every one */
	inet_ntop(where->family, addr, text, sizeof(text));
	buf_addf(b, where->family == AF_INET ? "%s:%s:%u" : "%s:[%s]:%u", kind, text, port);
	if (p->proto >= 0 && pick(4))
		buf_add_str(b, protos[p->proto == PROTO_UDP ? 2 : 1]);
	else
		ADD_WORD(b, protos);
}

static void name_destination(struct buf *b, const struct pattern *p)
{
	name_place(b, p, "net");
}

static void name_listen(struct buf *b, const struct pattern *p)
{
	name_place(b, p, "net:listen");
}

/* A name that the pattern matches, or any; damaged now and then. */
static void name_host(struct buf *b, const struct pattern *p)
{
	static const char *const ports[] = {"0", "53", "80", "443", "65535"};
	static const char *const protos[] = {"", "/tcp", "/udp"};
	size_t from;

	buf_add_str(b, "net:");
	from = b->len;
	if (p->host && pick(8))
		expand_glob(b, p->host, true);
	else
		add_labels(b);
	if (once_in(4))
		mutate(b, from);
	if (p->port == PORT_ANY || once_in(6))
		buf_addf(b, ":%s", ports[pick(5)]);
	else
		buf_addf(b, ":%u", p->port);
	if (p->proto >= 0 && pick(4))
		buf_add_str(b, protos[p->proto == PROTO_UDP ? 2 : 1]);
	else
		ADD_WORD(b, protos);
}

static void name_net(struct buf *b, const struct pattern *p)
{
	bool text = p->form == NET_UNIX || (p->form == NET_ANY && once_in(3));

	if (p->form == NET_RAW || once_in(12))
		buf_add_str(b, "net:raw");
	else if (p->form == NET_HOST || (p->form == NET_ANY && once_in(4)))
		name_host(b, p);
	else
		(text ? name_unix : name_destination)(b, p);
}

/* CONNECT has no path, and the one of OPTIONS * is a star. */
static void add_path_of(struct buf *b, const char *method, const struct pattern *p)
{
	if (!strncmp(method, "CONNECT ", 8))
		return;
	if (!strncmp(method, "OPTIONS ", 8) && pick(2))
		buf_add_char(b, '*');
	else if (p->path && pick(8))
		expand_glob(b, p->path, false);
	else
		add_path(b);
}

static void name_http(struct buf *b, const struct pattern *p)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "CONNECT", "OPTIONS"};
	static const char *const v6_hosts[] = {"[::1]", "[0:0::0:1]", "[::0.0.0.1]", "[1::]"};
	size_t from, method;

	buf_add_str(b, "http:");
	method = b->len;
	if (p->method && pick(8))
		expand_glob(b, p->method, false);
	else
		ADD_WORD(b, methods);
	buf_add_char(b, ' ');
	from = b->len;
	if (p->host && *p->host == '[')
		ADD_WORD(b, v6_hosts);
	else if (p->host && pick(8))
		expand_glob(b, p->host, true);
	else
		add_labels(b);
	add_path_of(b, b->data + method, p);
	if (once_in(3))
		mutate(b, from);
}

/* One pattern of the policy, or NULL when the list or the entry that was chosen is empty. */
static const struct pattern *choose_pattern(const struct policy *p)
{
	const struct entries *const lists[] = {&p->deny,  &p->deny,	    &p->deny,
					       &p->allow, &p->opaque_allow, &p->brokers};
	const struct entries *list = lists[pick(COUNT(lists))];
	const struct patterns *from;
	const struct entry *e;

	if (!list->count)
		return NULL;
	e = &list->items[pick((uint32_t)list->count)];
	from = once_in(3) ? &e->except : &e->match;
	return from->count ? &from->items[pick((uint32_t)from->count)] : NULL;
}

/* Appends the name of an activity; not every one is well-formed. */
static void random_activity(struct buf *b, const struct policy *policy)
{
	static void (*const by_kind[KIND_COUNT])(struct buf *, const struct pattern *) = {
		[KIND_EXEC] = name_exec,
		[KIND_NET] = name_net,
		[KIND_HTTP] = name_http,
		[KIND_LISTEN] = name_listen,
		[KIND_FILE] = name_file,
	};
	static const struct pattern any[KIND_COUNT] = {
		[KIND_EXEC] = {.kind = KIND_EXEC},
		[KIND_NET] = {.kind = KIND_NET, .form = NET_ANY, .port = PORT_ANY, .proto = -1},
		[KIND_HTTP] = {.kind = KIND_HTTP},
		[KIND_LISTEN] = {.kind = KIND_LISTEN, .port = PORT_ANY, .proto = -1},
		[KIND_FILE] = {.kind = KIND_FILE},
	};
	const struct pattern *p = choose_pattern(policy);

	if (!p)
		p = &any[pick(KIND_COUNT)];
	by_kind[p->kind](b, p);
}

/* ---- texts for content rules ---- */

static const char *choose_of(const struct phrase_list *list)
{
	return list->count ? list->items[pick((uint32_t)list->count)] : NULL;
}

/* A hash that the policy asks for, or that only just is none of these; "": it is not known. */
static inline void random_hash(char ret[HASH_TEXT + 1], const struct policy *p)
{
	const struct entries *list = pick(2) ? &p->deny : &p->allow;
	const struct entry *e = list->count ? &list->items[pick((uint32_t)list->count)] : NULL;
	const char *hash = e ? choose_of(&e->conds[COND_HASH].any) : NULL;

	memset(ret, '0', HASH_TEXT);
	ret[HASH_TEXT] = '\0';
	if (hash)
		memcpy(ret, hash, HASH_TEXT);
	if (once_in(4))
		ret[pick(HASH_TEXT)] = "0ab1"[pick(4)];
	if (once_in(8))
		*ret = '\0';
}

/* A phrase of a condition of the policy, or NULL. */
static const char *choose_condition(const struct policy *p)
{
	const struct entries *list = pick(2) ? &p->deny : &p->allow;
	const struct entry *e;

	if (!list->count)
		return NULL;
	e = &list->items[pick((uint32_t)list->count)];
	return choose_of(pick(2) ? &e->conds[pick(COND_TEXTS)].any
				 : &e->conds[pick(COND_TEXTS)].none);
}

/* A phrase of the policy, or NULL. */
static const char *choose_phrase(const struct policy *p)
{
	const struct content_rule *rule;

	if (pick(2))
		return choose_condition(p);
	if (!p->content_count)
		return NULL;
	rule = &p->content[pick((uint32_t)p->content_count)];
	return choose_of(&rule->phrases);
}

/* Letters of either case, and maybe the end of an argument for a blank. */
static void add_varied(struct buf *b, const char *phrase, size_t len)
{
	uint32_t how = pick(4);
	char blank = once_in(4) ? '\0' : ' ';

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)phrase[i];

		if (how == 1 || (how == 2 && pick(2)))
			c = (unsigned char)(islower(c) ? toupper(c) : tolower(c));
		buf_add_char(b, c == ' ' ? blank : (char)c);
	}
}

/* The same with other blanks, and escapes of JSON, as whoever wants to get by would write it. */
static void add_unfolded(struct buf *b, const char *phrase, size_t len)
{
	static const char *const blanks[] = {" ", "  ", "\t", "\\n", "\\u0020", " \\r\n", ""};

	for (size_t i = 0; i < len; i++) {
		if (phrase[i] == ' ')
			buf_add_str(b, blanks[pick(COUNT(blanks))]);
		else if (once_in(4) && (unsigned char)phrase[i] < 0x80)
			buf_addf(b, pick(2) ? "\\u%04x" : "\\u%04X", phrase[i]);
		else if (once_in(12))
			buf_add_str(b, pick(2) ? "\\u00" : "\\");
		else
			buf_add_char(b, phrase[i]);
	}
}

static void add_filler(struct buf *b, uint32_t n)
{
	while (n--)
		buf_add_char(b, "rmDaeb -\t.\\u"[pick(12)]);
}

/*
 * Appends a text of at most `room` bytes and says where to cut it in two: mostly within a phrase.
 * Beginnings of phrases are in it, and whole ones. NUL stands between arguments.
 */
static inline void random_text(struct buf *b, const struct policy *policy, size_t room,
			       uint32_t *ret_cut)
{
	uint32_t cut = 0;

	add_filler(b, pick(once_in(20) ? (uint32_t)room - 64 : 40));
	for (uint32_t n = pick(4); n--;) {
		const char *phrase = choose_phrase(policy);
		size_t len = phrase ? strlen(phrase) : 0;

		if (b->len + 6 * len + 32 > room)
			break;
		if (len && once_in(3))
			len = pick((uint32_t)len);
		if (len && (once_in(4) || !cut))
			cut = (uint32_t)(b->len + pick((uint32_t)len + 1));
		if (once_in(3))
			add_unfolded(b, phrase, len);
		else
			add_varied(b, phrase, len);
		if (once_in(3))
			buf_add_char(b, '\0');
		add_filler(b, pick(8));
	}
	*ret_cut = cut && pick(4) ? cut : pick((uint32_t)b->len + 1);
}

#endif
