/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Trials of what stops a request inside TLS: at the function that is passed it, or at its socket.
 */
#include "tiers_probe.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "sockets.h"

#define ARRIVAL 500 /* ms that a byte may take over loopback; it takes none */
#define DROPPED 3   /* ms after which a byte that was dropped is not waited for any more */

/* ---- at the function ---- */

static void try_uprobe(struct probe *p)
{
	const enum facility f = FACILITY_UPROBE;
	struct probe_bpf__bss *seen = probe_begin(p, f, TURN_UPROBE);
	uint64_t want;
	struct answer a;

	if (!seen || !probe_ask(p, f, ORDER_CALL, 0, &a))
		return;
	if (pread(p->kit.program, &want, sizeof(want), 0) != sizeof(want))
		want = 0;
	if (seen->text != want)
		probe_end(p, f, false, "it cannot read what the function was passed");
	else if (seen->cookie != PROBE_COOKIE)
		probe_end(p, f, false, "it is not told where it is attached");
	else
		probe_end(p, f, seen->returned == PROBED_RETURN && a.value[0] == PROBED_RETURN,
			  "it does not see what the function returned");
}

static void try_override(struct probe *p)
{
	const enum facility f = FACILITY_PLAINTEXT_OVERRIDE;
	struct answer a;

	p->kit.shared->ran = 0;
	if (!probe_begin(p, f, TURN_OVERRIDE) || !probe_ask(p, f, ORDER_CALL, 0, &a))
		return;
	probe_end(p, f, !p->kit.shared->ran && a.value[0] == PROBE_OVERRIDDEN,
		  "the refused function runs nevertheless");
}

/* The subject's last order. */
static void try_signal(struct probe *p)
{
	const enum facility f = FACILITY_PLAINTEXT_SIGNAL;
	struct answer a;
	bool killed;

	p->kit.shared->ran = 0;
	if (!probe_begin(p, f, TURN_PLAINTEXT_SIGNAL))
		return;
	killed = subject_ask(&p->subject, ORDER_CALL, 0, &a) == -EPIPE &&
		 subject_end(&p->subject) == SIGKILL;
	probe_end(p, f, killed && !p->kit.shared->ran,
		  killed ? "the function runs before the process dies" : "the process lives on");
}

/* ---- at the socket ---- */

/* A connection whose client works until its cookie is set as dead. 0: there is none. */
static uint64_t connection(struct probe *p, enum facility f)
{
	struct answer a, sent;

	if (!probe_ask(p, f, ORDER_TCP, 0, &a) || !probe_ask(p, f, ORDER_SEND, ARRIVAL, &sent))
		return 0;
	if (!a.value[0] && sent.value[1] == 1)
		return a.cookie;
	probe_fail(p, f, "there is no connection to try it on: none can be made over loopback (%s)",
		   strerror(a.value[0] < 0 ? -a.value[0] : ETIMEDOUT));
	return 0;
}

static void try_lsm(struct probe *p)
{
	const enum facility f = FACILITY_PLAINTEXT_LSM;
	struct answer sent, other;
	struct probe_bpf__bss *seen = probe_begin(p, f, TURN_NONE);

	if (!seen)
		return;
	seen->dead = connection(p, f);
	if (!seen->dead || !probe_begin(p, f, TURN_PLAINTEXT_LSM) ||
	    !probe_ask(p, f, ORDER_SEND, DROPPED, &sent) ||
	    !probe_ask(p, f, ORDER_REPLY, ARRIVAL, &other))
		return;
	if (other.value[1] != 1)
		probe_end(p, f, false, "it stops other sockets too");
	else
		probe_end(p, f, sent.value[0] == -EACCES && sent.value[1] < 0,
			  "the refused socket still sends");
}

static void try_cut(struct probe *p)
{
	const enum facility f = FACILITY_PLAINTEXT_CUT;
	struct answer sent, next;
	struct probe_bpf__bss *seen = probe_begin(p, f, TURN_NONE);
	int r;

	if (!seen)
		return;
	seen->dead = connection(p, f);
	if (!seen->dead || !probe_begin(p, f, TURN_PLAINTEXT_CUT) ||
	    !probe_ask(p, f, ORDER_SEND, DROPPED, &sent))
		return;
	if (!seen->drops || sent.value[1] >= 0) {
		probe_end(p, f, false, "the refused socket still sends");
		return;
	}
	r = socket_destroy(seen->dead, p->subject.pid);
	if (r < 0) {
		probe_fail(p, f, "packets are dropped, but the kernel cannot destroy sockets (%s)",
			   strerror(-r));
		return;
	}
	if (probe_ask(p, f, ORDER_RECEIVE, ARRIVAL, &next))
		probe_end(p, f, next.value[0] == -ECONNABORTED,
			  "the refused socket is not told that it was destroyed");
}

void try_plaintext(struct probe *p)
{
	try_uprobe(p);
	try_override(p);
	try_lsm(p);
	try_cut(p);
	try_signal(p);
}
