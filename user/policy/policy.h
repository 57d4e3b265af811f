/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_H
#define WARDEN_POLICY_H

/*
 * A policy as it was written, after parsing and checking: what lower.h compiles to an image and
 * what `explain` prints from. Pure data; policy_free() owns everything in it.
 *
 * Stages: policy_parse() (parse.h) reads YAML, knows every key and type; policy_check() (check.h)
 * resolves tools and warns of keys without effect; policy_resolve() (resolve.h) is the one stage
 * that looks at files; policy_check_reach() (check.h) warns of rules that never decide;
 * policy_lower() (lower.h) builds the image. Each reports through struct diags and none prints.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decide.h"
#include "fileid.h"

struct place { /* in the policy file, both from 1; line 0 is no place */
	uint32_t line;
	uint32_t column;
};

enum capture {
	CAPTURE_OFF,
	CAPTURE_METADATA,
	CAPTURE_EVIDENCE,
	CAPTURE_FULL,
};

enum unsupported {
	UNSUPPORTED_REFUSE,
	UNSUPPORTED_DEGRADE,
	UNSUPPORTED_AUDIT,
};

enum net_form {
	NET_ANY,  /* the address field is "*" */
	NET_ADDR, /* an address or a CIDR */
	NET_UNIX, /* net:unix:PATH, PATH is a glob in `text` */
	NET_RAW,  /* net:raw: raw and packet sockets */
	NET_HOST, /* a name: a glob in `host` */
};

/*
 * One glob of the policy language, its fields apart (interface: "Globs"). Globs are kept with the
 * escapes that they need and no others: a backslash stands before '*', '?' and '\' only.
 *
 * Between policy_parse() and policy_check() the name of a tool stands in an entry as a pattern of
 * the kind KIND_COUNT with `tool` set; policy_check() puts copies of the tool's patterns there.
 */
struct pattern {
	enum kind kind;
	struct place place;
	char *source; /* the whole of it, as written */
	char *tool;   /* the tool that it came from, or NULL */

	char *text; /* exec: the path glob; net:unix: the path glob; NULL is "*" */
	bool found; /* exec: a path without globs, whose file was there when it was resolved */
	bool added; /* exec: not written anywhere; it is what another path of its entry means */
	bool known; /* exec: `file` is the file that it leads to */
	struct file_id file;

	enum net_form form; /* net, and net:listen, where it is NET_ANY or NET_ADDR */
	uint8_t family;	    /* AF_INET, AF_INET6 */
	uint8_t prefix;	    /* bits */
	uint8_t addr[16];   /* network byte order; bits behind the prefix are 0 */
	uint32_t port;	    /* 0-65535, or PORT_ANY */
	int proto;	    /* enum image_proto, or -1: any */

	char *method; /* http: globs; NULL is "*" */
	char *host;   /* of net, too: lower case, without trailing dot */
	char *path;
};

struct patterns {
	struct pattern *items;
	size_t count;
};

/* Phrases: bytes that may occur in a text. */
struct phrase_list {
	char **items;
	size_t count;
};

/* What a text must have: one of the phrases of `any`, if there are such, and none of `none`. */
struct condition {
	struct place place; /* of its key */
	struct phrase_list any;
	struct phrase_list none;
};

/* An entry of deny, allow or opaque.allow. */
struct entry {
	struct place place; /* line 0: it is built in */
	char *id;	/* as written, or made: deny[0], allow[2], opaque.allow[0] */
	char *reason;	/* or NULL */
	char *tool;	/* the tool it was written as, or NULL */
	bool audit;	/* mode: audit */
	bool changed;	/* allow: admits files changed since the run began, too */
	bool private;	/* allow: its host names admit private addresses, too */
	bool kill;	/* action: kill */
	struct patterns match;
	struct patterns except;
	/* For programs: on its arguments, its environment; any: hashes, of which it has one. */
	struct condition conds[COND_TEXTS];
	uint32_t cond; /* the number of an entry that has conditions, given by policy_check() */
};

/* True for an entry that does not decide by names alone. */
static inline bool entry_is_conditional(const struct entry *e)
{
	return e->conds[COND_ARGS].place.line || e->conds[COND_ENV].place.line ||
	       e->conds[COND_HASH].place.line;
}

/* True for an allow entry that admits files changed since the run began: all, or by their hash. */
static inline bool entry_admits_changed(const struct entry *e)
{
	return e->changed || e->conds[COND_HASH].place.line;
}

struct entries {
	struct entry *items;
	size_t count;
	struct place place; /* of the key; line 0: the key is absent */
};

struct tool {
	struct place place;
	char *name;
	struct patterns match;
};

/* An MCP server, known by what it is started as. */
struct mcp_server {
	struct place place;
	char *name;
	struct patterns exec; /* of the kind KIND_EXEC */
};

struct content_rule {
	struct place place;
	char *name;
	char *reason; /* or NULL */
	struct phrase_list phrases;
	uint32_t in;  /* 1 << enum kind */
	bool exact;   /* case: exact */
	bool folded;  /* space: any; its phrases have no two blanks in a row, and none but spaces */
};

/* How its phrases are compared: of enum phrase_way. */
static inline uint32_t content_way(const struct content_rule *rule)
{
	return (rule->exact ? PHRASE_EXACT : 0) | (rule->folded ? PHRASE_FOLDED : 0);
}

struct policy_default { /* default: for one kind; place.line 0: not said */
	bool deny;
	struct place place;
};

struct policy {
	char *file; /* as given on the command line */
	char *name;
	enum image_mode mode;
	enum unsupported unsupported;
	enum image_choice on_audit_failure; /* CHOICE_DENY or CHOICE_ALLOW (continue) */
	struct place on_audit_failure_place;
	enum capture capture;
	enum image_choice opaque;
	struct place opaque_place; /* line 0: not said, so audit */
	struct entries opaque_allow;
	struct tool *tools;
	size_t tool_count;
	struct mcp_server *servers;
	size_t server_count;
	struct place mcp_place; /* of the key; line 0: what servers are told is not recorded */
	struct entries deny;
	struct entries allow;
	struct entries brokers; /* deny entries that no file has: brokers.h */
	struct entries resolvers; /* an allow entry that no file has, or none: resolvers.h */
	struct policy_default defaults[KIND_COUNT]; /* none for net:listen, which only allow closes */
	struct content_rule *content;
	size_t content_count;
};

/* Frees it and everything in it; NULL is fine. Sets *policy to NULL. */
void policy_free(struct policy **policy);

#endif
