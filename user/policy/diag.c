/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define DIAG_KEPT 100
#define DIAG_LEN  600 /* of a message; what is longer quotes something endless */

/*
 * Messages quote what stands in a file that anybody may have written, and end on a terminal:
 * nothing in them may move its cursor or reorder its text.
 */
static char *visible(const char *text)
{
	_buf_ struct buf out = {};
	size_t len = strlen(text);

	utf8_visible(&out, text, len < DIAG_LEN ? len : DIAG_LEN);
	if (len > DIAG_LEN)
		buf_add_str(&out, "...");
	buf_add_char(&out, '\0');
	if (buf_error(&out) < 0)
		return NULL;
	return TAKE_PTR(out.data);
}

static int keep(struct diags *diags, enum diag_level level, struct place place, char *message)
{
	struct diag *items;

	items = realloc(diags->items, (diags->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	diags->items = items;
	items[diags->count++] = (struct diag){.level = level, .place = place, .message = message};
	return 0;
}

int diag_add(struct diags *diags, enum diag_level level, struct place place, const char *fmt, ...)
{
	_free_ char *text = NULL;
	_free_ char *message = NULL;
	va_list ap;
	int r;

	diags->errors += level == DIAG_ERROR;
	diags->warnings += level == DIAG_WARNING;
	if (diags->count < DIAG_KEPT) {
		va_start(ap, fmt);
		r = vasprintf(&text, fmt, ap);
		va_end(ap);
		if (r < 0) {
			text = NULL;
			return -ENOMEM;
		}
		message = visible(text);
		if (!message)
			return -ENOMEM;
		r = keep(diags, level, place, message);
		if (r < 0)
			return r;
		TAKE_PTR(message);
	}
	return level == DIAG_ERROR ? -EINVAL : 0;
}

void diags_free(struct diags *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		free(diags->items[i].message);
	free(diags->items);
	*diags = (struct diags){};
}
