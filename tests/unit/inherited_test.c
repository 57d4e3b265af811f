/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "inherited.h"
#include "unit/policy/build.h"

/* Sockets of the test itself: each is open, and would be inherited, while it is looked at. */

static const void *image_of(const char *deny, const char *allow, enum image_mode mode)
{
	struct policy *p = build_policy();
	struct image_block block;

	p->mode = mode;
	if (deny)
		build_rule(&p->deny, "deny", deny, NULL);
	if (allow)
		build_rule(&p->allow, "allow", allow, NULL);
	block = build_image(p);
	policy_free(&p);
	return block.data;
}

/* The complaint about `fd`, "" if there is none; closes it. */
static char *complaint(const void *img, enum tier tier, int fd)
{
	struct buf b = {};
	char number[32];
	int r;

	assert_true(fd >= 0);
	r = inherited_check(img, tier, &b);
	assert_true(r == 0 || r == -EPERM);
	assert_int_equal(r == 0, b.len == 0);
	buf_add_char(&b, '\0');
	snprintf(number, sizeof(number), "descriptor %d,", fd);
	if (r && !strstr(b.data, number))
		fail_msg("%s", b.data);
	close(fd);
	return b.data;
}

static int connected(int type, const char *addr)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, addr, &to.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void assert_complaint(const void *img, enum tier tier, int fd, const char *want)
{
	char *text = complaint(img, tier, fd);

	if (*want ? !strstr(text, want) : *text)
		fail_msg("<%s>, wanted <%s>", text, want);
	free(text);
}

static void connections_are_decided(void **state)
{
	const void *img = image_of("net:127.0.0.1:9/udp", NULL, MODE_ENFORCE);
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	int six;

	assert_complaint(img, TIER_LSM, connected(SOCK_DGRAM, "127.0.0.1"),
			 "is a socket for net:127.0.0.1:9/udp: denied by deny[0]; close it first");
	assert_complaint(img, TIER_CGROUP, connected(SOCK_DGRAM, "127.0.0.2"), "");
	six = socket(AF_INET6, SOCK_DGRAM, 0);
	if (six >= 0) { /* not every machine has the family */
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
		assert_int_equal(connect(six, (struct sockaddr *)&mapped, sizeof(mapped)), 0);
		assert_complaint(img, TIER_LSM, six, "net:[::ffff:127.0.0.1]:9/udp: denied");
	}
	free((void *)img);
	img = image_of(NULL, "net:127.0.0.2", MODE_ENFORCE);
	assert_complaint(img, TIER_LSM, connected(SOCK_DGRAM, "127.0.0.1"), "no allow entry");
	assert_complaint(img, TIER_LSM, connected(SOCK_DGRAM, "127.0.0.2"), "");
	free((void *)img);
}

static void what_closes_itself_may_be_open(void **state)
{
	const void *img = image_of("net:127.0.0.0/8", NULL, MODE_ENFORCE);
	int fd = connected(SOCK_DGRAM, "127.0.0.1");

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	assert_complaint(img, TIER_LSM, fd, "");
	free((void *)img);
}

static void only_rules_are_asked(void **state)
{
	static const enum image_mode modes[] = {MODE_AUDIT, MODE_ENFORCE};
	static const char *const denied[] = {"net:127.0.0.0/8", "exec:/x"};

	for (size_t i = 0; i < 2; i++) {
		const void *img = image_of(denied[i], NULL, modes[i]);

		assert_complaint(img, TIER_CGROUP, connected(SOCK_DGRAM, "127.0.0.1"), "");
		free((void *)img);
	}
}

/* With LSM it is decided when it is connected. */
static void unconnected(void **state)
{
	const void *img = image_of("net:127.0.0.0/8", NULL, MODE_ENFORCE);
	int listener;

	assert_complaint(img, TIER_CGROUP, socket(AF_INET, SOCK_DGRAM, 0), "is not connected yet");
	assert_complaint(img, TIER_LSM, socket(AF_INET, SOCK_DGRAM, 0), "");
	assert_complaint(img, TIER_CGROUP, socket(AF_UNIX, SOCK_DGRAM, 0), "");
	assert_complaint(img, TIER_CGROUP, socket(AF_NETLINK, SOCK_RAW, 0), "");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listen(listener, 1), 0); /* what it accepts goes nowhere */
	assert_complaint(img, TIER_CGROUP, listener, "");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(listen(listener, 1), 0);
	img = image_of("net:listen:*", NULL, MODE_ENFORCE);
	assert_complaint(img, TIER_LSM, listener, "is a socket for net:listen:0.0.0.0:");
	assert_complaint(img, TIER_LSM, socket(AF_INET, SOCK_STREAM, 0), "");
	free((void *)img);
}

static void raw_sockets(void **state)
{
	const void *img = image_of("net:10.0.0.0/8", NULL, MODE_ENFORCE);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);

	if (fd < 0)
		skip(); /* not without CAP_NET_RAW */
	assert_complaint(img, TIER_CGROUP, fd, "is a socket for net:raw: no entry names it");
	free((void *)img);
	img = image_of(NULL, "net:raw", MODE_ENFORCE);
	assert_complaint(img, TIER_CGROUP, socket(AF_INET, SOCK_RAW, IPPROTO_UDP), "");
	free((void *)img);
}

static void unix_sockets(void **state)
{
	const void *img = image_of("net:unix:@warden-inherited-*", NULL, MODE_ENFORCE);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len;

	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			  (size_t)snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1,
					   "warden-inherited-%d", getpid()));
	assert_int_equal(bind(server, (struct sockaddr *)&to, len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0);
	assert_complaint(img, TIER_CGROUP, fd, "net:unix:@warden-inherited-");
	close(server);
	free((void *)img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_decided),
		cmocka_unit_test(what_closes_itself_may_be_open),
		cmocka_unit_test(only_rules_are_asked),
		cmocka_unit_test(unconnected),
		cmocka_unit_test(raw_sockets),
		cmocka_unit_test(unix_sockets),
	};

	return cmocka_run_group_tests_name("inherited", tests, NULL, NULL);
}
