/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_WIRE_H
#define WARDEN_WIRE_H

/*
 * What the kernel side tells user space. Two rings, so that payload can never crowd out
 * decisions: `events` carries every record but REC_TLS_DATA and REC_PIPE_DATA, which have `bytes` to
 * themselves.
 *
 * Every record begins with struct rec. A reader checks `size` against the length it received and
 * against the struct that the type promises before it looks further. Strings follow the struct in
 * the order of their length fields, without NUL.
 */

#include "decide.h"

enum rec_type {
	REC_EXEC = 1,  /* struct rec_exec: a program was started, or was refused */
	REC_EXIT,      /* struct rec_exit: the last thread of a process ended */
	REC_NET,       /* struct rec_net: a destination was used or refused */
	REC_HTTP,      /* struct rec_http: a request was seen in plaintext, or refused */
	REC_OPAQUE,    /* struct rec_net: plaintext of this connection cannot be seen */
	REC_BIND,      /* struct rec_bind: a TLS object has found its socket, or one carries HTTP without TLS */
	REC_CLOSE,     /* struct rec_close: a TLS object was freed, or such a socket has ended */
	REC_TLS_DATA,  /* struct rec_data: plaintext */
	REC_TAMPER,    /* struct rec_tamper: a workload tried to get out */
	REC_SOCKET,    /* struct rec_net: a socket was made that sends where no other rule looks */
	REC_LISTEN,    /* struct rec_net: a place of its own to listen at was used or refused */
	REC_CLAIM,     /* struct rec_net: the host that a client asks for, unless it is allowed */
	REC_FILE,      /* struct rec_file: what a broker reads was written, or was not */
	REC_HELD,      /* struct rec: a process waits for a look at what it has mapped (held.h) */
	REC_RESOLVE,   /* struct rec_resolve: an answer over UDP was truncated: user space asks, over TCP */
	REC_PIPE,      /* struct rec_pipe: a stream between a process and its child is about to be copied */
	REC_PIPE_DATA, /* struct rec_data: text that was read from it */
	REC_PIPE_END,  /* struct rec_pipe_end: nothing more will come of one direction */
};

struct rec {
	__u32 size; /* bytes, this header and all strings included */
	__u16 type; /* enum rec_type */
	__u16 cpu;
	__u64 seq;   /* per CPU, over both rings; a lost record leaves a gap */
	__u64 time;  /* CLOCK_MONOTONIC, ns */
	__u64 start; /* of the process: CLOCK_BOOTTIME, ns */
	__u32 tgid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
};

struct rec_exec {
	struct rec rec;
	struct decision decision;
	__u32 flags;	  /* enum exec_flag */
	__u32 found[PHRASE_WAYS]; /* states of the phrase automata; of layer content: where the phrase ended */
	__u16 passed_len; /* the path as it was passed */
	__u16 path_len;	  /* the file that runs (of a script: its interpreter) */
	__u16 hash_len;	  /* its SHA-256 in hexadecimal digits, where a rule asked for it */
	__u16 args_len;	  /* NUL after each */
	__u16 cwd_len;
	__u16 reserved;
};

enum exec_flag {
	EXEC_ARGS_CUT = 1,    /* there were more arguments than args_len bytes */
	EXEC_ARGS_UNREAD = 2, /* they could not be read */
	EXEC_REFUSED = 4,     /* it did not happen: the caller still runs its old program */
	EXEC_NO_PATH = 8,     /* the file has no name */
	EXEC_LOADED = 16,     /* as code of the program that runs already */
	EXEC_SCRIPT = 32,     /* what opens it (#!, binfmt_misc) is run for it, and has a record of its own */
	EXEC_CHANGED = 64,    /* an allow entry that matches does not admit files changed in the run */
	EXEC_HASH_OTHER = 128,  /* one asks for another hash */
	EXEC_HASH_UNREAD = 256, /* a rule asks for the hash, and the kernel does not tell it */
};

struct rec_exit {
	struct rec rec;
	__s32 code;	/* as in wait(2): status << 8, or the signal */
	__u32 reserved;
};

struct rec_net {
	struct rec rec;
	struct decision decision;
	__u64 cookie;	 /* of the socket; 0: not known */
	__u64 bytes;	 /* REC_OPAQUE, OPAQUE_UNEXPLAINED: that are not explained so far; else 0 */
	__u8 addr[16];	 /* network byte order; IPv4 in the first four; REC_SOCKET: __u32 protocol */
	__u16 family;	 /* AF_INET, AF_INET6, AF_UNIX, or what the workload asked for */
	__u16 port;	 /* host byte order; REC_SOCKET: SOCK_* */
	__u8 proto;	 /* IPPROTO_* */
	__u8 why;	 /* REC_OPAQUE: enum opaque_why; REC_CLAIM: enum claim_why */
	__u16 path_len;	 /* AF_UNIX: the path, an abstract name begins with NUL; else the host's name */
};

struct rec_file {
	struct rec rec;
	struct decision decision;
	__u16 path_len;
	__u16 reserved[3];
};

enum opaque_why {
	OPAQUE_NONE,
	OPAQUE_TLS,	  /* a TLS ClientHello on a socket with no TLS object bound to it */
	OPAQUE_H2,	  /* HTTP/2 in plaintext */
	OPAQUE_CLEARTEXT, /* what begins like HTTP without TLS, and is not, under an http rule */
	OPAQUE_FRAMING,	  /* a request that two readers may read differently, or too long */
	OPAQUE_ENCODED,	  /* a compressed body, under a content rule */
	OPAQUE_NOT_HTTP,  /* something else than HTTP inside TLS, under an http rule */
	OPAQUE_BIO,	  /* TLS of a process that has used BIO_f_ssl() */
	OPAQUE_PARTED,	  /* a TLS object that a child was forked with, and that its parent went on with */
	OPAQUE_STRANGE,	  /* a TLS object that a child may have been forked with */
	OPAQUE_UNSEEN,	  /* something that the TLS library is told to send, and reads by itself */
	OPAQUE_UNEXPLAINED, /* TLS records that carry more than any probe has seen */
	OPAQUE_QUIC,	  /* QUIC: datagrams with a long header */
};

/* Where a client says which host it asks for. */
enum claim_why {
	CLAIM_NONE,
	CLAIM_HELLO, /* the ClientHello of a TLS connection */
	CLAIM_HOST,  /* a request, where a probe saw it */
	CLAIM_PACKET, /* a request, as its packets leave */
};

struct rec_http {
	struct rec rec;
	struct decision decision;
	__u64 stream;
	__u64 cookie;
	__u64 ordinal; /* of the request on its connection, from 0 */
	__u32 flags;   /* enum http1_flag */
	__u32 phase;   /* 0: decided at the end of its head, 1: by a phrase, before or behind that */
	__u32 found[PHRASE_WAYS]; /* as in struct rec_exec */
	__u16 method_len;
	__u16 host_len;
	__u16 path_len;
	__u16 reserved;
};

struct rec_bind {
	struct rec rec;
	__u64 stream;
	__u64 cookie;
	__u8 local[16];
	__u8 remote[16];
	__u16 family;
	__u16 local_port;
	__u16 remote_port;
	__u16 dead; /* 1: a request of it was refused before; its socket is to be destroyed */
	__u32 clear; /* 1: without TLS; its bytes are those of packets, and may come in another order */
	__u32 reserved;
};

struct rec_close {
	struct rec rec;
	__u64 stream;
};

/*
 * How a function of a TLS library is called and returns: a row of the table in bpf/abi.bpf.h. Libraries
 * that agree in that share one.
 */
enum tls_abi {
	ABI_SSL,	  /* SSL_write(object, text, int) gives the count, an int; 0 or less: it failed */
	ABI_BORINGSSL,	  /* the same, of a BoringSSL that has no symbols (user/boringssl.h) */
	ABI_SSL_EX,	  /* SSL_write_ex(object, text, size_t, size_t *count) gives 1; else it failed */
	ABI_SSL_EX2,	  /* SSL_write_ex2(object, text, size_t, flags, size_t *count), the same */
	ABI_SSL_NEW,	  /* SSL_new(context) gives an object, which is another one than was at its address */
	ABI_SSL_FILE,	  /* SSL_sendfile(object, ...) gives the count; the text is in a file */
	ABI_GNUTLS,	  /* gnutls_record_send(object, text, size_t) gives the count, 64 bits; no text and
			   * no length: what an earlier call left */
	ABI_GNUTLS_EARLY, /* gnutls_record_send_early_data(object, text, size_t) gives 0: all was taken */
	ABI_GNUTLS_FILE,  /* gnutls_record_send_file(object, ...) gives the count; no text, as above */
	ABI_GNUTLS_INIT,  /* gnutls_init(object *) makes one */
	ABI_GNUTLS_FLUSH, /* gnutls_record_uncork(object): sends what it was handed before */
	ABI_NSPR,	  /* PR_Write(object, text, int) gives the count, an int; objects are files as well */
	ABI_NSPR_RECV,	  /* PR_Recv(object, text, int, flags), the same */
	ABI_NSPR_FILE,	  /* PR_Writev(object, ...), PR_SendFile(), the same; the text is elsewhere */
	ABI_NSS_IMPORT,	  /* SSL_ImportFD(model, object) gives the object, for TLS from now on */
	ABI_GO,		  /* Go's method(object, []text): count and error, in registers */
	ABI_GO_RECORD,	  /* the same with the type of the record in front of the text */
	ABI_SEAL,	  /* EVP_AEAD_CTX_seal(object, ..., | text, size_t, ad, size_t); see bpf/seal.bpf.h */
	ABI_SEAL_SCATTER, /* the same with the text one place further, a second one, and then the ad */
	ABI_OPEN,	  /* EVP_AEAD_CTX_open(object, text, size_t *count, ..., | in, size_t, ad, size_t) gives 1 */
	ABI_OPEN_GATHER,  /* EVP_AEAD_CTX_open_gather(object, text, ..., size_t | tag, size_t, ad, size_t), 1 */
	ABI_COUNT,
};

#define ABI_MAX	       32 /* rows that there is room for */
#define STRAND_PROCESS_SHIFT 42 /* of goroutines, see bpf/goroutine.bpf.h */
#define SITE_RET_SHIFT 8  /* cookie of a probe: enum tls_abi; above, from its entry to a `ret` in it */

enum direction {
	DIR_WRITE, /* from the workload */
	DIR_READ,
	DIR_COUNT,
};

#define DATA_MAX 16384U /* payload bytes of one record */

struct rec_data {
	struct rec rec;
	__u64 stream;
	__u64 offset; /* of the first byte, in its direction */
	__u32 len;    /* payload bytes that follow */
	__u16 dir;    /* enum direction */
	__u16 lost;   /* 1: the bytes could not be read; nothing follows, the gap is `len` long */
};

/* The standard streams of a child, of which one direction begins like JSON-RPC (rpc.h). */
struct rec_pipe {
	struct rec rec;	   /* of whoever reads it */
	__u64 stream;	   /* both directions have one name */
	__u64 child_start; /* CLOCK_BOOTTIME, ns */
	__u32 child;	   /* who was started with it as standard input and output, and by whom */
	__u32 parent;
	__u16 dir; /* enum direction, of the parent: DIR_WRITE is the child's standard input */
	__u16 reserved[3];
};

struct rec_pipe_end {
	struct rec rec; /* of whoever reads it */
	__u64 stream;
	__u16 dir;
	__u16 other; /* 1: it is no JSON-RPC, and goes on; what was copied of it does not matter */
	__u32 reserved;
};

/* Key of the map `doomed`. Numbers are given again, so that a number alone names nobody. */
struct doomed_key {
	__u64 start; /* of the process: CLOCK_BOOTTIME, ns */
	__u32 tgid;
	__u32 reserved; /* 0 */
};

enum tamper_what {
	TAMPER_LEFT_CGROUP = 1, /* moved a task out of its cgroup, and was killed */
	TAMPER_NO_MEMBER,	/* membership of a child could not be written; the parent was killed */
	TAMPER_SIGNAL,		/* this and what follows was refused: a signal to warden */
	TAMPER_LIMIT,		/* a limit on its resources */
	TAMPER_PTRACE,		/* ptrace, or the like, of warden */
	TAMPER_BPF,		/* opening or detaching a BPF object */
	TAMPER_FILE,		/* writing, removing or moving a file of warden's */
	TAMPER_RESOLVER,	/* a datagram in the name of a resolver */
	TAMPER_COUNT,
};

struct rec_tamper {
	struct rec rec;
	__u32 what; /* enum tamper_what */
	__u32 pid;  /* whom it concerns */
};

/* How often user space looks for records by itself: what wakes it otherwise. */
enum awake {
	AWAKE_SELDOM, /* each ring that fills */
	AWAKE_EVENTS, /* only `bytes` */
	AWAKE_BYTES,  /* neither; what is urgent always does */
};

struct rec_resolve {
	struct rec rec; /* of nobody: answers come in an interrupt, on top of any process */
	__u64 ticket;	/* of these records, from 1 */
	__u8 resolver[16]; /* as in struct name_key */
	__u16 type;	/* DNS_TYPE_A or DNS_TYPE_AAAA */
	__u16 name_len; /* as in struct dns_name */
	__u32 reserved;
};

/* Why something was not recorded: indexes of the loss counters. Each has a name in user space. */
enum loss {
	LOSS_EVENTS_RING, /* no room in the events ring */
	LOSS_BYTES_RING,  /* no room in the bytes ring */
	LOSS_SCRATCH,	  /* no scratch slot was free: refused in enforce */
	LOSS_OBJECTS,	  /* no room for another TLS object */
	LOSS_READ,	  /* plaintext could not be read from the process */
	LOSS_ARGS,	  /* arguments could not be read */
	LOSS_STORAGE,	  /* no room for state of a task or socket */
	LOSS_NAMES,	  /* no room for a name that an address has, or an answer was not read whole */
	LOSS_QUESTIONS,	  /* an answer to a question that is not known, or not any more */
	LOSS_DOOMED,	  /* no room for another process that is to die: all are */
	LOSS_DEAD,	  /* no room for another dead socket */
	LOSS_COUNT,
};

struct loss_count {
	__u64 records;
	__u64 bytes;
};

_Static_assert(ABI_COUNT <= ABI_MAX && ABI_MAX <= 1 << SITE_RET_SHIFT, "a cookie holds any");
_Static_assert(sizeof(struct rec) == 64, "records are read by their layout");
_Static_assert(sizeof(struct rec_exec) == 64 + 16 + 4 + 16 + 12, "no hidden padding");
_Static_assert(sizeof(struct rec_exit) == 72, "no hidden padding");
_Static_assert(sizeof(struct rec_net) == 64 + 16 + 16 + 16 + 8, "no hidden padding");
_Static_assert(sizeof(struct rec_file) == 64 + 16 + 8, "no hidden padding");
_Static_assert(sizeof(struct rec_http) == 64 + 16 + 24 + 16 + 8 + 8, "no hidden padding");
_Static_assert(sizeof(struct rec_bind) == 64 + 16 + 32 + 8 + 8, "no hidden padding");
_Static_assert(sizeof(struct rec_close) == 72, "no hidden padding");
_Static_assert(sizeof(struct rec_data) == 88, "no hidden padding");
_Static_assert(sizeof(struct rec_pipe) == 64 + 16 + 8 + 8, "no hidden padding");
_Static_assert(sizeof(struct rec_pipe_end) == 64 + 16, "no hidden padding");
_Static_assert(sizeof(struct rec_tamper) == 72, "no hidden padding");
_Static_assert(sizeof(struct rec_resolve) == 64 + 8 + 16 + 8, "no hidden padding");

#endif
