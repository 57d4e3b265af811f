/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "build.h"
#include "match.h"

static int unknown(const struct image_block *image, const char *name, struct image_row *ret)
{
	static uint8_t buffer[NAME_SIZE];
	struct matcher m = {};
	int r;

	snprintf((char *)buffer, sizeof(buffer), "%s", name);
	matcher_init(&m);
	r = match_unix(image->data, buffer, (uint32_t)strlen(name), &m);
	*ret = m.hit;
	return r;
}

/* Where sockets are named, a path that could be written otherwise is none that rules know. */
static void test_plain_paths_only(void **state)
{
	static const struct {
		const char *name;
		int unknown;
	} cases[] = {
		{"/run/docker.sock", 0},
		{"/run/.hidden", 0},
		{"/run/..x/y", 0},
		{"/run/x.", 0},
		{"/run/x..", 0},
		{"/run/...", 0},
		{"/.x/.y", 0},
		{"@abstract", 0},
		{"@/../x", 0},
		{"run/docker.sock", 1},
		{"./docker.sock", 1},
		{"x", 1},
		{".", 1},
		{"/", 1},
		{"/.", 1},
		{"/..", 1},
		{"//run/docker.sock", 1},
		{"/run//docker.sock", 1},
		{"/run/./docker.sock", 1},
		{"/run/../docker.sock", 1},
		{"/run/docker.sock/", 1},
		{"/run/docker.sock/.", 1},
		{"/run/docker.sock/..", 1},
	};
	struct policy *p = build_policy();
	struct image_block image;
	struct image_row hit;

	build_rule(&p->deny, "deny", "net:unix:/run/docker.sock", NULL);
	build_rule(&p->allow, "allow", "net:*", NULL);
	image = build_image(p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (unknown(&image, cases[i].name, &hit) != cases[i].unknown)
			fail_msg("%s", cases[i].name);
		/* `net:*` does not admit what may be the socket that is denied. */
		assert_int_equal(hit.allow == RULE_NONE, cases[i].unknown);
	}
	unknown(&image, "/run/docker.sock", &hit);
	assert_int_not_equal(hit.deny, RULE_NONE);
	free(image.data);
	policy_free(&p);
}

/* Without such rules no name matters. */
static void test_no_names(void **state)
{
	struct policy *p = build_policy();
	struct image_block image;
	struct image_row hit;

	build_rule(&p->allow, "allow", "net:*", NULL);
	image = build_image(p);
	assert_int_equal(unknown(&image, "../x", &hit), 0);
	assert_int_not_equal(hit.allow, RULE_NONE);
	free(image.data);
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_paths_only),
		cmocka_unit_test(test_no_names),
	};

	return cmocka_run_group_tests_name("policy/match_unix", tests, NULL, NULL);
}
