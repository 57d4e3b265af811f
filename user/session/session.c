/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "session/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "dns.h"
#include "session/internal.h"

/* Longest text of an activity: a kind, and a path or a request. */
#define ACTIVITY_SIZE (NAME_SIZE + 64)

/* ---- events ---- */

void session_event(const struct session *s, enum audit_type type, uint64_t time,
		   struct audit_event *ret)
{
	*ret = (struct audit_event){
		.type = type,
		.time = time,
		.run = {.id = s->o.run_id, .name = s->o.run_name},
		.container = {.cgroup = s->o.cgroup},
	};
}

void event_of(struct session *s, enum audit_type type, const struct rec *r, struct audit_event *ret)
{
	struct proc *p = proc_of(s, r);
	struct proc *parent = map_get(&s->procs, r->ppid);

	session_event(s, type, r->time + (uint64_t)s->wall, ret);
	ret->process.pid = KNOWN(r->tgid);
	ret->process.tid = KNOWN(r->tid);
	ret->process.ppid = KNOWN(r->ppid);
	ret->process.uid = KNOWN(r->uid);
	ret->process.start = KNOWN(r->start);
	ret->process.comm = r->comm;
	ret->process.exe = p ? p->exe : NULL;
	if (parent)
		ret->process.parent_start = KNOWN(parent->start);
}

void session_emit(struct session *s, const struct audit_event *ev)
{
	if (s->o.emit)
		s->o.emit(s->o.ctx, ev);
}

/* ---- strings behind a record ---- */

struct tail {
	const char *at;
	size_t left;
};

static struct tail tail_of(const struct rec *r, size_t fixed)
{
	return (struct tail){(const char *)r + fixed, r->size - fixed};
}

/* The next `len` bytes, or NULL when the record does not have them. */
static const char *tail_take(struct tail *t, size_t len)
{
	const char *at = t->at;

	if (len > t->left)
		return NULL;
	t->at += len;
	t->left -= len;
	return at;
}

/* ---- exec, exit ---- */

/* What was run, for people: the file, or else what was passed. */
static char *exec_file(const char *path, size_t path_len, const char *passed, size_t passed_len)
{
	if (path_len)
		return strndup(path, path_len);
	return passed_len ? strndup(passed, passed_len) : strdup("unknown");
}

/* The name of the activity: a file that has no name where the workload began is unknown. */
static char *exec_activity(const struct rec_exec *r, const char *file)
{
	char *text = NULL;

	return asprintf(&text, "exec:%s", r->path_len ? file : "unknown") < 0 ? NULL : text;
}

/* A list that names the file would leave its reader wondering. */
static void say_why(struct judgement *j, struct audit_decision *decision, const char *why)
{
	char *text;

	if (!j->reason || asprintf(&text, "%s; %s", j->reason, why) < 0)
		return;
	free(j->reason);
	decision->reason = j->reason = text;
}

static void say_file(const struct rec_exec *r, struct judgement *j, struct audit_decision *decision)
{
	bool by_list = r->decision.layer == LAYER_ALLOW;

	if (by_list && r->flags & EXEC_CHANGED)
		say_why(j, decision, "the file was changed since the run began");
	if (by_list && r->flags & EXEC_HASH_OTHER)
		say_why(j, decision, "the file has another sha256");
	if ((by_list || r->decision.layer == LAYER_DENY) && r->flags & EXEC_HASH_UNREAD)
		say_why(j, decision, "the kernel does not tell its sha256");
}

static void on_exec(struct session *s, const struct rec *rec)
{
	const struct rec_exec *r = (const struct rec_exec *)rec;
	struct tail t = tail_of(rec, sizeof(*r));
	const char *passed = tail_take(&t, r->passed_len);
	const char *path = tail_take(&t, r->path_len);
	const char *hash = tail_take(&t, r->hash_len);
	const char *args = tail_take(&t, r->args_len);
	const char *cwd = tail_take(&t, r->cwd_len);
	struct proc *p = proc_of(s, rec);
	struct activity_name name = {.kind = KIND_EXEC};
	struct judgement j;
	struct audit_event ev;
	_free_ char *activity = NULL;
	_free_ char *cwd_text = NULL;
	_free_ char *hash_text = NULL;
	_free_ char *file = NULL;

	if (!passed || !path || !hash || !args || !cwd || !p) {
		s->counts.broken++;
		return;
	}
	file = exec_file(path, r->path_len, passed, r->passed_len);
	activity = file ? exec_activity(r, file) : NULL;
	hash_text = r->hash_len ? strndup(hash, r->hash_len) : NULL;
	cwd_text = r->cwd_len ? strndup(cwd, r->cwd_len) : NULL;
	if (!activity) {
		s->counts.broken++;
		return;
	}
	if (r->flags & (EXEC_REFUSED | EXEC_SCRIPT))
		proc_script(p, r->flags & EXEC_REFUSED ? NULL : file);
	else
		proc_exec(p, file, strlen(file));
	event_of(s, AUDIT_EXEC, rec, &ev);
	name.text = activity + 5;
	name.len = strlen(name.text);
	ev.activity = activity;
	ev.tool = tool_of(s, &name);
	ev.exec.path = file;
	ev.exec.cwd = cwd_text;
	ev.exec.sha256 = hash_text;
	ev.exec.args = r->args_len ? args : NULL;
	ev.exec.args_len = r->args_len;
	ev.exec.args_cut = r->flags & EXEC_ARGS_CUT;
	judge(s, &r->decision, &name, r->found, activity, &j, &ev.decision);
	say_file(r, &j, &ev.decision);
	judge_count(s, &r->decision);
	s->counts.programs += !(r->flags & (EXEC_LOADED | EXEC_SCRIPT));
	session_emit(s, &ev);
	judgement_done(&j);
}

static void on_exit_record(struct session *s, const struct rec *rec)
{
	const struct rec_exit *r = (const struct rec_exit *)rec;
	struct audit_event ev;

	bool goes_on = flow_close_process(s, rec->tgid);
	struct proc *p;

	stdio_exit(s, rec->tgid);
	event_of(s, AUDIT_EXIT, rec, &ev);
	ev.end.status = WIFSIGNALED(r->code) ? "killed" : r->code ? "error" : "ok";
	ev.end.exit = KNOWN(WIFSIGNALED(r->code) ? 128 + WTERMSIG(r->code) : WEXITSTATUS(r->code));
	ev.end.duration_ms = (struct audit_number){0};
	session_emit(s, &ev);
	p = goes_on ? proc_of(s, rec) : NULL;
	if (p)
		p->exited = true;
	else
		proc_drop(s, rec->tgid);
}

/* ---- destinations ---- */

void addr_text(uint16_t family, const uint8_t addr[16], char ret[64])
{
	if ((family != AF_INET && family != AF_INET6) || !inet_ntop(family, addr, ret, 64))
		ret[0] = 0;
}

void net_activity(uint16_t family, const uint8_t addr[16], uint16_t port, uint8_t proto,
		  const char *path, size_t path_len, char *ret, size_t size)
{
	const char *suffix = proto == IPPROTO_UDP ? "/udp" : "";
	char text[64];

	addr_text(family, addr, text);
	if ((family == AF_INET || family == AF_INET6) && path_len)
		snprintf(ret, size, "net:%.*s:%u%s", (int)path_len, path, port, suffix);
	else if (family == AF_INET)
		snprintf(ret, size, "net:%s:%u%s", text, port, suffix);
	else if (family == AF_INET6)
		snprintf(ret, size, "net:[%s]:%u%s", text, port, suffix);
	else if (family == AF_UNIX)
		snprintf(ret, size, "net:unix:%.*s", (int)path_len, path);
	else if (family)
		snprintf(ret, size, "net:family:%u", family);
	else
		snprintf(ret, size, "net:unknown");
}

/* What is made that no rule on destinations meets. */
static void socket_activity(const struct rec_net *r, char *ret, size_t size)
{
	uint32_t protocol;

	memcpy(&protocol, r->addr, sizeof(protocol));
	if (r->port == SOCK_RAW || r->family == AF_PACKET)
		snprintf(ret, size, "net:raw");
	else if (r->family == AF_INET || r->family == AF_INET6)
		snprintf(ret, size, "net:protocol:%u", protocol);
	else
		snprintf(ret, size, "net:family:%u", r->family);
}

static const char *proto_name(const struct rec_net *r)
{
	if (r->family == AF_UNIX)
		return "unix";
	return r->proto == IPPROTO_TCP ? "tcp" : r->proto == IPPROTO_UDP ? "udp" : NULL;
}

static enum image_proto proto_class(uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		return PROTO_TCP;
	return proto == IPPROTO_UDP ? PROTO_UDP : PROTO_OTHER;
}

static const char *const opaque_reasons[] = {
	[OPAQUE_NONE] = NULL,
	[OPAQUE_TLS] = "TLS by code that warden does not see into",
	[OPAQUE_H2] = "HTTP/2, which is not read yet",
	[OPAQUE_CLEARTEXT] = "what begins like HTTP without TLS, and goes on as something else",
	[OPAQUE_FRAMING] = "a request that cannot be followed",
	[OPAQUE_ENCODED] = "a compressed request body",
	[OPAQUE_NOT_HTTP] = "TLS that carries something else than HTTP",
	[OPAQUE_BIO] = "TLS by a program that may write through BIOs, which warden does not see into",
	[OPAQUE_PARTED] = "a connection that a process and its parent both write to",
	[OPAQUE_STRANGE] = "a connection that a parent process had begun",
	[OPAQUE_UNSEEN] = "something that is sent by the TLS library without having been handed to it",
	[OPAQUE_UNEXPLAINED] = "more leaves than was seen before it was encrypted",
	[OPAQUE_QUIC] = "QUIC, which warden does not see into",
};

static const char *const claim_reasons[] = {
	[CLAIM_NONE] = NULL,
	[CLAIM_HELLO] = "the host that a TLS handshake asks for, not the one it was connected by",
	[CLAIM_HOST] = "the host that a request asks for, not the one it was connected by",
	[CLAIM_PACKET] = "the host that a request asks for, not the one it was connected by",
};

/*
 * What a record says is the better reason; the policy's own sentence stands where it says nothing.
 */
static const char *net_reason(const struct rec_net *r, const char *otherwise)
{
	const char *reason = NULL;

	if (r->rec.type == REC_OPAQUE && r->why < sizeof(opaque_reasons) / sizeof(opaque_reasons[0]))
		reason = opaque_reasons[r->why];
	else if (r->rec.type == REC_CLAIM && !r->path_len)
		reason = "it does not say, or not clearly, which host it asks for";
	else if (r->rec.type == REC_CLAIM && r->why < sizeof(claim_reasons) / sizeof(claim_reasons[0]))
		reason = claim_reasons[r->why];
	return reason ? reason : otherwise;
}

static void on_socket(struct session *s, const struct rec *rec)
{
	const struct rec_net *r = (const struct rec_net *)rec;
	struct activity_name name = {.kind = KIND_NET};
	char activity[ACTIVITY_SIZE];
	struct judgement j;
	struct audit_event ev;

	event_of(s, AUDIT_CONNECT, rec, &ev);
	socket_activity(r, activity, sizeof(activity));
	name.raw = !strcmp(activity, "net:raw");
	ev.activity = activity;
	ev.tool = name.raw ? tool_of(s, &name) : NULL;
	judge(s, &r->decision, &name, NULL, activity, &j, &ev.decision);
	judge_count(s, &r->decision);
	session_emit(s, &ev);
	judgement_done(&j);
}

static void on_listen(struct session *s, const struct rec *rec)
{
	const struct rec_net *r = (const struct rec_net *)rec;
	struct activity_name name = {.kind = KIND_LISTEN, .family = (uint8_t)r->family, .port = r->port};
	char activity[128], place[96], addr[64];
	struct judgement j;
	struct audit_event ev;

	event_of(s, AUDIT_LISTEN, rec, &ev);
	net_activity(r->family, r->addr, r->port, r->proto, NULL, 0, place, sizeof(place));
	snprintf(activity, sizeof(activity), "net:listen:%s", place + strlen("net:"));
	addr_text(r->family, r->addr, addr);
	memcpy(name.addr, r->addr, sizeof(name.addr));
	name.proto = proto_class(r->proto);
	ev.activity = activity;
	ev.tool = tool_of(s, &name);
	ev.net.proto = proto_name(r);
	ev.net.addr = addr[0] ? addr : NULL;
	if (r->port) /* 0: the kernel has not chosen one yet */
		ev.net.port = KNOWN(r->port);
	judge(s, &r->decision, &name, NULL, activity, &j, &ev.decision);
	judge_count(s, &r->decision);
	session_emit(s, &ev);
	judgement_done(&j);
}

static struct audit_opaque opaque_of(struct session *s, const struct rec_net *r)
{
	const struct proc *p = proc_of(s, &r->rec);
	struct audit_opaque o = {};

	if (r->rec.type != REC_OPAQUE)
		return o;
	if (r->why == OPAQUE_UNEXPLAINED)
		o.bytes = KNOWN(r->bytes);
	if (s->o.build_id)
		o.build_id = s->o.build_id(s->o.ctx, &r->rec, p ? p->exe : NULL);
	if (s->o.stack)
		o.stack = s->o.stack(s->o.ctx, &r->rec);
	return o;
}

static void on_net(struct session *s, const struct rec *rec)
{
	const struct rec_net *r = (const struct rec_net *)rec;
	struct tail t = tail_of(rec, sizeof(*r));
	const char *path = tail_take(&t, r->path_len);
	struct activity_name name = {.kind = KIND_NET};
	bool is_unix = r->family == AF_UNIX;
	char activity[ACTIVITY_SIZE], addr[64], flow[32], text[DNS_TEXT] = "";
	struct judgement j;
	struct audit_event ev;

	if (!path || r->path_len >= sizeof(text)) {
		s->counts.broken++;
		return;
	}
	memcpy(text, path, r->path_len); /* of a socket; else a name that the address has */
	event_of(s, rec->type == REC_OPAQUE ? AUDIT_OPAQUE : AUDIT_CONNECT, rec, &ev);
	net_activity(r->family, r->addr, r->port, r->proto, path, r->path_len, activity,
		     sizeof(activity));
	addr_text(r->family, r->addr, addr);
	name.family = (uint8_t)r->family;
	memcpy(name.addr, r->addr, sizeof(name.addr));
	name.port = r->port;
	name.proto = proto_class(r->proto);
	name.text = is_unix ? text : NULL;
	name.len = is_unix ? r->path_len : 0;
	name.host = !is_unix && text[0] ? text : NULL;
	ev.activity = activity;
	ev.tool = tool_of(s, &name);
	ev.net.proto = proto_name(r);
	ev.net.addr = is_unix ? text : addr[0] ? addr : NULL;
	ev.net.host = name.host;
	if (r->family == AF_INET || r->family == AF_INET6)
		ev.net.port = KNOWN(r->port);
	if (r->cookie) {
		snprintf(flow, sizeof(flow), "f%llu", (unsigned long long)r->cookie);
		ev.flow = flow;
	}
	ev.opaque = opaque_of(s, r);
	judge(s, &r->decision, &name, NULL, activity, &j, &ev.decision);
	ev.decision.reason = net_reason(r, ev.decision.reason);
	judge_count(s, &r->decision);
	s->counts.destinations += rec->type == REC_NET;
	session_emit(s, &ev);
	judgement_done(&j);
}

/* ---- files that brokers read ---- */

static void on_file(struct session *s, const struct rec *rec)
{
	const struct rec_file *r = (const struct rec_file *)rec;
	struct tail t = tail_of(rec, sizeof(*r));
	const char *path = tail_take(&t, r->path_len);
	struct activity_name name = {.kind = KIND_FILE};
	_free_ char *activity = NULL;
	struct judgement j;
	struct audit_event ev;

	if (!path || asprintf(&activity, "file:write %.*s", (int)r->path_len, path) < 0) {
		s->counts.broken++;
		return;
	}
	event_of(s, AUDIT_FILE, rec, &ev);
	name.text = activity + strlen("file:write ");
	name.len = strlen(name.text);
	ev.activity = activity;
	ev.tool = tool_of(s, &name);
	judge(s, &r->decision, &name, NULL, activity, &j, &ev.decision);
	judge_count(s, &r->decision);
	session_emit(s, &ev);
	judgement_done(&j);
}

/* ---- the rest ---- */

static void on_http(struct session *s, const struct rec *r)
{
	flow_http(s, (const struct rec_http *)r);
}

static void on_bind(struct session *s, const struct rec *r)
{
	flow_bind(s, (const struct rec_bind *)r);
}

static void on_data(struct session *s, const struct rec *r)
{
	flow_data(s, (const struct rec_data *)r);
}

static void on_pipe(struct session *s, const struct rec *r)
{
	stdio_open(s, (const struct rec_pipe *)r);
}

static void on_pipe_data(struct session *s, const struct rec *r)
{
	stdio_data(s, (const struct rec_data *)r);
}

static void on_pipe_end(struct session *s, const struct rec *r)
{
	stdio_end(s, (const struct rec_pipe_end *)r);
}

static void on_close(struct session *s, const struct rec *r)
{
	flow_close(s, ((const struct rec_close *)r)->stream);
}

static const char *const tampers[TAMPER_COUNT] = {
	[TAMPER_LEFT_CGROUP] = "a task was moved out of the workload's cgroup",
	[TAMPER_NO_MEMBER] = "membership of a child could not be written",
	[TAMPER_SIGNAL] = "a signal to warden",
	[TAMPER_LIMIT] = "a limit on warden's resources",
	[TAMPER_PTRACE] = "a look into warden's memory or descriptors",
	[TAMPER_BPF] = "an attempt to open or detach a BPF object of warden's",
	[TAMPER_FILE] = "an attempt to write, remove or move a file of warden's",
	[TAMPER_RESOLVER] = "a datagram in the name of a resolver",
};

static void on_tamper(struct session *s, const struct rec *rec)
{
	const struct rec_tamper *r = (const struct rec_tamper *)rec;
	bool refused = r->what >= TAMPER_SIGNAL;
	struct audit_event ev;

	event_of(s, AUDIT_TAMPER, rec, &ev);
	ev.decision = (struct audit_decision){
		.verdict = refused ? "deny" : "kill",
		.layer = "none",
		.tier = r->what == TAMPER_RESOLVER ? "cgroup" : refused ? "lsm" : "signal",
		.reason = r->what < TAMPER_COUNT ? tampers[r->what] : NULL,
		.error = refused ? "EPERM" : NULL,
	};
	s->counts.tampered++;
	session_emit(s, &ev);
}

static const struct {
	size_t size;
	void (*fn)(struct session *, const struct rec *);
} handlers[] = {
	[REC_EXEC] = {sizeof(struct rec_exec), on_exec},
	[REC_EXIT] = {sizeof(struct rec_exit), on_exit_record},
	[REC_NET] = {sizeof(struct rec_net), on_net},
	[REC_SOCKET] = {sizeof(struct rec_net), on_socket},
	[REC_LISTEN] = {sizeof(struct rec_net), on_listen},
	[REC_FILE] = {sizeof(struct rec_file), on_file},
	[REC_OPAQUE] = {sizeof(struct rec_net), on_net},
	[REC_CLAIM] = {sizeof(struct rec_net), on_net},
	[REC_HTTP] = {sizeof(struct rec_http), on_http},
	[REC_BIND] = {sizeof(struct rec_bind), on_bind},
	[REC_CLOSE] = {sizeof(struct rec_close), on_close},
	[REC_TLS_DATA] = {sizeof(struct rec_data), on_data},
	[REC_TAMPER] = {sizeof(struct rec_tamper), on_tamper},
	[REC_PIPE] = {sizeof(struct rec_pipe), on_pipe},
	[REC_PIPE_DATA] = {sizeof(struct rec_data), on_pipe_data},
	[REC_PIPE_END] = {sizeof(struct rec_pipe_end), on_pipe_end},
};

void session_record(struct session *s, const struct rec *r)
{
	if (r->type >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[r->type].fn ||
	    r->size < handlers[r->type].size) {
		s->counts.broken++;
		return;
	}
	handlers[r->type].fn(s, r);
}

int session_new(const struct session_options *options, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->o = *options;
	*ret = s;
	return 0;
}

void session_finish(struct session *s)
{
	flow_close_all(s);
	stdio_close_all(s);
}

void session_set_clock(struct session *s, int64_t wall)
{
	s->wall = wall;
}

const struct session_counts *session_counts(const struct session *s)
{
	return &s->counts;
}

void session_free(struct session **sp)
{
	struct session *s = TAKE_PTR(*sp);

	if (!s)
		return;
	s->o.emit = NULL;
	flow_close_all(s);
	stdio_close_all(s);
	proc_free_all(s);
	free(s);
}
