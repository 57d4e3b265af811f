/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PATTERN_H
#define WARDEN_POLICY_PATTERN_H

#include "policy/diag.h"

/* Patterns: globs of activities, as exec:*.sh or net:10.0.0.0/8:5432. */

#define PATTERN_MAX_LEN NAME_MAX_LEN /* bytes, as written */

/* True when the text is meant as an activity, of a known kind or not: names of tools have no ':'.
 */
bool pattern_has_kind(const char *source);

/*
 * Parses a pattern. Returns 0, -EINVAL with an error in `diags`, or -ENOMEM. The caller frees what
 * *ret_pattern holds by pattern_done().
 */
int pattern_parse(const char *source, struct place place, struct pattern *ret_pattern,
		  struct diags *diags);

/* Frees what the pattern holds, not the pattern itself. */
void pattern_done(struct pattern *pattern);

/* Copies all that the pattern holds. Returns 0 or -ENOMEM. */
int pattern_copy(const struct pattern *pattern, struct pattern *ret_pattern);

/* An order of patterns; 0 when both match the same by being written alike. Place, source, tool do
 * not count. */
int pattern_compare(const struct pattern *a, const struct pattern *b);

/*
 * True when everything that `b` matches is matched by `a`, and when no name is matched by both.
 * False says nothing: only what is certain is true.
 */
bool pattern_covers(const struct pattern *a, const struct pattern *b);
bool pattern_disjoint(const struct pattern *a, const struct pattern *b);

/* The address of the host of a request, or of a pattern, that is an IPv6 address in brackets; false
 * for any other host. */
bool pattern_host_v6(const char *host, uint8_t ret_addr[16]);

/* True for exec:*, net:*, http:*, net:listen:*: all of its kind. */
bool pattern_is_any(const struct pattern *pattern);

/* True for net: patterns that match names of hosts, and those that match addresses. */
bool pattern_is_host(const struct pattern *pattern);
bool pattern_is_address(const struct pattern *pattern);

/* Appends, and takes over what the pattern holds, in case of failure too. Returns 0 or -ENOMEM. */
int patterns_add(struct patterns *patterns, struct pattern *pattern);

/* Frees all patterns and leaves none. */
void patterns_done(struct patterns *patterns);

/*
 * One name of an activity that happened, for pattern_matches(). Texts are normal already: hosts in
 * lower case without a trailing dot (IPv6 addresses in any spelling), http paths decoded and
 * beginning with '/', but for "" (CONNECT) and "*" (OPTIONS *).
 */
struct activity_name {
	enum kind kind;
	const char *text; /* exec; net: of a unix socket, else NULL */
	size_t len;
	bool raw;	/* net: net:raw, and nothing of the following */
	/* net, net:listen: AF_INET, AF_INET6; 0: the address is not known, but a name of it (net) */
	uint8_t family;
	uint8_t addr[16];
	uint16_t port;
	enum image_proto proto;
	bool private; /* net, with `host`: the address is a private one (match_is_private4()) */
	const char *method; /* http */
	const char *host;   /* of net, too: a name that the address has, or NULL */
	const char *path;
};

/*
 * True when the pattern matches the name. This is the reference that the image is tested against. A
 * place to listen at matches if the pattern names some of what it stands for.
 * IPv4-mapped IPv6 addresses are the IPv4 addresses that they stand for.
 */
bool pattern_matches(const struct pattern *pattern, const struct activity_name *name);

/*
 * True when the pattern matches the name and may admit it: `exec:unknown`, `exec:memfd:NAME` and
 * `net:raw` are admitted by patterns that say so, never by one that begins with '*' or '?'. Whether a
 * host name admits a private address is said by its entry. A place to listen at is admitted by patterns
 * that name all of what it stands for.
 */
bool pattern_admits(const struct pattern *pattern, const struct activity_name *name);

/* True when an exception, of an entry that admits or of one that denies, takes the name out of it. */
bool pattern_excepts(const struct pattern *pattern, const struct activity_name *name, bool admitted);

#endif
