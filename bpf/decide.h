/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_DECIDE_H
#define WARDEN_DECIDE_H

/*
 * The one decision function. It is compiled into every BPF program that enforces and into the
 * command line (explain), and a test holds the two against each other. It is pure: an image, the
 * state of the node, what an activity's names have hit; out comes a decision.
 */

#include "image.h"

enum verdict {
	VERDICT_ALLOW,
	VERDICT_AUDIT, /* would have been denied */
	VERDICT_DENY,
	VERDICT_KILL,
};

/* In the order in which they are asked. */
enum layer {
	LAYER_NONE, /* nothing refused, no rule named it */
	LAYER_AUDIT, /* the trail cannot be written, and policy says on_audit_failure: deny */
	LAYER_DENY,
	LAYER_ALLOW,
	LAYER_OPAQUE,
	LAYER_CONTENT,
};

/* The mechanism that enforced, or would have. */
enum tier {
	TIER_NONE,
	TIER_LSM,
	TIER_CGROUP,
	TIER_OVERRIDE,
	TIER_CUT,
	TIER_SIGNAL,
};

enum activity_flag {
	ACTIVITY_UNKNOWN = 1, /* it could not be named: too long, unreadable */
	ACTIVITY_OPAQUE = 2,  /* its plaintext cannot be followed */
	ACTIVITY_UNRECORDED = 4, /* the audit trail cannot be written */
	ACTIVITY_ARGS_UNREAD = 8, /* not all arguments are known */
	ACTIVITY_ENV_UNREAD = 16, /* nor the environment */
	ACTIVITY_LATER = 32,	  /* they will be, before anything happens: this is a first look */
	ACTIVITY_CHANGED = 64,	  /* the file was changed since the run began, or is new */
	ACTIVITY_HASH_UNREAD = 128, /* the kernel does not tell its hash, now or later */
};

struct activity {
	__u32 kind;   /* enum kind */
	__u32 flags;  /* enum activity_flag */
	struct image_row hit; /* over all its names; `allow` only of names that may allow */
	__u32 phrase; /* index of the struct image_phrase found in its text, or ROW_NONE */
	__u32 reserved;
	/* exec: entries whose phrases are in its arguments, its environment, its hash (conds.h) */
	struct cond_bits seen[COND_TEXTS];
};

struct decision {
	__u32 verdict; /* enum verdict */
	__u32 layer;   /* enum layer */
	__u32 rule;    /* index into the image's rules, or RULE_NONE */
	__u32 tier;    /* enum tier; set by the hook that enforces */
};

/* An activity that has hit nothing yet. */
static __always_inline void activity_init(struct activity *a, __u32 kind)
{
	a->kind = kind;
	a->flags = 0;
	a->hit.deny = a->hit.audit = a->hit.allow = a->hit.opaque = RULE_NONE;
	a->phrase = ROW_NONE;
	a->reserved = 0;
}

static __always_inline void decision_set(struct decision *d, __u32 verdict, __u32 layer, __u32 rule)
{
	d->verdict = verdict;
	d->layer = layer;
	d->rule = rule;
	d->tier = TIER_NONE;
}

static __always_inline __u32 image_rule_action(const void *img, __u32 rule)
{
	return image_u32(img, (__u64)image_header(img)->rules + (__u64)rule * 32 + 4);
}

/* A refusal by a rule: deny or kill as the rule says, or audit where the policy only watches. */
static __always_inline void decide_refuse(const void *img, struct decision *d, __u32 layer,
					  __u32 rule)
{
	__u32 verdict = VERDICT_DENY;

	if (rule != RULE_NONE && image_rule_action(img, rule) == ACTION_KILL)
		verdict = VERDICT_KILL;
	if (image_header(img)->mode == MODE_AUDIT)
		verdict = VERDICT_AUDIT;
	decision_set(d, verdict, layer, rule);
}

/* The first content rule that the phrase breaks for this kind of activity, or RULE_NONE. */
static __always_inline __u32 decide_content(const void *img, const struct activity *a)
{
	if (a->phrase == ROW_NONE || a->kind >= KIND_TEXTS)
		return RULE_NONE;
	return image_u32(img, (__u64)image_header(img)->phrase_rows + (__u64)a->phrase * 16 +
				      (a->kind & (KIND_TEXTS - 1)) * 4);
}

/*
 * Decides one activity. Layers are asked in the order of the policy language's default; the first
 * that refuses wins. A deny entry with mode: audit refuses nothing, but when nothing else refuses
 * either, the verdict is audit and names it.
 *
 * Fails closed: what could not be named is refused wherever a name would have been asked for.
 */
static __always_inline void decide(const void *img, const struct activity *a, struct decision *d)
{
	const struct image_header *h = image_header(img);
	__u32 kind = a->kind & (KIND_SLOTS - 1);
	__u32 closed_by = h->kinds[kind].closed_by;
	__u32 ruled = h->kinds[kind].ruled;
	__u32 content = decide_content(img, a);
	int opaque = (a->flags & ACTIVITY_OPAQUE) && a->hit.opaque == RULE_NONE;

	if ((a->flags & ACTIVITY_UNRECORDED) && h->mode == MODE_ENFORCE &&
	    h->on_audit_failure == CHOICE_DENY) {
		decision_set(d, VERDICT_DENY, LAYER_AUDIT, h->audit_rule);
		return;
	}
	if (a->hit.deny != RULE_NONE) {
		decide_refuse(img, d, LAYER_DENY, a->hit.deny);
		return;
	}
	if (closed_by != RULE_NONE && a->hit.allow == RULE_NONE) {
		decide_refuse(img, d, LAYER_ALLOW, closed_by);
		return;
	}
	if ((a->flags & ACTIVITY_UNKNOWN) && ruled && a->hit.allow == RULE_NONE) {
		decide_refuse(img, d, LAYER_DENY, RULE_NONE);
		return;
	}
	if (opaque && h->opaque == CHOICE_DENY) {
		decide_refuse(img, d, LAYER_OPAQUE, h->opaque_rule);
		return;
	}
	if (content != RULE_NONE) {
		decide_refuse(img, d, LAYER_CONTENT, content);
		return;
	}
	if (a->hit.audit != RULE_NONE) {
		decision_set(d, VERDICT_AUDIT, LAYER_DENY, a->hit.audit);
		return;
	}
	if (opaque && h->opaque == CHOICE_AUDIT) {
		decision_set(d, VERDICT_AUDIT, LAYER_OPAQUE, h->opaque_rule);
		return;
	}
	decision_set(d, VERDICT_ALLOW, a->hit.allow == RULE_NONE ? LAYER_NONE : LAYER_ALLOW,
		     a->hit.allow);
}

#endif
