/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "base/heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB       (1024 * 1024)
#define ROOM      (48 * MIB) /* by how much the heap grows at once */
#define HUGE_PAGE ((uintptr_t)2 * MIB)

void heap_prepare(void)
{
	static bool done;
	void *volatile grow;
	uintptr_t from, to;

	if (done)
		return;
	done = true;
	mallopt(M_MMAP_THRESHOLD, 32 * MIB); /* the most that glibc takes */
	mallopt(M_TRIM_THRESHOLD, 4 * ROOM);
	mallopt(M_TOP_PAD, ROOM);
	from = ((uintptr_t)sbrk(0) + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	grow = malloc(2 * HUGE_PAGE);
	to = (uintptr_t)sbrk(0) & ~(HUGE_PAGE - 1);
	free(grow);
	if (grow && to > from)
		madvise((void *)from, to - from, MADV_HUGEPAGE); /* without it, it is only slower */
}
