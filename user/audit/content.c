/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/content.h"

int body_init(struct body *b, size_t limit)
{
	int r;

	*b = (struct body){.limit = limit};
	r = sha256_start(&b->sha);
	b->unhashed = r < 0;
	return r;
}

void body_feed(struct body *b, const void *data, size_t len)
{
	size_t room = b->truncated ? 0 : b->limit - b->kept.len;
	size_t n = len < room ? len : room;

	b->bytes += len;
	if (!b->unhashed && sha256_add(&b->sha, data, len) < 0)
		b->unhashed = true;
	buf_add(&b->kept, data, n);
	if (n < len || b->kept.failed)
		b->truncated = true;
}

void body_gap(struct body *b, uint64_t missing)
{
	b->bytes += missing;
	b->uncounted |= !missing;
	b->truncated = b->unhashed = true;
}

void body_finish(struct body *b, struct audit_body *ret)
{
	if (!b->unhashed && sha256_finish(&b->sha, b->sha256) < 0)
		b->unhashed = true;
	*ret = (struct audit_body){
		.text = b->limit ? (b->kept.len ? b->kept.data : "") : NULL,
		.len = b->kept.len,
		.truncated = b->truncated,
		.sha256 = b->unhashed ? NULL : b->sha256,
	};
	if (!b->uncounted)
		ret->bytes = KNOWN(b->bytes);
}

void body_free(struct body *b)
{
	buf_free(&b->kept);
	sha256_free(&b->sha);
}
