/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_HTTP1_STATE_H
#define WARDEN_HTTP1_STATE_H

/*
 * What the HTTP/1.x reader remembers between two bytes, and what it tells about them. Include
 * http1.h, which has the functions; this part is apart only to keep the files short.
 *
 * In BPF the including file brings the fixed-width types (vmlinux.h or the like).
 */

#ifdef __bpf__
#define HTTP1_INLINE static inline __attribute__((always_inline, unused))
/* The verifier walks a static function once a call site, a global one (`__weak __noinline`) once.
 */
#ifndef HTTP1_FN
#define HTTP1_FN static __attribute__((noinline, unused))
#endif
/* Hides a value from the compiler, which else drops a mask that the verifier needs to see. */
#define http1_hide(x) asm volatile("" : "+r"(x))
#else
#include <linux/types.h>
#define HTTP1_INLINE static inline
#ifndef HTTP1_FN
#define HTTP1_FN static inline
#endif
#define http1_hide(x) ((void)(x))
#endif

#define HTTP1_METHOD_SIZE 32
#define HTTP1_HOST_SIZE   256
#define HTTP1_PATH_SIZE   2048
#define HTTP1_HEAD_MAX    (256 * 1024) /* bytes of a start line with its fields, or of trailers */
#define HTTP1_PAIRS       64           /* unanswered requests whose method is remembered */

enum http1_kind {
	HTTP1_REQUESTS, /* a zeroed struct http1 is a fresh reader of requests */
	HTTP1_RESPONSES,
};

enum http1_event {
	HTTP1_MORE,         /* nothing to tell */
	HTTP1_HEAD_DONE,    /* method, host, path, status, flags and length are final */
	HTTP1_BODY,         /* these bytes are body, transfer coding removed */
	HTTP1_MESSAGE_DONE, /* the message is whole */
	HTTP1_TUNNEL,       /* these bytes are another protocol's (101, CONNECT) */
	HTTP1_LOST,         /* these bytes cannot be read; `flags` say why. Final */
	HTTP1_AGAIN,        /* inside only: the byte was not consumed */
};

/* About the message being read. Those marked (lost) end the reader. */
enum http1_flag {
	HTTP1_CHUNKED = 1 << 0,
	HTTP1_HAS_LENGTH = 1 << 1,     /* `length` is Content-Length */
	HTTP1_CLOSE = 1 << 2,          /* the sender's last message */
	HTTP1_UPGRADE = 1 << 3,        /* asks for (or, status 101, names) another protocol */
	HTTP1_ENCODED = 1 << 4,        /* Content-Encoding other than identity */
	HTTP1_ABSOLUTE = 1 << 5,       /* host taken from the target, not from Host */
	HTTP1_NO_HOST = 1 << 6,        /* request without a host, or with an empty one */
	HTTP1_PATH_TOO_LONG = 1 << 7,  /* `path` is cut: compare nothing with it */
	HTTP1_H2 = 1 << 8,             /* (lost) HTTP/2 connection preface */
	HTTP1_NOT_HTTP = 1 << 9,       /* (lost) the first line is HTTP for no server */
	HTTP1_AMBIGUOUS = 1 << 10,     /* (lost) HTTP that two servers may read differently */
	HTTP1_HEAD_TOO_LONG = 1 << 11, /* (lost) */
	HTTP1_UNPAIRED =
		1 << 12,     /* (lost) response to no request that was seen; see http1_expect() */
	HTTP1_GAP = 1 << 13, /* (lost) bytes are missing; see http1_gap() */
	/* The reader's own notes. */
	HTTP1_KEEP_ALIVE = 1 << 24,
	HTTP1_SAW_HOST = 1 << 25,
	HTTP1_ODD_LINE = 1 << 26, /* ambiguous once the line is whole */
	HTTP1_TRAILERS = 1 << 27,
	HTTP1_SWITCHES = 1 << 28, /* a tunnel follows this message */
	HTTP1_EMPTY_SEGMENT = 1 << 29, /* the path has several slashes in a row */
};

#define HTTP1_PUBLIC_FLAGS 0xffffffU

/* Methods that change how the bytes after them are read. */
enum http1_verb { HTTP1_ANY_VERB, HTTP1_GET, HTTP1_HEAD, HTTP1_CONNECT, HTTP1_PRI };

/* Fields that are read; values of others are only skipped. */
enum http1_field {
	HTTP1_F_OTHER,
	HTTP1_F_HOST,
	HTTP1_F_LENGTH,
	HTTP1_F_TRANSFER,
	HTTP1_F_ENCODING,
	HTTP1_F_CONNECTION,
	HTTP1_F_UPGRADE,
};

/* The order matters: http1_head_byte() and http1_body_left() compare ranges. */
enum http1_state {
	HTTP1_S_IDLE, /* between messages */
	HTTP1_S_IDLE_CR,
	HTTP1_S_METHOD,
	HTTP1_S_TARGET, /* its first byte */
	HTTP1_S_SCHEME,
	HTTP1_S_STRANGE, /* target of no request: HTTP/ behind it would tell that this is one */
	HTTP1_S_SLASHES, /* of http:// */
	HTTP1_S_AUTHORITY,
	HTTP1_S_STAR,
	HTTP1_S_QUERY,
	HTTP1_S_VERSION,
	HTTP1_S_STATUS,

	HTTP1_S_PATH,
	HTTP1_S_ESCAPE,    /* after % */
	HTTP1_S_ESCAPE_2,  /* after % and one digit */
	HTTP1_S_ESCAPE_NO, /* that digit of an escape that is none */
	HTTP1_S_POP,       /* drops a segment, a byte a step */
	HTTP1_S_PATH_END,

	HTTP1_S_LINE_CR,
	HTTP1_S_LINE, /* first byte of a field's line */
	HTTP1_S_LINES_CR,
	HTTP1_S_NAME,
	HTTP1_S_SPACE, /* before a value */
	HTTP1_S_HOST,
	HTTP1_S_NUMBER,
	HTTP1_S_LIST,
	HTTP1_S_SKIP,

	HTTP1_S_CHUNK_SIZE,
	HTTP1_S_CHUNK_SPACE,
	HTTP1_S_CHUNK_EXT,
	HTTP1_S_CHUNK_LF,
	HTTP1_S_CHUNK_END,
	HTTP1_S_CHUNK_END_LF,

	HTTP1_S_CLOSED, /* nothing but blank lines may follow */
	HTTP1_S_WAIT,   /* only the answer tells what follows; see http1_answered() */

	HTTP1_S_DONE, /* HTTP1_MESSAGE_DONE is due */
	HTTP1_S_BODY,
	HTTP1_S_CHUNK,
	HTTP1_S_UNTIL_CLOSE,
	HTTP1_S_TUNNEL,
	HTTP1_S_LOST,
};

/* Where in a host's text the reader is. */
enum http1_host_part {
	HTTP1_H_NAME,
	HTTP1_H_DOT,
	HTTP1_H_IPV6,
	HTTP1_H_IPV6_END,
	HTTP1_H_PORT,
	HTTP1_H_SPACE
};

/* One direction of one connection. Zeroed it is a fresh reader of requests. Lives in a map value or
 * on the heap, never on a BPF stack. */
struct http1 {
	__u64 begun; /* messages begun, interim (1xx) ones left out; the current one is begun - 1 */
	__u64 asked; /* responses: requests begun, from http1_expect() */
	__u64 answered; /* requests: responses whose head was read, from http1_answered() */
	__u64 heads;    /* bit n % 64: request n is a HEAD */
	__u64 connects; /* bit n % 64: request n is a CONNECT */
	__u64 length;   /* Content-Length */
	__u64 left;     /* bytes of the body or chunk that are still to come */
	__u64 number;   /* being read */
	__u64 word[2];  /* being read, five bits a letter; see http1_word() */

	__u32 kind;  /* enum http1_kind */
	__u32 state; /* enum http1_state */
	__u32 flags; /* enum http1_flag */
	__u32 verb;  /* enum http1_verb */
	__u32 status;
	__u32 minor;     /* HTTP/1.minor */
	__u32 head_size; /* bytes since the head, the chunk line or the trailers began */
	__u32 field;     /* enum http1_field */
	__u32 at;        /* place within what is being read */
	__u32 segment;   /* of the path: 0 empty, 1 ".", 2 "..", 3 other */
	__u32 resume;    /* state after HTTP1_S_POP */
	__u32 escape;    /* first digit of a percent escape, or the last byte that was none */
	__u32 host_part; /* enum http1_host_part */
	__u32 method_len;
	__u32 host_len;
	__u32 path_len;

	/* With a NUL behind, and none within; at HTTP1_HEAD_DONE and HTTP1_LOST. */
	char method[HTTP1_METHOD_SIZE];
	char host[HTTP1_HOST_SIZE]; /* lower case, without port and last dot; [v6] in brackets */
	char path[HTTP1_PATH_SIZE]; /* decoded once, no dot segments, no empty ones, no query */
};

_Static_assert(sizeof(struct http1) == 80 + 64 + 32 + 256 + HTTP1_PATH_SIZE,
	       "struct http1 is an ABI");

HTTP1_INLINE __u32 http1_lose(struct http1 *p, __u32 why)
{
	p->flags |= why;
	p->state = HTTP1_S_LOST;
	return HTTP1_LOST;
}

/* Two servers may read what follows differently, so whatever we read could be wrong. */
HTTP1_INLINE __u32 http1_odd(struct http1 *p)
{
	return http1_lose(p, HTTP1_AMBIGUOUS);
}

/* No HTTP; after a first message nothing but an attempt to desynchronise us. */
HTTP1_INLINE __u32 http1_alien(struct http1 *p)
{
	return http1_lose(p, p->begun > 1 ? HTTP1_AMBIGUOUS : HTTP1_NOT_HTTP);
}

HTTP1_INLINE __u32 http1_goto(struct http1 *p, __u32 state)
{
	p->state = state;
	return HTTP1_MORE;
}

HTTP1_INLINE __u32 http1_again(struct http1 *p, __u32 state)
{
	p->state = state;
	return HTTP1_AGAIN;
}

/* An index into a buffer of `size`, a power of two, in the form that every verifier follows. */
HTTP1_INLINE __u64 http1_index(__u32 i, __u32 size)
{
	__u64 at = i;

	http1_hide(at);
	return at & (size - 1);
}

#endif
