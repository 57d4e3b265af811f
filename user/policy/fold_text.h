/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef WARDEN_POLICY_FOLD_TEXT_H
#define WARDEN_POLICY_FOLD_TEXT_H

#include "base/buf.h"

/* Appends the text as phrases with `space: any` see it (bpf/fold.h): at most as long as it was. */
void fold_text(struct buf *out, const char *text, size_t len);

#endif
