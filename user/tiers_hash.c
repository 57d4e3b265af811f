/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* A trial of the hash of a file: the kernel's is held against warden's own. */
#include "tiers_probe.h"

#include <errno.h>
#include <linux/hash_info.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sha256.h"

static int hash_file(int fd, char ret[SHA256_TEXT])
{
	_cleanup_(sha256_free) struct sha256 sha = {};
	char piece[4096];
	off_t at = 0;
	ssize_t n;
	int r = sha256_start(&sha);

	while (!r && (n = pread(fd, piece, sizeof(piece), at)) != 0) {
		if (n < 0)
			return -errno;
		r = sha256_add(&sha, piece, (size_t)n);
		at += n;
	}
	return r < 0 ? r : sha256_finish(&sha, ret);
}

/* NULL when it is the SHA-256 of that file, else what it is. */
static const char *hash_fault(const struct probe_bpf__bss *seen, int fd)
{
	char want[SHA256_TEXT], got[SHA256_TEXT];

	if (seen->algorithm < 0)
		return "the kernel has no hash of a file";
	if (seen->algorithm != HASH_ALGO_SHA256)
		return "the kernel's hashes are not SHA-256 (ima_hash=...)";
	if (hash_file(fd, want) < 0)
		return "warden cannot reckon the hash of a file";
	for (size_t i = 0; i < sizeof(seen->hash); i++)
		snprintf(got + 2 * i, 3, "%02x", seen->hash[i]);
	return strcmp(got, want) ? "the kernel's hash of a file is not that of its content" : NULL;
}

void try_hash(struct probe *p)
{
	const enum facility f = FACILITY_EXEC_HASH;
	struct probe_bpf__bss *seen = probe_begin(p, f, TURN_EXEC_HASH);
	const char *fault;
	struct answer a;

	if (!seen || !probe_ask(p, f, ORDER_LOAD, 0, &a))
		return;
	fault = hash_fault(seen, p->kit.program);
	/* As the kernel was built, or booted: it will say so again. */
	if (seen->algorithm == -EOPNOTSUPP ||
	    (seen->algorithm > 0 && seen->algorithm != HASH_ALGO_SHA256))
		p->refused |= 1U << f;
	if (!fault && a.value[0] != -EPERM)
		fault = "the file is mapped all the same";
	probe_end(p, f, !fault, fault);
}
