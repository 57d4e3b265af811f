/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/fold_text.h"

#include <stdint.h>

#include "fold.h"

void fold_text(struct buf *out, const char *text, size_t len)
{
	struct fold fold = {};

	for (size_t i = 0; i < len; i++)
		for (fold_next(&fold, (uint8_t)text[i]); fold.count;)
			buf_add_char(out, (char)fold_take(&fold));
}
