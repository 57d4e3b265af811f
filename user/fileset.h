/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_FILESET_H
#define WARDEN_FILESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file, by what does not change while it lives. */
struct file_key {
	dev_t dev;
	ino_t ino;    /* not 0 */
	uint64_t tag; /* whatever else must be the same for it to be the same file; 0 for nothing */
};

/* A set of files. All zeros is an empty one. */
struct fileset {
	struct file_key *slots; /* owned; a power of two of them, ino 0 is free */
	size_t cap;
	size_t count;
};

bool fileset_has(const struct fileset *s, const struct file_key *key);

/* Adds a file. Returns 0; -EEXIST when it is there already; -EINVAL without an inode; -ENOMEM. */
int fileset_add(struct fileset *s, const struct file_key *key);

/* Forgets all and frees the memory. */
void fileset_free(struct fileset *s);

#endif
