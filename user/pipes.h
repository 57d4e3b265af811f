/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_PIPES_H
#define WARDEN_PIPES_H

#include <bpf/libbpf.h>

/* Where bpf/pipe.bpf.c is hooked in. */

/* What the kernel's function that reads from a pipe may be called; NULL ends them. */
extern const char *const pipes_readers[];

/* Before loading: has a program for that function go to the one that there is. */
void pipes_fit(struct bpf_program *p);

#endif
