/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_TLSFILES_H
#define WARDEN_TLSFILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "elf64.h"
#include "fileset.h"
#include "wire.h"

/*
 * TLS files: programs and libraries in which plaintext can be seen, because they define functions that
 * write it and such that read it (SSL_write, SSL_read and the like), or turn files into what does, with
 * symbols. Which those are is one table in tlsfile.c. Or because boringssl.h or openssl.h finds such
 * functions without symbols. A file that brings TLS in other ways is no TLS file.
 *
 * What was found is not kept for another run. A file's build id is whatever its owner writes there, and an
 * answer for another file would put probes in the midst of its instructions; so an answer would have to be
 * held against the file again, which takes as long as is left to be saved: 60 ms for 120 MB of code. Within
 * a run each file is examined once, by device and inode.
 */

/* The libraries that these functions are of, for people; NULL ends them. */
extern const char *const tlsfile_stacks[];

/* Probes are put on in this order; SITE_LAYER tells that all others of its file are there. */
enum site_kind {
	SITE_WRITE,
	SITE_READ,
	SITE_HANDSHAKE,
	SITE_GREETING, /* a handshake, where SSL_clear() and SSL_free() are not known */
	SITE_CLEAR,
	SITE_FREE,
	SITE_BIO,
	SITE_MAKE,
	SITE_LAYER,
	SITE_SEAL,  /* a record is sealed, and nobody asks how that ends */
	SITE_START, /* the first instruction of a program that does so */
	/* Go's, whose return addresses must not be touched: they have no probes at their return but these. */
	SITE_GO_LEAVE, /* a RET of one of these */
	SITE_GO_WRITE,
	SITE_GO_READ,
	SITE_GO_CLOSE, /* what it closes is gone when it returns */
	SITE_KINDS,
};

/* A function to put probes on. */
struct tls_site {
	const char *function;  /* static */
	uint64_t offset;       /* of its first instruction, in the file */
	uint64_t ret_distance; /* from there to a `ret` byte; 0: none is known, and the function cannot
				* be made to return early */
	enum tls_abi abi;      /* how it is called, and what it returns */
	enum site_kind kind;
};

struct tls_file {
	/*
	 * The very file that was read, open. A path may name another file by the time that a probe
	 * is put on it, and a probe in the midst of a wrong file breaks whoever runs that: attach
	 * by tlsfile_attach_path(), then close this if it is no longer needed (TAKE_FD).
	 */
	int fd;
	char *path; /* usable from here, for people */
	dev_t dev;
	ino_t ino;
	char *build_id; /* hexadecimal digits; NULL when it has none */
	struct tls_site *sites;
	size_t count;
	const char *doubt; /* why there are none, or none of one library, in what looks like a TLS file
			    * (static), or NULL */
};

#define TLSFILE_ATTACH_PATH 32

/* A path that leads to the open file for as long as it is open, in this process. */
void tlsfile_attach_path(const struct tls_file *f, char out[TLSFILE_ATTACH_PATH]);

/*
 * Reads the file at `path`. Returns 0 and a TLS file, for tlsfile_free(); -ENOENT when there is
 * none at that path; -ENOMEM; or the -errno of opening and reading.
 */
int tlsfile_read(const char *path, struct tls_file **ret);

/* The same of a file that is open and has been examined; borrows both. */
int tlsfile_of(const struct elf64 *elf, const char *path, struct tls_file **ret);

/* Frees it and closes its descriptor; NULL is fine. */
void tlsfile_free(struct tls_file *f);

/* A list of TLS files, and what was looked at on the way. All zeros is an empty one. */
struct tls_files {
	struct tls_file **files; /* owned, each */
	size_t count;
	struct fileset found;  /* every TLS file ever in this list, to have each but once */
	struct fileset looked; /* mappings seen by tlsfiles_of_process(); bounded */
};

void tlsfiles_free(struct tls_files *fs);

/*
 * The files to be probed before the command at `cmd_path` starts with the environment `env`
 * (NAME=VALUE strings, NULL ends them):
 *   - every library of OpenSSL, GnuTLS and NSS that ld.so.cache lists, or that is in the default
 *     directories where there is no cache, because programs load them while they run;
 *   - the command and the libraries that it needs; of a script, its interpreter's (`#!`, also
 *     through env(1) and PATH);
 *   - well-known runtimes that are found in PATH, because commands start other commands.
 * What cannot be opened or is broken is left out: whoever runs it will hear of it. Returns 0 or
 * -ENOMEM. Takes some milliseconds; reads headers and symbols, never whole programs.
 */
int tlsfiles_before_start(const char *cmd_path, char *const *env, struct tls_files *ret);

/*
 * The TLS files among what a process has mapped to execute, without those that `known` has: it
 * remembers all that it is shown, so that later calls look at new mappings only. A file is known by
 * device, inode and path; one that is rewritten in place after it was looked at is not seen again.
 * A call looks at 1024 new files at most, and for about a tenth of a second; the next one goes on.
 *
 * `ret_new` receives the new files and is to be freed; `known` keeps only their identity. A process
 * that ends meanwhile has no files. Returns 0; 1 when there may be more; -EACCES or -EPERM when its
 * mappings may not be read; -ENOMEM, -EMFILE or -errno, only if nothing new was found.
 *
 * One file reached through overlay mounts of its own by each of two containers is two files here,
 * but one for the kernel's probes.
 */
int tlsfiles_of_process(pid_t pid, struct tls_files *known, struct tls_files *ret_new);

/*
 * The same of the file at `path`, a program, if that is a TLS file itself; one that was changed since it was
 * looked at is looked at again. Returns 0, or the -errno of opening it; -ENOMEM.
 */
int tlsfiles_of_program(const char *path, struct tls_files *known, struct tls_files *ret_new);

/*
 * Puts a file into the list, which then owns it. Returns 0; -EEXIST when it was ever in `known`
 * (the list itself, or another one), -ENOMEM: then the caller still owns it.
 */
int tlsfiles_add(struct tls_files *fs, struct tls_files *known, struct tls_file *f);

#endif
