/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/lower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/check.h"
#include "policy/tables.h"

/* ---- rows ---- */

static uint32_t first(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void row_add(struct image_row *row, const struct image_row *other)
{
	row->deny = first(row->deny, other->deny);
	row->audit = first(row->audit, other->audit);
	row->allow = first(row->allow, other->allow);
	row->opaque = first(row->opaque, other->opaque);
	row->changed = first(row->changed, other->changed);
	row->conds |= other->conds;
}

bool row_is_empty(const struct image_row *row)
{
	return (row->deny & row->audit & row->allow & row->opaque & row->changed) == RULE_NONE &&
	       !row->conds;
}

int lower_label(struct lower *l, const struct image_row *row, uint32_t *ret)
{
	int r = intern_add(&l->labels, row, sizeof(*row), ret);

	return r < 0 ? r : 0;
}

int lower_both(void *ctx, uint32_t a, uint32_t b, uint32_t *ret)
{
	struct lower *l = ctx;
	struct image_row row, other;

	if (a == LABEL_NONE || b == LABEL_NONE || a == b) {
		*ret = a == LABEL_NONE ? b : a;
		return 0;
	}
	row = *(const struct image_row *)intern_get(&l->labels, a, NULL);
	other = *(const struct image_row *)intern_get(&l->labels, b, NULL);
	row_add(&row, &other);
	return lower_label(l, &row, ret);
}

int lower_row(struct lower *l, const struct image_row *row, uint32_t *ret)
{
	int r;

	if (row_is_empty(row)) {
		*ret = ROW_NONE;
		return 0;
	}
	r = intern_add(&l->rows, row, sizeof(*row), ret);
	return r < 0 ? r : 0;
}

/* ---- automata ---- */

/* A state as a transition names it: the index of its first transition, and whether it accepts. */
static uint32_t state_word(const struct dfa *d, const uint32_t *accept, uint32_t state)
{
	return state * d->stride | (accept[state] == ROW_NONE ? 0 : DFA_ACCEPT);
}

void lower_dfa(struct lower *l, const struct dfa *d, const uint32_t *accept, struct image_dfa *ret)
{
	size_t edges = (size_t)d->states * d->stride;
	uint32_t *trans;

	*ret = (struct image_dfa){.stride = d->stride, .states = d->states};
	ret->start = state_word(d, accept, d->start);
	ret->classes = blob_append(&l->blob, d->classes, sizeof(d->classes), 8);
	ret->accept = blob_append(&l->blob, accept, d->states * sizeof(*accept), 8);
	ret->trans = blob_reserve(&l->blob, edges * sizeof(*trans), 8);
	if (l->blob.error)
		return;
	trans = blob_at(&l->blob, ret->trans);
	for (size_t i = 0; i < edges; i++)
		trans[i] = state_word(d, accept, d->next[i]);
}

int lower_phrase_rows(struct lower *l, const struct dfa *d, const struct intern *labels,
		      struct intern *rows, size_t size, struct image_dfa *ret)
{
	_free_ uint32_t *accept = calloc(d->states, sizeof(*accept));

	if (!accept)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->states; i++) {
		accept[i] = ROW_NONE;
		if (d->labels[i] != LABEL_NONE &&
		    intern_add(rows, intern_get(labels, d->labels[i], NULL), size, &accept[i]) < 0)
			return -ENOMEM;
	}
	lower_dfa(l, d, accept, ret);
	return 0;
}

int lower_too_many_states(struct lower *l, struct place place, const char *rule,
			  const char *pattern)
{
	return diag_add(
		l->diags, DIAG_ERROR, place,
		"%s: \"%s\" needs an automaton of more than %u states: use fewer '*' and '?', "
		"or write what it shall match as several simpler patterns",
		rule, pattern, DFA_BUDGET);
}

/* ---- rules and kinds ---- */

static void set_rule(struct lower *l, uint32_t at, const struct image_rule *rule)
{
	if (!l->blob.error)
		memcpy(blob_at(&l->blob, l->head.rules + at * (uint32_t)sizeof(*rule)), rule,
		       sizeof(*rule));
}

static void add_entries(struct lower *l, const struct rule_list *list)
{
	for (size_t i = 0; i < list->entries->count; i++) {
		const struct entry *e = &list->entries->items[i];
		uint32_t refusal = e->kill ? ACTION_KILL : ACTION_DENY;
		struct image_rule rule = {
			.layer = list->layer,
			.action = list->layer == LAYER_DENY ? refusal : ACTION_ALLOW,
			.mode = e->audit ? MODE_AUDIT : MODE_ENFORCE,
			.line = e->place.line,
			.column = e->place.column,
			.id = blob_string(&l->blob, e->id),
			.reason = blob_string(&l->blob, e->reason),
		};

		set_rule(l, list->first + (uint32_t)i, &rule);
	}
}

static void add_content(struct lower *l, uint32_t first_rule)
{
	for (size_t i = 0; i < l->policy->content_count; i++) {
		const struct content_rule *c = &l->policy->content[i];
		struct image_rule rule = {
			.layer = LAYER_CONTENT,
			.action = ACTION_DENY,
			.line = c->place.line,
			.column = c->place.column,
			.id = blob_string(&l->blob, c->name),
			.reason = blob_string(&l->blob, c->reason),
		};

		set_rule(l, first_rule + (uint32_t)i, &rule);
	}
}

/* A key that is a rule by itself. */
static void add_key(struct lower *l, uint32_t at, const char *id, enum layer layer,
		    enum image_choice choice, struct place place)
{
	struct image_rule rule = {
		.layer = layer,
		.action = choice == CHOICE_ALLOW ? ACTION_ALLOW : ACTION_DENY,
		.mode = choice == CHOICE_AUDIT ? MODE_AUDIT : MODE_ENFORCE,
		.line = place.line,
		.column = place.column,
		.id = blob_string(&l->blob, id),
	};

	set_rule(l, at, &rule);
}

static void add_rules(struct lower *l)
{
	const struct policy *p = l->policy;
	struct rule_list lists[RULE_LISTS];
	struct rule_index ix;

	rule_index(p, &ix);
	rule_lists(p, lists);
	l->head.rule_count = ix.count;
	l->head.rules = blob_reserve(&l->blob, ix.count * sizeof(struct image_rule), 8);
	for (size_t i = 0; i < RULE_LISTS; i++)
		add_entries(l, &lists[i]);
	add_content(l, ix.content);
	add_key(l, ix.opaque, "opaque", LAYER_OPAQUE, p->opaque, p->opaque_place);
	for (enum kind k = 0; k < KIND_COUNT; k++) {
		struct closer closer = policy_closer(p, k);

		l->head.kinds[k].closed_by = ix.closer[k];
		if (closer.rule)
			add_key(l, ix.closer[k], closer.rule, LAYER_ALLOW, CHOICE_DENY,
				closer.place);
	}
	add_key(l, ix.audit, "on_audit_failure", LAYER_AUDIT, p->on_audit_failure,
		p->on_audit_failure_place);
	l->head.opaque_rule = ix.opaque;
	l->head.audit_rule = ix.audit;
}

static void rule_entries(struct lower *l, const struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		for (size_t k = 0; k < entries->items[i].match.count; k++)
			l->head.kinds[entries->items[i].match.items[k].kind].ruled = 1;
}

static void mark_ruled(struct lower *l)
{
	rule_entries(l, &l->policy->deny);
	for (enum kind k = 0; k < KIND_COUNT; k++)
		l->head.kinds[k].denies = l->head.kinds[k].ruled;
	rule_entries(l, &l->policy->allow);
	for (enum kind k = 0; k < KIND_COUNT; k++)
		if (l->head.kinds[k].closed_by != RULE_NONE)
			l->head.kinds[k].ruled = 1;
	for (size_t i = 0; i < l->policy->content_count; i++)
		for (enum kind k = 0; k < KIND_COUNT; k++)
			if (l->policy->content[i].in >> k & 1)
				l->head.kinds[k].ruled = 1;
	l->head.kinds[KIND_NET].hosts = rules_name_hosts(l->policy, false);
}

/* ---- the whole ---- */

static void begin(struct lower *l, uint64_t generation)
{
	const struct policy *p = l->policy;

	l->head = (struct image_header){
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.generation = generation,
		.name = blob_string(&l->blob, p->name ? p->name : ""),
		.file = blob_string(&l->blob, p->file ? p->file : ""),
		.mode = p->mode,
		.on_audit_failure = p->on_audit_failure,
		.opaque = p->opaque,
		.opaque_rule = RULE_NONE,
		.audit_rule = RULE_NONE,
		.capture = p->capture,
	};
	for (size_t i = 0; i < sizeof(l->head.kinds) / sizeof(l->head.kinds[0]); i++)
		l->head.kinds[i].closed_by = RULE_NONE;
}

static int add_tables(struct lower *l)
{
	bool alike = !rules_name_hosts(l->policy, true);
	int r = 0;

	for (enum text t = 0; t < TEXT_COUNT && !r; t++)
		if (t > TEXT_HOST && alike) /* one table for all protocols */
			l->head.text[t] = l->head.text[TEXT_HOST];
		else
			r = lower_text(l, t);
	if (!r)
		r = lower_net(l);
	if (!r)
		r = lower_raw(l);
	if (!r)
		r = lower_inodes(l);
	if (!r)
		r = lower_content(l);
	if (!r)
		r = lower_conds(l);
	return r;
}

static int finish(struct lower *l, struct image_block *ret)
{
	struct image_block block;
	size_t used;
	int r;

	l->head.row_count = l->rows.count;
	l->head.rows =
		blob_append(&l->blob, l->rows.bytes, l->rows.count * sizeof(struct image_row), 8);
	used = l->blob.used;
	r = blob_finish(&l->blob, &block);
	if (r < 0)
		return r;
	l->head.size = (uint32_t)used;
	l->head.mask = (uint32_t)(block.size - 1);
	memcpy(block.data, &l->head, sizeof(l->head));
	*ret = block;
	return 0;
}

static void lower_done(struct lower *l)
{
	blob_free(&l->blob);
	intern_free(&l->labels);
	intern_free(&l->rows);
}

/* What holds when there is no policy: everything is watched, nothing is refused. */
static const struct policy no_policy = {
	.mode = MODE_AUDIT,
	.on_audit_failure = CHOICE_ALLOW,
	.capture = CAPTURE_EVIDENCE,
	.opaque = CHOICE_ALLOW,
};

int policy_lower(const struct policy *policy, uint64_t generation, struct image_block *ret,
		 struct diags *diags)
{
	__attribute__((cleanup(lower_done))) struct lower l = {
		.policy = policy ? policy : &no_policy,
		.diags = diags,
	};
	int r;

	r = blob_init(&l.blob, sizeof(struct image_header));
	if (r < 0)
		return r;
	begin(&l, generation);
	if (policy) {
		add_rules(&l);
		mark_ruled(&l);
	}
	r = add_tables(&l);
	if (!r)
		r = finish(&l, ret);
	if (r == -E2BIG)
		r = diag_add(diags, DIAG_ERROR, (struct place){},
			     "this policy compiles to more than the %u MiB that are possible: use "
			     "prefixes and CIDRs instead of long lists",
			     IMAGE_MAX_SIZE >> 20);
	return r;
}
