/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * An HTTPS client on GnuTLS, for tests: client_gnutls URL STEP...
 *
 * Steps and what is printed are those of client_python.py. A body @FILE is that file's content, and the
 * result is `echoed` instead of the status when the answer has the same body; behind the seconds of a status
 * is how much has gone by (NULL, 0) so far. A connection's letter may be followed by a colon and the ways in
 * which it sends and reads, a letter each:
 *   2  gnutls_record_send2                 r  gnutls_record_send_range
 *   c  corked, until the request is whole  f  a body @FILE by gnutls_record_send_file
 *   n  the socket does not block, little is sent at once; calls go on by (NULL, 0)
 *   o  the same, and what was offered is overwritten meanwhile
 *   s  gnutls_record_recv_seq              p  gnutls_record_recv_packet
 *   k  a child that is forked asks, by a session of its own in place of the one that it has got
 *   b  by push and pull functions          d  another socket sends before each write
 * SSL_CERT_FILE names the authority.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 60000
#define ROOM	 ((size_t)16 << 20)
#define PIECE	 100000 /* offered to a socket that does not block */

struct connection {
	gnutls_session_t session;
	int fd;
	int decoy;
	char ways[16];
	bool open;
};

static struct connection connections[128];
static gnutls_certificate_credentials_t authority;
static char host[64], answer[ROOM], failure[256];
static int port;
static size_t kept; /* bytes sent by (NULL, 0) */

static bool has(const struct connection *c, char way)
{
	return strchr(c->ways, way);
}

static int failed(const char *what, long error)
{
	snprintf(failure, sizeof(failure), "%s: %s", what,
		 error < 0 ? gnutls_strerror((int)error) : strerror(errno));
	return -1;
}

/* ---- connections ---- */

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, host, &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return failed("connect", 0);
	return fd;
}

/* A socket that sends to itself. */
static int dial_decoy(void)
{
	struct sockaddr_in me = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(me);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&me, len) < 0 || getsockname(fd, (struct sockaddr *)&me, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&me, len) < 0)
		return failed("decoy", 0);
	return fd;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *text, size_t len)
{
	return send((int)(intptr_t)ptr, text, len, MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *text, size_t len)
{
	return recv((int)(intptr_t)ptr, text, len, 0);
}

static int start(struct connection *c)
{
	int small = 65536, r;

	c->fd = dial();
	if (c->fd < 0)
		return -1;
	gnutls_init(&c->session, GNUTLS_CLIENT);
	gnutls_set_default_priority(c->session);
	gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, authority);
	gnutls_session_set_verify_cert(c->session, "localhost", 0);
	gnutls_transport_set_int(c->session, c->fd);
	if (has(c, 'b')) {
		gnutls_transport_set_ptr(c->session, (gnutls_transport_ptr_t)(intptr_t)c->fd);
		gnutls_transport_set_push_function(c->session, push);
		gnutls_transport_set_pull_function(c->session, pull);
	}
	do
		r = gnutls_handshake(c->session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (r < 0)
		return failed("handshake", r);
	if (has(c, 'd'))
		c->decoy = dial_decoy();
	if (has(c, 'n') || has(c, 'o')) {
		setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
	}
	c->open = true;
	return 0;
}

static int await(const struct connection *c, short events)
{
	struct pollfd p = {c->fd, events, 0};

	return poll(&p, 1, LIMIT_MS) > 0 ? 0 : failed("no end", 0);
}

/* ---- sending ---- */

static ssize_t send_once(struct connection *c, const char *text, size_t len)
{
	const gnutls_range_st exact = {len < 16384 ? len : 16384, len < 16384 ? len : 16384};

	if (has(c, '2'))
		return gnutls_record_send2(c->session, text, len, 0, 0);
	if (has(c, 'r'))
		return gnutls_record_send_range(c->session, text, exact.high, &exact);
	return gnutls_record_send(c->session, text, len);
}

/* Goes on with what the library has kept. */
static ssize_t send_rest(struct connection *c, char *offered, size_t len)
{
	ssize_t r;

	if (has(c, 'o'))
		memset(offered, '-', len);
	do {
		if (await(c, POLLOUT) < 0)
			return -1;
		r = gnutls_record_send(c->session, NULL, 0);
	} while (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED);
	kept += r > 0 ? (size_t)r : 0;
	return r;
}

static int send_all(struct connection *c, const char *text, size_t len)
{
	static char offered[PIECE];

	while (len) {
		size_t n = len;
		ssize_t r;

		if (has(c, 'd') && write(c->decoy, "d", 1) != 1)
			return failed("decoy", 0);
		if (has(c, 'n') || has(c, 'o')) {
			n = len < PIECE ? len : PIECE;
			memcpy(offered, text, n);
			r = send_once(c, offered, n);
			if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
				r = send_rest(c, offered, n);
		} else {
			r = send_once(c, text, n);
		}
		if (r < 0)
			return failed("send", r);
		text += r;
		len -= (size_t)r;
	}
	return 0;
}

static int send_file(struct connection *c, const char *path, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	while ((size_t)at < len) {
		ssize_t r = gnutls_record_send_file(c->session, fd, &at, len - (size_t)at);

		if (r <= 0)
			return failed("send_file", r);
	}
	close(fd);
	return 0;
}

/* The parts of a body, a pause between two. */
static int send_parts(struct connection *c, char *body)
{
	const struct timespec pause = {0, 200000000};

	for (char *part = strsep(&body, "|"); part; part = strsep(&body, "|")) {
		if (send_all(c, part, strlen(part)) < 0)
			return -1;
		if (body)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static size_t length_of(const char *body)
{
	size_t len = strlen(body);

	for (const char *p = body; *p; p++)
		len -= *p == '|';
	return len;
}

/* ---- receiving ---- */

static ssize_t receive_packet(struct connection *c, char *to, size_t room)
{
	gnutls_packet_t packet;
	gnutls_datum_t text;
	ssize_t r = gnutls_record_recv_packet(c->session, &packet);

	if (r <= 0)
		return r;
	gnutls_packet_get(packet, &text, NULL);
	memcpy(to, text.data, text.size < room ? text.size : room);
	gnutls_packet_deinit(packet);
	return r;
}

static ssize_t receive(struct connection *c, char *to, size_t room)
{
	unsigned char sequence[8];

	if (has(c, 'p'))
		return receive_packet(c, to, room);
	if (has(c, 's'))
		return gnutls_record_recv_seq(c->session, to, room, sequence);
	return gnutls_record_recv(c->session, to, room);
}

/* Reads a whole answer. Returns its status, and where its body is. */
static int read_answer(struct connection *c, const char **body, size_t *len)
{
	size_t have = 0, want = 0;
	char *end = NULL, *length;
	int status = 0;

	while (!want || have < want) {
		ssize_t r = receive(c, answer + have, ROOM - 1 - have);

		if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
			if (await(c, POLLIN) < 0)
				return -1;
			continue;
		}
		if (r < 0)
			return failed("recv", r);
		if (!r)
			return failed("end", GNUTLS_E_PREMATURE_TERMINATION);
		have += (size_t)r;
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

/* ---- steps ---- */

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
static int ask(struct connection *c, const char *method, const char *path, char *body)
{
	size_t len = length_of(body), answered = 0;
	char head[8192], *file = NULL;
	const char *back = NULL;
	int status;

	if (!c->open && start(c) < 0)
		return -1;
	if (*body == '@')
		file = read_file(body + 1, &len);
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: %zu\r\n\r\n", method,
		 path, host, port, len);
	if (has(c, 'c'))
		gnutls_record_cork(c->session);
	if (send_all(c, head, strlen(head)) < 0)
		return -1;
	if (file && has(c, 'f') ? send_file(c, body + 1, len) : file ? send_all(c, file, len) : send_parts(c, body))
		return -1;
	if (has(c, 'c') && gnutls_record_uncork(c->session, GNUTLS_RECORD_WAIT) < 0)
		return failed("uncork", GNUTLS_E_PUSH_ERROR);
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

static void step(char *text)
{
	const char *name = strsep(&text, " "), *method = strsep(&text, " "), *path = strsep(&text, " ");
	struct connection *c = &connections[*name & 127];
	bool child = strchr(name, 'k');
	double begin = now();
	char none[] = "";
	int status;

	if (child && fork()) {
		wait(NULL);
		return;
	}
	if (child && c->open) {
		gnutls_deinit(c->session);
		c->open = false;
	}
	if (!c->open)
		snprintf(c->ways, sizeof(c->ways), "%s", name[1] == ':' ? name + 2 : "");
	status = ask(c, method, path, text ? text : none);
	printf("%s %s %s ", name, method, path);
	if (status < 0)
		printf("error %.3f %s\n", now() - begin, failure);
	else if (!status)
		printf("echoed %.3f\n", now() - begin);
	else
		printf("%d %.3f kept %zu\n", status, now() - begin, kept);
	fflush(stdout);
	if (child)
		_exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 3 || sscanf(argv[1], "https://%63[^:]:%d", host, &port) != 2) {
		fprintf(stderr, "client_gnutls URL STEP...\n");
		return 2;
	}
	gnutls_certificate_allocate_credentials(&authority);
	gnutls_certificate_set_x509_trust_file(authority, getenv("SSL_CERT_FILE"), GNUTLS_X509_FMT_PEM);
	for (int i = 2; i < argc; i++)
		step(argv[i]);
	for (size_t i = 0; i < sizeof(connections) / sizeof(connections[0]); i++)
		if (connections[i].open)
			gnutls_deinit(connections[i].session);
	return 0;
}
