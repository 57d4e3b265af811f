/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_IMAGE_H
#define WARDEN_IMAGE_H

/*
 * The image: a policy compiled to one flat block of tables. User space builds it (policy/lower.c),
 * the kernel and the command line read it through the accessors below (match.h, decide.h).
 *
 * Every reference inside is a byte offset from the start of the block. A block is padded to a
 * power of two; every access is masked by that size, so that no offset, however wrong, leaves the
 * block: a broken image can decide wrongly, it cannot read out of bounds. Offset 0 is the header,
 * so 0 as a table's offset means that the table is absent.
 *
 * Integers are in host byte order; an image never leaves the machine that built it.
 */

#include "types.h"

#define IMAGE_MAGIC    0x47494457U /* "WDIG" */
#define IMAGE_VERSION  1
#define IMAGE_MIN_SIZE (64U << 10)
#define IMAGE_MAX_SIZE (64U << 20)

#define RULE_NONE 0xffffffffU /* no rule; larger than every rule, so that min() finds the first */
#define ROW_NONE  0xffffffffU

/* Names longer than this are not matched at all: they are `unknown`, and denied where it matters. */
#define NAME_MAX_LEN 4608U /* PATH_MAX, and an HTTP name: method, host, path of 4096 */
#define NAME_SIZE    8192U /* buffers of names: a power of two, so that an index can be masked */

/* Kinds of activities, as in the public contract. */
enum kind {
	KIND_EXEC,
	KIND_NET,
	KIND_HTTP,
	KIND_LISTEN, /* net:listen: where others may connect to */
	KIND_FILE,   /* file:write, of what brokers read; nothing closes it */
	KIND_COUNT,
	KIND_TEXTS = KIND_FILE, /* those before may have a text, in which phrases are looked for */
	KIND_SLOTS = 8, /* a power of two, so that a kind can be masked */
};

/* What texts are matched: a table of patterns each. A unix socket is `net`, but named by a path. */
enum text {
	TEXT_EXEC, /* an absolute path, or memfd:NAME, or unknown */
	TEXT_UNIX, /* what follows net:unix: */
	TEXT_BROKER, /* unix sockets that are denied without being named: broker.h */
	TEXT_FILE, /* what follows file:write: an absolute path; of a directory with a slash behind it */
	TEXT_HTTP, /* METHOD SP host path, as in "POST api.example.com/v1/x"; host in lower case */
	/* PORT:HOST, as in "443:api.example.com", a table for each protocol: TEXT_HOST + enum image_proto */
	TEXT_HOST,
	TEXT_HOST_UDP,
	TEXT_HOST_OTHER,
	TEXT_COUNT,
};

enum image_mode {
	MODE_ENFORCE,
	MODE_AUDIT, /* decide and record, block nothing */
};

enum image_choice { /* of opaque, and of on_audit_failure (deny or allow) */
	CHOICE_ALLOW,
	CHOICE_AUDIT,
	CHOICE_DENY,
};

enum image_action {
	ACTION_ALLOW,
	ACTION_DENY,
	ACTION_KILL,
};

/*
 * The rules that one name, or one destination, hits: in each field the first one in the order of
 * the policy file. Exceptions are already taken out.
 */
struct image_row {
	__u32 deny;   /* first deny entry that enforces */
	__u32 audit;  /* first deny entry with mode: audit */
	__u32 allow;  /* first allow entry */
	__u32 opaque; /* first entry of opaque.allow (destinations only) */
	/*
	 * First allow entry that admits more: files changed since the run began, or, in the tables of
	 * host names, private addresses, too.
	 */
	__u32 changed;
	__u32 reserved;
	__u64 conds; /* entries that ask for more than a name, by their bits: struct image_conds */
};

#define ROW_EMPTY                                                                                  \
	{.deny = RULE_NONE,                                                                        \
	 .audit = RULE_NONE,                                                                       \
	 .allow = RULE_NONE,                                                                       \
	 .opaque = RULE_NONE,                                                                      \
	 .changed = RULE_NONE}

/* One rule: an entry of deny, allow, content or opaque, or a key that closes a kind. */
struct image_rule {
	__u32 layer;  /* enum layer */
	__u32 action; /* enum image_action */
	__u32 mode;   /* enum image_mode */
	__u32 line;   /* place in the policy file, from 1 */
	__u32 column;
	__u32 id;     /* offset of the name printed as `rule` */
	__u32 reason; /* offset of the text printed as `reason`, or 0 */
	__u32 reserved;
};

/* Open addressing, linear probing: `mask` + 1 buckets, a bucket with len 0 is free. */
struct image_hash {
	__u32 off;
	__u32 mask;
	__u32 probes; /* the longest probe sequence of any entry; a miss ends after as many */
	__u32 count;
};

struct image_bucket { /* of a text table */
	__u64 hash; /* match_hash() of the text */
	__u32 len;
	__u32 text; /* offset of its bytes: hashes only find a candidate, bytes decide */
	__u32 row;  /* index into rows */
	__u32 reserved;
};

/*
 * Where in a name a prefix may end, or a suffix begin: a bit for each length that there is, and for
 * each byte that one ends, or begins, with. Most prefixes are directories and end with a slash, so that
 * tables are asked for each directory of a path and not for each of its bytes.
 */
struct image_ends {
	__u8 lens[NAME_SIZE / 8];
	__u8 bytes[256 / 8];
};

/*
 * A deterministic automaton. A state is named by the index of its first transition, so that a step
 * is next = trans[state + classes[byte]] and has no multiplication. Bit 31 of a transition says
 * that the state it leads to accepts.
 */
#define DFA_ACCEPT 0x80000000U
#define DFA_STATE  0x7fffffffU

struct image_dfa {
	__u32 classes; /* offset of 256 bytes: byte -> class */
	__u32 trans;   /* offset of __u32[states * stride] */
	__u32 accept;  /* offset of __u32[states]: row of an accepting state, else ROW_NONE */
	__u32 stride;  /* number of classes */
	__u32 states;
	__u32 start;   /* a state, premultiplied; it may accept (bit 31) */
	__u32 reserved[2];
};

struct image_text {
	struct image_hash literals;
	struct image_hash prefixes;
	struct image_hash suffixes;
	__u32 prefix_ends; /* offset of struct image_ends, or 0: no prefix */
	__u32 suffix_ends;
	__u32 any;	   /* row of the patterns that match every name, or ROW_NONE */
	__u32 dfa;	   /* offset of struct image_dfa[dfas]: groups of globs; each is walked */
	__u32 dfas;
	__u32 reserved;
};

/*
 * Addresses: the borders of disjoint intervals, ascending, the first one 0; interval i has class
 * classes[i]. A class stands for a set of CIDRs. IPv4-mapped IPv6 addresses are looked up as IPv4.
 */
struct image_net {
	__u32 borders; /* offset of __u64[count] (v4: the address) or of __u64[2 * count] (v6: hi, lo) */
	__u32 classes; /* offset of __u32[count] */
	__u32 count;   /* at least 1 when any rule speaks of addresses */
	__u32 other;   /* class of the addresses that no CIDR has */
};

/*
 * Destinations: class, port and protocol -> row. Keys hold PORT_ANY where no rule of that class
 * names the port; the row then is of the rules for any port. Rules that name both are in both.
 */
#define PORT_ANY 0x10000U

enum image_proto {
	PROTO_TCP,
	PROTO_UDP,
	PROTO_OTHER,
	PROTO_COUNT,
	PROTO_LISTEN = 4, /* or-ed to one of them: the place is one of the workload's own, to listen at */
};

#define IMAGE_DEST_KEY(class, port, proto) ((__u64)(class) << 24 | (__u64)(port) << 4 | (proto) | 8)

struct image_dest {
	__u64 key; /* IMAGE_DEST_KEY, never 0; 0 is a free bucket */
	__u32 row;
	__u32 reserved;
};

/*
 * A file that deny entries name by a path that led to it: it is the same file by any other. Numbers of
 * inodes are given again, and with them another generation where the file system has such.
 */
struct image_inode {
	__u64 ino;
	__u32 dev;	  /* MOUNT_DEV() of its file system */
	__u32 generation; /* 0: not known */
	__u32 row;	  /* index into rows */
	__u32 used;	  /* 0: a free bucket */
};

/* Phrases are looked for by an automaton for each way to compare: these bits together are its number. */
enum phrase_way {
	PHRASE_EXACT = 1 << 0,	/* case counts */
	PHRASE_FOLDED = 1 << 1, /* as fold.h has the text */
	PHRASE_WAYS = 1 << 2,
};

/* What a phrase decides: the first content rule that denies it, by kind of activity. */
struct image_phrase {
	__u32 rule[KIND_TEXTS]; /* by enum kind; RULE_NONE where the phrase may stand */
};

/*
 * Conditions: entries of deny and allow that decide about a program only if its arguments, or its
 * environment, have one of some phrases, or none of them, or if its file has one of some hashes: those
 * are texts like the others, of one phrase. Each entry has a number, in the order of the rules, which
 * is a bit in the words below.
 */
#define CONDS_MAX 64

enum cond_text {
	COND_ARGS, /* joined by blanks */
	COND_ENV,  /* one variable a line */
	COND_HASH, /* SHA-256 of the file's content: HASH_TEXT lower-case hexadecimal digits */
	COND_TEXTS,
};

#define HASH_TEXT 64

struct cond_bits {
	__u64 any;
	__u64 none;
};

struct image_conds {
	__u64 deny; /* which entries are of what list, as in struct image_row */
	__u64 audit;
	__u64 allow;
	__u64 changed; /* of `allow`: admit changed files, too, as they say so or know the hash */
	struct cond_bits need[COND_TEXTS]; /* which have such a list of phrases */
	struct image_dfa dfas[COND_TEXTS]; /* of the phrases, exact. accept -> index into rows */
	__u32 rows; /* offset of struct cond_bits[row_count]: in whose lists a phrase is */
	__u32 row_count;
	__u32 rules; /* offset of __u32[count]: the rule of each entry */
	__u32 count;
};

struct image_kind {
	__u32 closed_by; /* the rule that closed it (allow or default), or RULE_NONE: open */
	__u32 ruled;	 /* 1 when any rule at all speaks of this kind */
	__u32 denies;	 /* 1 when a deny entry does */
	__u32 hosts;	 /* net: 1 when a rule, or an exception, is of a host name */
};

struct image_header {
	__u32 magic;
	__u32 version;
	__u32 size; /* bytes used */
	__u32 mask; /* bytes allocated - 1, of the form 2^n - 1 */
	__u64 generation;
	__u32 name; /* offset of the policy's name */
	__u32 file; /* offset of the path of the policy file, as given */
	__u32 mode; /* enum image_mode */
	__u32 on_audit_failure; /* CHOICE_DENY or CHOICE_ALLOW */
	__u32 opaque;		/* enum image_choice */
	__u32 opaque_rule;	/* the rule for it */
	__u32 audit_rule;	/* the rule for on_audit_failure */
	__u32 capture;		/* enum capture (policy.h); not read by the kernel but 0: off */
	__u32 rules;		/* offset of struct image_rule[rule_count] */
	__u32 rule_count;
	__u32 rows; /* offset of struct image_row[row_count] */
	__u32 row_count;
	struct image_kind kinds[KIND_SLOTS]; /* by enum kind */
	struct image_text text[TEXT_COUNT];
	struct image_net net4;
	struct image_net net6;
	struct image_hash dests;  /* buckets of struct image_dest */
	struct image_hash inodes; /* buckets of struct image_inode */
	struct image_dfa phrases[PHRASE_WAYS]; /* accept -> index into phrase_rows */
	__u32 phrase_rows;		       /* offset of struct image_phrase[] */
	__u32 phrase_row_count;
	__u32 phrase_kinds; /* bits 1 << enum kind: activities whose text phrases are looked for in */
	__u32 raw;	    /* row of net:raw, or ROW_NONE */
	struct image_conds conds;
};

_Static_assert(sizeof(struct image_row) == 32, "rows are indexed by shifts");
_Static_assert(sizeof(struct image_rule) == 32, "rules are indexed by shifts");
_Static_assert(sizeof(struct image_bucket) == 24, "layout");
_Static_assert(sizeof(struct image_dfa) == 32, "layout");
_Static_assert(sizeof(struct image_dest) == 16, "layout");
_Static_assert(sizeof(struct image_inode) == 24, "layout");
_Static_assert(sizeof(struct image_phrase) == 16, "layout");
_Static_assert(sizeof(struct cond_bits) == 16, "layout");
_Static_assert(sizeof(struct image_conds) == 32 + 48 + 96 + 16, "layout");
_Static_assert(KIND_COUNT <= KIND_SLOTS, "room for all");
_Static_assert(sizeof(struct image_header) % 8 == 0, "tables behind it are aligned");

/* The header of a block. The verifier knows its size, so header fields need no mask. */
static __always_inline const struct image_header *image_header(const void *img)
{
	return img;
}

/* True when rules look for phrases in text as fold.h has it. */
static __always_inline int image_folds(const void *img)
{
	const struct image_dfa *d = image_header(img)->phrases;

	return d[PHRASE_FOLDED].trans || d[PHRASE_FOLDED | PHRASE_EXACT].trans;
}

/* True when rules look for phrases in activities of this kind. */
static __always_inline int image_has_phrases(const void *img, enum kind kind)
{
	return image_header(img)->phrase_kinds >> kind & 1;
}

#ifdef __bpf__
/* The size of the blocks - 1, set before loading: the verifier takes it as a constant. */
extern const volatile __u64 image_mask;
#define IMAGE_MASK(img) image_mask
#else
#define IMAGE_MASK(img) ((__u64)image_header(img)->mask)
#endif

/*
 * Reads at an offset. The block is aligned, and so are the values: the low bits are masked away
 * with the high ones. The mask must be the last thing that happens to the offset (6.1 verifier).
 */
static __always_inline __u8 image_u8(const void *img, __u64 off)
{
	opaque_value(off);
	off &= IMAGE_MASK(img);
	return *((const __u8 *)img + off);
}

static __always_inline __u32 image_u32(const void *img, __u64 off)
{
	opaque_value(off);
	off &= IMAGE_MASK(img) & ~3ULL;
	return *(const __u32 *)((const __u8 *)img + off);
}

static __always_inline __u64 image_u64(const void *img, __u64 off)
{
	opaque_value(off);
	off &= IMAGE_MASK(img) & ~7ULL;
	return *(const __u64 *)((const __u8 *)img + off);
}

#endif
