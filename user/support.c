/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "support.h"

#include <errno.h>
#include <sys/socket.h>

/* ---- what a policy asks for ---- */

static bool names_kind(const struct entries *e, enum kind kind)
{
	for (size_t i = 0; i < e->count; i++)
		for (size_t j = 0; j < e->items[i].match.count; j++)
			if (e->items[i].match.items[j].kind == kind)
				return true;
	return false;
}

static bool content_in(const struct policy *p, enum kind kind)
{
	for (size_t i = 0; i < p->content_count; i++)
		if (p->content[i].in & 1u << kind)
			return true;
	return false;
}

static bool rules_for(const struct policy *p, enum kind kind)
{
	return names_kind(&p->deny, kind) || names_kind(&p->allow, kind) ||
	       p->defaults[kind].deny || content_in(p, kind);
}

static bool asks_exec(const struct policy *p)
{
	return rules_for(p, KIND_EXEC);
}

static bool names_hash(const struct entries *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->items[i].conds[COND_HASH].place.line)
			return true;
	return false;
}

static bool asks_hash(const struct policy *p)
{
	return names_hash(&p->deny) || names_hash(&p->allow);
}

static bool asks_net(const struct policy *p)
{
	return rules_for(p, KIND_NET);
}

static bool names_form(const struct entries *e, enum net_form form)
{
	for (size_t i = 0; i < e->count; i++)
		for (size_t j = 0; j < e->items[i].match.count; j++)
			if (e->items[i].match.items[j].form == form &&
			    e->items[i].match.items[j].kind == KIND_NET)
				return true;
	return false;
}

/* Rules that name unix sockets, and rules that close net, which closes them too. */
static bool asks_unix(const struct policy *p)
{
	return names_form(&p->deny, NET_UNIX) || names_kind(&p->allow, KIND_NET) || p->defaults[KIND_NET].deny;
}

/* Without LSM packet sockets are made as they like. */
static bool asks_raw(const struct policy *p)
{
	return names_form(&p->deny, NET_RAW);
}

/* Without LSM nobody is asked when a socket listens. */
static bool asks_listen(const struct policy *p)
{
	return rules_for(p, KIND_LISTEN);
}

/* Entries that admit, or only record, open what is not held then anyway. */
static bool asks_files(const struct policy *p)
{
	for (size_t i = 0; i < p->deny.count; i++) {
		const struct entries one = {.items = &p->deny.items[i], .count = 1};

		if (!one.items->audit && names_kind(&one, KIND_FILE))
			return true;
	}
	return false;
}

static bool asks_plaintext(const struct policy *p)
{
	return rules_for(p, KIND_HTTP);
}

static bool asks_stdio(const struct policy *p)
{
	return p->mcp_place.line && p->capture != CAPTURE_OFF;
}

static bool asks_opaque(const struct policy *p)
{
	return p->opaque == CHOICE_DENY;
}

/* ---- what there is ---- */

static bool has_exec(const struct tiers *t)
{
	return t->exec != TIER_NONE;
}

static bool has_hashes(const struct tiers *t)
{
	return t->exec == TIER_LSM && t->facility[FACILITY_EXEC_HASH].works;
}

static bool has_net(const struct tiers *t)
{
	return t->net != TIER_NONE;
}

static bool has_unix(const struct tiers *t)
{
	return t->net == TIER_LSM || t->facility[FACILITY_NET_UNIX].works;
}

static bool has_lsm_net(const struct tiers *t)
{
	return t->net == TIER_LSM;
}

static bool has_files(const struct tiers *t)
{
	return t->facility[FACILITY_GUARD].works;
}

static bool has_plaintext(const struct tiers *t)
{
	return t->plaintext != TIER_NONE;
}

static bool has_stdio(const struct tiers *t)
{
	return t->facility[FACILITY_STDIO_HOOK].works || t->facility[FACILITY_STDIO_SYSCALL].works;
}

static bool has_cut(const struct tiers *t)
{
	return t->facility[FACILITY_PLAINTEXT_CUT].works;
}

static const struct {
	const char *what;
	bool (*asks)(const struct policy *);
	bool (*has)(const struct tiers *);
	enum facility facility; /* whose reason to print */
} needs[] = {
	{"exec: rules", asks_exec, has_exec, FACILITY_EXEC_SIGNAL},
	{"sha256 of exec: rules", asks_hash, has_hashes, FACILITY_EXEC_HASH},
	{"net: rules", asks_net, has_net, FACILITY_NET_CGROUP},
	{"net: rules on unix sockets", asks_unix, has_unix, FACILITY_NET_UNIX},
	{"net:raw", asks_raw, has_lsm_net, FACILITY_NET_LSM},
	{"net:listen", asks_listen, has_lsm_net, FACILITY_NET_LSM},
	{"file:write", asks_files, has_files, FACILITY_GUARD},
	{"http: and content rules", asks_plaintext, has_plaintext, FACILITY_UPROBE},
	{"mcp: recording of what servers are told", asks_stdio, has_stdio, FACILITY_STDIO_SYSCALL},
	{"opaque: deny", asks_opaque, has_cut, FACILITY_PLAINTEXT_CUT},
};

int support_check(const struct policy *policy, const struct tiers *tiers, struct buf *notes)
{
	bool lacking = false;

	if (!policy || policy->mode == MODE_AUDIT)
		return 0;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!needs[i].asks(policy) || needs[i].has(tiers))
			continue;
		buf_addf(notes, "%s cannot be enforced here: %s\n", needs[i].what,
			 tiers->facility[needs[i].facility].reason);
		lacking = true;
	}
	/* There is no lower tier to degrade to: then it is refused as well. */
	return lacking && policy->unsupported != UNSUPPORTED_AUDIT ? -EOPNOTSUPP : 0;
}
