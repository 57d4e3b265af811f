/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/yaml.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "policy/yaml_text.h"

#define CHUNK_SIZE (64U << 10)

struct chunk {
	struct chunk *next;
	size_t used, size;
	char data[] __attribute__((aligned(16)));
};

struct yaml_doc {
	struct yaml_node *root;
	struct chunk *chunks;
	size_t nodes;
};

/* A sequence or mapping that is not closed yet. */
struct level {
	struct yaml_node *node;
	struct yaml_node *last; /* item or key */
	bool wants_value;       /* `last` is a key without its value */
};

struct loader {
	yaml_parser_t parser;
	struct yaml_doc *doc;
	struct diags *diags;
	struct level stack[YAML_MAX_DEPTH];
	size_t depth;
};

static void *doc_alloc(struct yaml_doc *doc, size_t size)
{
	struct chunk *c = doc->chunks;
	size_t need = (size + 15) & ~(size_t)15;

	if (!c || c->size - c->used < need) {
		size_t room = need > CHUNK_SIZE ? need : CHUNK_SIZE;

		c = malloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		*c = (struct chunk){.next = doc->chunks, .size = room};
		doc->chunks = c;
	}
	c->used += need;
	return c->data + c->used - need;
}

void yaml_doc_free(struct yaml_doc **doc)
{
	struct yaml_doc *d = *doc;

	*doc = NULL;
	if (!d)
		return;
	while (d->chunks) {
		struct chunk *next = d->chunks->next;

		free(d->chunks);
		d->chunks = next;
	}
	free(d);
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc)
{
	return doc->root;
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node->type == YAML_SCALAR && !node->quoted &&
	       (!node->len || !strcmp(node->text, "~") || !strcasecmp(node->text, "null"));
}

static struct place place_of(yaml_mark_t mark)
{
	return (struct place){.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

/* Puts a new node where the document stands: as root, item, key, or value of the last key. */
static int attach(struct loader *l, struct yaml_node *node)
{
	struct level *up = l->depth ? &l->stack[l->depth - 1] : NULL;

	if (!up) {
		l->doc->root = node;
		return 0;
	}
	if (up->wants_value) {
		up->last->value = node;
		up->wants_value = false;
		return 0;
	}
	if (up->node->type == YAML_MAPPING && node->type != YAML_SCALAR)
		return diag_add(l->diags, DIAG_ERROR, node->place, "a key must be a word");
	*(up->last ? &up->last->next : &up->node->first) = node;
	up->last = node;
	up->node->count++;
	up->wants_value = up->node->type == YAML_MAPPING;
	return 0;
}

static int add_node(struct loader *l, const struct yaml_node *content, struct yaml_node **ret_node)
{
	struct yaml_node *node;

	if (++l->doc->nodes > YAML_MAX_NODES)
		return diag_add(l->diags, DIAG_ERROR, content->place, "more than %d values",
				YAML_MAX_NODES);
	node = doc_alloc(l->doc, sizeof(*node));
	if (!node)
		return -ENOMEM;
	*node = *content;
	*ret_node = node;
	return attach(l, node);
}

/* What YAML would do with a leading '&' or '!' is of no use in a policy, and easily meant else. */
static int refuse_decoration(struct loader *l, const yaml_event_t *e, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	if (anchor)
		return diag_add(l->diags, DIAG_ERROR, place_of(e->start_mark),
				"a leading & is a YAML anchor: quote it");
	if (tag)
		return diag_add(l->diags, DIAG_ERROR, place_of(e->start_mark),
				"a leading ! is a YAML tag: quote it");
	return 0;
}

static int on_alias(struct loader *l, const yaml_event_t *e)
{
	return diag_add(l->diags, DIAG_ERROR, place_of(e->start_mark),
			"a leading * is a YAML alias: quote it");
}

static int on_scalar(struct loader *l, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	struct yaml_node content = {.type = YAML_SCALAR,
				    .quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE,
				    .place = place_of(e->start_mark),
				    .len = e->data.scalar.length};
	struct yaml_node *node;
	char *text;
	int r;

	r = refuse_decoration(l, e, e->data.scalar.anchor, e->data.scalar.tag);
	if (r < 0)
		return r;
	if (memchr(value, '\0', content.len))
		return diag_add(l->diags, DIAG_ERROR, content.place,
				"a NUL byte may not stand here: in a name, ? is any one byte");
	text = doc_alloc(l->doc, content.len + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, value, content.len);
	text[content.len] = '\0';
	content.text = text;
	return add_node(l, &content, &node);
}

static int open_level(struct loader *l, const yaml_event_t *e, enum yaml_type type)
{
	struct yaml_node content = {.type = type, .place = place_of(e->start_mark)};
	struct yaml_node *node;
	int r;

	if (l->depth == YAML_MAX_DEPTH)
		return diag_add(l->diags, DIAG_ERROR, content.place, "nested deeper than %d levels",
				YAML_MAX_DEPTH);
	r = add_node(l, &content, &node);
	if (r < 0)
		return r;
	l->stack[l->depth++] = (struct level){.node = node};
	return 0;
}

static int on_sequence(struct loader *l, const yaml_event_t *e)
{
	int r = refuse_decoration(l, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);

	return r < 0 ? r : open_level(l, e, YAML_SEQUENCE);
}

static int on_mapping(struct loader *l, const yaml_event_t *e)
{
	int r = refuse_decoration(l, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);

	return r < 0 ? r : open_level(l, e, YAML_MAPPING);
}

static int on_sequence_end(struct loader *l, const yaml_event_t *e)
{
	l->depth--;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *x = *(const struct yaml_node *const *)a;
	const struct yaml_node *y = *(const struct yaml_node *const *)b;
	int c = strcmp(x->text, y->text);

	if (c)
		return c;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

static int on_mapping_end(struct loader *l, const yaml_event_t *e)
{
	const struct yaml_node *map = l->stack[--l->depth].node;
	_free_ const struct yaml_node **keys = NULL;
	size_t n = 0;
	int r = 0;

	keys = calloc(map->count + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (const struct yaml_node *key = map->first; key; key = key->next)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(keys[i]->text, keys[i - 1]->text))
			r = diag_add(l->diags, DIAG_ERROR, keys[i]->place,
				     "'%.80s' is already set at %u:%u", keys[i]->text,
				     keys[i - 1]->place.line, keys[i - 1]->place.column);
	return r;
}

static int on_document(struct loader *l, const yaml_event_t *e)
{
	if (!l->doc->root)
		return 0;
	return diag_add(l->diags, DIAG_ERROR, place_of(e->start_mark),
			"a second document begins here: one file is one policy");
}

static int on_nothing(struct loader *l, const yaml_event_t *e)
{
	return 0;
}

static int (*const handlers[])(struct loader *l, const yaml_event_t *e) = {
	[YAML_NO_EVENT] = on_nothing,
	[YAML_STREAM_START_EVENT] = on_nothing,
	[YAML_STREAM_END_EVENT] = on_nothing,
	[YAML_DOCUMENT_START_EVENT] = on_document,
	[YAML_DOCUMENT_END_EVENT] = on_nothing,
	[YAML_ALIAS_EVENT] = on_alias,
	[YAML_SCALAR_EVENT] = on_scalar,
	[YAML_SEQUENCE_START_EVENT] = on_sequence,
	[YAML_SEQUENCE_END_EVENT] = on_sequence_end,
	[YAML_MAPPING_START_EVENT] = on_mapping,
	[YAML_MAPPING_END_EVENT] = on_mapping_end,
};

/* Handles events up to the end of the stream. */
static int load_events(struct loader *l, const char *text, size_t len)
{
	bool done = false;
	int r = 0;

	while (!done && r == 0) {
		yaml_event_t e;

		if (!yaml_parser_parse(&l->parser, &e))
			return yaml_complain(&l->parser, text, len, l->diags);
		done = e.type == YAML_STREAM_END_EVENT;
		r = handlers[e.type](l, &e);
		yaml_event_delete(&e);
	}
	if (r == 0 && !l->doc->root)
		return diag_add(l->diags, DIAG_ERROR, (struct place){}, "it is empty");
	return r;
}

static int load_text(struct yaml_doc *doc, const char *text, size_t len, struct diags *diags)
{
	struct loader l = {.doc = doc, .diags = diags};
	int r;

	if (!yaml_parser_initialize(&l.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
	r = load_events(&l, text, len);
	yaml_parser_delete(&l.parser);
	return r;
}

int yaml_load(const char *text, size_t len, struct yaml_doc **ret_doc, struct diags *diags)
{
	static const char bom[] = "\xef\xbb\xbf";
	_cleanup_(yaml_doc_free) struct yaml_doc *doc = NULL;
	int r;

	if (len > YAML_MAX_SIZE)
		return diag_add(diags, DIAG_ERROR, (struct place){}, "larger than 8 MiB");
	if (len >= 3 && !memcmp(text, bom, 3)) {
		text += 3;
		len -= 3;
	}
	r = yaml_text_check(text, len, diags);
	if (r < 0)
		return r;
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return -ENOMEM;
	r = load_text(doc, text, len, diags);
	if (r < 0)
		return r;
	*ret_doc = TAKE_PTR(doc);
	return 0;
}
