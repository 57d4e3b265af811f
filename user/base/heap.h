/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_BASE_HEAP_H
#define WARDEN_BASE_HEAP_H

/*
 * Makes the heap ready for libbpf, which reads some 12 MiB of descriptions of the kernel's types
 * for each object that it loads, and frees them again: into huge pages, where there are any, and
 * kept for the next time. In virtual machines page faults are most of what loading takes.
 *
 * Does it once. malloc_trim(0) gives back what is free when everything has been loaded.
 */
void heap_prepare(void);

#endif
