/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The kernel's copy of matching and deciding, run by BPF_PROG_TEST_RUN on questions of a test: the
 * headers are those that the hooks include, and so is the scratch memory.
 */
#include "broker.bpf.h"
#include "phrase.bpf.h"
#include "question.h"

/* Shared with the test by mmap(): a question is asked, and answered, in place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct question);
} questions SEC(".maps");

static __always_inline void ask_destination(const void *img, struct scratch *s, struct question *q)
{
	__u32 class = q->family == AF_INET ? match_addr4(img, q->addr[1], &s->m)
					   : match_addr6(img, q->addr[0], q->addr[1], &s->m);

	match_dest(img, class, q->port, q->proto, &s->m);
}

/* A name of an address, of which counts whether it is private: no CIDR has it (policy/ask.c). */
static __noinline int ask_host(const void *img, struct scratch *s, struct question *q)
{
	__u32 len = q->len;
	int private_address = q->family == AF_INET ? match_is_private4(q->addr[1])
						   : match_is_private6(q->addr[0], q->addr[1]);

	match_dest(img, image_header(img)->net4.other, q->port, q->proto, &s->m);
	if (len && len <= NAME_MAX_LEN)
		match_host(img, q->proto, s->name, len, private_address, &s->m);
	return 0;
}

/* Asked by itself: a relative path is one from the directory of whoever runs this. */
static __always_inline int ask_socket(const void *img, struct scratch *s, __u32 len)
{
	if (match_is_devious(img, s->name, len, &s->m))
		s->act.flags |= ACTIVITY_UNKNOWN;
	else
		text_match(s, TEXT_UNIX, len);
	if (s->name[0] == '/' || s->name[0] == '@')
		broker_match(img, s, len);
	return 0;
}

static __always_inline void ask_name(const void *img, struct scratch *s, struct question *q)
{
	__u32 text = q->text, len = q->len;

	if (text == QUESTION_RAW) {
		if (match_raw(img, &s->m))
			s->act.flags |= ACTIVITY_UNKNOWN;
		return;
	}
	if (text >= TEXT_COUNT) {
		ask_destination(img, s, q);
		return;
	}
	bpf_probe_read_kernel(s->name, NAME_SIZE, q->name);
	if (!len || len > NAME_MAX_LEN)
		s->act.flags |= ACTIVITY_UNKNOWN;
	else if (text == TEXT_UNIX)
		ask_socket(img, s, len);
	else if (text >= TEXT_HOST)
		ask_host(img, s, q);
	else
		text_match(s, text, len);
}

static __always_inline void ask_content(const void *img, struct scratch *s, struct question *q)
{
	phrase_init(img, s);
	bpf_probe_read_kernel(s->chunk, CHUNK_SIZE, q->content);
	s->cursor = 0;
	phrase_scan(img, s, q->cut);
	s->cursor = q->cut;
	phrase_scan(img, s, q->content_len - q->cut);
}

static __always_inline void ask_piece(const void *img, struct scratch *s, const void *from,
				      __u32 cut, __u32 len, enum cond_text text)
{
	conds_begin(img, &s->m, text);
	bpf_probe_read_kernel(s->chunk,
			      text == COND_ARGS	 ? QUESTION_TEXT
			      : text == COND_ENV ? QUESTION_ENV
						 : HASH_TEXT,
			      from);
	s->cursor = 0;
	cond_scan(img, s, cut, text);
	s->cursor = cut;
	cond_scan(img, s, len - cut, text);
}

static __always_inline void ask_conditions(const void *img, struct scratch *s, struct question *q)
{
	ask_piece(img, s, q->content, q->cut, q->content_len, COND_ARGS);
	ask_piece(img, s, q->env, q->env_cut, q->env_len, COND_ENV);
	if (q->hashed)
		ask_piece(img, s, q->hash, 0, HASH_TEXT, COND_HASH);
	conds_settle(img, &s->act, &s->m.hit);
}

SEC("syscall")
int ask(void *ctx)
{
	__u32 zero = 0;
	struct question *q = bpf_map_lookup_elem(&questions, &zero);
	const void *img;
	struct scratch *s = decision_begin(&img);

	if (q && s) {
		s->generation += q->replaced;
		activity_start(s, q->kind);
		conds_init(&s->act);
		s->act.flags |= q->flags;
		ask_name(img, s, q);
		ask_content(img, s, q);
		ask_conditions(img, s, q);
		activity_decide(img, s);
		q->hit = s->m.hit;
		q->seen[COND_ARGS] = s->act.seen[COND_ARGS];
		q->seen[COND_ENV] = s->act.seen[COND_ENV];
		q->seen[COND_HASH] = s->act.seen[COND_HASH];
		q->phrase = s->phrase;
		q->decision = s->dec;
		q->answered = 1;
	}
	if (s)
		scratch_release(s);
	return 0;
}
