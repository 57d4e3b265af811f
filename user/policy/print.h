/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_PRINT_H
#define WARDEN_POLICY_PRINT_H

#include "base/buf.h"

/*
 * An image as text for people and for tests that compare: all that it says, and nothing of how it
 * lies in memory (no offsets, no places in hash tables). Equal policies print the same. Errors stay
 * in the buffer.
 */
void image_print(const void *img, struct buf *out);

#endif
