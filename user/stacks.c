/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "stacks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "elf64.h"
#include "regular.h"

#define CONSTANTS_MAX ((uint64_t)128 << 20) /* of a program that is searched */

/* How names of files begin. One that brings another one's library comes before that. */
static const struct {
	const char *file;
	const char *stack;
} files[] = {
	{"libjvm.so", "Java"},
	{"libcoreclr.so", ".NET"},
	{"libmonosgen-2.0.so", "Mono"},
	{"beam.smp", "Erlang"},
	{"deno", "rustls in Deno"},
	{"librustls.so", "rustls"},
	{"libmbedtls.so", "Mbed TLS"},
	{"libwolfssl.so", "wolfSSL"},
	{"libs2n.so", "s2n-tls"},
	{"libbearssl.so", "BearSSL"},
};

/* Among the constants of a program: paths of sources, which errors are raised with. */
static const struct {
	const char *text;
	const char *stack;
} texts[] = {
	{"/rustls-0.", "rustls"},
	{"ssl/ssl_lib.cc", "BoringSSL"},
	{"ssl/ssl_lib.c", "OpenSSL in the program"},
};

#define FILES (sizeof(files) / sizeof(files[0]))
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

const char *const stacks_known[] = {"Java", ".NET", "Mono",	"Erlang",    "rustls", "BoringSSL",
				    "Mbed TLS", "wolfSSL", "s2n-tls", "BearSSL", NULL};

static const char *of_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; slash && i < FILES; i++) {
		size_t len = strlen(files[i].file);

		if (!strncmp(slash + 1, files[i].file, len) && (!slash[1 + len] || strchr(".\n ", slash[1 + len])))
			return files[i].stack;
	}
	return NULL;
}

static const char *of_mappings(pid_t pid)
{
	_free_ char *line = NULL;
	_fclose_ FILE *maps = NULL;
	const char *found = NULL;
	char path[64];
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &cap, maps) > 0)
		found = of_name(line);
	return found;
}

/* An elf64_block_fn. */
static void find_text(void *arg, const struct elf64_block *b)
{
	size_t *first = arg; /* of the table */

	for (size_t i = 0; i < *first; i++) {
		const unsigned char *from = b->bytes + b->from - strlen(texts[i].text) + 1;

		if (memmem(from, (size_t)(b->bytes + b->to - from), texts[i].text, strlen(texts[i].text)))
			*first = i;
	}
}

static uint64_t constants_of(const struct elf64 *f)
{
	uint64_t size = 0;

	for (size_t i = 0; i < f->segment_count; i++)
		if (f->segments[i].p_type == PT_LOAD && !(f->segments[i].p_flags & (PF_X | PF_W)))
			size += f->segments[i].p_filesz;
	return size;
}

static const char *of_program(pid_t pid)
{
	size_t first = TEXTS;
	_close_ int fd = -1;
	struct elf64 elf;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = regular_open(path, &st);
	if (fd < 0 || elf64_open(fd, &elf) < 0)
		return NULL;
	if (constants_of(&elf) <= CONSTANTS_MAX)
		elf64_scan(&elf, ELF64_CONSTANTS, 64, 0, find_text, &first);
	elf64_close(&elf);
	return first < TEXTS ? texts[first].stack : NULL;
}

const char *stack_of_process(pid_t pid)
{
	return of_mappings(pid) ?: of_program(pid);
}
