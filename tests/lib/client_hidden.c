/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * An HTTPS client whose TLS nobody sees into, for tests: client_hidden PORT PATH
 *
 * The library is a part of the program, without symbols, and with another name in its errors (see the Makefile). Asks for the path at 127.0.0.1,
 * ends with 0 when that was answered. SSL_CERT_FILE names the authority.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval limit = {20, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : fd;
}

int main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char text[4096];
	SSL *ssl;
	int n;

	if (argc != 3)
		return 2;
	SSL_CTX_set_default_verify_paths(context);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	ssl = SSL_new(context);
	SSL_set_fd(ssl, dial(atoi(argv[1])));
	n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[2]);
	if (SSL_connect(ssl) == 1 && SSL_write(ssl, text, n) == n && SSL_read(ssl, text, sizeof(text)) > 12)
		return strncmp(text + 9, "200", 3) != 0;
	ERR_print_errors_fp(stderr);
	return 1;
}
