/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "elf64.h"
#include "unit/tool.h"

#define LIBSSL "/lib/x86_64-linux-gnu/libssl.so.3"
#define NODE   "/usr/bin/node"
#define FOUND  32

static const char *const names[] = {"SSL_write",   "SSL_read",    "SSL_write_ex",
				    "SSL_read_ex", "SSL_free",    "SSL_do_handshake",
				    "SSL_connect", "SSL_nonsense"};
#define NAMES (sizeof(names) / sizeof(names[0]))

typedef int (*find_fn)(const struct elf64 *, const char *const *, size_t, struct elf64_function *,
		       size_t, size_t *);

/* ---- the other opinion: binutils ---- */

/* The address that nm gives a function, or 0. */
static uint64_t nm_address(const char *nm, const char *name)
{
	for (const char *line = nm; line && *line; line = strchr(line, '\n') + 1) {
		unsigned long long address;
		char type, symbol[256];

		if (sscanf(line, "%llx %c %255[^@\n]", &address, &type, symbol) == 3 &&
		    (type == 'T' || type == 't') && !strcmp(symbol, name))
			return address;
		if (!strchr(line, '\n'))
			break;
	}
	return 0;
}

/* Turns an address into a place in the file by the segments that readelf prints. */
static uint64_t readelf_place(const char *readelf, uint64_t address)
{
	for (const char *line = strstr(readelf, "  LOAD"); line;
	     line = strstr(line + 1, "  LOAD")) {
		unsigned long long offset, start, physical, size;

		assert_int_equal(sscanf(line, " LOAD %llx %llx %llx %llx", &offset, &start,
					&physical, &size),
				 4);
		if (address >= start && address < start + size)
			return address - start + offset;
	}
	return 0;
}

static void assert_ret(const struct elf64 *elf, const struct elf64_function *fn)
{
	unsigned char byte;

	if (!fn->ret_distance)
		return;
	assert_true(fn->ret_distance < 65536);
	assert_int_equal(elf64_read(elf, fn->offset + fn->ret_distance, &byte, 1), 0);
	assert_int_equal(byte, 0xc3);
}

/* Every function that nm lists is found where nm and readelf say, and no other. */
static void compare(const char *path, const char *nm_options, find_fn find, size_t at_least)
{
	char *nm = tool_output("nm %s '%s' 2>&1 | grep ' SSL_' || true", nm_options, path);
	char *segments = tool_output("readelf -lW '%s'", path);
	struct elf64_function found[FOUND];
	size_t count = 0, listed = 0;
	struct elf64 elf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(nm);
	assert_non_null(segments);
	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(find(&elf, names, NAMES, found, FOUND, &count), 0);
	for (size_t i = 0; i < NAMES; i++) {
		uint64_t address = nm_address(nm, names[i]);
		size_t hits = 0;

		listed += address != 0;
		for (size_t k = 0; k < count; k++) {
			if (found[k].name != i)
				continue;
			hits++;
			assert_int_equal(found[k].offset, readelf_place(segments, address));
			assert_ret(&elf, &found[k]);
		}
		assert_int_equal(hits, address != 0);
	}
	assert_true(listed >= at_least);
	assert_int_equal(count, listed);
	elf64_close(&elf);
	close(fd);
	free(nm);
	free(segments);
}

static void test_libssl(void **state)
{
	need_file(LIBSSL);
	need_tool("nm");
	need_tool("readelf");
	compare(LIBSSL, "-D", elf64_find_exported, 7);
}

static void test_node(void **state)
{
	need_file(NODE);
	need_tool("nm");
	need_tool("readelf");
	compare(NODE, "-D", elf64_find_exported, 0);
	compare(NODE, "", elf64_find_internal, 0);
}

static const char source[] =
	"static __attribute__((noinline, used)) int SSL_write(int x) { return x * 3; }\n"
	"__attribute__((noinline)) int SSL_read(int x) { return x + 7; }\n"
	"int __wrap_SSL_free(int x) { return x - 7; }\n"
	"extern int getpid(void); int SSL_connect = 5;\n"
	"int main(void) { return SSL_write(getpid()) + SSL_read(1); }\n";

static void test_internal(void **state)
{
	char path[512], *dir = *state;

	need_tool("gcc");
	need_tool("nm");
	need_tool("strip");
	tool_write(dir, "a.c", 0600, source);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_true(tool_run("gcc -O1 -o %s %s.c 2>&1", path, path));
	compare(path, "", elf64_find_internal, 2);
	assert_true(tool_run("gcc -O1 -no-pie -static -o %s %s.c 2>&1", path, path));
	compare(path, "", elf64_find_internal, 2);
	assert_true(tool_run("strip %s 2>&1", path));
	compare(path, "", elf64_find_internal, 0);
}

static void find_exported(int fd, struct elf64_function *ret, size_t *ret_count)
{
	struct elf64 elf;

	*ret_count = 0;
	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(elf64_find_exported(&elf, names, NAMES, ret, FOUND, ret_count), 0);
	elf64_close(&elf);
}

/* The older hash table, and a library without section headers: the loader needs none. */
static void test_other_tables(void **state)
{
	struct elf64_function before[FOUND], after[FOUND];
	char path[512], *dir = *state;
	char zeros[8] = {};
	size_t count, again;
	int fd;

	need_tool("gcc");
	need_tool("nm");
	tool_write(dir, "a.c", 0600, source);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_true(tool_run("gcc -O1 -shared -fPIC -Wl,--hash-style=sysv -o %s %s.c", path, path));
	compare(path, "-D", elf64_find_exported, 1);
	assert_true(tool_run("gcc -O1 -shared -fPIC -Wl,--hash-style=gnu -o %s %s.c", path, path));
	compare(path, "-D", elf64_find_exported, 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	find_exported(fd, before, &count);
	assert_int_equal(count, 1);
	assert_int_equal(pwrite(fd, zeros, 8, offsetof(Elf64_Ehdr, e_shoff)), 8);
	assert_int_equal(pwrite(fd, zeros, 4, offsetof(Elf64_Ehdr, e_shnum)), 4);
	find_exported(fd, after, &again);
	close(fd);
	assert_int_equal(again, count);
	assert_memory_equal(before, after, sizeof(before[0]));
}

/* ---- what a file says about itself ---- */

static void assert_line(const char *text, const char *before, const char *value)
{
	char line[8192];

	snprintf(line, sizeof(line), "%s%s", before, value);
	assert_non_null(strstr(text, line));
}

static void check_facts(const char *path, size_t needs_at_least)
{
	char *dynamic = tool_output("readelf -dW '%s'", path);
	char *notes = tool_output("readelf -nW '%s' 2>&1", path);
	char *segments = tool_output("readelf -lW '%s'", path);
	char *id = NULL, *interpreter = NULL;
	struct elf64_needs needs;
	struct elf64 elf;
	size_t lines = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(elf64_needs(&elf, &needs), 0);
	assert_true(needs.count >= needs_at_least);
	for (size_t i = 0; i < needs.count; i++)
		assert_line(dynamic, "Shared library: [", needs.names[i]);
	for (const char *p = dynamic; (p = strstr(p, "(NEEDED)")); p++)
		lines++;
	assert_int_equal(needs.count, lines);
	if (needs.runpath)
		assert_line(dynamic, "Library runpath: [", needs.runpath);
	if (needs.rpath)
		assert_line(dynamic, "Library rpath: [", needs.rpath);
	assert_int_equal(!needs.runpath, !strstr(dynamic, "(RUNPATH)"));
	assert_int_equal(!needs.rpath, !strstr(dynamic, "(RPATH)"));
	if (elf64_build_id(&elf, &id) == 0)
		assert_line(notes, "Build ID: ", id);
	assert_int_equal(!id, !strstr(notes, "Build ID: "));
	if (elf64_interpreter(&elf, &interpreter) == 0)
		assert_line(segments, "program interpreter: ", interpreter);
	assert_int_equal(!interpreter, !strstr(segments, "program interpreter: "));
	elf64_needs_free(&needs);
	elf64_close(&elf);
	close(fd);
	free(id);
	free(interpreter);
	free(dynamic);
	free(notes);
	free(segments);
}

static void test_facts(void **state)
{
	char path[512], *dir = *state;

	need_tool("readelf");
	need_tool("gcc");
	check_facts("/bin/sh", 1);
	if (!access(LIBSSL, R_OK))
		check_facts(LIBSSL, 2);
	if (!access(NODE, R_OK))
		check_facts(NODE, 0);
	tool_write(dir, "a.c", 0600, source);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_true(tool_run("gcc -o %s %s.c -Wl,-rpath,'$ORIGIN/lib:/opt/x' -Wl,--build-id=md5",
			     path, path));
	check_facts(path, 1);
	assert_true(tool_run("gcc -o %s %s.c -Wl,-rpath,/opt/y -Wl,--disable-new-dtags "
			     "-Wl,--build-id=none",
			     path, path));
	check_facts(path, 1);
	assert_true(tool_run("gcc -static -o %s %s.c", path, path));
	check_facts(path, 0);
}

/* ---- files made by hand ---- */

#define CODE    0x1000
#define STRINGS 0x2000
#define BIG     ((size_t)700 << 10)
#define BASE    0x400000

struct made {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	Elf64_Shdr sections[3];
};

/* A file with a symbol table, a name at place `at` of 700 KiB of strings, and 20000 symbols. */
static int make_file(uint64_t at, const char *name, uint16_t section)
{
	size_t symbols = 20000, table = symbols * sizeof(Elf64_Sym);
	int fd = memfd_create("elf", MFD_CLOEXEC);
	char *strings = malloc(BIG);
	Elf64_Sym *symbol = calloc(symbols, sizeof(*symbol));
	struct made m = {
		.header = {.e_type = ET_DYN,
			   .e_machine = EM_X86_64,
			   .e_phoff = offsetof(struct made, segment),
			   .e_shoff = offsetof(struct made, sections),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 1,
			   .e_shentsize = sizeof(Elf64_Shdr),
			   .e_shnum = 3},
		.segment = {.p_type = PT_LOAD,
			    .p_flags = PF_R | PF_X,
			    .p_offset = CODE,
			    .p_vaddr = BASE,
			    .p_filesz = 0x100},
		.sections = {[1] = {.sh_type = SHT_SYMTAB,
				    .sh_offset = STRINGS + BIG,
				    .sh_size = table,
				    .sh_link = 2,
				    .sh_entsize = sizeof(Elf64_Sym)},
			     [2] = {.sh_type = SHT_STRTAB, .sh_offset = STRINGS, .sh_size = BIG}},
	};

	memcpy(m.header.e_ident, ELFMAG, SELFMAG);
	m.header.e_ident[EI_CLASS] = ELFCLASS64;
	m.header.e_ident[EI_DATA] = ELFDATA2LSB;
	memset(strings, 'x', BIG);
	memcpy(strings + at, name, strlen(name) + 1);
	symbol[symbols - 1] = (Elf64_Sym){.st_name = (uint32_t)at,
					  .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
					  .st_shndx = section,
					  .st_value = BASE + 0x20,
					  .st_size = 0x1000};
	assert_int_equal(pwrite(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(pwrite(fd, strings, BIG, STRINGS), BIG);
	assert_int_equal(pwrite(fd, symbol, table, STRINGS + BIG), table);
	assert_int_equal(pwrite(fd, "\xc3", 1, CODE + 0x20), 1); /* the entry itself is no `ret` */
	assert_int_equal(pwrite(fd, "\xc3", 1, CODE + 0x29), 1);
	free(strings);
	free(symbol);
	return fd;
}

static size_t search_made(int fd, struct elf64_function *ret)
{
	struct elf64 elf;
	size_t count = 0;

	assert_int_equal(elf64_open(fd, &elf), 0);
	assert_int_equal(elf64_find_internal(&elf, names, NAMES, ret, 1, &count), 0);
	elf64_close(&elf);
	close(fd);
	return count;
}

/* A name is found wherever it stands, across the borders of what is read at once too. */
static void test_places(void **state)
{
	const uint64_t block = (uint64_t)256 << 10;
	struct elf64_function fn;

	for (uint64_t at = 2 * block - 14; at < 2 * block + 4; at++) {
		assert_int_equal(search_made(make_file(at, "SSL_write", 1), &fn), 1);
		assert_int_equal(fn.name, 0);
		assert_int_equal(fn.offset, CODE + 0x20);
		assert_int_equal(fn.size, 0xe0); /* no further than the segment */
		assert_int_equal(fn.ret_distance, 9);
	}
	assert_int_equal(search_made(make_file(0, "SSL_write", 1), &fn), 1);
	assert_int_equal(search_made(make_file(BIG - 10, "SSL_write", 1), &fn), 1);
	assert_int_equal(search_made(make_file(0, "SSL_write2", 1), &fn), 0);
	assert_int_equal(search_made(make_file(0, "SSL_write", SHN_UNDEF), &fn), 0);
}

/* A file of a few pages, with holes for tables: reading it must not hold anybody up. */
static void test_holes(void **state)
{
	static const uint64_t sizes[] = {(uint64_t)63 << 20, (uint64_t)255 << 20};
	clock_t begin = clock();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = make_file(0, "SSL_write", 1);
		struct elf64_function fn;
		struct made m;

		assert_int_equal(pread(fd, &m, sizeof(m), 0), sizeof(m));
		m.sections[1].sh_offset = (uint64_t)1 << 30;
		m.sections[1].sh_size = sizes[i] / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
		m.sections[2].sh_size = sizes[i];
		assert_int_equal(pwrite(fd, &m, sizeof(m), 0), sizeof(m));
		assert_int_equal(ftruncate(fd, (off_t)2 << 30), 0);
		assert_int_equal(search_made(fd, &fn), 0);
	}
	assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
}

static void test_no_program(void **state)
{
	struct elf64 elf;
	int fd = memfd_create("x", MFD_CLOEXEC);

	assert_int_equal(elf64_open(fd, &elf), -ENOEXEC);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	assert_int_equal(elf64_open(fd, &elf), -ENOEXEC);
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(elf64_open(fd, &elf), -ENOEXEC);
	close(fd);
	assert_int_equal(elf64_open(-1, &elf), -EBADF);
}

/* ---- broken files ---- */

static uint32_t random_state = 12345;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

/* Asks for everything; whatever is answered must lie in the file. Returns the functions found. */
static size_t use_file(int fd)
{
	struct elf64_function found[FOUND];
	struct elf64_needs needs;
	size_t count = 0;
	struct elf64 elf;
	char *text;

	if (elf64_open(fd, &elf) < 0)
		return 0;
	assert_int_equal(elf64_find_exported(&elf, names, NAMES, found, FOUND, &count), 0);
	assert_int_equal(elf64_find_internal(&elf, names, NAMES, found, FOUND, &count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(found[i].name < NAMES);
		assert_true(found[i].offset < elf.size);
		assert_true(found[i].size <= elf.size - found[i].offset);
		assert_ret(&elf, &found[i]);
	}
	if (elf64_needs(&elf, &needs) == 0)
		elf64_needs_free(&needs);
	if (elf64_build_id(&elf, &text) == 0)
		free(text);
	if (elf64_interpreter(&elf, &text) == 0)
		free(text);
	elf64_close(&elf);
	return count;
}

/* The places that matter most: headers, the dynamic section, and what it points to. */
static uint32_t pick_place(const unsigned char *data, uint32_t size)
{
	const Elf64_Ehdr *h = (const void *)data;
	const Elf64_Phdr *segments = (const void *)(data + h->e_phoff);

	switch (random_below(4)) {
	case 0: return random_below(sizeof(*h) + h->e_phnum * sizeof(*segments));
	case 1:
		for (unsigned int i = 0; i < h->e_phnum; i++)
			if (segments[i].p_type == PT_DYNAMIC)
				return (uint32_t)segments[i].p_offset +
				       random_below((uint32_t)segments[i].p_filesz);
		return 0;
	case 2: return (uint32_t)h->e_shoff + random_below(h->e_shnum * sizeof(Elf64_Shdr));
	default: return random_below(size);
	}
}

static void mutate(int fd, const unsigned char *data, uint32_t size)
{
	static const uint64_t values[] = {0,     1,          0x7f,          0xffffffff,
					  ~0ULL, 1ULL << 63, 0x7fffffffULL, ~0ULL - 7};
	uint32_t n = 1 + random_below(4);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = pick_place(data, size);
		uint64_t value = values[random_below(sizeof(values) / sizeof(values[0]))];
		size_t width = (size_t)1 << random_below(4);

		if (random_below(2))
			value = random_below(size);
		else if (random_below(2))
			value = random_below(256), width = 1;
		at &= ~(uint32_t)(width - 1);
		if (at + width <= size)
			assert_int_equal(pwrite(fd, &value, width, at), width);
	}
}

static unsigned char *read_file(const char *path, uint32_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	unsigned char *data;

	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_size = (uint32_t)st.st_size;
	return data;
}

static void fuzz(const char *path, int rounds)
{
	uint32_t size;
	unsigned char *data = read_file(path, &size);
	size_t intact, survivors = 0;
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, size), size);
	intact = use_file(fd);
	assert_true(intact > 0);
	for (int i = 0; i < rounds; i++) {
		if (i % 4) {
			mutate(fd, data, size);
		} else {
			assert_int_equal(ftruncate(fd, random_below(size)), 0);
		}
		survivors += use_file(fd) == intact;
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(pwrite(fd, data, size, 0), size);
	}
	/* Most of the damage must hit something, and some must not, or the test tries nothing. */
	assert_true(survivors < (size_t)rounds);
	assert_true(survivors > 0);
	assert_int_equal(use_file(fd), intact);
	close(fd);
	free(data);
}

static int fuzz_rounds(void)
{
	const char *text = getenv("ELF64_FUZZ_ROUNDS");

	return text ? atoi(text) : 2000;
}

static void test_broken(void **state)
{
	char path[512], *dir = *state;

	need_tool("gcc");
	tool_write(dir, "a.c", 0600, source);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_true(tool_run("gcc -O1 -rdynamic -o %s %s.c", path, path));
	fuzz(path, fuzz_rounds());
	assert_true(tool_run("gcc -O1 -rdynamic -Wl,--hash-style=sysv -o %s %s.c", path, path));
	fuzz(path, fuzz_rounds());
}

static void test_broken_libssl(void **state)
{
	need_file(LIBSSL);
	fuzz(LIBSSL, fuzz_rounds() / 4);
}

static int setup(void **state)
{
	*state = tool_directory();
	return 0;
}

static int teardown(void **state)
{
	tool_directory_remove(*state);
	return 0;
}

#define unit(fn)     cmocka_unit_test(fn)
#define unit_dir(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_libssl),           unit(test_node),       unit_dir(test_internal),
		unit_dir(test_other_tables), unit_dir(test_facts),  unit(test_places),
		unit(test_holes),
		unit(test_no_program),       unit_dir(test_broken), unit(test_broken_libssl),
	};

	return cmocka_run_group_tests_name("elf64", tests, NULL, NULL);
}
