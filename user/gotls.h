/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_GOTLS_H
#define WARDEN_GOTLS_H

#include "tlsfiles.h"

/*
 * The sites of Go's crypto/tls in a Go program, stripped or not (gotable.h, gocode.h). Returns 0 and an array
 * to be freed; -ENOENT when it is no Go program, does not contain crypto/tls, or is not in every point as Go
 * 1.18 and later build it; -ENOMEM or the -errno of reading.
 */
int gotls_sites(const struct elf64 *elf, struct tls_site **ret, size_t *ret_count);

#endif
