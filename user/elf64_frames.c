/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Functions that the table for unwinding knows (.eh_frame_hdr: Linux Standard Base, "Exception Frames";
 * DWARF 4, 6.4), in the one form that linkers write for x86-64: a sorted table of pairs of 32 bits,
 * relative to the table's own place.
 */
#include "elf64.h"

#include <errno.h>
#include <string.h>

struct header {
	uint8_t version;
	uint8_t frames; /* encodings: of the pointer to .eh_frame, */
	uint8_t count;	/* of the number of entries, */
	uint8_t table;	/* of the entries */
	int32_t frames_at;
	uint32_t entries;
};

struct entry {
	int32_t function;
	int32_t frame;
};

struct frame {
	uint32_t length;
	uint32_t common;
	int32_t function; /* from here */
	uint32_t size;
};

#define PCREL_S4   0x1b
#define UDATA4	   0x03
#define DATAREL_S4 0x3b

_Static_assert(sizeof(struct header) == 12 && sizeof(struct frame) == 16, "as in the file");

static const Elf64_Phdr *find_table(const struct elf64 *f)
{
	for (size_t i = 0; i < f->segment_count; i++)
		if (f->segments[i].p_type == PT_GNU_EH_FRAME)
			return &f->segments[i];
	return NULL;
}

static uint64_t moved(uint64_t address, int32_t by)
{
	return address + (uint64_t)(int64_t)by;
}

/* The last entry that does not begin behind `address`. */
static int find_entry(const struct elf64 *f, const Elf64_Phdr *s, uint32_t entries, uint64_t address,
		      struct entry *ret)
{
	uint64_t table = s->p_offset + sizeof(struct header);
	uint32_t low = 0, high = entries;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct entry e;
		int r;

		r = elf64_read(f, table + (uint64_t)middle * sizeof(e), &e, sizeof(e));
		if (r < 0)
			return r;
		if (moved(s->p_vaddr, e.function) > address) {
			high = middle;
		} else {
			*ret = e;
			low = middle + 1;
		}
	}
	return low ? 0 : -ENOENT;
}

int elf64_frame(const struct elf64 *f, uint64_t address, uint64_t *ret_start, uint64_t *ret_size)
{
	const Elf64_Phdr *s = find_table(f);
	uint64_t start, frame_at, offset, left;
	struct frame frame;
	struct header h;
	struct entry e;
	int r;

	if (!s || s->p_filesz < sizeof(h))
		return -ENOENT;
	r = elf64_read(f, s->p_offset, &h, sizeof(h));
	if (r < 0)
		return r;
	if (h.version != 1 || h.frames != PCREL_S4 || h.count != UDATA4 || h.table != DATAREL_S4 ||
	    h.entries > (s->p_filesz - sizeof(h)) / sizeof(e))
		return -ENOENT;
	r = find_entry(f, s, h.entries, address, &e);
	if (r < 0)
		return r;
	start = moved(s->p_vaddr, e.function);
	frame_at = moved(s->p_vaddr, e.frame);
	r = elf64_place(f, frame_at, 0, &offset, &left);
	if (r == 0)
		r = elf64_read(f, offset, &frame, sizeof(frame));
	if (r < 0)
		return r;
	/* Another encoding of its own would not lead to the same place. */
	if (moved(frame_at + offsetof(struct frame, function), frame.function) != start ||
	    address - start >= frame.size)
		return -ENOENT;
	*ret_start = start;
	*ret_size = frame.size;
	return 0;
}
