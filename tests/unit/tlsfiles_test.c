/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "tlsfiles.h"
#include "unit/tool.h"

#define LIBSSL	  "/lib/x86_64-linux-gnu/libssl.so.3"
#define LIBGNUTLS "/lib/x86_64-linux-gnu/libgnutls.so.30"
#define LIBSSL3	  "/lib/x86_64-linux-gnu/libssl3.so"
#define LIBNSPR	  "/lib/x86_64-linux-gnu/libnspr4.so"
#define NODE	  "/usr/bin/node"

static const char tls_source[] = "int SSL_write_ex(int x) { return x * 3; }\n"
				 "int SSL_read(int x) { return x + 7; }\n"
				 "int main(void) { return 0; }\n";

struct fixture {
	char *dir;
	char lib[512]; /* a TLS library in it, of a name of its own */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->dir = tool_directory();
	snprintf(f->lib, sizeof(f->lib), "%s/deep/libprivate.so.7", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tool_directory_remove(f->dir);
	free(f);
	return 0;
}

static const struct tls_file *find(const struct tls_files *fs, const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < fs->count; i++)
		if (fs->files[i]->dev == st.st_dev && fs->files[i]->ino == st.st_ino)
			return fs->files[i];
	return NULL;
}

static void assert_sound(const struct tls_files *fs)
{
	for (size_t i = 0; i < fs->count; i++) {
		const struct tls_file *f = fs->files[i];
		char attach[TLSFILE_ATTACH_PATH];
		struct stat st;

		assert_true(f->count > 0);
		tlsfile_attach_path(f, attach);
		assert_int_equal(stat(attach, &st), 0);
		assert_true(st.st_dev == f->dev && st.st_ino == f->ino);
		assert_int_equal(stat(f->path, &st), 0);
		assert_true(st.st_dev == f->dev && st.st_ino == f->ino);
		for (size_t k = 0; k < i; k++)
			assert_false(fs->files[k]->dev == f->dev && fs->files[k]->ino == f->ino);
	}
}

/* ---- one file ---- */

struct want {
	const char *function;
	enum site_kind kind;
	enum tls_abi abi;
	bool optional; /* not every release has it */
};

static void assert_returns_early(const struct tls_file *f, const struct tls_site *s)
{
	unsigned char byte;

	assert_true(s->ret_distance > 0);
	assert_int_equal(pread(f->fd, &byte, 1, (off_t)(s->offset + s->ret_distance)), 1);
	assert_int_equal(byte, 0xc3);
}

static void assert_sites(const char *path, const struct want *want, size_t n)
{
	struct tls_file *f;
	size_t at = 0;

	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_string_equal(f->path, path);
	for (size_t i = 0; i < n; i++) {
		const struct tls_site *s = &f->sites[at];

		if (want[i].optional && (at == f->count || strcmp(s->function, want[i].function) != 0))
			continue;
		assert_true(at < f->count);
		assert_string_equal(s->function, want[i].function);
		assert_int_equal(s->abi, want[i].abi);
		assert_int_equal(s->kind, want[i].kind);
		assert_true(s->offset > 0);
		if (s->kind == SITE_WRITE)
			assert_returns_early(f, s);
		at++;
	}
	assert_int_equal(at, f->count);
	tlsfile_free(f);
}

static void assert_openssl(const char *path)
{
	static const struct want want[] = {
		{"SSL_write", SITE_WRITE, ABI_SSL, false},
		{"SSL_write_ex", SITE_WRITE, ABI_SSL_EX, false},
		{"SSL_write_ex2", SITE_WRITE, ABI_SSL_EX2, true}, /* from 3.3 on */
		{"SSL_write_early_data", SITE_WRITE, ABI_SSL_EX, false},
		{"SSL_sendfile", SITE_WRITE, ABI_SSL_FILE, false},
		{"SSL_read", SITE_READ, ABI_SSL, false},
		{"SSL_read_ex", SITE_READ, ABI_SSL_EX, false},
		{"SSL_read_early_data", SITE_READ, ABI_SSL_EX, false},
		{"SSL_do_handshake", SITE_HANDSHAKE, ABI_SSL, false},
		{"SSL_connect", SITE_HANDSHAKE, ABI_SSL, false},
		{"SSL_peek", SITE_HANDSHAKE, ABI_SSL, false},
		{"SSL_peek_ex", SITE_HANDSHAKE, ABI_SSL, false},
		{"SSL_clear", SITE_CLEAR, ABI_SSL, false},
		{"SSL_free", SITE_FREE, ABI_SSL, false},
		{"BIO_f_ssl", SITE_BIO, ABI_SSL, false},
	};

	assert_sites(path, want, sizeof(want) / sizeof(want[0]));
}

static void test_gnutls(void **state)
{
	static const struct want want[] = {
		{"gnutls_record_send", SITE_WRITE, ABI_GNUTLS, false},
		{"gnutls_record_send2", SITE_WRITE, ABI_GNUTLS, false},
		{"gnutls_record_send_range", SITE_WRITE, ABI_GNUTLS, false},
		{"gnutls_record_send_early_data", SITE_WRITE, ABI_GNUTLS_EARLY, false},
		{"gnutls_record_send_file", SITE_WRITE, ABI_GNUTLS_FILE, false},
		{"gnutls_record_recv", SITE_READ, ABI_GNUTLS, false},
		{"gnutls_record_recv_seq", SITE_READ, ABI_GNUTLS, false},
		{"gnutls_record_recv_early_data", SITE_READ, ABI_GNUTLS, false},
		{"gnutls_record_recv_packet", SITE_READ, ABI_GNUTLS_FILE, false},
		{"gnutls_record_uncork", SITE_READ, ABI_GNUTLS_FLUSH, false},
		{"gnutls_init", SITE_MAKE, ABI_GNUTLS_INIT, false},
		{"gnutls_handshake", SITE_HANDSHAKE, ABI_GNUTLS, false},
		{"gnutls_deinit", SITE_FREE, ABI_GNUTLS, false},
	};

	need_file(LIBGNUTLS);
	assert_sites(LIBGNUTLS, want, sizeof(want) / sizeof(want[0]));
}

/* In one file, TLS objects are made, in the other one they are used. */
static void test_nss(void **state)
{
	static const struct want nss[] = {
		{"SSL_ImportFD", SITE_MAKE, ABI_NSS_IMPORT, false},
		{"SSL_ForceHandshake", SITE_HANDSHAKE, ABI_NSPR, false},
		{"SSL_ForceHandshakeWithTimeout", SITE_HANDSHAKE, ABI_NSPR, false},
		{"SSL_ResetHandshake", SITE_CLEAR, ABI_NSPR, false},
	};
	static const struct want nspr[] = {
		{"PR_Write", SITE_WRITE, ABI_NSPR, false},
		{"PR_Send", SITE_WRITE, ABI_NSPR, false},
		{"PR_Writev", SITE_WRITE, ABI_NSPR_FILE, false},
		{"PR_SendFile", SITE_WRITE, ABI_NSPR_FILE, false},
		{"PR_TransmitFile", SITE_WRITE, ABI_NSPR_FILE, false},
		{"PR_Read", SITE_READ, ABI_NSPR, false},
		{"PR_Recv", SITE_READ, ABI_NSPR_RECV, false},
		{"PR_Close", SITE_FREE, ABI_NSPR, false},
		{"PR_PushIOLayer", SITE_LAYER, ABI_NSPR, false},
	};

	need_file(LIBSSL3);
	need_file(LIBNSPR);
	assert_sites(LIBSSL3, nss, sizeof(nss) / sizeof(nss[0]));
	assert_sites(LIBNSPR, nspr, sizeof(nspr) / sizeof(nspr[0]));
}

static void test_libssl(void **state)
{
	need_file(LIBSSL);
	assert_openssl(LIBSSL);
}

static void test_node(void **state)
{
	struct tls_file *f;

	need_file(NODE);
	need(tlsfile_read(NODE, &f) == 0, "TLS in " NODE);
	tlsfile_free(f);
	assert_openssl(NODE);
}

/* What is no TLS file is none, and is not waited for. */
static void test_others(void **state)
{
	struct fixture *x = *state;
	struct tls_file *f = NULL;
	char path[600];

	assert_int_equal(tlsfile_read("/bin/sh", &f), -ENOENT);
	assert_int_equal(tlsfile_read("/etc/passwd", &f), -ENOENT);
	assert_int_equal(tlsfile_read("/", &f), -ENOENT);
	assert_int_equal(tlsfile_read("/dev/zero", &f), -ENOENT);
	assert_int_equal(tlsfile_read("/nonexistent", &f), -ENOENT);
	assert_int_equal(tlsfile_read("/etc/passwd/x", &f), -ENOENT);
	snprintf(path, sizeof(path), "%s/fifo", x->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(tlsfile_read(path, &f), -ENOENT);
	assert_null(f);
}

static void test_kinds_needed(void **state)
{
	struct fixture *x = *state;
	struct tls_file *f;
	char path[600];

	need_tool("gcc");
	snprintf(path, sizeof(path), "%s/x", x->dir);
	tool_write(x->dir, "x.c", 0600,
		   "int SSL_write(void) { return 0; } int SSL_free(void) { return 0; }");
	assert_true(tool_run("gcc -shared -o %s %s.c", path, path));
	assert_int_equal(tlsfile_read(path, &f), -ENOENT);
	tool_write(x->dir, "x.c", 0600,
		   "int SSL_write(void) { return 0; } extern int SSL_read(void);"
		   "int f(void) { return SSL_read(); }");
	assert_true(tool_run("gcc -shared -fPIC -o %s %s.c", path, path));
	assert_int_equal(tlsfile_read(path, &f), -ENOENT);
	tool_write(x->dir, "x.c", 0600, tls_source); /* symbols for itself only */
	assert_true(tool_run("gcc -o %s %s.c", path, path));
	assert_int_equal(tlsfile_read(path, &f), 0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->sites[0].function, "SSL_write_ex");
	assert_string_equal(f->sites[1].function, "SSL_read");
	tlsfile_free(f);
	assert_true(tool_run("strip %s", path));
	assert_int_equal(tlsfile_read(path, &f), -ENOENT);
}

/* ---- before start ---- */

/* Bytes that this process has read so far. */
static unsigned long long bytes_read(void)
{
	unsigned long long n = 0;
	FILE *f = fopen("/proc/self/io", "re");

	if (!f || fscanf(f, "rchar: %llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void start_real(const char *command, bool is_tls)
{
	char *path_env = NULL, *env[2] = {}, *path = NULL;
	unsigned long long before, after;
	double best = 1e9;

	need_tool(command);
	assert_true(asprintf(&path_env, "PATH=/usr/local/bin:/usr/bin:/bin") > 0);
	env[0] = path_env;
	path = tool_output("PATH=/usr/local/bin:/usr/bin:/bin command -v %s", command);
	need(path, command);
	path[strcspn(path, "\n")] = '\0';
	for (int i = 0; i < 5; i++) {
		struct tls_files fs;
		double start = now_ms(), took;

		before = bytes_read();
		assert_int_equal(tlsfiles_before_start(path, env, &fs), 0);
		after = bytes_read();
		took = now_ms() - start;
		best = took < best ? took : best;
		assert_sound(&fs);
		if (!access(LIBSSL, R_OK))
			assert_non_null(find(&fs, LIBSSL));
		if (!access(LIBGNUTLS, R_OK))
			assert_non_null(find(&fs, LIBGNUTLS));
		if (!access(LIBSSL3, R_OK)) {
			assert_non_null(find(&fs, LIBSSL3));
			assert_non_null(find(&fs, LIBNSPR));
		}
		if (is_tls)
			assert_non_null(find(&fs, path));
		tlsfiles_free(&fs);
		/* Headers and symbols, not programs: node alone has 100 MB. */
		assert_true(after - before < 4 << 20);
	}
	print_message("%s: %.1f ms, %llu KiB read\n", path, best, (after - before) >> 10);
	free(path);
	free(path_env);
}

static void test_start_python(void **state)
{
	start_real("python3", false);
}

static void test_start_curl(void **state)
{
	start_real("curl", false);
}

static void test_start_sh(void **state)
{
	start_real("sh", false);
}

static void test_start_node(void **state)
{
	struct tls_file *f;

	need_file(NODE);
	need(tlsfile_read(NODE, &f) == 0, "TLS in " NODE);
	tlsfile_free(f);
	start_real("node", true);
}

/* Is `wanted` among what is probed for this command? */
static bool start_has(const char *command, const char *wanted, char *const *env)
{
	struct tls_files fs;
	bool found;

	assert_int_equal(tlsfiles_before_start(command, env, &fs), 0);
	assert_sound(&fs);
	found = find(&fs, wanted) != NULL;
	tlsfiles_free(&fs);
	return found;
}

static void test_scripts(void **state)
{
	struct fixture *x = *state;
	char program[600], script[600], text[1400], path[700], *env[] = {path, NULL};
	char *none[] = {"PATH=/nonexistent", NULL};

	need_tool("gcc");
	snprintf(path, sizeof(path), "PATH=/nonexistent:%s", x->dir);
	snprintf(program, sizeof(program), "%s/runtime", x->dir);
	snprintf(script, sizeof(script), "%s/script", x->dir);
	tool_write(x->dir, "runtime.c", 0600, tls_source);
	assert_true(tool_run("gcc -rdynamic -o %s %s.c", program, program));
	assert_true(start_has(program, program, none));

	snprintf(text, sizeof(text), "#!%s -x\n", program);
	tool_write(x->dir, "script", 0755, text);
	assert_true(start_has(script, program, none));
	tool_write(x->dir, "script", 0755, "#!/usr/bin/env runtime\n");
	assert_true(start_has(script, program, env));
	assert_false(start_has(script, program, none));
	tool_write(x->dir, "script", 0755, "#!/usr/bin/env -S A=b runtime --flag\n");
	assert_true(start_has(script, program, env));

	/* A script's interpreter may be a script. */
	tool_write(x->dir, "inner", 0755, "#!/usr/bin/env runtime\n");
	snprintf(text, sizeof(text), "#!%s/inner\n", x->dir);
	tool_write(x->dir, "script", 0755, text);
	assert_true(start_has(script, program, env));
	snprintf(text, sizeof(text), "#!%s\n", script); /* itself */
	tool_write(x->dir, "script", 0755, text);
	assert_false(start_has(script, program, env));
}

/* The table of runtimes: a shell script that may start node has node's functions probed. */
static void test_runtimes(void **state)
{
	struct fixture *x = *state;
	char program[600], path[600], *env[] = {path, NULL};
	char *none[] = {"PATH=/nonexistent", NULL};

	need_tool("gcc");
	snprintf(path, sizeof(path), "PATH=%s", x->dir);
	snprintf(program, sizeof(program), "%s/deno", x->dir);
	tool_write(x->dir, "deno.c", 0600, tls_source);
	assert_true(tool_run("gcc -rdynamic -o %s %s.c", program, program));
	assert_true(start_has("/bin/sh", program, env));
	assert_false(start_has("/bin/sh", program, none));
	assert_true(start_has("/nonexistent", program, env));
}

/* ---- libraries, as the loader finds them ---- */

/* What the loader itself takes for libprivate.so.7 is our copy. */
static bool loader_agrees(struct fixture *x, const char *environment)
{
	return tool_run("cd / && p=$(%s ldd %s/prog 2>&1 | "
			"sed -n 's/.*libprivate.so.7 => \\(.*\\) (.*/\\1/p') && [ \"$p\" -ef %s ]",
			environment, x->dir, x->lib);
}

/* A copy of libssl as libprivate.so.7, and stubs to link with. */
static void make_libraries(struct fixture *x)
{
	need_file(LIBSSL);
	need_tool("gcc");
	need_tool("ldd");
	tool_write(x->dir, "stub.c", 0600, "int SSL_library_stub(void) { return 0; }\n");
	tool_write(x->dir, "mid.c", 0600,
		   "extern int SSL_CTX_new(void); int mid(void) { return SSL_CTX_new(); }\n");
	tool_write(x->dir, "prog.c", 0600,
		   "extern int mid(void); int main(void) { return mid(); }\n");
	assert_true(tool_run("cd %s && mkdir -p stub deep lib && cp " LIBSSL
			     " deep/libprivate.so.7 && "
			     "echo 'int SSL_CTX_new(void) { return 0; }' > stub.c && "
			     "gcc -shared -Wl,-soname,libprivate.so.7 -o stub/libprivate.so stub.c",
			     x->dir));
}

static void make_program(struct fixture *x, const char *mid_options, const char *options)
{
	assert_true(
		tool_run("cd %s && gcc -shared -fPIC -o lib/libmid.so mid.c -Lstub -lprivate %s "
			 "2>&1 && gcc -o prog prog.c -Llib -lmid "
			 "-Wl,--unresolved-symbols=ignore-in-shared-libs %s 2>&1",
			 x->dir, mid_options, options));
}

#define ORIGIN_LIB "-Wl,-rpath,'$ORIGIN/lib'"

static void test_runpath(void **state)
{
	struct fixture *x = *state;
	char *none[] = {"PATH=/nonexistent", NULL}, program[600];

	make_libraries(x);
	snprintf(program, sizeof(program), "%s/prog", x->dir);
	make_program(x, "-Wl,-rpath,'${ORIGIN}/../deep'", ORIGIN_LIB);
	assert_true(loader_agrees(x, ""));
	assert_true(start_has(program, x->lib, none));

	/* RUNPATH does not hold for what libraries need in turn. */
	make_program(x, "", "-Wl,-rpath,'$ORIGIN/lib:$ORIGIN/deep'");
	assert_false(loader_agrees(x, ""));
	assert_false(start_has(program, x->lib, none));

	/* RPATH does, */
	make_program(x, "",
		     "-Wl,--disable-new-dtags -Wl,-rpath,/nonexistent:'$ORIGIN/lib:$ORIGIN/deep'");
	assert_true(loader_agrees(x, ""));
	assert_true(start_has(program, x->lib, none));

	/* unless the library has a RUNPATH of its own. */
	make_program(x, "-Wl,-rpath,/nonexistent",
		     "-Wl,--disable-new-dtags -Wl,-rpath,'$ORIGIN/lib:$ORIGIN/deep'");
	assert_false(loader_agrees(x, ""));
	assert_false(start_has(program, x->lib, none));
}

/* 40 libraries that are not there, 10000 directories to look for them: nobody waits for that. */
static void test_long_search(void **state)
{
	struct fixture *x = *state;
	char *none[] = {"PATH=/nonexistent", NULL}, program[600];
	struct tls_files fs;
	clock_t begin;

	assert_true(tool_run("cd %s && for i in $(seq 40); do echo | gcc -shared -x c -o libn$i.so -; "
			     "done && echo 'int main(void) { return 0; }' | gcc -x c -o many - -x none "
			     "-Wl,--no-as-needed,--disable-new-dtags libn*.so "
			     "-Wl,-rpath,$(seq -s: -f /%%g 10000) && rm libn*.so",
			     x->dir));
	snprintf(program, sizeof(program), "%s/many", x->dir);
	begin = clock();
	assert_int_equal(tlsfiles_before_start(program, none, &fs), 0);
	assert_true(clock() - begin < CLOCKS_PER_SEC);
	tlsfiles_free(&fs);
}

static void test_library_path(void **state)
{
	struct fixture *x = *state;
	char *none[] = {"PATH=/nonexistent", NULL}, program[600], set[1400];
	char *env[] = {"A=b", set, NULL};

	make_libraries(x);
	snprintf(program, sizeof(program), "%s/prog", x->dir);
	make_program(x, "", ORIGIN_LIB);
	assert_false(loader_agrees(x, ""));
	assert_false(start_has(program, x->lib, none));
	snprintf(set, sizeof(set), "LD_LIBRARY_PATH=/nonexistent:%s/deep", x->dir);
	assert_true(loader_agrees(x, set));
	assert_true(start_has(program, x->lib, env));

	/* What is no library for this machine is passed over, */
	tool_write(x->dir, "lib/libprivate.so.7", 0755, "no library");
	snprintf(set, sizeof(set), "LD_LIBRARY_PATH=%s/lib:%s/deep", x->dir, x->dir);
	assert_true(start_has(program, x->lib, env));

	/* and the first that is one ends the search. */
	assert_true(tool_run("cp %s/stub/libprivate.so %s/lib/libprivate.so.7", x->dir, x->dir));
	assert_false(loader_agrees(x, set));
	assert_false(start_has(program, x->lib, env));
}

static void test_preload(void **state)
{
	struct fixture *x = *state;
	char set[1400], *env[] = {set, NULL};

	make_libraries(x);
	snprintf(set, sizeof(set), "LD_PRELOAD=libnothing.so:%s", x->lib);
	assert_true(start_has("/bin/sh", x->lib, env));
	set[0] = 'X';
	assert_false(start_has("/bin/sh", x->lib, env));
}

/* ---- processes ---- */

#define CODE_SIZE 4096

/* Starts a process that maps `path` to execute, after `prepare`, and waits to be ended. */
static pid_t start_mapper(const char *path, void (*prepare)(struct fixture *), struct fixture *x)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare)
			prepare(x);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 ||
		    mmap(NULL, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			_exit(1);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_mapper(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void copy_libssl(struct fixture *x, const char *name)
{
	assert_true(tool_run("cp " LIBSSL " '%s/%s'", x->dir, name));
}

static void assert_new(pid_t pid, struct tls_files *known, size_t count, const char *path)
{
	struct tls_files new;

	assert_int_equal(tlsfiles_of_process(pid, known, &new), 0);
	assert_int_equal(new.count, count);
	assert_sound(&new);
	if (path)
		assert_string_equal(new.files[0]->path, path);
	tlsfiles_free(&new);
}

static void test_process(void **state)
{
	struct fixture *x = *state;
	struct tls_files known = {};
	char path[600], other[600];
	size_t looked;
	pid_t pid, second;

	need_file(LIBSSL);
	copy_libssl(x, "private lib");
	copy_libssl(x, "other");
	snprintf(path, sizeof(path), "%s/private lib", x->dir);
	snprintf(other, sizeof(other), "%s/other", x->dir);
	pid = start_mapper(path, NULL, x);
	assert_new(pid, &known, 1, path);
	looked = known.looked.count;
	assert_true(looked > 1); /* the files that are none are remembered too */
	assert_new(pid, &known, 0, NULL);
	assert_int_equal(known.looked.count, looked);
	second = start_mapper(path, NULL, x); /* the same file in another process */
	assert_new(second, &known, 0, NULL);
	end_mapper(second);
	second = start_mapper(other, NULL, x);
	assert_new(second, &known, 1, other);
	end_mapper(second);
	end_mapper(pid);
	tlsfiles_free(&known);
}

/* The set of before the start knows what a process then maps. */
static void test_process_known(void **state)
{
	struct fixture *x = *state;
	char *none[] = {"PATH=/nonexistent", NULL};
	struct tls_files known;
	pid_t pid;

	need_file(LIBSSL);
	assert_int_equal(tlsfiles_before_start("/bin/sh", none, &known), 0);
	need(find(&known, LIBSSL), LIBSSL " in ld.so.cache");
	pid = start_mapper(LIBSSL, NULL, x);
	assert_new(pid, &known, 0, NULL);
	end_mapper(pid);
	tlsfiles_free(&known);
}

static void test_process_gone(void **state)
{
	struct tls_files known = {};
	pid_t pid = start_mapper("/bin/sh", NULL, *state);

	kill(pid, SIGKILL); /* a zombie has no mappings */
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_new(pid, &known, 0, NULL);
	waitpid(pid, NULL, 0);
	assert_new(pid, &known, 0, NULL);
	tlsfiles_free(&known);
}

/* A library that was deleted after it was mapped; another one took its name. */
static void test_process_deleted(void **state)
{
	struct fixture *x = *state;
	struct tls_files known = {}, new;
	char path[600], maps[64];
	struct stat st;
	pid_t pid;

	need_file(LIBSSL);
	need(!geteuid(), "root");
	copy_libssl(x, "gone");
	snprintf(path, sizeof(path), "%s/gone", x->dir);
	assert_int_equal(stat(path, &st), 0);
	pid = start_mapper(path, NULL, x);
	assert_int_equal(unlink(path), 0);
	tool_write(x->dir, "gone", 0755, "something else");
	assert_int_equal(tlsfiles_of_process(pid, &known, &new), 0);
	assert_int_equal(new.count, 1);
	assert_true(new.files[0]->ino == st.st_ino);
	snprintf(maps, sizeof(maps), "/proc/%d/map_files/", pid);
	assert_int_equal(strncmp(new.files[0]->path, maps, strlen(maps)), 0);
	assert_sound(&new);
	end_mapper(pid);
	assert_true(new.files[0]->count >= 14);
	assert_int_equal(fstat(new.files[0]->fd, &st), 0); /* outlives the process */
	tlsfiles_free(&new);
	tlsfiles_free(&known);
}

/* In a mount namespace of its own, over a directory that we see otherwise. */
static void hide_in_namespace(struct fixture *x)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", x->dir, "tmpfs", 0, NULL) < 0)
		_exit(1);
	if (!tool_run("cp " LIBSSL " '%s/hidden'", x->dir))
		_exit(1);
}

static void test_process_namespace(void **state)
{
	struct fixture *x = *state;
	struct tls_files known = {};
	char path[600], seen[700];
	pid_t pid;

	need_file(LIBSSL);
	need(!geteuid(), "root");
	snprintf(path, sizeof(path), "%s/hidden", x->dir);
	pid = start_mapper(path, hide_in_namespace, x);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(seen, sizeof(seen), "/proc/%d/root%s", pid, path);
	assert_new(pid, &known, 1, seen);
	end_mapper(pid);
	tlsfiles_free(&known);
}

/* More new files than one call takes: the next ones go on, and none is lost. */
static void map_many(struct fixture *x)
{
	for (int i = 0; i < 1500; i++) {
		char path[600];
		int fd;

		snprintf(path, sizeof(path), "%s/m%d", x->dir, i);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, CODE_SIZE) < 0 ||
		    mmap(NULL, CODE_SIZE, PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			_exit(1);
		close(fd);
	}
}

static void test_process_many(void **state)
{
	struct fixture *x = *state;
	struct tls_files known = {}, new;
	char path[600];
	size_t found = 0, calls = 0;
	int more = 1;
	pid_t pid;

	need_file(LIBSSL);
	copy_libssl(x, "last");
	snprintf(path, sizeof(path), "%s/last", x->dir);
	pid = start_mapper(path, map_many, x);
	while (more && calls < 100) {
		more = tlsfiles_of_process(pid, &known, &new);
		assert_true(more >= 0);
		found += new.count;
		tlsfiles_free(&new);
		calls++;
	}
	assert_int_equal(more, 0);
	assert_true(calls > 1);
	assert_int_equal(found, 1);
	assert_true(known.looked.count > 1500);
	end_mapper(pid);
	tlsfiles_free(&known);
}

/* A program that is started: looked at once, and again when it is another one. */
static void test_program(void **state)
{
	struct tls_files known = {}, new;
	char path[] = "/tmp/warden-program.XXXXXX", command[128];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tlsfiles_of_program(path, &known, &new), 0);
	assert_int_equal(new.count, 0);
	snprintf(command, sizeof(command), "cat " LIBSSL " >%s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(tlsfiles_of_program(path, &known, &new), 0);
	assert_int_equal(new.count, 1);
	assert_string_equal(new.files[0]->path, path);
	tlsfiles_free(&new);
	assert_int_equal(tlsfiles_of_program(path, &known, &new), 0);
	assert_int_equal(new.count, 0);
	unlink(path);
	assert_int_equal(tlsfiles_of_program(path, &known, &new), -ENOENT);
	assert_int_equal(new.count, 0);
	tlsfiles_free(&known);
}

#define unit(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(test_libssl),          unit(test_node),
		unit(test_gnutls),          unit(test_nss),
		unit(test_others),          unit(test_kinds_needed),
		unit(test_start_python),    unit(test_start_curl),
		unit(test_start_sh),        unit(test_start_node),
		unit(test_scripts),         unit(test_runtimes),
		unit(test_runpath),         unit(test_library_path),
		unit(test_long_search),
		unit(test_preload),         unit(test_process),
		unit(test_process_known),   unit(test_process_gone),
		unit(test_process_deleted), unit(test_process_namespace),
		unit(test_process_many),    unit(test_program),
	};

	return cmocka_run_group_tests_name("tlsfiles", tests, NULL, NULL);
}
