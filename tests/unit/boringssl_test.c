/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Programs are made up here: as much code as the checks look at, in the forms that compilers give it. Each
 * check has a program that only it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boringssl.h"
#include "tlsfiles.h"

#define DATA	  0x400000ULL /* addresses: constants, */
#define TEXT	  0x500000ULL /* and code */
#define DATA_AT	  0x1000      /* and in the file */
#define TEXT_AT	  0x2000
#define TEXT_SIZE ((size_t)0x420000)
#define CODE	  ((size_t)0x40000) /* where in the code the functions are: a block's end */
#define FRAMES	  0x800		    /* in the constants */

enum form { FORM_5ARG, FORM_4ARG, FORM_PIE, FORMS };

struct image {
	enum form form;
	const char *name;      /* of the source file */
	uint32_t name_flags;   /* of the segment that it is in */
	uint16_t type;	       /* of the file */
	bool interpreter;
	size_t at;	       /* where in the code the functions begin */
	size_t text_size;
	uint32_t state, shake_state;
	uint32_t quic, read_quic;
	uint32_t lines[4];     /* of SSL_write(): 66, 226, 215, 111 */
	uint32_t reasons[4];
	uint32_t read_line;
	uint32_t read_reason;
	uint32_t shake_reason;
	size_t unaligned;      /* how far SSL_write() is from a place where functions begin */
	unsigned char first;   /* of its instructions */
	bool no_callers;
	bool no_store;
	bool no_calls;
	bool no_handshake;     /* SSL_write() does not call it */
	bool strays;	       /* SSL_do_handshake() goes elsewhere than to its anchor */
	bool no_compare;
	bool not_consumed;
	bool no_buffer;
	bool other_raise;      /* SSL_read() raises its error by another function */
	bool peek, peek_called;/* another function with SSL_read()'s anchor */
	unsigned char read_base; /* what SSL_read() compares: 0xbf is its argument's */
	bool again;	       /* another anchor with reason 111 */
	bool apart;	       /* an anchor that SSL_write() lacks is somewhere else */
	bool frames;
	int32_t frame_shift;

	unsigned char *text;
	size_t end;	       /* where code is put next */
	size_t raise, clear, write, read, shake, peek_at; /* in the code */
};

static const struct image sound = {
	.form = FORM_5ARG, .name = "../../vendor/boringssl/ssl/ssl_lib.cc", .name_flags = PF_R,
	.type = ET_EXEC, .interpreter = true, .at = CODE, .text_size = TEXT_SIZE,
	.state = 0xc4, .shake_state = 0xc4, .quic = 0x98, .read_quic = 0x98,
	.lines = {955, 960, 975, 981}, .reasons = {66, 226, 215, 111}, .read_line = 934,
	.read_reason = 66, .shake_reason = 134, .first = 0x55, .read_base = 0xbf,
};

/* ---- assembly ---- */

static void put(struct image *i, const void *bytes, size_t n)
{
	assert_true(i->end + n <= TEXT_SIZE);
	memcpy(i->text + i->end, bytes, n);
	i->end += n;
}

#define PUT(i, ...) put(i, (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}))

static void put32(struct image *i, uint32_t value)
{
	put(i, &value, sizeof(value));
}

static void call(struct image *i, size_t target)
{
	PUT(i, 0xe8);
	put32(i, (uint32_t)(target - (i->end + 4)));
}

/* A place in the code that leads to another one: `at` is that of the displacement. */
static void lead(struct image *i, size_t at, size_t target)
{
	int32_t by = (int32_t)(target - (at + 4));

	memcpy(i->text + at, &by, sizeof(by));
}

static void align(struct image *i)
{
	while (i->end % 16)
		PUT(i, 0xcc);
}

/* The arguments of ERR_put_error(), the way to it is the caller's. */
static void anchor(struct image *i, uint32_t reason, uint32_t line)
{
	if (i->form == FORM_PIE) {
		PUT(i, 0x48, 0x8d, 0x0d);
		put32(i, (uint32_t)(DATA - (TEXT + i->end + 4)));
	} else {
		PUT(i, i->form == FORM_4ARG ? 0xba : 0xb9);
		put32(i, DATA);
	}
	if (i->form == FORM_4ARG && reason == 215)
		PUT(i, 0x48, 0x89, 0xfb); /* something else, as it happens */
	PUT(i, 0xbf, 16, 0, 0, 0);
	if (i->form == FORM_4ARG) {
		PUT(i, 0xbe);
		put32(i, reason);
		PUT(i, 0xb9);
		put32(i, line);
	} else {
		PUT(i, 0x31, 0xf6, 0xba);
		put32(i, reason);
		PUT(i, 0x41, 0xb8);
		put32(i, line);
	}
}

static void raise_error(struct image *i, uint32_t reason, uint32_t line, size_t by)
{
	anchor(i, reason, line);
	call(i, by);
}

static void reset_state(struct image *i, uint32_t state)
{
	PUT(i, 0x48, 0x89, 0xfb);	/* mov %rdi, %rbx */
	PUT(i, 0x48, 0x8b, 0x47, 0x30); /* mov 0x30(%rdi), %rax */
	if (i->no_store)
		return;
	PUT(i, 0xc7, 0x80);
	put32(i, state);
	put32(i, 0);
	if (i->no_calls)
		PUT(i, 0x90, 0x90);
	call(i, i->clear);
	PUT(i, 0xff, 0x15); /* by way of the table of imports */
	put32(i, 0);
}

static void ends(struct image *i)
{
	PUT(i, 0x5b, 0x5d, 0xc3);
	align(i);
}

static void put_handshake(struct image *i)
{
	size_t jump;

	i->shake = i->end;
	PUT(i, 0x55, 0x53);
	reset_state(i, i->shake_state);
	PUT(i, 0x48, 0x83, 0x7b, 0x28, 0, 0x0f, 0x84);
	jump = i->end;
	put32(i, 0);
	for (int n = 0; n < 100; n++) /* the error is raised far behind */
		PUT(i, 0x0f, 0x1f, 0x00);
	lead(i, jump, i->end + (i->strays ? 64 : 0));
	raise_error(i, i->shake_reason, 700, i->raise);
	ends(i);
}

static void put_write(struct image *i)
{
	size_t jump;

	for (size_t n = 0; n < i->unaligned; n++)
		PUT(i, 0xcc);
	i->write = i->end;
	PUT(i, i->first, 0x53);
	reset_state(i, i->state);
	PUT(i, 0x48, 0x83, 0xbb);
	put32(i, i->quic);
	PUT(i, 0, 0x74, 5 + 5 + 4 * 6); /* whatever: the jump is not looked at */
	anchor(i, i->reasons[0], i->lines[0]);
	jump = i->end;
	call(i, i->raise);
	PUT(i, 0x48, 0x89, 0xdf);
	if (!i->no_handshake)
		call(i, i->shake);
	anchor(i, i->reasons[2], i->lines[2]);
	PUT(i, 0xe9);
	put32(i, (uint32_t)(jump - (i->end + 4)));
	anchor(i, i->reasons[1], i->lines[1]);
	PUT(i, 0xe9);
	put32(i, (uint32_t)(jump - (i->end + 4)));
	PUT(i, 0x5b, 0x5d, 0xc3);
	anchor(i, i->reasons[3], i->lines[3]);
	PUT(i, 0xe9);
	put32(i, (uint32_t)(jump - (i->end + 4)));
	align(i);
}

static size_t put_read(struct image *i)
{
	size_t at = i->end;

	PUT(i, 0x55, 0x53);
	if (!i->no_compare) {
		PUT(i, 0x48, 0x83, i->read_base);
		put32(i, i->read_quic);
		PUT(i, 0);
	}
	PUT(i, 0x74, 0x2b);
	raise_error(i, i->read_reason, i->read_line, i->other_raise ? i->clear : i->raise);
	if (!i->not_consumed) {
		PUT(i, 0x48, 0x01, 0x98);
		put32(i, 0x80);
	}
	if (!i->no_buffer)
		PUT(i, 0x4c, 0x8d, 0x70, 0x50);
	ends(i);
	return at;
}

static void put_code(struct image *i)
{
	memset(i->text, 0x90, TEXT_SIZE);
	i->end = i->at;
	i->raise = i->end;
	ends(i);
	i->clear = i->end;
	ends(i);
	if (i->again)
		raise_error(i, 111, 2000, i->raise);
	align(i);
	put_handshake(i);
	if (i->peek)
		i->peek_at = put_read(i);
	i->read = put_read(i);
	put_write(i);
	i->end = 0x40; /* far away, and in front */
	if (i->apart)
		raise_error(i, 226, 960, i->raise);
	i->end = 0x100;
	if (i->no_callers)
		return;
	call(i, i->write);
	call(i, i->read);
	if (i->peek_called)
		call(i, i->peek_at);
}

/* ---- the file ---- */

static void put_frames(const struct image *i, unsigned char *data)
{
	uint64_t entry = DATA + FRAMES + 0x100;
	unsigned char *table = data + FRAMES, *frame = table + 0x100;
	uint32_t head[3] = {0x3b031b01, 0, 1};
	int32_t start = (int32_t)(TEXT + i->write + (uint64_t)(int64_t)i->frame_shift);
	int32_t pair[2] = {start - (int32_t)(DATA + FRAMES), 0x100};
	int32_t fde[4] = {16, 0, start - (int32_t)(entry + 8), 0x400};

	memcpy(table, head, sizeof(head));
	memcpy(table + sizeof(head), pair, sizeof(pair));
	memcpy(frame, fde, sizeof(fde));
}

static int make(struct image *i)
{
	Elf64_Phdr segments[4] = {
		{.p_type = PT_LOAD, .p_flags = i->name_flags, .p_offset = DATA_AT, .p_vaddr = DATA,
		 .p_filesz = 0x1000, .p_memsz = 0x1000},
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = TEXT_AT, .p_vaddr = TEXT,
		 .p_filesz = i->text_size, .p_memsz = i->text_size},
		{.p_type = i->interpreter ? PT_INTERP : PT_NULL, .p_offset = DATA_AT, .p_filesz = 1},
		{.p_type = i->frames ? PT_GNU_EH_FRAME : PT_NULL, .p_flags = PF_R,
		 .p_offset = DATA_AT + FRAMES, .p_vaddr = DATA + FRAMES, .p_filesz = 0x200},
	};
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = i->type, .e_machine = EM_X86_64, .e_phoff = sizeof(header),
		.e_phentsize = sizeof(segments[0]), .e_phnum = 4,
	};
	int fd = memfd_create("image", MFD_CLOEXEC);
	unsigned char data[0x1000] = {0};

	assert_true(fd >= 0);
	i->text = malloc(TEXT_SIZE);
	put_code(i);
	strcpy((char *)data, i->name);
	if (i->frames)
		put_frames(i, data);
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(pwrite(fd, segments, sizeof(segments), sizeof(header)), sizeof(segments));
	assert_int_equal(pwrite(fd, data, sizeof(data), DATA_AT), sizeof(data));
	assert_int_equal(pwrite(fd, i->text, TEXT_SIZE, TEXT_AT), TEXT_SIZE);
	free(i->text);
	return fd;
}

static int find(int fd, struct elf64_function ret[BORINGSSL_FUNCTIONS], const char **ret_why)
{
	struct elf64 elf;
	int r = elf64_open(fd, &elf);

	if (r < 0)
		return r;
	r = boringssl_find(&elf, ret, ret_why);
	elf64_close(&elf);
	return r;
}

static void assert_found(const struct image *i, int fd, const struct elf64_function *found)
{
	const size_t want[] = {
		[BORINGSSL_WRITE] = i->write, [BORINGSSL_READ] = i->read, [BORINGSSL_HANDSHAKE] = i->shake};
	unsigned char byte = 0;

	for (size_t k = 0; k < BORINGSSL_FUNCTIONS; k++) {
		assert_int_equal(found[k].name, k);
		assert_int_equal(found[k].offset, TEXT_AT + want[k]);
	}
	assert_true(found[BORINGSSL_WRITE].ret_distance > 0);
	assert_int_equal(pread(fd, &byte, 1,
			       (off_t)(found[BORINGSSL_WRITE].offset +
				       found[BORINGSSL_WRITE].ret_distance)),
			 1);
	assert_int_equal(byte, 0xc3);
}

static void check_image_at(struct image i, int want, int line)
{
	struct elf64_function found[BORINGSSL_FUNCTIONS];
	const char *why = NULL;
	int fd = make(&i);

	int r = find(fd, found, &why);

	if (r != want)
		print_message("the image of line %d: %d, %s\n", line, r, why ? why : "");
	assert_int_equal(r, want);
	if (want == 0)
		assert_found(&i, fd, found);
	assert_int_equal(why != NULL, want == -EUCLEAN);
	close(fd);
}

#define check_image(i, want) check_image_at(i, want, __LINE__)

/* A sound image with something changed. */
#define WITH(...)                                                                                  \
	({                                                                                         \
		struct image _i = sound, *i = &_i;                                                 \
		__VA_ARGS__;                                                                       \
		_i;                                                                                \
	})

/* ---- what is found ---- */

static void test_forms(void **state)
{
	for (int form = 0; form < FORMS; form++)
		check_image(WITH(i->form = (enum form)form), 0);
	check_image(WITH(i->name = "ssl_lib.cc"), 0);
	check_image(WITH(i->name = "/build/ssl/ssl_lib.c"), 0);
	check_image(WITH(i->type = ET_DYN), 0);
	check_image(WITH(i->interpreter = false), 0); /* linked statically */
	check_image(WITH(i->state = i->shake_state = 0xd8, i->quic = i->read_quic = 0xa0), 0);
	check_image(WITH(for (int n = 0; n < 4; n++) i->lines[n] += 300; i->read_line += 300), 0);
}

/* Blocks of the file are looked at one after the other: wherever one ends, nothing is missed. */
static void test_blocks(void **state)
{
	for (size_t before = 0; before <= 0x400; before += 16)
		check_image(WITH(i->at = CODE - before), 0);
	check_image(WITH(i->at = TEXT_SIZE - 0x600), 0);
	check_image(WITH(i->at = 0x200), 0);
}

static void test_frames(void **state)
{
	check_image(WITH(i->frames = true), 0);
	check_image(WITH(i->frames = true, i->frame_shift = -16), -EUCLEAN);
	check_image(WITH(i->frames = true, i->frame_shift = 16), -EUCLEAN);
	check_image(WITH(i->frames = true, i->frame_shift = -0x600), 0); /* it is another function's */
}

/* SSL_peek() looks the same: nobody calls it directly, or there is no telling. */
static void test_peek(void **state)
{
	check_image(WITH(i->peek = true), 0);
	check_image(WITH(i->peek = i->peek_called = true), -EUCLEAN);
}

/* ---- what is not ---- */

static void test_none(void **state)
{
	check_image(WITH(i->name = "../ssl/ssl_libx.cc"), -ENOENT);
	check_image(WITH(i->name = "../ssl/my_ssl_lib.cc"), -ENOENT);
	check_image(WITH(i->name = ""), -ENOENT);
	check_image(WITH(i->name_flags = PF_R | PF_W), -ENOENT);
	check_image(WITH(i->name_flags = PF_R | PF_X), -ENOENT);
	check_image(WITH(i->name_flags = PF_W), -ENOENT);
	check_image(WITH(i->type = ET_DYN, i->interpreter = false), -ENOENT); /* a library */
	check_image(WITH(i->text_size = 0x380000), -ENOENT);
	check_image(WITH(i->text_size = TEXT_SIZE + 0x10000), -ENOENT); /* more than the file has */
	check_image(WITH(i->text_size = SIZE_MAX - TEXT), -ENOENT);
}

static void test_anchors(void **state)
{
	check_image(WITH(i->again = true), -EUCLEAN);
	check_image(WITH(i->reasons[3] = 112), -EUCLEAN);
	for (int n = 0; n < 3; n++)
		check_image(WITH(i->reasons[n] = 99), -EUCLEAN);
	check_image(WITH(i->reasons[1] = 99, i->apart = true), -EUCLEAN);
	check_image(WITH(i->lines[0] = 965), -EUCLEAN); /* not in this order */
	check_image(WITH(i->lines[1] = 978), -EUCLEAN);
	check_image(WITH(i->lines[0] = 900), -EUCLEAN); /* too far away */
	check_image(WITH(i->lines[3] = 1300), -EUCLEAN);
	check_image(WITH(i->read_reason = 67), -EUCLEAN);
	check_image(WITH(i->read_line = 800), -EUCLEAN);
	check_image(WITH(i->read_line = 990), -EUCLEAN);
	check_image(WITH(i->shake_reason = 135), -EUCLEAN);
	check_image(WITH(i->shake_reason = 226), -EUCLEAN);
}

static void test_starts(void **state)
{
	check_image(WITH(i->no_callers = true), -EUCLEAN);
	check_image(WITH(i->unaligned = 4), -EUCLEAN);
	check_image(WITH(i->first = 0x90), -EUCLEAN);
	check_image(WITH(i->first = 0xc5), -EUCLEAN); /* VEX: not to be probed */
}

static void test_code(void **state)
{
	check_image(WITH(i->no_store = true), -EUCLEAN);
	check_image(WITH(i->no_calls = true), -EUCLEAN);
	check_image(WITH(i->no_handshake = true), -EUCLEAN);
	check_image(WITH(i->strays = true), -EUCLEAN);
	check_image(WITH(i->no_compare = true), -EUCLEAN);
	check_image(WITH(i->read_base = 0xbb), -EUCLEAN);
	check_image(WITH(i->not_consumed = true), -EUCLEAN);
	check_image(WITH(i->no_buffer = true), -EUCLEAN);
	check_image(WITH(i->other_raise = true), -EUCLEAN);
	check_image(WITH(i->state = 0xc0), -EUCLEAN);
	check_image(WITH(i->quic = 0xa0), -EUCLEAN);
}

/* ---- a TLS file of it ---- */

static struct tls_file *examine(struct image i)
{
	struct tls_file *f = NULL;
	int fd = make(&i);
	struct elf64 elf;

	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(tlsfile_of(&elf, "/opt/agent", &f), 0);
	elf64_close(&elf);
	close(fd);
	return f;
}

static void test_file(void **state)
{
	static const struct {
		const char *function;
		enum site_kind kind;
	} want[] = {{"SSL_write", SITE_WRITE}, {"SSL_read", SITE_READ}, {"SSL_do_handshake", SITE_GREETING}};
	struct tls_file *f = examine(sound);

	assert_null(f->doubt);
	assert_int_equal(f->count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(f->sites[i].function, want[i].function);
		assert_int_equal(f->sites[i].kind, want[i].kind);
		assert_int_equal(f->sites[i].abi, ABI_BORINGSSL);
		assert_true(f->sites[i].offset > TEXT_AT);
	}
	assert_true(f->sites[0].ret_distance > 0);
	tlsfile_free(f);

	f = examine(WITH(i->again = true));
	assert_int_equal(f->count, 0);
	assert_non_null(f->doubt);
	tlsfile_free(f);
}

/* ---- broken bytes ---- */

#define ROUNDS 500

/* Changes some bytes between two places of the file. */
static void damage(int fd, unsigned int *seed, size_t from, size_t to)
{
	for (int n = 1 + rand_r(seed) % 3; n; n--) {
		size_t at = from + (size_t)rand_r(seed) % (to - from);
		unsigned char byte = (unsigned char)rand_r(seed);

		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
}

/* Code that is changed anywhere is found where it is, or not at all: never elsewhere. */
static void test_broken_code(void **state)
{
	struct image i = WITH(i->frames = true);
	unsigned char code[0x700];
	unsigned int seed = 4;
	size_t kept = 0;
	int fd = make(&i);

	assert_int_equal(pread(fd, code, sizeof(code), TEXT_AT + CODE), sizeof(code));
	for (int n = 0; n < ROUNDS; n++) {
		struct elf64_function found[BORINGSSL_FUNCTIONS];
		const char *why;
		int r;

		damage(fd, &seed, TEXT_AT + CODE, TEXT_AT + CODE + sizeof(code));
		r = find(fd, found, &why);
		assert_true(r == 0 || r == -EUCLEAN || r == -ENOENT);
		for (size_t k = 0; r == 0 && k < BORINGSSL_FUNCTIONS; k++)
			assert_int_equal(found[k].offset,
					 TEXT_AT + (k == BORINGSSL_WRITE  ? i.write
						    : k == BORINGSSL_READ ? i.read
									  : i.shake));
		kept += r == 0;
		assert_int_equal(pwrite(fd, code, sizeof(code), TEXT_AT + CODE), sizeof(code));
	}
	assert_true(kept > ROUNDS / 10 && kept < ROUNDS);
	close(fd);
}

/* Headers, and the table of frames, may say anything. */
static void test_broken_headers(void **state)
{
	struct image i = WITH(i->frames = true);
	unsigned char head[DATA_AT + 0x1000];
	unsigned int seed = 5;
	int fd = make(&i);

	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	for (int n = 0; n < ROUNDS; n++) {
		struct elf64_function found[BORINGSSL_FUNCTIONS];
		const char *why;

		damage(fd, &seed, 0, 64 + 4 * sizeof(Elf64_Phdr));
		damage(fd, &seed, DATA_AT + FRAMES, DATA_AT + FRAMES + 0x110);
		find(fd, found, &why);
		assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	}
	assert_int_equal(ftruncate(fd, TEXT_AT + CODE + 0x80), 0); /* it ends in the midst of the code */
	{
		struct elf64_function found[BORINGSSL_FUNCTIONS];
		const char *why;

		assert_int_equal(find(fd, found, &why), -ENOENT);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	    cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_frames),	    cmocka_unit_test(test_peek),
		cmocka_unit_test(test_none),	    cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_starts),	    cmocka_unit_test(test_code),
		cmocka_unit_test(test_file),	    cmocka_unit_test(test_broken_code),
		cmocka_unit_test(test_broken_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
