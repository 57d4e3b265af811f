/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "libraries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "process.h"

static int probe_file(struct libraries *l, const struct tls_file *file)
{
	int r;

	if (file->doubt) {
		log_notice("%s is not probed%s, what it says over TLS not seen: %s", file->path,
			   file->count ? " in all of its libraries" : "", file->doubt);
		if (!file->count)
			return -ENOENT;
	}
	r = kernel_probe_file(l->kernel, file);
	if (r < 0)
		log_error("cannot probe %s: %s", file->path, strerror(-r));
	else
		log_debug("probed %s", file->path);
	return r;
}

int libraries_before_start(struct libraries *l, const char *path)
{
	int r = tlsfiles_before_start(path, environ, &l->known);

	if (r < 0)
		log_error("cannot look for TLS libraries: %s", strerror(-r));
	for (size_t i = 0; i < l->known.count && r == 0; i++)
		r = probe_file(l, l->known.files[i]);
	return r;
}

static void look_at_mappings(struct libraries *l, const struct rec *r)
{
	struct tls_files fresh = {0};
	int more;

	if (map_get(&l->seen, r->tgid) == (void *)(uintptr_t)r->start)
		return;
	map_put(&l->seen, r->tgid, (void *)(uintptr_t)r->start);
	more = tlsfiles_of_process((pid_t)r->tgid, &l->known, &fresh);
	if (more) /* or another try: at its next destination */
		map_take(&l->seen, r->tgid);
	if (more < 0)
		return;
	/* One that cannot be probed is the workload's own, and must not hide those behind it. */
	for (size_t i = 0; i < fresh.count; i++)
		l->gap(l->ctx, r, fresh.files[i]->path, probe_file(l, fresh.files[i]) == 0);
	tlsfiles_free(&fresh);
}

/* It has stopped, or ended; also when that cannot be found out, as nobody is kept waiting for ever. */
static bool has_stopped(pid_t tgid, pid_t tid, bool *ret_ended)
{
	char state;

	*ret_ended = process_thread_state(tgid, tid, &state) < 0 || state == 'Z' || state == 'X';
	return *ret_ended || state == 'T' || state == 't';
}

bool libraries_look(void *ctx, pid_t tgid, pid_t tid, uint64_t start)
{
	const struct rec r = {.tgid = (uint32_t)tgid, .tid = (uint32_t)tid, .start = start};
	struct libraries *l = ctx;
	bool ended;
	int more = 1;

	if (!has_stopped(tgid, tid, &ended))
		return false;
	while (!ended && more == 1) {
		struct tls_files fresh = {0};

		more = tlsfiles_of_process(tgid, &l->known, &fresh);
		for (size_t i = 0; more >= 0 && i < fresh.count; i++)
			if (probe_file(l, fresh.files[i]) < 0)
				l->gap(l->ctx, &r, fresh.files[i]->path, false);
		tlsfiles_free(&fresh);
	}
	return true;
}

/*
 * A program that brings its TLS itself is known by its file, before it connects to anywhere, and also when it
 * has ended by now.
 */
static void look_at_program(struct libraries *l, const struct rec_exec *r)
{
	const char *path = (const char *)(r + 1) + r->passed_len;
	struct tls_files fresh = {0};
	char text[4096];
	int n;

	if (r->flags & EXEC_REFUSED || r->rec.size < sizeof(*r) + r->passed_len + r->path_len)
		return;
	snprintf(text, sizeof(text), "/proc/%u/exe", r->rec.tgid);
	if (tlsfiles_of_program(text, &l->known, &fresh) < 0) {
		n = snprintf(text, sizeof(text), "%.*s", (int)r->path_len, path);
		if (n >= (int)sizeof(text))
			return;
		tlsfiles_of_program(text, &l->known, &fresh);
	}
	for (size_t i = 0; i < fresh.count; i++)
		l->gap(l->ctx, &r->rec, fresh.files[i]->path, probe_file(l, fresh.files[i]) == 0);
	tlsfiles_free(&fresh);
}

/* A handshake that no object made: by a library that was mapped after the look, perhaps. */
static bool is_unexplained(const struct rec *r)
{
	return r->type == REC_OPAQUE && r->size >= sizeof(struct rec_net) &&
	       ((const struct rec_net *)r)->why == OPAQUE_TLS;
}

void libraries_record(struct libraries *l, const struct rec *r)
{
	if (r->type == REC_EXEC || r->type == REC_EXIT || is_unexplained(r)) /* it maps more now */
		map_take(&l->seen, r->tgid);
	if (r->type == REC_EXEC && r->size >= sizeof(struct rec_exec) && !kernel_holds(l->kernel))
		look_at_program(l, (const struct rec_exec *)r);
	if (r->type == REC_NET || r->type == REC_OPAQUE)
		look_at_mappings(l, r);
}

void libraries_free(struct libraries *l)
{
	tlsfiles_free(&l->known);
	map_free(&l->seen);
}
