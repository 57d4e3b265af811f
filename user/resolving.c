/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "resolving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT  53
#define LOOPBACK  1 /* its number in each network namespace */
#define RECURSION 0x0100

/* ---- connections ---- */

/*
 * Lets in what comes over an interface that the resolver is trusted on, as dns_ingress() does. The number
 * of the loopback is the lowest.
 */
static int trust(int fd, const struct resolvers *r, bool local)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, r->interfaces, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, local ? LOOPBACK : LOOPBACK + 1, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static socklen_t address(const uint8_t resolver[16], struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;

	*ret = (struct sockaddr_storage){};
	memcpy(&six->sin6_addr, resolver, 16);
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		*ret = (struct sockaddr_storage){};
		*four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
		memcpy(&four->sin_addr, resolver + 12, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(DNS_PORT);
	return sizeof(*six);
}

/* Begins to connect to a resolver that is one. Returns the socket, or -1. */
static int dial(const struct resolvers *r, const uint8_t resolver[16])
{
	struct sockaddr_storage to;
	socklen_t len = address(resolver, &to);
	size_t i = 0;
	int fd;

	while (i < r->count && memcmp(r->addr[i], resolver, 16))
		i++;
	if (i == r->count)
		return -1;
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (trust(fd, r, r->local[i]) == 0 &&
	    (connect(fd, (const struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS))
		return fd;
	close(fd);
	return -1;
}

/* ---- questions ---- */

static void put_u16(struct resolving_one *q, unsigned int n)
{
	q->data[q->len++] = (uint8_t)(n >> 8);
	q->data[q->len++] = (uint8_t)n;
}

/* A name of a host, in labels; false when it is none. */
static bool put_name(struct resolving_one *q, const char *name, size_t len)
{
	size_t label;

	for (size_t at = 0; at < len; at += label + 1) {
		const char *dot = memchr(name + at, '.', len - at);

		label = dot ? (size_t)(dot - name) - at : len - at;
		if (!label || label > 63 || memchr(name + at, '?', label))
			return false;
		q->data[q->len++] = (uint8_t)label;
		memcpy(q->data + q->len, name + at, label);
		q->len += label;
	}
	q->data[q->len++] = 0;
	return true;
}

/* Writes the question; false when there is none. */
static bool write_question(struct resolving_one *q, const char *name, size_t len)
{
	if (!len || len >= DNS_TEXT || getrandom(&q->id, sizeof(q->id), 0) != sizeof(q->id))
		return false;
	q->len = 2; /* the length follows */
	put_u16(q, q->id);
	put_u16(q, RECURSION);
	put_u16(q, 1);
	memset(q->data + q->len, 0, 6); /* no records */
	q->len += 6;
	if (!put_name(q, name, len))
		return false;
	put_u16(q, q->type);
	put_u16(q, DNS_CLASS_IN);
	q->data[0] = (uint8_t)((q->len - 2) >> 8);
	q->data[1] = (uint8_t)(q->len - 2);
	return true;
}

static uint64_t hash_of(const char *name, size_t len)
{
	uint64_t hash = MATCH_HASH_INIT;

	for (size_t i = 0; i < len; i++)
		hash = match_hash(hash, (uint8_t)name[i]);
	return hash;
}

static bool is_same(const struct resolving_one *q, const struct rec_resolve *rec, uint64_t hash)
{
	return q->active && q->hash == hash && q->type == rec->type &&
	       !memcmp(q->resolver, rec->resolver, sizeof(q->resolver));
}

void resolving_record(struct resolving *r, const struct rec_resolve *rec, uint64_t now)
{
	const char *name = (const char *)(rec + 1);
	struct resolving_one *q = NULL;
	uint64_t hash;

	if (rec->rec.size < sizeof(*rec) + rec->name_len)
		return;
	if (rec->ticket > r->ticket)
		r->ticket = rec->ticket;
	hash = hash_of(name, rec->name_len);
	for (size_t i = 0; i < RESOLVING; i++) {
		if (is_same(&r->each[i], rec, hash))
			return;
		if (!r->each[i].active)
			q = &r->each[i];
	}
	if (!q) {
		r->failed++;
		return;
	}
	*q = (struct resolving_one){.hash = hash, .type = rec->type, .deadline = now + NAMES_WAIT};
	memcpy(q->resolver, rec->resolver, sizeof(q->resolver));
	q->fd = write_question(q, name, rec->name_len) ? dial(r->resolvers, q->resolver) : -1;
	q->active = q->fd >= 0;
	r->failed += !q->active;
}

/* ---- answers ---- */

/* How much of the answer there has to be: its length first, then as much as is read. */
static size_t wanted(const struct resolving_one *q)
{
	size_t len = q->data[0] * 256U + q->data[1];

	return q->len < 2 ? 2 : 2 + (len < DNS_SIZE ? len : DNS_SIZE);
}

/* Sends or receives what it can. Returns 1 when the answer is there, 0 when it has to wait, or -errno. */
static int step(struct resolving_one *q)
{
	ssize_t n;

	if (!q->sent) {
		n = send(q->fd, q->data, q->len, MSG_NOSIGNAL);
		if (n < 0) /* ENOTCONN: not yet connected */
			return errno == EAGAIN || errno == ENOTCONN ? 0 : -errno;
		if ((size_t)n < q->len)
			return -EPROTO; /* a new connection takes more than that */
		q->sent = true;
		q->len = 0;
	}
	while (q->len < wanted(q)) {
		n = recv(q->fd, q->data + q->len, wanted(q) - q->len, 0);
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -EPROTO;
		q->len += (size_t)n;
	}
	return 1;
}

/* Whether it answers the question. Any answer will do, also that there is no such name. */
static bool answers(const struct resolving_one *q)
{
	_Static_assert(sizeof(q->data) - 2 == DNS_SIZE, "read up to its end");
	struct dns d = {};
	struct dns_ctx c = {.msg = q->data + 2, .d = &d};

	return dns_question(&c, (uint32_t)q->len - 2) && d.flags & DNS_RESPONSE && d.id == q->id &&
	       d.type == q->type && d.hash == q->hash;
}

static bool learn(struct resolving *r, struct resolving_one *q)
{
	size_t len = q->data[0] * 256U + q->data[1];

	memset(q->data + q->len, 0, sizeof(q->data) - q->len); /* no remains of the question */
	return answers(q) && r->told(r->ctx, q->data + 2, len) >= 0;
}

size_t resolving_poll(const struct resolving *r, struct pollfd ret[RESOLVING])
{
	size_t n = 0;

	for (size_t i = 0; i < RESOLVING; i++)
		if (r->each[i].active)
			ret[n++] = (struct pollfd){.fd = r->each[i].fd,
						   .events = r->each[i].sent ? POLLIN : POLLOUT};
	return n;
}

bool resolving_go(struct resolving *r, uint64_t now)
{
	size_t active = 0;

	for (size_t i = 0; i < RESOLVING; i++) {
		struct resolving_one *q = &r->each[i];
		int done = q->active ? step(q) : 0;

		if (done == 1)
			r->failed += !learn(r, q);
		else if (done < 0 || (q->active && now >= q->deadline))
			r->failed++;
		else {
			active += q->active;
			continue;
		}
		close(q->fd);
		q->active = false;
	}
	return !active;
}

void resolving_free(struct resolving *r)
{
	for (size_t i = 0; i < RESOLVING; i++) {
		if (r->each[i].active)
			close(r->each[i].fd);
		r->each[i].active = false;
	}
}
