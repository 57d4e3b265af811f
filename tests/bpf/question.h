/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TESTS_QUESTION_H
#define WARDEN_TESTS_QUESTION_H

#include "decide.h"

/* What a test asks the kernel's copy of the decision function, and what it answers. */

#define QUESTION_TEXT 16384
#define QUESTION_ENV  1024

#define QUESTION_ADDRESS TEXT_COUNT
#define QUESTION_RAW	 (TEXT_COUNT + 1)

struct question {
	__u32 kind;  /* enum kind */
	__u32 flags; /* enum activity_flag */
	__u32 text;  /* enum text, or QUESTION_ADDRESS, or QUESTION_RAW: net:raw */
	__u32 len;   /* of name; 0, or above NAME_MAX_LEN: it cannot be named */
	__u16 family;
	__u16 port;
	__u32 proto;       /* enum image_proto */
	__u64 addr[2];     /* host byte order; IPv4 in the low half of the second; of names, too */
	__u32 content_len; /* bytes of content for the phrase automata */
	__u32 cut;         /* how many of them come in a first piece, the rest in a second */
	__u32 env_len;     /* bytes of the environment */
	__u32 env_cut;
	__u64 hashed; /* 1: the hash is known */
	struct image_row hit; /* conditions included */
	struct cond_bits seen[COND_TEXTS];
	__u32 phrase;
	__u32 answered;
	__u64 replaced; /* 1: another policy has come between */
	struct decision decision;
	__u8 name[NAME_SIZE];
	__u8 content[QUESTION_TEXT];
	__u8 env[QUESTION_ENV];
	__u8 hash[HASH_TEXT];
};

_Static_assert(sizeof(struct question) == 176 + NAME_SIZE + QUESTION_TEXT + QUESTION_ENV + HASH_TEXT,
	       "shared with BPF");

#endif
