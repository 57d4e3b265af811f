/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "policy/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/brokers.h"
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/resolve.h"
#include "policy/yaml.h"

/* Reads to the end, or to one byte more than a policy may have. */
static int read_all(int fd, struct buf *b)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(b, 64U << 10) < 0)
			return -ENOMEM;
		n = read(fd, b->data + b->len, 64U << 10);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		b->len += (size_t)n;
		if (n == 0 || b->len > YAML_MAX_SIZE)
			return 0;
	}
}

static int refuse_unread(struct diags *diags, int error)
{
	return diag_add(diags, DIAG_ERROR, (struct place){}, "cannot be read: %s",
			strerror(-error));
}

int policy_load(const char *file, struct policy **ret_policy, struct diags *diags)
{
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return refuse_unread(diags, -errno);
	return policy_load_fd(fd, file, ret_policy, diags);
}

int policy_load_fd(int fd, const char *name, struct policy **ret_policy, struct diags *diags)
{
	_cleanup_(policy_free) struct policy *policy = NULL;
	_buf_ struct buf text = {};
	_close_ int root = -1;
	int r = read_all(fd, &text);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return refuse_unread(diags, r);
	r = policy_parse(name, text.data, text.len, &policy, diags);
	if (r < 0)
		return r;
	r = policy_check(policy, diags);
	if (r < 0)
		return r;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return diag_add(diags, DIAG_ERROR, (struct place){},
				"programs cannot be resolved in /: %s", strerror(errno));
	r = policy_resolve(policy, root, diags);
	if (r == 0)
		r = policy_check_reach(policy, diags);
	if (r == 0)
		r = brokers_add(policy);
	if (r < 0)
		return r;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

/* What is said of the file as a whole has the same form, for editors and scripts. */
static void print_one(const struct diag *d, const char *file, FILE *out)
{
	static const char *const levels[] = {
		[DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error"};
	struct place at = d->place.line ? d->place : (struct place){1, 1};

	fprintf(out, "%s:%u:%u: %s: %s\n", file, at.line, at.column, levels[d->level], d->message);
}

void diags_print(const struct diags *diags, const char *file, FILE *out)
{
	size_t more = diags->errors + diags->warnings;

	for (size_t i = 0; i < diags->count; i++) {
		print_one(&diags->items[i], file, out);
		more -= diags->items[i].level != DIAG_NOTE;
	}
	if (more)
		fprintf(out, "%s: note: %zu more errors and warnings are not shown\n", file, more);
}
