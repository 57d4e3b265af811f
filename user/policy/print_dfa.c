/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/print_tables.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/automaton.h"

/* Bytes are printed as themselves where that is unambiguous. */
static void print_byte(struct buf *out, unsigned int byte)
{
	if (byte > 0x20 && byte < 0x7f && !strchr("-,\\>", (int)byte))
		buf_add_char(out, (char)byte);
	else
		buf_addf(out, "\\x%02x", byte);
}

/* The bytes that lead to one state, as ranges. */
static void print_bytes(struct buf *out, const uint32_t *to, uint32_t wanted)
{
	const char *comma = "";
	unsigned int last;

	for (unsigned int b = 0; b < 256; b = last + 1) {
		last = b;
		if (to[b] != wanted)
			continue;
		while (last < 255 && to[last + 1] == wanted)
			last++;
		buf_add_str(out, comma);
		comma = ",";
		print_byte(out, b);
		if (last == b)
			continue;
		if (last > b + 1)
			buf_add_char(out, '-');
		else
			buf_add_str(out, comma);
		print_byte(out, last);
	}
}

/* The state that most bytes lead to. */
static uint32_t common_target(const uint32_t *to)
{
	uint32_t best = to[0], best_count = 0, count;

	for (unsigned int b = 0; b < 256; b++) {
		count = 0;
		for (unsigned int other = 0; other < 256; other++)
			count += to[other] == to[b];
		if (count > best_count) {
			best = to[b];
			best_count = count;
		}
	}
	return best;
}

static void print_state(struct buf *out, const void *img, const struct image_dfa *d, uint32_t state)
{
	uint32_t to[256], others;
	bool done[256] = {};

	for (unsigned int b = 0; b < 256; b++) {
		uint64_t edge = (uint64_t)state * d->stride + image_u8(img, d->classes + b);

		to[b] = (image_u32(img, d->trans + edge * 4) & DFA_STATE) / d->stride;
	}
	others = common_target(to);
	for (unsigned int b = 0; b < 256; b++) {
		if (done[b] || to[b] == others)
			continue;
		for (unsigned int same = b; same < 256; same++)
			done[same] |= to[same] == to[b];
		buf_add_char(out, ' ');
		print_bytes(out, to, to[b]);
		buf_addf(out, ">%u", to[b]);
	}
	buf_addf(out, " else>%u\n", others);
}

void print_dfa(struct buf *out, const void *img, const struct image_dfa *d,
	       void (*print_accept)(struct buf *out, const void *img, uint32_t row))
{
	buf_addf(out, " states %u classes %u start %u\n", d->states, d->stride,
		 (d->start & DFA_STATE) / d->stride);
	for (uint32_t s = 0; s < d->states; s++) {
		uint32_t row = image_u32(img, d->accept + (uint64_t)s * 4);

		buf_addf(out, "    %u", s);
		if (row != ROW_NONE) {
			buf_add_str(out, " (");
			size_t at = out->len;

			print_accept(out, img, row);
			if (!out->failed) /* the first of what is printed has a blank before it */
				memmove(out->data + at, out->data + at + 1, --out->len - at);
			buf_add_char(out, ')');
		}
		buf_add_char(out, ':');
		print_state(out, img, d, s);
	}
}
