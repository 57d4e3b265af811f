/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/encode.h"
#include "audit/names.h"
#include "policy/lower.h"
#include "session/session.h"

/* Events as short lines: what this test compares. */
struct log {
	char text[65536];
	size_t len;
};

static void add(struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log->len += (size_t)vsnprintf(log->text + log->len, sizeof(log->text) - log->len, fmt, ap);
	va_end(ap);
}

static void add_body(struct log *log, const char *what, const struct audit_body *b)
{
	if (b->bytes.known)
		add(log, " %s=%llu", what, (unsigned long long)b->bytes.value);
	if (b->text)
		add(log, ":%.*s", (int)b->len, (const char *)b->text);
	if (b->truncated)
		add(log, "~");
}

static void on_event(void *ctx, const struct audit_event *ev)
{
	struct log *log = ctx;

	add(log, "%s %s", audit_type_names[ev->type], ev->activity ? ev->activity : "-");
	if (ev->decision.verdict)
		add(log, " %s/%s", ev->decision.verdict, ev->decision.tier);
	if (ev->process.exe)
		add(log, " exe=%s", ev->process.exe);
	if (ev->http.status.known)
		add(log, " status=%d", (int)ev->http.status.value);
	if (ev->net.addr)
		add(log, " addr=%s", ev->net.addr);
	if (ev->net.host)
		add(log, " host=%s", ev->net.host);
	if (ev->opaque.bytes.known)
		add(log, " bytes=%d", (int)ev->opaque.bytes.value);
	if (ev->opaque.build_id)
		add(log, " build_id=%s", ev->opaque.build_id);
	if (ev->opaque.stack)
		add(log, " stack=%s", ev->opaque.stack);
	if (ev->call.id)
		add(log, " pid=%d id=%s", (int)ev->process.pid.value, ev->call.id);
	if (ev->call.args)
		add(log, " args=%.*s%s", (int)ev->call.args_len, ev->call.args, ev->call.args_cut ? "~" : "");
	if (ev->call.args_hash)
		add(log, " hash=%.8s", ev->call.args_hash);
	if (ev->call.status)
		add(log, " %s", ev->call.status);
	if (ev->call.duration_ms.known)
		add(log, " ms=%d", (int)ev->call.duration_ms.value);
	if (ev->loss.reason)
		add(log, " %s=%d", ev->loss.reason, (int)ev->loss.records.value);
	if (ev->loss.bytes.known)
		add(log, " bytes=%d", (int)ev->loss.bytes.value);
	add_body(log, "request", &ev->content.request);
	add_body(log, "response", &ev->content.response);
	if (ev->end.exit.known)
		add(log, " exit=%d", (int)ev->end.exit.value);
	add(log, "\n");
}

static const char *build_id(void *ctx, const struct rec *r, const char *path)
{
	static char text[64];

	snprintf(text, sizeof(text), "%u%s", r->tgid, path ? path : "-");
	return text;
}

static const char *stack(void *ctx, const struct rec *r)
{
	return r->tgid == 10 ? "Java" : NULL;
}

struct fixture {
	struct log log;
	struct image_block image;
	struct session *session;
	uint64_t time;
	uint64_t offset[DIR_COUNT];
};

static struct fixture *fresh(enum capture capture)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct diags diags = {0};
	struct session_options o = {.capture = capture, .run_id = "R", .run_name = "n"};

	assert_non_null(f);
	assert_int_equal(policy_lower(NULL, 1, &f->image, &diags), 0);
	o.image = f->image.data;
	o.emit = on_event;
	o.build_id = build_id;
	o.stack = stack;
	o.ctx = &f->log;
	assert_int_equal(session_new(&o, &f->session), 0);
	return f;
}

/* Compares, and ends it. */
static void expect(struct fixture *f, const char *text)
{
	assert_string_equal(f->log.text, text);
	session_free(&f->session);
	free(f->image.data);
	free(f);
}

static void put(struct fixture *f, struct rec *r, uint16_t type, size_t size, uint32_t tgid)
{
	r->type = type;
	r->size = (uint32_t)size;
	r->tgid = r->tid = tgid;
	r->time = ++f->time;
	session_record(f->session, r);
}

static void put_exec(struct fixture *f, uint32_t tgid, uint32_t ppid, const char *path,
		     uint32_t flags, uint32_t verdict)
{
	char buf[sizeof(struct rec_exec) + 256] = {0};
	struct rec_exec *r = (struct rec_exec *)buf;

	r->rec.ppid = ppid;
	r->flags = flags;
	r->decision = (struct decision){verdict, LAYER_NONE, RULE_NONE, TIER_NONE};
	r->passed_len = (uint16_t)strlen(path);
	r->path_len = flags & EXEC_NO_PATH ? 0 : r->passed_len;
	memcpy(r + 1, path, strlen(path));
	memcpy((char *)(r + 1) + strlen(path), path, strlen(path));
	put(f, &r->rec, REC_EXEC, sizeof(*r) + r->passed_len + r->path_len, tgid);
}

static void put_exit(struct fixture *f, uint32_t tgid, int code)
{
	struct rec_exit r = {.code = code};

	put(f, &r.rec, REC_EXIT, sizeof(r), tgid);
}

static void put_http(struct fixture *f, uint64_t ordinal, uint32_t phase, const char *method,
		     const char *host, const char *path, uint32_t verdict)
{
	char buf[sizeof(struct rec_http) + 256] = {0};
	struct rec_http *r = (struct rec_http *)buf;
	int n = sprintf((char *)(r + 1), "%s%s%s", method, host, path);

	r->stream = 5;
	r->ordinal = ordinal;
	r->phase = phase;
	r->decision = (struct decision){verdict, LAYER_NONE, RULE_NONE, TIER_NONE};
	r->method_len = (uint16_t)strlen(method);
	r->host_len = (uint16_t)strlen(host);
	r->path_len = (uint16_t)strlen(path);
	put(f, &r->rec, REC_HTTP, sizeof(*r) + (size_t)n, 10);
}

static void put_data(struct fixture *f, enum direction dir, const char *text)
{
	char buf[sizeof(struct rec_data) + 1024] = {0};
	struct rec_data *r = (struct rec_data *)buf;

	r->stream = 5;
	r->offset = f->offset[dir];
	r->len = (uint32_t)strlen(text);
	r->dir = dir;
	memcpy(r + 1, text, strlen(text));
	f->offset[dir] += strlen(text);
	put(f, &r->rec, REC_TLS_DATA, sizeof(*r) + strlen(text), 10);
}

static void put_close(struct fixture *f)
{
	struct rec_close r = {.stream = 5};

	put(f, &r.rec, REC_CLOSE, sizeof(r), 10);
}

/* ---- processes ---- */

static void children_run_their_parents_program(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_exec(f, 10, 1, "/bin/a", 0, VERDICT_ALLOW);
	put_exec(f, 11, 10, "/bin/b", EXEC_REFUSED, VERDICT_DENY);
	put_exit(f, 11, 1 << 8);
	put_exit(f, 10, 9);
	expect(f, "exec exec:/bin/a allow/none exe=/bin/a\n"
		  "exec exec:/bin/b deny/none exe=/bin/a\n"
		  "exit - exe=/bin/a exit=1\n"
		  "exit - exe=/bin/a exit=137\n");
}

/* What it was called when it was run is still told: by what its process runs. */
static void a_file_without_a_name_is_unknown(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_exec(f, 10, 1, "/mnt/own/a", EXEC_NO_PATH, VERDICT_ALLOW);
	put_exit(f, 10, 0);
	expect(f, "exec exec:unknown allow/none exe=/mnt/own/a\n"
		  "exit - exe=/mnt/own/a exit=0\n");
}

/* A script is an activity of its own, but its interpreter is what runs. */
static void a_script_and_its_interpreter(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_exec(f, 10, 1, "/bin/script", EXEC_SCRIPT, VERDICT_ALLOW);
	put_exec(f, 10, 1, "/bin/sh", 0, VERDICT_ALLOW);
	assert_int_equal(session_counts(f->session)->programs, 1);
	expect(f, "exec exec:/bin/script allow/none\n"
		  "exec exec:/bin/sh allow/none exe=/bin/sh\n");
}

/* A program that is loaded as code of another one does not take that one's place. */
static void what_is_loaded_is_not_run(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_exec(f, 10, 1, "/bin/a", 0, VERDICT_ALLOW);
	put_exec(f, 10, 1, "/bin/b", EXEC_REFUSED | EXEC_LOADED, VERDICT_DENY);
	assert_int_equal(session_counts(f->session)->programs, 1);
	put_exit(f, 10, 0);
	expect(f, "exec exec:/bin/a allow/none exe=/bin/a\n"
		  "exec exec:/bin/b deny/none exe=/bin/a\n"
		  "exit - exe=/bin/a exit=0\n");
}

static void a_pid_used_again_is_another_process(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	struct rec_exit r = {.rec = {.start = 99}, .code = 0};

	put_exec(f, 10, 1, "/bin/a", 0, VERDICT_ALLOW);
	put(f, &r.rec, REC_EXIT, sizeof(r), 10);
	expect(f, "exec exec:/bin/a allow/none exe=/bin/a\n"
		  "exit - exit=0\n");
}

/* What ended the one who did it, and what was refused. A number that is none has no reason, either. */
static void tells_of_tampering(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	for (uint32_t what = TAMPER_LEFT_CGROUP; what <= TAMPER_COUNT; what++) {
		struct rec_tamper r = {.what = what};

		put(f, &r.rec, REC_TAMPER, sizeof(r), 10);
	}
	assert_int_equal(session_counts(f->session)->tampered, TAMPER_COUNT);
	expect(f, "tamper - kill/signal\n"
		  "tamper - kill/signal\n"
		  "tamper - deny/lsm\n"
		  "tamper - deny/lsm\n"
		  "tamper - deny/lsm\n"
		  "tamper - deny/lsm\n"
		  "tamper - deny/lsm\n"
		  "tamper - deny/cgroup\n"
		  "tamper - deny/lsm\n");
}

/* ---- destinations ---- */

static void names_destinations(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	char buf[sizeof(struct rec_net) + 16] = {0};
	struct rec_net *r = (struct rec_net *)buf;

	r->family = AF_INET;
	r->port = 443;
	r->proto = IPPROTO_TCP;
	inet_pton(AF_INET, "203.0.113.7", r->addr);
	put(f, &r->rec, REC_NET, sizeof(*r), 10);
	r->family = AF_INET6;
	r->proto = IPPROTO_UDP;
	inet_pton(AF_INET6, "2001:db8::1", r->addr);
	put(f, &r->rec, REC_NET, sizeof(*r), 10);
	r->family = AF_UNIX;
	r->path_len = 6;
	memcpy(r + 1, "/run/x", 6);
	put(f, &r->rec, REC_NET, sizeof(*r) + 6, 10);
	r->path_len = 7; /* longer than the record */
	put(f, &r->rec, REC_NET, sizeof(*r) + 6, 10);
	assert_int_equal(session_counts(f->session)->broken, 1);
	expect(f, "connect net:203.0.113.7:443 allow/none addr=203.0.113.7\n"
		  "connect net:[2001:db8::1]:443/udp allow/none addr=2001:db8::1\n"
		  "connect net:unix:/run/x allow/none addr=/run/x\n");
}

/* By the name that comes with the record; no name is longer than 253 bytes. */
static void names_hosts(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	char buf[sizeof(struct rec_net) + 300] = {0};
	struct rec_net *r = (struct rec_net *)buf;

	*r = (struct rec_net){.family = AF_INET6, .port = 443, .proto = IPPROTO_UDP, .path_len = 8};
	memcpy(r + 1, "api.test", 8);
	put(f, &r->rec, REC_NET, sizeof(*r) + 8, 10);
	r->proto = IPPROTO_TCP;
	put(f, &r->rec, REC_OPAQUE, sizeof(*r) + 8, 10);
	r->why = CLAIM_HELLO;
	put(f, &r->rec, REC_CLAIM, sizeof(*r) + 8, 10);
	r->path_len = 0;
	put(f, &r->rec, REC_CLAIM, sizeof(*r), 10);
	r->path_len = 300;
	put(f, &r->rec, REC_NET, sizeof(*r) + 300, 10);
	assert_int_equal(session_counts(f->session)->broken, 1);
	assert_int_equal(session_counts(f->session)->destinations, 1);
	expect(f, "connect net:api.test:443/udp allow/none addr=:: host=api.test\n"
		  "opaque net:api.test:443 allow/none addr=:: host=api.test build_id=10- stack=Java\n"
		  "connect net:api.test:443 allow/none addr=:: host=api.test\n"
		  "connect net:[::]:443 allow/none addr=::\n");
}

/* Whose text was not seen, and how much of it: a number only where records were counted. */
static void names_the_opaque(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	struct rec_net r = {.family = AF_INET, .port = 443, .proto = IPPROTO_TCP, .bytes = 217};

	put_exec(f, 10, 1, "/bin/x", 0, VERDICT_ALLOW);
	r.why = OPAQUE_UNEXPLAINED;
	put(f, &r.rec, REC_OPAQUE, sizeof(r), 10);
	r.why = OPAQUE_QUIC;
	r.proto = IPPROTO_UDP;
	put(f, &r.rec, REC_OPAQUE, sizeof(r), 10);
	put(f, &r.rec, REC_NET, sizeof(r), 10);
	expect(f, "exec exec:/bin/x allow/none exe=/bin/x\n"
		  "opaque net:0.0.0.0:443 allow/none exe=/bin/x addr=0.0.0.0 bytes=217 build_id=10/bin/x stack=Java\n"
		  "opaque net:0.0.0.0:443/udp allow/none exe=/bin/x addr=0.0.0.0 build_id=10/bin/x stack=Java\n"
		  "connect net:0.0.0.0:443/udp allow/none exe=/bin/x addr=0.0.0.0\n");
}

/* Of what no rule on destinations meets; the protocol stands where others have their address. */
static void names_sockets(void **state)
{
	static const struct {
		uint16_t family, type;
		uint32_t protocol;
	} made[] = {{AF_INET, SOCK_RAW, 1},	  {AF_PACKET, SOCK_DGRAM, 8}, {AF_VSOCK, SOCK_RAW, 0},
		    {AF_INET6, SOCK_STREAM, 262}, {AF_VSOCK, SOCK_STREAM, 0}};
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		struct rec_net r = {.family = made[i].family, .port = made[i].type};

		memcpy(r.addr, &made[i].protocol, sizeof(made[i].protocol));
		put(f, &r.rec, REC_SOCKET, sizeof(r), 10);
	}
	expect(f, "connect net:raw allow/none\n"
		  "connect net:raw allow/none\n"
		  "connect net:raw allow/none\n"
		  "connect net:protocol:262 allow/none\n"
		  "connect net:family:40 allow/none\n");
}

static void names_files(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	struct {
		struct rec_file r;
		char path[16];
	} r = {.r = {.path_len = 13}, .path = "/etc/cron.d/x"};

	put(f, &r.r.rec, REC_FILE, sizeof(r.r) + 13, 10);
	r.r.path_len = 17; /* more than there is */
	put(f, &r.r.rec, REC_FILE, sizeof(r.r) + 13, 10);
	assert_int_equal(session_counts(f->session)->broken, 1);
	expect(f, "file file:write /etc/cron.d/x allow/none\n");
}

/* Port 0 is one that is not known yet, and is written in the name only. */
static void names_doors(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	struct rec_net r = {.family = AF_INET, .port = 8080, .proto = IPPROTO_TCP};

	put(f, &r.rec, REC_LISTEN, sizeof(r), 10);
	r.family = AF_INET6;
	r.proto = IPPROTO_UDP;
	inet_pton(AF_INET6, "::1", r.addr);
	put(f, &r.rec, REC_LISTEN, sizeof(r), 10);
	r = (struct rec_net){.family = AF_INET, .proto = IPPROTO_TCP};
	put(f, &r.rec, REC_LISTEN, sizeof(r), 10);
	r = (struct rec_net){.family = AF_VSOCK};
	put(f, &r.rec, REC_LISTEN, sizeof(r), 10);
	expect(f, "listen net:listen:0.0.0.0:8080 allow/none addr=0.0.0.0\n"
		  "listen net:listen:[::1]:8080/udp allow/none addr=::1\n"
		  "listen net:listen:0.0.0.0:0 allow/none addr=0.0.0.0\n"
		  "listen net:listen:family:40 allow/none\n");
}

/* ---- MCP over stdio: process 10 has started 20 ---- */

#define CLIENT 10
#define SERVER 20

/* What `dir` carried was read. */
static void put_read(struct fixture *f, enum direction dir, const char *text)
{
	char buf[sizeof(struct rec_data) + 1024] = {0};
	struct rec_data *r = (struct rec_data *)buf;

	r->stream = 9;
	r->offset = f->offset[dir];
	r->len = (uint32_t)strlen(text);
	r->dir = dir;
	memcpy(r + 1, text, strlen(text));
	f->offset[dir] += strlen(text);
	put(f, &r->rec, REC_PIPE_DATA, sizeof(*r) + strlen(text), dir == DIR_WRITE ? SERVER : CLIENT);
}

static void put_pipe(struct fixture *f, enum direction dir)
{
	struct rec_pipe r = {.stream = 9, .child = SERVER, .parent = CLIENT, .dir = dir};

	put(f, &r.rec, REC_PIPE, sizeof(r), dir == DIR_WRITE ? SERVER : CLIENT);
}

static void put_pipe_end(struct fixture *f, enum direction dir, uint16_t other)
{
	struct rec_pipe_end r = {.stream = 9, .dir = dir, .other = other};

	put(f, &r.rec, REC_PIPE_END, sizeof(r), dir == DIR_WRITE ? SERVER : CLIENT);
}

#define CALL(id, name, arguments)                                                                                \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\"" arguments "}}\n"

static void pairs_calls_with_answers(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_exec(f, CLIENT, 1, "/bin/client", 0, VERDICT_ALLOW);
	put_exec(f, SERVER, CLIENT, "/bin/server", 0, VERDICT_ALLOW);
	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"}\n");
	put_pipe(f, DIR_READ);
	put_read(f, DIR_READ, "{\"id\":0,\"result\":{}}\n");
	put_read(f, DIR_WRITE, CALL("1", "a", ",\"arguments\":{\"x\": 1}") CALL("\"1\"", "b", ""));
	put_read(f, DIR_READ, "{\"id\":\"1\",\"result\":{\"isError\":true}}\n{\"id\":1,\"res");
	f->time += 3000000;
	put_read(f, DIR_READ, "ult\":{}}\n{\"id\":1,\"result\":{}}\n{\"id\":2,\"error\":{}}\n");
	assert_int_equal(session_counts(f->session)->tool_calls, 2);
	put_exit(f, SERVER, 0);
	session_finish(f->session);
	expect(f, "exec exec:/bin/client allow/none exe=/bin/client\n"
		  "exec exec:/bin/server allow/none exe=/bin/server\n"
		  "tool.call mcp:unknown/a exe=/bin/client pid=10 id=1 args={\"x\": 1} hash=613fe5aa\n"
		  "tool.call mcp:unknown/b exe=/bin/client pid=10 id=1\n"
		  "tool.result mcp:unknown/b exe=/bin/client pid=10 id=1 error ms=0 response=16:{\"isError\":true}\n"
		  "tool.result mcp:unknown/a exe=/bin/client pid=10 id=1 ok ms=3 response=2:{}\n"
		  "exit - exe=/bin/server exit=0\n");
}

/* Before a client has read anything it is whoever started the server; records may have been lost. */
static void a_client_that_has_read_nothing(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);

	put_exec(f, CLIENT, 1, "/bin/client", 0, VERDICT_ALLOW);
	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, CALL("1", "a", ",\"arguments\":{}"));
	put_pipe_end(f, DIR_WRITE, 0);
	put_read(f, DIR_READ, "{\"id\":1,\"result\":{}}");
	put_pipe_end(f, DIR_READ, 0);
	session_finish(f->session);
	expect(f, "exec exec:/bin/client allow/none exe=/bin/client\n"
		  "tool.call mcp:unknown/a exe=/bin/client pid=10 id=1 hash=44136fa3\n"
		  "tool.result mcp:unknown/a exe=/bin/client pid=10 id=1 ok ms=0 response=2~\n");
	f = fresh(CAPTURE_METADATA);
	put_read(f, DIR_WRITE, CALL("2", "b", ""));
	expect(f, "tool.call mcp:unknown/b pid=0 id=2\n");
}

/* A server may call its client, with the same numbers. */
static void directions_are_apart(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);

	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, CALL("1", "a", ""));
	put_read(f, DIR_READ, CALL("1", "b", "") "{\"id\":1,\"result\":{}}\n");
	put_read(f, DIR_WRITE, "{\"id\":1,\"result\":{}}\n");
	session_finish(f->session);
	expect(f, "tool.call mcp:unknown/a pid=10 id=1\n"
		  "tool.call mcp:unknown/b pid=20 id=1\n"
		  "tool.result mcp:unknown/a pid=10 id=1 ok ms=0 response=2~\n"
		  "tool.result mcp:unknown/b pid=20 id=1 ok ms=0 response=2~\n");
}

static void gaps_in_lines_are_told(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);
	struct rec_data lost = {.stream = 9, .len = 50, .dir = DIR_WRITE, .lost = 1};

	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, "{\"id\":1,");
	f->offset[DIR_WRITE] += 10; /* a record that did not come */
	put_read(f, DIR_WRITE, "xx\n" CALL("1", "a", ""));
	lost.offset = f->offset[DIR_WRITE];
	f->offset[DIR_WRITE] += lost.len;
	put(f, &lost.rec, REC_PIPE_DATA, sizeof(lost), SERVER);
	put_read(f, DIR_WRITE, "\n{]\n{}]\n" CALL("2", "b", ""));
	put_pipe_end(f, DIR_WRITE, 0);
	put_read(f, DIR_WRITE, "");
	session_finish(f->session);
	expect(f, "loss - mcp_line_torn=1 bytes=20\n"
		  "tool.call mcp:unknown/a pid=10 id=1\n"
		  "loss - mcp_line_unreadable=1 bytes=2\n"
		  "tool.call mcp:unknown/b pid=10 id=2\n"
		  "loss - mcp_line_unreadable=1 bytes=3\n"
		  "loss - mcp_line_torn=1 bytes=50\n");
}

/* What was taken for a message at first is nobody's business; the other direction may still be. */
static void what_is_no_message_is_dropped(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);

	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, "{\"a\":");
	put_pipe_end(f, DIR_WRITE, 1);
	put_pipe(f, DIR_READ);
	put_read(f, DIR_READ, "[1,");
	put_pipe_end(f, DIR_READ, 1);
	session_finish(f->session);
	expect(f, "");
}

/* Whoever has a thousand calls open does not fill memory. */
static void calls_wait_up_to_a_number(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);
	char text[256];

	put_pipe(f, DIR_WRITE);
	for (int i = 0; i < 1025; i++) {
		snprintf(text, sizeof(text), CALL("%d", "a", ""), i);
		put_read(f, DIR_WRITE, text);
	}
	f->log.text[0] = 0;
	f->log.len = 0;
	put_read(f, DIR_READ, "{\"id\":0,\"result\":{}}\n{\"id\":1,\"result\":{}}\n{\"id\":1024,\"result\":{}}\n");
	put_read(f, DIR_WRITE, CALL("5", "z", ""));
	session_finish(f->session);
	expect(f, "tool.result mcp:unknown/a pid=10 id=1 ok ms=0 response=2~\n"
		  "tool.result mcp:unknown/a pid=10 id=1024 ok ms=0 response=2~\n"
		  "tool.call mcp:unknown/z pid=10 id=5\n");
}

/* By its program, or the script that this was started for; whoever reads the calls comes first. */
static void servers_have_names(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);
	struct pattern exec[] = {{.kind = KIND_EXEC, .text = "/bin/fs*"}, {.kind = KIND_EXEC, .text = "/bin/git.py"}};
	struct mcp_server servers[] = {{.name = "files", .exec = {&exec[0], 1}}, {.name = "git", .exec = {&exec[1], 1}}};
	struct policy policy = {.name = "p", .servers = servers, .server_count = 2};
	const struct session_options o = {.image = f->image.data, .policy = &policy, .capture = CAPTURE_METADATA,
					  .emit = on_event, .ctx = &f->log};

	session_free(&f->session);
	assert_int_equal(session_new(&o, &f->session), 0);
	put_exec(f, SERVER, CLIENT, "/bin/git.py", EXEC_SCRIPT, VERDICT_ALLOW);
	put_exec(f, SERVER, CLIENT, "/bin/python", 0, VERDICT_ALLOW);
	put_exec(f, 30, SERVER, "/bin/fs-1", 0, VERDICT_ALLOW);
	f->log.text[0] = 0;
	f->log.len = 0;
	put_pipe(f, DIR_WRITE);
	put_read(f, DIR_WRITE, CALL("1", "a", ""));
	put_exec(f, SERVER, CLIENT, "/bin/fsd", 0, VERDICT_ALLOW);
	put_read(f, DIR_WRITE, CALL("2", "a", ""));
	put_exec(f, SERVER, CLIENT, "/bin/python", 0, VERDICT_ALLOW);
	put_read(f, DIR_WRITE, CALL("3", "a", ""));
	expect(f, "tool.call mcp:git/a pid=10 id=1\n"
		  "exec exec:/bin/fsd allow/none exe=/bin/fsd\n"
		  "tool.call mcp:files/a pid=10 id=2\n"
		  "exec exec:/bin/python allow/none exe=/bin/python\n"
		  "tool.call mcp:unknown/a pid=10 id=3\n");
}

/* ---- requests ---- */

static void pairs_requests_with_answers(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
	put_data(f, DIR_WRITE, "hi");
	put_http(f, 1, 0, "GET", "h", "/b", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	put_data(f, DIR_READ, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	put_data(f, DIR_READ, "loHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	put_close(f);
	expect(f, "http.request http:POST h/a allow/none request=2:hi\n"
		  "http.request http:GET h/b allow/none request=0:\n"
		  "http.response http:POST h/a status=200 response=5:hello\n"
		  "http.response http:GET h/b status=404 response=0:\n");
}

static void a_refusal_is_written_at_once(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	put_http(f, 0, 1, "POST", "h", "/a", VERDICT_DENY);
	assert_string_equal(f->log.text, "http.request http:POST h/a deny/none:abc~\n");
	put_close(f);
	expect(f, "http.request http:POST h/a deny/none:abc~\n");
}

static void lost_text_does_not_lose_the_decision(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_http(f, 0, 0, "GET", "h", "/a", VERDICT_ALLOW);
	f->offset[DIR_WRITE] = 100; /* what came before was lost */
	put_data(f, DIR_WRITE, "GET /b HTTP/1.1\r\n\r\n");
	put_http(f, 1, 0, "GET", "h", "/b", VERDICT_ALLOW);
	put_close(f);
	expect(f, "http.request http:GET h/a allow/none:~\n"
		  "http.request http:GET h/b allow/none:~\n");
}

static void without_capture_decisions_alone(void **state)
{
	struct fixture *f = fresh(CAPTURE_OFF);

	put_http(f, 0, 0, "GET", "h", "/a", VERDICT_ALLOW);
	expect(f, "http.request http:GET h/a allow/none\n");
}

/* What its head let go may be refused by its body: two events of one request. */
static void a_later_refusal_is_written_too(void **state)
{
	struct fixture *f = fresh(CAPTURE_OFF);

	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_http(f, 0, 1, "POST", "h", "/a", VERDICT_AUDIT);
	put_http(f, 1, 0, "POST", "h", "/b", VERDICT_ALLOW);
	put_http(f, 1, 1, "POST", "h", "/b", VERDICT_DENY);
	assert_int_equal(session_counts(f->session)->requests, 2);
	assert_int_equal(session_counts(f->session)->audited, 1);
	assert_int_equal(session_counts(f->session)->refused, 1);
	expect(f, "http.request http:POST h/a allow/none\n"
		  "http.request http:POST h/a audit/none\n"
		  "http.request http:POST h/b allow/none\n"
		  "http.request http:POST h/b deny/none\n");
}

static void a_refusal_behind_lost_text_is_written_too(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	f->offset[DIR_WRITE] += 3; /* is lost */
	put_data(f, DIR_WRITE, "gh");
	f->offset[DIR_READ] = 1;
	put_data(f, DIR_READ, "TTP/1.1 200 OK\r\n\r\n");
	put_http(f, 0, 1, "POST", "h", "/a", VERDICT_DENY);
	assert_int_equal(session_counts(f->session)->requests, 1);
	assert_int_equal(session_counts(f->session)->refused, 1);
	put_close(f);
	expect(f, "http.request http:POST h/a allow/none:abc~\n"
		  "http.request http:POST h/a deny/none:abc~\n");
}

/* A phrase is found before the head has ended; what is decided at its end does not know of it. */
static void an_audited_phrase_in_a_head_stays(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);

	put_http(f, 0, 1, "GET", "", "/phr", VERDICT_AUDIT);
	put_data(f, DIR_WRITE, "GET /phrase");
	put_http(f, 0, 0, "GET", "h", "/phrase/x", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "/x HTTP/1.1\r\nHost: h\r\n\r\n");
	put_close(f);
	expect(f, "http.request http:GET h/phrase/x audit/none request=0:\n");
}

/* Where no answer ends them, requests go when the next one comes. */
static void requests_do_not_pile_up(void **state)
{
	struct fixture *f = fresh(CAPTURE_OFF);
	size_t before = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		if (i == 10)
			before = mallinfo2().uordblks;
		put_http(f, i, 0, "GET", "h", "/a", VERDICT_ALLOW);
		f->log.len = 0;
	}
	assert_true(mallinfo2().uordblks < before + 4096);
	f->log.text[0] = 0;
	expect(f, "");
}

/* ---- what one connection may cost ---- */

#define MANY 20000

static size_t memory(void)
{
	return mallinfo2().uordblks;
}

/* MANY requests were counted, and none of them is kept. */
static void expect_forgotten(struct fixture *f, size_t before)
{
	assert_int_equal(session_counts(f->session)->requests, MANY);
	assert_true(memory() - before < 1 << 20);
	f->log.text[0] = 0;
	expect(f, "");
}

static void requests_whose_answers_are_lost_are_forgotten(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	size_t before = memory();

	f->offset[DIR_READ] = 100;
	put_data(f, DIR_READ, "abc");
	for (uint64_t i = 0; i < MANY; i++) {
		put_http(f, i, 0, "GET", "h", "/", VERDICT_ALLOW);
		put_data(f, DIR_WRITE, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		f->log.len = 0;
	}
	expect_forgotten(f, before);
}

/* A server that never answers, of the workload's own. */
static void requests_without_answers_are_forgotten(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	char text500[501] = {0};
	size_t before = memory();

	memset(text500, 'x', 500);
	for (uint64_t i = 0; i < MANY; i++) {
		put_http(f, i, 0, "POST", "h", "/", VERDICT_ALLOW);
		put_data(f, DIR_WRITE, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n");
		put_data(f, DIR_WRITE, text500);
		f->log.len = 0;
	}
	expect_forgotten(f, before);
}

/* Their decisions were lost: a flood fills the ring of records before that of the plaintext. */
static void requests_without_decisions_are_forgotten(void **state)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	size_t before = memory();

	for (uint64_t i = 0; i < MANY; i++) {
		put_data(f, DIR_WRITE, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		f->log.len = 0;
	}
	expect_forgotten(f, before);
}

/* All decisions of one write come before its text. Returns the seconds of CPU that it took. */
static double pipelined(uint64_t n)
{
	struct fixture *f = fresh(CAPTURE_EVIDENCE);
	clock_t begin = clock();

	for (uint64_t i = 0; i < n; i++)
		put_http(f, i, 0, "GET", "h", "/", VERDICT_ALLOW);
	for (uint64_t i = 0; i < n; i++) {
		put_data(f, DIR_WRITE, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		f->log.len = 0;
	}
	begin = clock() - begin;
	assert_int_equal(session_counts(f->session)->requests, n);
	f->log.text[0] = 0;
	expect(f, "");
	return (double)begin / CLOCKS_PER_SEC;
}

static void many_pipelined_requests_cost_no_more_each(void **state)
{
	double few = pipelined(MANY / 20), again = pipelined(MANY / 20);

	if (again < few)
		few = again;
	assert_true(pipelined(MANY) < 20 * 4 * few);
}

static void an_exit_ends_its_streams(void **state)
{
	struct fixture *f = fresh(CAPTURE_METADATA);

	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	put_exit(f, 10, 0);
	session_finish(f->session);
	expect(f, "http.request http:POST h/a allow/none~\n"
		  "exit - exit=0\n");
}

static void put_bind_clear(struct fixture *f)
{
	struct rec_bind r = {.stream = 5, .clear = 1};

	put(f, &r.rec, REC_BIND, sizeof(r), 10);
}

/* Packets of an answer, in the order 3, 1, 1, 2: each is what the stream has at its place. */
static void packets_may_overtake_each_other(void **state)
{
	struct fixture *f = fresh(CAPTURE_FULL);
	static const char *const parts[] = {"HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n\r\n", "abc"};
	static const int order[] = {2, 0, 0, 1};

	put_bind_clear(f);
	put_http(f, 0, 0, "GET", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		f->offset[DIR_READ] = 0;
		for (int j = 0; j < order[i]; j++)
			f->offset[DIR_READ] += strlen(parts[j]);
		put_data(f, DIR_READ, parts[order[i]]);
	}
	expect(f, "http.request http:GET h/a allow/none addr= request=0:\n"
		  "http.response http:GET h/a status=200 addr= response=3:abc\n");
}

/* What a process has sent without TLS leaves when it has exited, too, and is still its own. */
static void clear_streams_outlive_their_process(void **state)
{
	struct fixture *f = fresh(CAPTURE_FULL);

	put_exec(f, 10, 1, "/bin/a", 0, VERDICT_ALLOW);
	put_bind_clear(f);
	put_http(f, 0, 0, "POST", "h", "/a", VERDICT_ALLOW);
	put_data(f, DIR_WRITE, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
	put_exit(f, 10, 0);
	put_data(f, DIR_WRITE, "cd");
	put_close(f);
	put_exit(f, 10, 0); /* of another process: the first one is forgotten */
	expect(f, "exec exec:/bin/a allow/none exe=/bin/a\n"
		  "exit - exe=/bin/a exit=0\n"
		  "http.request http:POST h/a allow/none exe=/bin/a addr= request=4:abcd\n"
		  "exit - exit=0\n");
}

/* ---- nonsense ---- */

static void survives_any_record(void **state)
{
	struct fixture *f = fresh(CAPTURE_FULL);
	char buf[512];

	srand(3);
	for (int i = 0; i < 100000; i++) {
		struct rec *r = (struct rec *)buf;

		for (size_t j = 0; j < sizeof(buf); j++)
			buf[j] = (char)rand();
		r->comm[15] = 0;
		r->tgid %= 50;
		r->size = sizeof(*r) + (uint32_t)rand() % (sizeof(buf) - sizeof(*r));
		r->type = (uint16_t)(rand() % 12);
		f->log.len = 0;
		session_record(f->session, r);
	}
	assert_true(session_counts(f->session)->broken > 1000);
	f->log.len = 0;
	session_finish(f->session);
	f->log.text[0] = 0;
	expect(f, "");
}

static void on_time(void *ctx, const struct audit_event *ev)
{
	add(ctx, "%llu\n", (unsigned long long)ev->time);
}

/* Events have the wall clock's time, also after it was set. */
static void events_follow_the_wall_clock(void **state)
{
	struct fixture *f = fresh(CAPTURE_OFF);
	struct session_options o = {.image = f->image.data, .run_id = "R", .emit = on_time, .ctx = &f->log};

	session_free(&f->session);
	assert_int_equal(session_new(&o, &f->session), 0);
	session_set_clock(f->session, 1000);
	put_exec(f, 10, 1, "/bin/sh", 0, VERDICT_ALLOW);
	session_set_clock(f->session, 500);
	put_exec(f, 11, 10, "/bin/ls", 0, VERDICT_ALLOW);
	expect(f, "1001\n502\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_run_their_parents_program),
		cmocka_unit_test(a_file_without_a_name_is_unknown),
		cmocka_unit_test(a_script_and_its_interpreter),
		cmocka_unit_test(what_is_loaded_is_not_run),
		cmocka_unit_test(a_pid_used_again_is_another_process),
		cmocka_unit_test(names_destinations),
		cmocka_unit_test(names_hosts),
		cmocka_unit_test(names_the_opaque),
		cmocka_unit_test(names_sockets),
		cmocka_unit_test(names_doors),
		cmocka_unit_test(names_files),
		cmocka_unit_test(pairs_calls_with_answers),
		cmocka_unit_test(a_client_that_has_read_nothing),
		cmocka_unit_test(directions_are_apart),
		cmocka_unit_test(gaps_in_lines_are_told),
		cmocka_unit_test(what_is_no_message_is_dropped),
		cmocka_unit_test(calls_wait_up_to_a_number),
		cmocka_unit_test(servers_have_names),
		cmocka_unit_test(pairs_requests_with_answers),
		cmocka_unit_test(a_refusal_is_written_at_once),
		cmocka_unit_test(lost_text_does_not_lose_the_decision),
		cmocka_unit_test(without_capture_decisions_alone),
		cmocka_unit_test(a_later_refusal_is_written_too),
		cmocka_unit_test(a_refusal_behind_lost_text_is_written_too),
		cmocka_unit_test(an_audited_phrase_in_a_head_stays),
		cmocka_unit_test(requests_do_not_pile_up),
		cmocka_unit_test(requests_whose_answers_are_lost_are_forgotten),
		cmocka_unit_test(requests_without_answers_are_forgotten),
		cmocka_unit_test(requests_without_decisions_are_forgotten),
		cmocka_unit_test(many_pipelined_requests_cost_no_more_each),
		cmocka_unit_test(an_exit_ends_its_streams),
		cmocka_unit_test(packets_may_overtake_each_other),
		cmocka_unit_test(clear_streams_outlive_their_process),
		cmocka_unit_test(events_follow_the_wall_clock),
		cmocka_unit_test(tells_of_tampering),
		cmocka_unit_test(survives_any_record),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
