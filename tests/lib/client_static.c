/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * An HTTPS client that holds its OpenSSL, without symbols (see the Makefile), for tests: client_static URL
 * STEP...
 *
 * Steps and what is printed are those of client_python.py. A body @FILE is that file's content, and the
 * result is `echoed` instead of the status when the answer has the same body. A connection's letter may be
 * followed by a colon and the ways in which it is used, a letter each:
 *   c  closed behind the step, so that the next one's object is likely at its address
 *   i  nobody asks for a handshake: the first write begins it
 *   x  SSL_write_ex and SSL_read_ex
 * The step "load FILE" sends and receives until there is that file, over connections of its own, ten requests
 * each, and prints "load DONE FAILED".
 * SSL_CERT_FILE names the authority.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ROOM ((size_t)16 << 20)

struct connection {
	SSL *ssl;
	int fd;
	char ways[16];
};

static struct connection connections[128];
static SSL_CTX *context;
static char host[64], answer[ROOM];
static int port;

static bool has(const struct connection *c, char way)
{
	return strchr(c->ways, way);
}

static void finish(struct connection *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
}

static int start(struct connection *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	const struct timeval limit = {20, 0};

	inet_pton(AF_INET, host, &to.sin_addr);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	c->ssl = SSL_new(context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	return has(c, 'i') || SSL_connect(c->ssl) == 1 ? 0 : -1;
}

static int send_all(struct connection *c, const char *text, size_t len)
{
	while (len) {
		int n = len < 100000 ? (int)len : 100000;
		size_t done = 0;

		if (has(c, 'x'))
			n = SSL_write_ex(c->ssl, text, (size_t)n, &done) ? (int)done : -1;
		else
			n = SSL_write(c->ssl, text, n);
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive(struct connection *c, char *to, size_t room)
{
	size_t done = 0;

	if (has(c, 'x'))
		return SSL_read_ex(c->ssl, to, room, &done) ? (int)done : -1;
	return SSL_read(c->ssl, to, (int)room);
}

/* Reads a whole answer. Returns its status, and where its body is. */
static int read_answer(struct connection *c, const char **body, size_t *len)
{
	size_t have = 0, want = 0;
	char *end = NULL, *length;
	int status = 0;

	while (!want || have < want) {
		int n = receive(c, answer + have, ROOM - 1 - have);

		if (n <= 0)
			return -1;
		have += (size_t)n;
		answer[have] = '\0';
		if (!end && (end = strstr(answer, "\r\n\r\n"))) {
			length = strstr(answer, "Content-Length: ");
			*len = length ? strtoul(length + 16, NULL, 10) : 0;
			want = (size_t)(end + 4 - answer) + *len;
			status = atoi(answer + 9);
		}
	}
	*body = end + 4;
	return status;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(ROOM);

	*len = f ? fread(text, 1, ROOM, f) : 0;
	if (f)
		fclose(f);
	return text;
}

/* Returns the status; 0 when the answer is the body again; -1. */
static int ask(struct connection *c, const char *method, const char *path, const char *text)
{
	char *file = NULL, head[8192];
	size_t len = strlen(text), answered = 0;
	const char *back = NULL;
	int status = -1;

	if (!c->ssl && start(c) < 0)
		return -1;
	if (*text == '@')
		text = file = read_file(text + 1, &len);
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: %zu\r\n\r\n", method,
		 path, host, port, len);
	if (!send_all(c, head, strlen(head)) && !send_all(c, text, len))
		status = read_answer(c, &back, &answered);
	if (status == 200 && file && answered == len && !memcmp(file, back, len))
		status = 0;
	free(file);
	return status;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load(const char *file)
{
	struct connection c = {.ways = "", .fd = -1};
	char body[] = "a body of some length, to be sent back";
	int done = 0, bad = 0;

	while (access(file, F_OK)) {
		const char *ways[] = {"", "x"};

		snprintf(c.ways, sizeof(c.ways), "%s", ways[done / 10 % 2]);
		if (ask(&c, "POST", "/load", body) == 200)
			done++;
		else
			bad++;
		if ((done + bad) % 10 == 0)
			finish(&c);
	}
	printf("load %d %d\n", done, bad);
}

static void step(char *text)
{
	const char *name = strsep(&text, " "), *method = strsep(&text, " "), *path = strsep(&text, " ");
	struct connection *c = &connections[*name & 127];
	double begin = now();
	int status;

	if (!c->ssl)
		snprintf(c->ways, sizeof(c->ways), "%s", name[1] == ':' ? name + 2 : "");
	status = ask(c, method, path, text ? text : "");
	printf("%s %s %s ", name, method, path);
	if (status < 0)
		printf("error %.3f\n", now() - begin);
	else if (!status)
		printf("echoed %.3f\n", now() - begin);
	else
		printf("%d %.3f\n", status, now() - begin);
	fflush(stdout);
	ERR_clear_error();
	if (status < 0 || has(c, 'c'))
		finish(c);
}

int main(int argc, char **argv)
{
	if (argc < 3 || sscanf(argv[1], "https://%63[^:]:%d", host, &port) != 2) {
		fprintf(stderr, "client_static URL STEP...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_default_verify_paths(context);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	for (int i = 2; i < argc; i++) {
		if (!strncmp(argv[i], "load ", 5))
			load(argv[i] + 5);
		else
			step(argv[i]);
	}
	for (size_t i = 0; i < sizeof(connections) / sizeof(connections[0]); i++)
		if (connections[i].ssl)
			finish(&connections[i]);
	return 0;
}
