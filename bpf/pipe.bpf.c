/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What a workload's process and its child say to each other over the child's standard streams: MCP over
 * stdio, which is JSON-RPC in lines.
 *
 *   lsm/bprm_committed_creds       a child was started, with pipes or sockets as its streams
 *   tp_btf/sched_process_exec      the same, without LSM
 *   fexit/pipe_read                what was read from a pipe
 *   fexit/unix_stream_recvmsg      what was read from a socket
 *   fexit/do_splice                what has left one for elsewhere: counted, as nobody reads it there
 *   tp_btf/sys_exit                all three, of the usual system calls; everybody's calls pay for that
 *
 * Either alone would not do. When programs come to a function or leave it, of whatever run, the kernel takes all
 * its programs off the calls that are inside: a reader waits inside, and would have its next message unseen each
 * time that another run begins or ends. Some kernels do not allow hooks on their functions at all. On the other
 * hand io_uring, recvmmsg and 32-bit programs make no such calls; and where kernel code is preempted, a program
 * that was interrupted is skipped meanwhile. So the end of a call tells what no hook has (struct member: piped).
 *
 * Text is taken where it is read: in the order that the pipe has given to all that was written, whoever wrote
 * it in whatever way, and from memory that the kernel has just written to, so that it is there.
 *
 * The first bytes decide whether a stream matters (rpc.h): others are counted and not copied. Whoever
 * answers JSON-RPC matters, too, whatever it has said before. The workload's own standard streams, which come
 * from outside of it, do not.
 *
 * Nothing is refused here: what nobody copies is a gap, and passes.
 */
#include "pipe.bpf.h"

#define NR_READ	    0
#define NR_READV    19
#define NR_RECVFROM 45
#define NR_RECVMSG  47
#define NR_SPLICE   275
#define NR_VMSPLICE 278
#define NR_PREADV2  327

#define PIPE_PIECES 16 /* of memory, of one call */
#define PIPE_CHUNKS (1U << 17)

struct pipe_piece {
	__u64 at;
	__u64 len;
};

_Static_assert(PIPE_PIECES * sizeof(struct pipe_piece) <= NAME_SIZE, "s->other holds them");

const volatile __u8 pipe_calls = 0; /* the ends of system calls are seen */

__u32 pipes_known = 0;	 /* there was ever one to follow */
__u32 pipes_hooked = 0;	 /* something was read that only a function of the kernel tells */
__u32 pipes_outer = 0;	 /* the workload's own streams are known */
__u64 pipes_passed = 0;	 /* streams that are no JSON-RPC */
__u64 pipes_skipped = 0; /* bytes of these */

/* ---- a child is started ---- */

/* Sets the key, too. Returns 0; -1 when it is known already, or there is no room. */
static __noinline int pipe_add(struct pipe_key *key, struct pipe *p, struct inode *inode)
{
	pipe_key(key, inode);
	if (!bpf_map_update_elem(&pipes, key, p, BPF_NOEXIST))
		return 0;
	if (!bpf_map_lookup_elem(&pipes, key))
		loss_add(LOSS_STORAGE, 0);
	return -1;
}

static __always_inline struct inode *pipe_standard(struct task_struct *task, __u32 fd, enum direction dir)
{
	struct file *file = pipe_file(task, fd);

	return file ? pipe_inode(file, dir) : 0;
}

/* The workload's own streams are known, so that those who inherit them do not make them theirs. */
static __noinline int pipe_leave_alone(struct inode *in, struct inode *out)
{
	struct pipe p = {.state = RPC_NO};
	struct pipe_key key;

	if (in)
		pipe_add(&key, &p, in);
	if (out)
		pipe_add(&key, &p, out);
	return 0;
}

static __always_inline int pipe_started(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *in = pipe_standard(task, 0, DIR_READ), *out = pipe_standard(task, 1, DIR_WRITE);
	struct pipe p = {.used = bpf_ktime_get_ns()};
	struct pipe_key key_in, key_out;
	struct member *m;

	if (!__sync_val_compare_and_swap(&pipes_outer, 0, 1))
		return pipe_leave_alone(in, out);
	if (!in || !out || in == out)
		return 0;
	pipe_key(&key_in, in);
	pipe_key(&key_out, out);
	if (bpf_map_lookup_elem(&pipes, &key_in) || bpf_map_lookup_elem(&pipes, &key_out))
		return 0; /* those of whoever started it, or of what it was before */
	m = bpf_task_storage_get(&members, task, 0, 0);
	p.parent = m && m->origin ? m->origin : BPF_CORE_READ(task, real_parent, tgid);
	p.child = BPF_CORE_READ(task, tgid);
	p.child_start = BPF_CORE_READ(task, group_leader, start_boottime);
	p.stream = __sync_fetch_and_add(&streams, 1) + 1;
	p.dir = DIR_WRITE;
	p.other = key_out;
	if (pipe_add(&key_in, &p, in))
		return 0;
	p.dir = DIR_READ;
	p.other = key_in;
	pipe_add(&key_out, &p, out);
	pipes_known = 1;
	return 0;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(pipe_committed, struct linux_binprm *bprm)
{
	return scope_current() ? pipe_started() : 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(pipe_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return scope_current() ? pipe_started() : 0;
}

/* ---- what user space is told ---- */

static __noinline int pipe_announce(struct pipe *p)
{
	struct scratch *s = scratch_claim();
	struct rec_pipe *r;

	if (!s)
		return 0;
	r = (struct rec_pipe *)s->record;
	record_start(s, REC_PIPE, sizeof(*r));
	r->stream = p->stream;
	r->child_start = p->child_start;
	r->child = p->child;
	r->parent = p->parent;
	r->dir = p->dir;
	__builtin_memset(r->reserved, 0, sizeof(r->reserved));
	record_send_event(s, 0);
	scratch_release(s);
	p->flags |= PIPE_SAID;
	return 0;
}

static __noinline int pipe_end(struct pipe *p, __u32 other)
{
	struct scratch *s = p->flags & PIPE_SAID ? scratch_claim() : 0;
	struct rec_pipe_end *r;

	if (!s)
		return 0;
	r = (struct rec_pipe_end *)s->record;
	record_start(s, REC_PIPE_END, sizeof(*r));
	r->stream = p->stream;
	r->dir = p->dir;
	r->other = other;
	r->reserved = 0;
	record_send_event(s, 0);
	scratch_release(s);
	return 0;
}

/* ---- the first bytes ---- */

struct pipe_ctx {
	struct scratch *s;
	struct pipe *p;
};

/* One more byte of the text in the record; s->count is the state. */
static long pipe_head_byte(__u32 i, void *data)
{
	struct pipe_ctx *c = data;
	__u64 at = i;

	opaque_value(at);
	at &= DATA_MAX - 1;
	c->s->count = rpc_next(c->s->count, c->s->record[sizeof(struct rec_data) + at]);
	return rpc_head_of(c->s->count) >= RPC_YES;
}

static __noinline int pipe_matters(struct pipe *p)
{
	struct pipe *other = bpf_map_lookup_elem(&pipes, &p->other);

	p->state = RPC_YES;
	if (other)
		other->state = RPC_YES;
	return 0;
}

static __noinline int pipe_matters_not(struct pipe *p)
{
	p->state = RPC_NO;
	__sync_fetch_and_add(&pipes_passed, 1);
	return pipe_end(p, 1);
}

/* Looks at the `n` bytes in the record, which begin at p->offset. */
static __noinline int pipe_judge(struct pipe_ctx *c, __u32 n)
{
	struct pipe *p = c->p;
	__u32 head;

	c->s->count = p->state;
	loop(n, pipe_head_byte, c);
	head = rpc_head_of(c->s->count);
	if (head == RPC_YES)
		return pipe_matters(p);
	if (head == RPC_NO || p->offset + n > RPC_LINE_MAX ||
	    (head == RPC_START && p->offset + n > RPC_BLANKS_MAX))
		return pipe_matters_not(p);
	p->state = c->s->count;
	return 0;
}

/* ---- copying ---- */

static __noinline int pipe_skip(struct pipe *p, __u64 n)
{
	__sync_fetch_and_add(&p->offset, n);
	__sync_fetch_and_add(&pipes_skipped, n);
	return 0;
}

/* The next record: of the pieces s->cursor up to s->aux, s->left bytes of the first are done. */
static long pipe_chunk(__u32 i, void *data)
{
	struct pipe_ctx *c = data;
	struct scratch *s = c->s;
	struct rec_data *r = (struct rec_data *)s->record;
	struct pipe_piece *piece;
	struct pipe *p = c->p;
	__u64 at = s->cursor;
	__u64 n;

	if (at >= s->aux)
		return 1;
	opaque_value(at);
	at &= PIPE_PIECES - 1;
	piece = (struct pipe_piece *)s->other + at;
	n = chunk_next(piece->len - s->left);
	if (!n) {
		s->cursor++;
		s->left = 0;
		return 0;
	}
	record_start(s, REC_PIPE_DATA, sizeof(*r));
	r->stream = p->stream;
	r->len = n;
	r->dir = p->dir;
	r->lost = 0;
	if (!piece->at || bpf_probe_read_user(s->record + sizeof(*r), n, (void *)(piece->at + s->left))) {
		r->lost = 1;
		loss_add(LOSS_READ, n);
	} else {
		s->used += n;
		if (rpc_head_of(p->state) < RPC_YES)
			pipe_judge(c, n);
	}
	s->left += n;
	if (rpc_head_of(p->state) == RPC_NO)
		return pipe_skip(p, n);
	if (!(p->flags & PIPE_SAID))
		pipe_announce(p);
	r->offset = __sync_fetch_and_add(&p->offset, n);
	record_send_bytes(s);
	return 0;
}

/* ---- what was read ---- */

/* The direction that is read from there, if it is one that is followed. */
static __always_inline struct pipe *pipe_of(struct pipe_key *key, struct inode *inode)
{
	pipe_key(key, inode);
	return bpf_map_lookup_elem(&pipes, key);
}

/*
 * Begins with `n` bytes that were read, or with the end. NULL: there is nothing more to do. The memory is to
 * be put into s->other, as pieces, up to s->aux of them from s->cursor on.
 */
static __noinline struct scratch *pipe_moved(struct pipe *p, const struct pipe_key *key, __s64 n)
{
	struct scratch *s;

	if (!n) {
		pipe_end(p, 0);
		if (p->child)
			bpf_map_delete_elem(&pipes, key);
		return 0;
	}
	p->used = bpf_ktime_get_ns();
	if (rpc_head_of(p->state) == RPC_NO) {
		pipe_skip(p, n);
		return 0;
	}
	s = scratch_claim();
	if (!s)
		__sync_fetch_and_add(&p->offset, n);
	return s;
}

static __always_inline void pipe_piece(struct scratch *s, __u32 i, __u64 from, __u64 len)
{
	__u64 at = i;

	opaque_value(at);
	at &= PIPE_PIECES - 1;
	((struct pipe_piece *)s->other)[at].at = from;
	((struct pipe_piece *)s->other)[at].len = len;
}

/* All of it, from one place; 0: nobody knows from where. */
static __noinline int pipe_single(struct scratch *s, __u64 from, __u64 n)
{
	pipe_piece(s, 0, from, n);
	s->cursor = 0;
	s->aux = 1;
	return 0;
}

static __noinline int pipe_copy(struct scratch *s, struct pipe *p)
{
	struct pipe_ctx c = {.s = s, .p = p};

	s->left = 0;
	loop(PIPE_CHUNKS, pipe_chunk, &c);
	scratch_release(s);
	return 0;
}

/* ---- functions of the kernel ---- */

/*
 * One piece behind the other, from the end to the beginning: an iterator has moved on by what was read. It
 * stands s->digest bytes into the piece at s->cursor; s->left bytes are in front of that.
 */
static long pipe_piece_back(__u32 i, void *data)
{
	struct scratch *s = *(struct scratch **)data;
	__u64 used = s->digest, n;
	struct iovec piece = {};

	if (!s->left)
		return 1;
	if (i || !used)
		s->cursor -= sizeof(piece);
	bpf_probe_read_kernel(&piece, sizeof(piece), (void *)s->cursor);
	if (i || !used)
		used = piece.iov_len;
	n = used < s->left ? used : s->left;
	s->count = PIPE_PIECES - 1 - i;
	pipe_piece(s, s->count, (__u64)piece.iov_base + used - n, n);
	s->left -= n;
	return 0;
}

static __noinline int pipe_pieces_back(struct scratch *s, struct iov_iter *to, __u64 n)
{
	s->cursor = bpf_core_field_exists(to->__iov) ? (__u64)BPF_CORE_READ(to, __iov)
						     : (__u64)BPF_CORE_READ(to, iov);
	s->digest = BPF_CORE_READ(to, iov_offset);
	s->left = n;
	s->count = PIPE_PIECES;
	loop(PIPE_PIECES, pipe_piece_back, &s);
	if (s->left)
		return pipe_single(s, 0, n);
	s->cursor = s->count;
	s->aux = PIPE_PIECES;
	return 0;
}

/* `n` bytes have gone to where the iterator was. Returns 0 when they came from nowhere that is followed. */
static __always_inline int pipe_read_into(struct inode *inode, struct iov_iter *to, __s64 n)
{
	__u32 type = BPF_CORE_READ(to, iter_type);
	struct pipe_key key;
	struct scratch *s;
	struct pipe *p;

	if (n < 0 || (!n && !BPF_CORE_READ(to, count)))
		return 0;
	p = pipe_of(&key, inode);
	s = p ? pipe_moved(p, &key, n) : 0;
	if (!s)
		return p != 0;
	if (type == bpf_core_enum_value(enum iter_type, ITER_UBUF))
		pipe_single(s, (__u64)BPF_CORE_READ(to, ubuf) + BPF_CORE_READ(to, iov_offset) - n, n);
	else if (type == bpf_core_enum_value(enum iter_type, ITER_IOVEC))
		pipe_pieces_back(s, to, n);
	else
		pipe_single(s, 0, n);
	pipe_copy(s, p);
	return 1;
}

/* Other numbers, and other registers. */
static __always_inline int pipe_is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

static __always_inline int pipe_is_asked(__u64 number)
{
	return number == NR_READ || number == NR_READV || number == NR_RECVFROM || number == NR_RECVMSG ||
	       number == NR_SPLICE || number == NR_VMSPLICE || number == NR_PREADV2;
}

/* The current task is in a system call whose end tells what it has read, if nobody else does. */
static __always_inline int pipe_is_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u64 number = 0;

	if (!pipe_calls || BPF_CORE_READ(task, flags) & PF_IO_WORKER || pipe_is_compat(task))
		return 0;
	bpf_probe_read_kernel(&number, sizeof(number), &regs->orig_ax);
	return pipe_is_asked(number);
}

/* Without membership there is nowhere to note it: then the end of the call tells it. */
static __always_inline int pipe_is_ours(int call)
{
	return !call || bpf_task_storage_get(&members, bpf_get_current_task_btf(), 0, 0);
}

static __always_inline void pipe_told(int call)
{
	struct member *m = bpf_task_storage_get(&members, bpf_get_current_task_btf(), 0, 0);

	if (call && m)
		m->piped = 1;
	if (!call)
		pipes_hooked = 1;
}

/* On newer kernels it is called anon_pipe_read(): see user/kernel_pipes.c. */
SEC("fexit/pipe_read")
int BPF_PROG(pipe_read, struct kiocb *iocb, struct iov_iter *to, long ret)
{
	int call;

	if (!pipes_known || !scope_current())
		return 0;
	/* io_uring may be at work on behalf of a task that comes from any system call. */
	call = !BPF_CORE_READ(iocb, ki_complete) && pipe_is_call();
	if (pipe_is_ours(call) && pipe_read_into(BPF_CORE_READ(iocb, ki_filp, f_inode), to, ret))
		pipe_told(call);
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(pipe_receive, struct socket *sock, struct msghdr *msg, size_t size, int flags, int ret)
{
	int call;

	if (!pipes_known || flags & MSG_PEEK || !scope_current())
		return 0;
	call = pipe_is_call();
	if (pipe_is_ours(call) && pipe_read_into(pipe_socket_inode(sock), &msg->msg_iter, ret))
		pipe_told(call);
	return 0;
}

/* What leaves for another file is in nobody's memory. */
static __always_inline int pipe_splice_from(struct inode *inode, __s64 n)
{
	struct pipe_key key;
	struct scratch *s;
	struct pipe *p;

	if (n <= 0)
		return 0;
	p = pipe_of(&key, inode);
	s = p ? pipe_moved(p, &key, n) : 0;
	if (!s)
		return p != 0;
	pipe_single(s, 0, n);
	pipe_copy(s, p);
	return 1;
}

SEC("fexit/do_splice")
int BPF_PROG(pipe_splice, struct file *in, void *off_in, struct file *out, void *off_out, size_t len,
	     unsigned int flags, long ret)
{
	int call;

	if (!pipes_known || !scope_current())
		return 0;
	call = pipe_is_call();
	if (pipe_is_ours(call) && pipe_splice_from(BPF_CORE_READ(in, f_inode), ret))
		pipe_told(call);
	return 0;
}

/* ---- system calls ---- */

/* The pieces of a list in user memory, at s->digest. */
static long pipe_piece_next(__u32 i, void *data)
{
	struct scratch *s = *(struct scratch **)data;
	struct iovec piece = {};
	__u64 n;

	if (!s->left || bpf_probe_read_user(&piece, sizeof(piece), (void *)(s->digest + i * sizeof(piece))))
		return 1;
	n = piece.iov_len < s->left ? piece.iov_len : s->left;
	pipe_piece(s, i, (__u64)piece.iov_base, n);
	s->aux = i + 1;
	s->left -= n;
	return 0;
}

static __noinline int pipe_pieces(struct scratch *s, __u64 list, __u64 n)
{
	s->digest = list;
	s->left = n;
	s->cursor = s->aux = 0;
	loop(PIPE_PIECES, pipe_piece_next, &s);
	return s->left ? pipe_single(s, 0, n) : 0;
}

/* How the arguments of a call that reads say where the text is. */
static __noinline int pipe_arguments(struct scratch *s, struct pt_regs *regs, __u64 n)
{
	struct user_msghdr msg = {};
	__u64 number = BPF_CORE_READ(regs, orig_ax), second = BPF_CORE_READ(regs, si);

	if (number == NR_READ || number == NR_RECVFROM)
		return pipe_single(s, second, n);
	if (number == NR_READV || number == NR_PREADV2)
		return pipe_pieces(s, second, n);
	if (number != NR_RECVMSG || bpf_probe_read_user(&msg, sizeof(msg), (void *)second))
		return pipe_single(s, 0, n);
	return pipe_pieces(s, (__u64)msg.msg_iov, n);
}

/* What was read stays where it is. */
static __always_inline int pipe_peeks(__u64 number, __u64 third, __u64 fourth)
{
	return (number == NR_RECVFROM && fourth & MSG_PEEK) || (number == NR_RECVMSG && third & MSG_PEEK);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(pipe_call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 number = regs->orig_ax;
	struct pipe_key key;
	struct scratch *s;
	struct member *m;
	struct file *file;
	struct pipe *p;

	if (ret < 0 || !pipes_known || !pipe_is_asked(number) || !scope_current())
		return 0;
	m = bpf_task_storage_get(&members, task, 0, 0);
	if (m && m->piped) {
		m->piped = 0;
		return 0;
	}
	/* An end is told by those that most read by; others may have asked for nothing. */
	if (!ret && !((number == NR_READ || number == NR_RECVFROM) && regs->dx))
		return 0;
	if (pipe_peeks(number, regs->dx, regs->r10))
		return 0;
	if (pipe_is_compat(task))
		return 0;
	file = pipe_file(task, regs->di);
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_READ))
		return 0;
	p = pipe_of(&key, BPF_CORE_READ(file, f_inode));
	s = p ? pipe_moved(p, &key, ret) : 0;
	if (!s)
		return 0;
	pipe_arguments(s, regs, ret);
	pipe_copy(s, p);
	return 0;
}
