/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BPF_H
#define WARDEN_BPF_H

/*
 * What the BPF files share: configuration, maps, scratch memory, records, scope. Everything in
 * here is either data or a function that every hook needs; hooks live in one file a concern.
 */

#include "types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "decide.h"
#include "fold.h"
#include "match.h"
#include "names.h"
#include "wire.h"

/* Verified once, whatever the number of its callers. */
#define HTTP1_FN __weak __attribute__((noinline))
#include "http1.h"

/* ---- configuration: set before loading, constants for the verifier ---- */

extern const volatile __u64 scope_cgroup; /* id of the workload's cgroup */
extern const volatile __u32 tier_plaintext; /* enum tier; for objects bound to a socket */
extern const volatile __u32 tier_socket;    /* the same of functions that cannot be made to return an error */
extern const volatile __u8 file_hashes;	    /* the kernel tells the SHA-256 of files */
extern const volatile __u8 copy_bytes;	    /* plaintext is copied to user space */
extern const volatile __u64 digest_key;	    /* random: see request.bpf.h */

/* ---- state that user space changes while programs run ---- */

extern __u32 audit_failed; /* the trail cannot be written */
extern __u32 events_lost;  /* there was no room for a record; user space clears it behind all that came */
extern __u32 scope_level;  /* depth of the workload's cgroup, once scope_settle() has run in it */
extern __u32 doomed_full;  /* somebody did not fit into `doomed`: all are to die */
extern __u32 doomed_seen;  /* somebody is in `doomed`, or was */
extern __u32 reader_awake; /* user space: enum awake */
extern __u64 run_began;	   /* by the clock that files are dated by, ns; 0: it has not yet */

/* ---- maps ---- */

/* Policies: one image, in an inner map of its own so that a new generation is one update. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} images SEC(".maps") __weak;

/* A full ring loses records, never decisions; each loss is counted. Sizes are set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} bytes SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_COUNT);
	__type(key, __u32);
	__type(value, struct loss_count);
} losses SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sequences SEC(".maps") __weak;

/* A TLS call that has been entered and not yet left, by the thread that made it. */
struct tls_call {
	__u64 object; /* address of the TLS object; 0: no call */
	__u64 sp;     /* the stack pointer at entry, or how deep it is: which of several calls it is */
	__u64 strand; /* what acts, see goroutine.bpf.h */
	__u64 ip;     /* which function */
	__u64 buf;    /* the text; if it cannot be seen, where in the stream it begins */
	__u64 len;
	__u64 stored; /* address of the size_t for the byte count; Go: how deep in the stack `buf` is; or 0 */
	__u64 behind; /* of a record: bytes behind its text (the type) */
	__u16 dir;    /* enum direction, or DIR_CLOSE */
	__u16 abi;    /* enum tls_abi */
	__u16 tier;   /* enum tier: what stops it, if it is to be stopped */
	__u16 refused;
};

#define TLS_CALLS 4 /* one inside another: TLS to a proxy that carries TLS to a server makes two */

#define DIR_CLOSE DIR_COUNT /* of a call: it moves nothing */

/* See goroutine.bpf.h. */
struct goroutine_call {
	__u64 strand;
	__u64 depth;
};

enum { STACK_LOW, STACK_HIGH, STACK_ENDS };

struct goroutine {
	struct goroutine_call call; /* the one at work */
	__u64 stack[STACK_ENDS];
};

/*
 * What belongs to a task. Having it is membership in the workload; it is inherited by every child
 * (scope.bpf.c), so that a task that leaves the cgroup does not leave the workload.
 */
struct member {
	struct tls_call calls[TLS_CALLS];
	__u64 regs[8]; /* at the entry of the call at work, by enum tls_reg */
	__u64 args[8]; /* the same: what is on the stack, and data that go with a record; see seal.bpf.h */
	__u8 ad[16];
	struct goroutine goroutine; /* that the task runs, as the probe at work has found it */
	__u64 next; /* slot to use when none is free */
	/* How its process began. It has run no program since while its self_exec_id is still the same. */
	__u64 forked;  /* when: CLOCK_MONOTONIC, ns */
	__u32 exec_id; /* self_exec_id then; 0: not known */
	__u32 origin;  /* the process that it was forked from */
	__u32 imports; /* it was forked with files that may carry TLS, see `importers` */
	__u32 piped;   /* a hook has told what the system call at work has read (pipe.bpf.c) */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct member);
} members SEC(".maps") __weak;

/*
 * Processes that have made one of their files carry TLS (NSS), with the exec_id that they had then. Their
 * children have these files, even when they themselves have gone. Full means that the next one to do so ends,
 * if rules ask for requests.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* tgid */
	__type(value, __u32);
} importers SEC(".maps") __weak;

/*
 * Processes that are to die, where nobody could be killed on the spot. User space kills them, whatever
 * has become of the record; until they have ended they are here, and killed at their next fork, exec
 * or write. Room is made beforehand.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct doomed_key);
	__type(value, __u8);
} doomed SEC(".maps") __weak;

/*
 * Working memory. Not per-CPU: a sleepable program gives up its CPU while it reads user memory,
 * and tracing programs are preempted on some kernels; whoever runs next would write over it.
 */
#define SCRATCH_SLOTS 64
#define RECORD_SIZE   32768 /* twice what is ever used, so that a masked offset leaves room */
#define CHUNK_SIZE    16384

/* Which name of an address is at work, and for whom. */
struct names_step {
	__u8 addr[16]; /* as in struct name_key */
	__u64 now;
	__u32 private; /* the address is one that names admit only if the entry says so */
	__u32 proto;   /* enum image_proto */
	__u32 port_len; /* bytes before the name in what is matched */
	__u32 shown;   /* slot of the name that the record is to have; NAMES_SLOTS: none */
};

/* A search for phrases, between two pieces of a text. */
struct phrases {
	struct fold fold;
	__u32 state[PHRASE_WAYS]; /* of the automata */
	__u32 at;		  /* where in the chunk the text goes on, */
	__u32 end;		  /* and what is left of it: while one is folded */
};

struct scratch {
	__u64 owner; /* 0: free */
	__u64 generation; /* of the policy that decides; 0: it was replaced meanwhile */
	struct matcher m;
	struct activity act;
	struct decision dec;
	__u64 cursor; /* of the loop at work */
	__u64 left;
	struct phrases phrases;
	struct http1_step step;
	struct tls_call call; /* a copy of the one at work */
	struct names_step names;
	__u64 digest;
	__u32 phrase;	/* phrase row found, or ROW_NONE */
	__u32 used;	/* bytes of `record` */
	__u32 count;
	__u32 aux;
	__u32 scanned; /* bytes of `chunk` where phrases were looked for */
	__u32 kill;    /* a refusal ends its process: whoever has claimed this sees to that */
	__u32 opaque;  /* enum opaque_why: likewise */
	__u32 reserved;
	struct rec who; /* whose a packet is that leaves or comes in an interrupt; tgid 0: the current process's */
	__u8 name[NAME_SIZE + 512];  /* longer than what is addressed: a masked offset plus a piece */
	__u8 other[NAME_SIZE + 512]; /* a second name, or a path while it is walked */
	__u8 chunk[CHUNK_SIZE];	     /* of user memory */
	__u8 record[RECORD_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps") __weak;

/* ---- losses ---- */

static __always_inline void loss_add(__u32 reason, __u64 bytes_lost)
{
	struct loss_count *l = bpf_map_lookup_elem(&losses, &reason);

	if (!l)
		return;
	__sync_fetch_and_add(&l->records, 1);
	__sync_fetch_and_add(&l->bytes, bytes_lost);
}

/* ---- scratch ---- */

/* Claims a slot and returns its index, or -1 when all are taken. */
int scratch_slot(void);

static __always_inline struct scratch *scratch_claim(void)
{
	__u32 slot = scratch_slot();

	if (slot >= SCRATCH_SLOTS) {
		loss_add(LOSS_SCRATCH, 0);
		return 0;
	}
	return bpf_map_lookup_elem(&scratches, &slot);
}

static __always_inline void scratch_release(struct scratch *s)
{
	__sync_val_compare_and_swap(&s->owner, 1, 0);
}

/* ---- the doomed ---- */

/* Who does not fit dooms all: user space ends the workload. */
static __always_inline void doom_process(__u64 start, __u32 tgid)
{
	struct doomed_key key = {.start = start, .tgid = tgid};
	__u8 one = 1;

	doomed_seen = 1;
	if (bpf_map_update_elem(&doomed, &key, &one, BPF_ANY)) {
		loss_add(LOSS_DOOMED, 0);
		doomed_full = 1;
	}
}

static __always_inline void doom(struct task_struct *task)
{
	doom_process(BPF_CORE_READ(task, group_leader, start_boottime), BPF_CORE_READ(task, tgid));
}

/* True when the current process is to die. */
static __always_inline int doom_awaits(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct doomed_key key = {};

	if (!doomed_seen)
		return 0;
	key.start = BPF_CORE_READ(task, group_leader, start_boottime);
	key.tgid = task->tgid;
	return bpf_map_lookup_elem(&doomed, &key) != 0;
}

/* Kills the current process if it is doomed; for programs that may send signals. */
static __noinline int doom_meets(void)
{
	if (!doom_awaits())
		return 0;
	bpf_send_signal(SIGKILL);
	return 1;
}

/* How many of `left` bytes fit into s->chunk, in the form that every verifier follows. */
static __always_inline __u64 chunk_next(__u64 left)
{
	__u64 n = left < CHUNK_SIZE ? left : CHUNK_SIZE;

	opaque_value(n);
	n &= 2 * CHUNK_SIZE - 1;
	return n > CHUNK_SIZE ? CHUNK_SIZE : n;
}

/* ---- scope ---- */

/*
 * The current task's membership, or NULL. This is what every task on the machine pays for: one
 * lookup, and the comparison of a cgroup id. The cgroup is the authority; storage covers tasks
 * that have left it.
 */
static __always_inline int scope_in_cgroup(void)
{
	return (__u64)bpf_get_current_ancestor_cgroup_id(scope_level) == scope_cgroup;
}

static __always_inline int scope_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_task_storage_get(&members, task, 0, 0) || scope_in_cgroup();
}

/*
 * The same, and gives membership to a task that is in the cgroup without having inherited it: the
 * first one, which warden put there, and any that was missed at its birth. Asked at each exec, which
 * a doomed process does not survive.
 */
static __always_inline int scope_adopt(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!bpf_task_storage_get(&members, task, 0, 0)) {
		if (!scope_in_cgroup())
			return 0;
		if (!bpf_task_storage_get(&members, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
			loss_add(LOSS_STORAGE, 0);
	}
	doom_meets();
	return 1;
}

/* ---- the image ---- */

static __always_inline const void *image_current(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&images, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}

/*
 * The policy that decides, for global functions: the verifier cannot be told how long what they are handed
 * is. NULL when it was replaced meanwhile; s->generation says so from then on.
 */
static __always_inline const void *image_again(struct scratch *s)
{
	const void *img = image_current();

	if (img && image_header(img)->generation == s->generation)
		return img;
	s->generation = 0;
	return 0;
}

/*
 * Adds to s->m what the name of `len` bytes in s->name hits in the table `text`. Global: the verifier walks
 * it once in each program.
 */
__weak __noinline int text_match(struct scratch *s, __u32 text, __u32 len)
{
	const void *img = s ? image_again(s) : 0; /* it is verified for NULL, too */

	if (img)
		match_text(img, text, s->name, len & (NAME_SIZE - 1), &s->m);
	return 0;
}

/* Scratch, and the policy in force. NULL when there is either none: see undecided(). */
static __always_inline struct scratch *decision_begin(const void **img)
{
	struct scratch *s;

	*img = image_current();
	s = *img ? scratch_claim() : 0;
	if (s)
		s->generation = image_header(*img)->generation;
	return s;
}

/*
 * What nobody can decide on is refused, unless the policy only watches: then it happens, and that nothing
 * was recorded of it has been counted.
 */
static __always_inline int undecided(const void *img)
{
	return !img || image_header(img)->mode != MODE_AUDIT;
}

/* ACTIVITY_UNRECORDED when nothing can be recorded just now, else 0. */
static __always_inline __u32 unrecorded(void)
{
	return audit_failed | events_lost ? ACTIVITY_UNRECORDED : 0;
}

/* Starts an activity in scratch: nothing hit, and the state of the trail taken over. */
static __always_inline void activity_start(struct scratch *s, __u32 kind)
{
	activity_init(&s->act, kind);
	matcher_init(&s->m);
	s->phrase = ROW_NONE;
	s->act.flags |= unrecorded();
}

static __always_inline void activity_decide(const void *img, struct scratch *s)
{
	s->act.hit = s->m.hit;
	s->act.phrase = s->phrase;
	if (s->generation)
		decide(img, &s->act, &s->dec);
	else /* half of it was matched with another policy */
		decide_refuse(img, &s->dec, LAYER_DENY, RULE_NONE);
}

static __always_inline int refused(const struct decision *d)
{
	return d->verdict == VERDICT_DENY || d->verdict == VERDICT_KILL;
}

/* ---- records ---- */

static __always_inline __u64 record_sequence(void)
{
	__u32 zero = 0;
	__u64 *seq = bpf_map_lookup_elem(&sequences, &zero);

	return seq ? __sync_fetch_and_add(seq, 1) : 0;
}

/*
 * Fills in the header of a record; `size` is of the struct, strings are appended later. Global: the
 * verifier walks it once in each program, not on each way there.
 */
__weak __noinline int record_start(struct scratch *s, __u16 type, __u32 size)
{
	struct task_struct *task = bpf_get_current_task_btf(), *leader;
	struct rec *r;

	if (!s) /* a global function is verified for that, too */
		return 0;
	r = (struct rec *)s->record;
	r->type = type;
	r->cpu = bpf_get_smp_processor_id();
	r->time = bpf_ktime_get_ns();
	/*
	 * Loads, not calls of a helper: every record pays for these. But for one: each load of a pointer
	 * from a task costs a millisecond of start, as the verifier looks all types through by name to
	 * find out whether it may be trusted.
	 */
	leader = task->group_leader;
	r->start = leader->start_boottime;
	r->tgid = task->tgid;
	r->tid = task->pid;
	r->ppid = leader->real_parent->tgid;
	r->uid = BPF_CORE_READ(task, cred, uid.val);
	/* Padded with NUL. 6.1 has no bpf_get_current_comm() for packets. */
	((__u64 *)r->comm)[0] = *(const volatile __u64 *)&task->comm[0];
	((__u64 *)r->comm)[1] = *(const volatile __u64 *)&task->comm[8];
	s->used = size;
	return 0;
}

/* The record is of another process than the current one, which was interrupted; not if nobody knows whose. */
static __always_inline void record_name(struct scratch *s, const struct rec *who)
{
	struct rec *r = (struct rec *)s->record;

	if (!who->tgid)
		return;
	r->start = who->start;
	r->tgid = who->tgid;
	r->tid = who->tid;
	r->ppid = who->ppid;
	r->uid = who->uid;
	__builtin_memcpy(r->comm, who->comm, sizeof(r->comm));
}

/* Appends up to 8191 bytes of kernel (or map) memory to the record; returns how many. */
static __always_inline __u32 record_append(struct scratch *s, const void *from, __u32 len)
{
	__u64 at = s->used;
	__u64 n = len;

	opaque_value(at);
	at &= RECORD_SIZE / 2 - 1;
	opaque_value(n);
	n &= 8191;
	if (bpf_probe_read_kernel(s->record + at, n, from))
		return 0;
	s->used += n;
	return n;
}

/*
 * Waking the reader costs the workload more than many a record does (an interrupt of its own CPU), so
 * that it is woken for what is urgent, and each time that another so many bytes wait, unless it is at
 * work anyway; the rest it fetches by itself. Decisions must not run far ahead of the trail, which may
 * be unwritable: these KiB are some eighty of them.
 */
#define RECORD_URGENT 1
#define RECORD_SOON   2 /* of acts that are so slow that waking is little beside them */
#define EVENTS_STEP   (16ULL << 10)
#define EVENTS_SOON   (1ULL << 10)
#define BYTES_STEP    (256ULL << 10)

static __always_inline __u64 record_wake(void *ring, __u64 size, __u64 step, __u32 awake, __u32 urgent)
{
	__u64 waiting;

	if (urgent == RECORD_URGENT)
		return BPF_RB_FORCE_WAKEUP;
	if (reader_awake >= awake)
		return BPF_RB_NO_WAKEUP; /* and its place in the ring is not looked at: it is writing there */
	waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	return waiting / step != (waiting + size) / step ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Sends the record. A lost one has used up its sequence number, so the gap shows. */
static __always_inline void record_send(struct scratch *s, void *ring, __u64 wake, __u32 reason)
{
	struct rec *r = (struct rec *)s->record;
	__u64 size = s->used;

	r->size = size;
	r->seq = record_sequence();
	opaque_value(size);
	size &= RECORD_SIZE - 1;
	if (!bpf_ringbuf_output(ring, s->record, size, wake))
		return;
	loss_add(reason, size);
	if (reason == LOSS_EVENTS_RING)
		events_lost = 1;
}

static __always_inline void record_send_event(struct scratch *s, __u32 urgent)
{
	__u64 step = urgent == RECORD_SOON ? EVENTS_SOON : EVENTS_STEP;

	record_send(s, &events, record_wake(&events, s->used, step, AWAKE_EVENTS, urgent), LOSS_EVENTS_RING);
}

static __always_inline void record_send_bytes(struct scratch *s)
{
	record_send(s, &bytes, record_wake(&bytes, s->used, BYTES_STEP, AWAKE_BYTES, 0), LOSS_BYTES_RING);
}

/* Reports what the workload did, or was kept from doing, to what holds it. Not inlined: many hooks do. */
static __noinline int tamper_report(__u32 what, __u32 pid)
{
	struct scratch *s = scratch_claim();
	struct rec_tamper *r;

	if (!s)
		return 0;
	r = (struct rec_tamper *)s->record;
	record_start(s, REC_TAMPER, sizeof(*r));
	r->what = what;
	r->pid = pid;
	record_send_event(s, RECORD_URGENT);
	scratch_release(s);
	return 0;
}

static __always_inline int tamper_refuse(__u32 what, __u32 pid)
{
	tamper_report(what, pid);
	return -EPERM;
}

#endif
