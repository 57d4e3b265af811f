/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_CLEANUP_H
#define WARDEN_BASE_CLEANUP_H

/*
 * Ownership that can be read inside one function: a variable declared with one of these attributes
 * releases what it holds when it goes out of scope; TAKE_PTR and TAKE_FD hand it to somebody else.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Returns the pointer and leaves NULL behind, so that the cleanup attribute has nothing to free. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		typeof(p) *_pp = &(p);                                                             \
		typeof(p) _p = *_pp;                                                               \
		*_pp = NULL;                                                                       \
		_p;                                                                                \
	})

/* Returns the file descriptor and leaves -1 behind. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_pfd = &(fd);                                                                 \
		int _fd = *_pfd;                                                                   \
		*_pfd = -1;                                                                        \
		_fd;                                                                               \
	})

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _free_	 _cleanup_(cleanup_free)
#define _close_	 _cleanup_(cleanup_close)
#define _fclose_ _cleanup_(cleanup_fclose)

#endif
