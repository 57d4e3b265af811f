/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/check_dead.h"

#include <errno.h>

#include "policy/check.h"
#include "policy/pattern.h"

/* Rules that name hosts in net:. */

static const struct pattern *find(const struct patterns *patterns,
				  bool (*is)(const struct pattern *))
{
	for (size_t i = 0; i < patterns->count; i++)
		if (is(&patterns->items[i]))
			return &patterns->items[i];
	return NULL;
}

/* ---- except ---- */

/*
 * Names and addresses are matched apart, so that neither can be taken out of the other. What to
 * write depends on the list.
 */
struct advice {
	const struct entries *entries;
	const char *for_host, *for_address; /* that is excepted */
};

static int check_exception(const struct entry *e, const struct pattern *p, const struct advice *a,
			   struct diags *diags)
{
	bool host = pattern_is_host(p);
	const struct pattern *other;

	if (!host && !pattern_is_address(p))
		return 0;
	other = find(&e->match, host ? pattern_is_address : pattern_is_host);
	if (!other)
		return 0;
	return diag_add(diags, DIAG_ERROR, p->place,
			"'%.80s' is excepted from '%.80s': %s from %s is not supported yet; %s",
			p->source, other->source, host ? "a host name" : "an address",
			host ? "addresses" : "host names", host ? a->for_host : a->for_address);
}

static int check_excepts_of(const struct advice *a, struct diags *diags)
{
	bool failed = false;

	for (size_t i = 0; i < a->entries->count; i++) {
		const struct entry *e = &a->entries->items[i];

		for (size_t j = 0; j < e->except.count; j++) {
			int r = check_exception(e, &e->except.items[j], a, diags);

			if (r == -ENOMEM)
				return r;
			failed |= r < 0;
		}
	}
	return failed ? -EINVAL : 0;
}

/* ---- private ---- */

static int check_private(const struct policy *policy, struct diags *diags)
{
	bool failed = false;

	for (size_t i = 0; i < policy->allow.count; i++) {
		const struct entry *e = &policy->allow.items[i];

		if (!e->private || find(&e->match, pattern_is_host))
			continue;
		if (diag_add(
			    diags, DIAG_ERROR, e->place,
			    "'%.80s' has 'private', which is for host names in net:, and names none",
			    e->id) == -ENOMEM)
			return -ENOMEM;
		failed = true;
	}
	for (size_t i = 0; i < policy->opaque_allow.count; i++) {
		const struct entry *e = &policy->opaque_allow.items[i];

		if (!e->private)
			continue;
		if (diag_add(diags, DIAG_ERROR, e->place,
			     "'%.80s' has 'private', which is for entries of 'allow'",
			     e->id) == -ENOMEM)
			return -ENOMEM;
		failed = true;
	}
	return failed ? -EINVAL : 0;
}

int check_hosts(const struct policy *policy, struct diags *diags)
{
	const struct advice advice[] = {
		{&policy->deny, "name in 'allow' what may be reached", "except the address' name"},
		{&policy->allow, "write a deny entry for it", "write a deny entry for it"},
		{&policy->opaque_allow, "name the destinations one by one",
		 "name the hosts one by one"},
	};
	bool failed = false;
	int r;

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		r = check_excepts_of(&advice[i], diags);
		if (r == -ENOMEM)
			return r;
		failed |= r < 0;
	}
	r = check_private(policy, diags);
	return failed && r != -ENOMEM ? -EINVAL : r;
}

/* ---- deny ---- */

/* True when an address without a name is admitted: then what denies a name can be gone around. */
static bool admits_addresses(const struct policy *policy)
{
	for (size_t i = 0; i < policy->allow.count; i++)
		if (find(&policy->allow.items[i].match, pattern_is_address))
			return true;
	return !policy_closer(policy, KIND_NET).rule;
}

int check_denied_hosts(const struct policy *policy, struct diags *diags)
{
	const struct pattern *p;
	int r = 0;

	for (size_t i = 0; i < policy->deny.count && r == 0 && admits_addresses(policy); i++) {
		p = find(&policy->deny.items[i].match, pattern_is_host);
		if (p)
			r = diag_add(
				diags, DIAG_NOTE, p->place,
				"'%.80s' does not deny an address that no resolver has told the "
				"workload: to hold that, name in 'allow' the hosts that it may "
				"reach",
				p->source);
	}
	return r;
}
