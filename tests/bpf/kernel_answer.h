/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef TESTS_BPF_KERNEL_ANSWER_H
#define TESTS_BPF_KERNEL_ANSWER_H

/*
 * The kernel's side of the equality test: publishes images as user/kernel.c does, and asks by
 * BPF_PROG_TEST_RUN. The size of images is a constant of the loaded program, so there is one
 * program for each size. Include behind cmocka.h.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ask.skel.h"
#include "policy/lower.h"
#include "question.h"

#define IMAGE_SIZES 32

/* A program for images of one size, once that size was met. */
struct kernel_side {
	struct ask_bpf *skel;
	struct question *question; /* shared with the kernel */
};

static struct kernel_side sides[IMAGE_SIZES];

static int image_map(size_t size)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "test_image", sizeof(uint32_t), (uint32_t)size, 1,
			      NULL);
}

/* Why this process cannot load programs at all, or NULL. What the verifier says is no reason. */
static const char *kernel_refusal(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "nothing", "GPL", nothing, 2, &opts);

	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	return errno == EPERM || errno == ENOSYS ? strerror(errno) : NULL;
}

/* What the verifier says is shown when it refuses. */
static int show_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static void kernel_load_side(struct kernel_side *side, size_t size)
{
	int template = image_map(size), r;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	libbpf_set_print(show_warnings);
	side->skel = ask_bpf__open();
	assert_non_null(side->skel);
	assert_true(template >= 0);
	bpf_program__set_autoload(side->skel->progs.scope_newtask, false);
	bpf_program__set_autoload(side->skel->progs.scope_attach, false);
	side->skel->rodata->image_mask = size - 1;
	bpf_map__set_inner_map_fd(side->skel->maps.images, template);
	r = ask_bpf__load(side->skel);
	if (r < 0)
		fail_msg("this kernel refuses the program for images of %zu bytes: %s", size,
			 strerror(-r));
	close(template);
	side->question = mmap(NULL, (sizeof(*side->question) + page - 1) / page * page,
			      PROT_READ | PROT_WRITE, MAP_SHARED,
			      bpf_map__fd(side->skel->maps.questions), 0);
	assert_true(side->question != MAP_FAILED);
}

/* Makes the image the one that is asked. Its block may be freed afterwards. */
static struct kernel_side *kernel_publish(const struct image_block *image)
{
	struct kernel_side *side = &sides[__builtin_ctzl(image->size)];
	uint32_t zero = 0;
	int fd;

	if (!side->skel)
		kernel_load_side(side, image->size);
	fd = image_map(image->size);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &zero, image->data, BPF_ANY), 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(side->skel->maps.images), &zero, &fd, BPF_ANY), 0);
	close(fd);
	return side;
}

/* Has side->question answered. */
static void kernel_ask(struct kernel_side *side, bool audit_failed)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	side->skel->bss->audit_failed = audit_failed;
	side->question->answered = 0;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(side->skel->progs.ask), &opts), 0);
	assert_int_equal(opts.retval, 0);
	assert_int_equal(side->question->answered, 1);
}

static void kernel_unload(void)
{
	for (size_t i = 0; i < IMAGE_SIZES; i++)
		ask_bpf__destroy(sides[i].skel);
}

#endif
