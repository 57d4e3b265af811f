/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "parsing.h"
#include "policy/pattern.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct pattern parsed(const char *source)
{
	struct diags diags = {};
	struct pattern p = {};

	assert_int_equal(pattern_parse(source, (struct place){2, 5}, &p, &diags), 0);
	assert_said(&diags, "", source);
	assert_string_equal(p.source, source);
	assert_int_equal(p.place.line, 2);
	assert_int_equal(p.place.column, 5);
	assert_null(p.tool);
	return p;
}

/* The fields, those that are "*" as such. */
static char *describe(const struct pattern *p)
{
	static const char *const protos[] = {"*", "tcp", "udp"};
	struct buf out = {};
	char addr[INET6_ADDRSTRLEN];

	if (p->kind == KIND_EXEC)
		buf_addf(&out, "exec %s", p->text ?: "*");
	else if (p->kind == KIND_HTTP)
		buf_addf(&out, "http %s %s %s", p->method ?: "*", p->host ?: "*", p->path ?: "*");
	else if (p->form == NET_RAW)
		buf_addf(&out, "raw");
	else if (p->form == NET_UNIX)
		buf_addf(&out, "unix %s", p->text ?: "*");
	else {
		buf_addf(&out, p->kind == KIND_LISTEN ? "listen " : "net ");
		if (p->form == NET_ANY)
			buf_addf(&out, "*");
		else if (p->form == NET_HOST)
			buf_addf(&out, "%s", p->host);
		else
			buf_addf(&out, "%s/%d", inet_ntop(p->family, p->addr, addr, sizeof(addr)),
				 p->prefix);
		buf_addf(&out, p->port == PORT_ANY ? " *" : " %u", p->port);
		buf_addf(&out, " %s", protos[p->proto + 1]);
	}
	buf_add_char(&out, '\0');
	return out.data;
}

/* As long as a label, and a name, may be. */
#define HALF  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL HALF HALF "b"
#define HOST  LABEL "." LABEL "." LABEL "." HALF "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void parses(void **state)
{
	static const struct {
		const char *source, *fields;
	} rows[] = {
		{"exec:*", "exec *"},
		{"exec:/usr/bin/git", "exec /usr/bin/git"},
		{"exec:/usr/*/g?t", "exec /usr/*/g?t"},
		{"exec:*/git", "exec */git"},
		{"exec:?usr", "exec ?usr"},
		{"exec:/a\\[b\\]\\*", "exec /a[b]\\*"},
		{"exec:/a:b c", "exec /a:b c"},
		{"exec:unknown", "exec unknown"},
		{"exec:memfd:runc", "exec memfd:runc"},
		{"exec:memfd:*", "exec memfd:*"},
		{"net:*", "net * * *"},
		{"net:*:*", "net * * *"},
		{"net:*:443", "net * 443 *"},
		{"net:*:443/tcp", "net * 443 tcp"},
		{"net:*:*/udp", "net * * udp"},
		{"net:*:*/*", "net * * *"},
		{"net:*:0", "net * 0 *"},
		{"net:*:65535", "net * 65535 *"},
		{"net:10.0.0.0/8:5432", "net 10.0.0.0/8 5432 *"},
		{"net:10.0.0.1", "net 10.0.0.1/32 * *"},
		{"net:0.0.0.0/0", "net 0.0.0.0/0 * *"},
		{"net:10.0.0.1:53/udp", "net 10.0.0.1/32 53 udp"},
		{"net:[2001:db8::/32]:443/tcp", "net 2001:db8::/32 443 tcp"},
		{"net:[2001:DB8::1]", "net 2001:db8::1/128 * *"},
		{"net:[::/0]", "net ::/0 * *"},
		{"net:[::ffff:10.0.0.0/104]:80", "net 10.0.0.0/8 80 *"},
		{"net:[::ffff:192.0.2.1]", "net 192.0.2.1/32 * *"},
		{"net:[::ffff:0:0/96]", "net 0.0.0.0/0 * *"},
		{"net:api.example.com", "net api.example.com * *"},
		{"net:API.Example.COM.:443", "net api.example.com 443 *"},
		{"net:*.example.com:443/tcp", "net *.example.com 443 tcp"},
		{"net:*.example.com:*/udp", "net *.example.com * udp"},
		{"net:db-?.*.internal", "net db-?.*.internal * *"},
		{"net:rawhide:80", "net rawhide 80 *"},
		{"net:unix.example", "net unix.example * *"},
		{"net:listen.example:1", "net listen.example 1 *"},
		{"net:_x.xn--mnchen-3ya.de", "net _x.xn--mnchen-3ya.de * *"},
		{"net:10.0.0.1.example", "net 10.0.0.1.example * *"},
		{"net:a.1x", "net a.1x * *"},
		{"net:*.*", "net *.* * *"},
		{"net:api.*", "net api.* * *"},
		{"net:*.", "net * * *"},
		{"net:*.:443", "net * 443 *"},
		{"net:" LABEL, "net " LABEL " * *"},
		{"net:" HOST "*.:1", "net " HOST "* 1 *"},
		{"net:raw", "raw"},
		{"net:listen", "listen * * *"},
		{"net:listen:*", "listen * * *"},
		{"net:listen:8080", "listen * 8080 *"},
		{"net:listen:0", "listen * 0 *"},
		{"net:listen:53/udp", "listen * 53 udp"},
		{"net:listen:*/tcp", "listen * * tcp"},
		{"net:listen:*:80", "listen * 80 *"},
		{"net:listen:127.0.0.0/8:*", "listen 127.0.0.0/8 * *"},
		{"net:listen:127.0.0.1:80/tcp", "listen 127.0.0.1/32 80 tcp"},
		{"net:listen:[::1]:80", "listen ::1/128 80 *"},
		{"net:listen:[::ffff:127.0.0.1]:80", "listen 127.0.0.1/32 80 *"},
		{"net:unix", "unix *"},
		{"net:unix:*", "unix *"},
		{"net:unix:/run/*.sock", "unix /run/*.sock"},
		{"net:unix:@/tmp/x:0", "unix @/tmp/x:0"},
		{"http:*", "http * * *"},
		{"http:GET", "http GET * *"},
		{"http:* *", "http * * *"},
		{"http:POST api.example.com", "http POST api.example.com *"},
		{"http:POST api.example.com/v1/x", "http POST api.example.com /v1/x"},
		{"http:POST API.Example.COM./V1", "http POST api.example.com /V1"},
		{"http:P* *.example.com/v1/*", "http P* *.example.com /v1/*"},
		{"http:* */v1/x y", "http * * /v1/x y"},
		{"http:GET api*.example.com", "http GET api*.example.com *"},
		{"http:GET [2001:DB8::1]/x", "http GET [2001:db8::1] /x"},
		{"http:GET 10.0.0.1/x", "http GET 10.0.0.1 /x"},
		{"http:GET localhost/\\?\\\\", "http GET localhost /\\?\\\\"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern p = parsed(rows[i].source);
		char *fields = describe(&p);

		assert_string_equal(fields, rows[i].fields);
		free(fields);
		pattern_done(&p);
		assert_null(p.source);
	}
}

#define PORT "has a port: ports are of net:, leave it out"

/* What is said behind the place and the quoted source. */
static void refuses(void **state)
{
	static const struct {
		const char *source, *message;
	} rows[] = {
		{"exec:", "names no program: write exec:* for all"},
		{"exec:git", "is not an absolute path: write exec:/PATH, exec:*/NAME, "
			     "exec:memfd:NAME or exec:unknown"},
		{"exec:./git", "is not an absolute path: write exec:/PATH, exec:*/NAME, "
			       "exec:memfd:NAME or exec:unknown"},
		{"exec:memfd:", "is not an absolute path: write exec:/PATH, exec:*/NAME, "
				"exec:memfd:NAME or exec:unknown"},
		{"exec:/usr/bin/", "ends in /: write exec:/usr/bin/* for all that is below"},
		{"exec:/usr/**", "has **: one * is enough, it crosses / too"},
		{"exec:/usr/[ab]", "has [ or ], which are not special: write \\[ and \\]"},
		{"exec:/usr/{a,b}", "has { or }, which are not special: write \\{ and \\}"},
		{"exec:/usr/a\\", "ends in a lone \\: write \\\\ for the character itself"},
		{"net:", "names no destination: write net:* for all"},
		{"net:raw:80", "has ':80' behind net:raw, which has no port and no address"},
		{"net:listen:", "has no port: write net:listen:* for any"},
		{"net:listen:http", "has the port 'http': write one number, or *"},
		{"net:listen:8080-8090", "has the port '8080-8090': write one number, or *"},
		{"net:listen:65536", "has a port above 65535"},
		{"net:listen:80/sctp", "has the protocol 'sctp': tcp and udp are known"},
		{"net:listen:127.0.0.1", "has an address without a port: write net:listen:127.0.0.1:*"},
		{"net:listen:[::1]", "has an address without a port: write net:listen:[::1]:*"},
		{"net:listen:[::1:80", "has no ]"},
		{"net:listen:::1", "lacks brackets: write net:listen:[::1]:*"},
		{"net:listen:localhost:80",
		 "has no address in front of its port: that is an IPv4 address or CIDR, one of IPv6 in "
		 "brackets, or *"},
		{"net:listen:10.0.0.1/8:80", "has bits set behind the prefix: the network is 10.0.0.0/8"},
		{"net:m\xc3\xbcnchen.de", "has a host that is not ASCII: write its xn-- form"},
		{"net:.example.com", "begins the host with a dot: write *.HOST for all below it"},
		{"net:a..b:80", "has an empty label in the host"},
		{"net:a b", "has ' ' in the host, which no host name has"},
		{"net:user@host", "has '@' in the host, which no host name has"},
		{"net:**.b", "has **: one * is enough, and a leading *. is any number of labels"},
		{"net:a\\*.b", "has '*' in the host, which no host name has"},
		{"net:a\\.b", "has '\\' in the host, which no host name has"},
		{"net:a.b/c", "has '/c' behind the host: write :PORT or :PORT/PROTO"},
		{"net:a.b/24/x:80", "has '/24/x' behind the host: write :PORT or :PORT/PROTO"},
		{"net:a.b/tcp", "has a protocol without a port: write net:a.b:*/tcp"},
		{"net:https://a.b", "has a scheme: begin with the host"},
		{"net:a.b:https", "has the port 'https': write one number, or *"},
		{"net:fe80::1%eth0", "has several colons: an IPv6 address stands in brackets"},
		{"net::443", "has nothing before its colon: write net:*:443 for all"},
		{"net:a.1", "ends in a number, as only an address does"},
		{"net:*.1a.007:80", "ends in a number, as only an address does"},
		{"net:*.0", "has a glob in an address: write a CIDR, as 10.0.0.0/8"},
		{"net:1.2.3", "has no IPv4 address in '1.2.3'"},
		{"net:300.1.1.1", "has no IPv4 address in '300.1.1.1'"},
		{"net:127.1:80", "has no IPv4 address in '127.1'"},
		{"net:" LABEL "c.de",
		 "has more than 63 bytes between two dots, as no host name has"},
		{"net:" HOST "c", "is longer than 253 bytes, as no host name is"},
		{"net:10.*", "has a glob in an address: write a CIDR, as 10.0.0.0/8"},
		{"net:10.0.0.?:80", "has a glob in an address: write a CIDR, as 10.0.0.0/8"},
		{"net:10.0.0.1/8:5432",
		 "has bits set behind the prefix: the network is 10.0.0.0/8"},
		{"net:[2001:db8::1/32]",
		 "has bits set behind the prefix: the network is 2001:db8::/32"},
		{"net:10.0.0", "has no IPv4 address in '10.0.0'"},
		{"net:10.0.0.256", "has no IPv4 address in '10.0.0.256'"},
		{"net:010.0.0.1", "has no IPv4 address in '010.0.0.1'"},
		{"net:10.0.0.0/33", "has the prefix length '33': write 0 to 32"},
		{"net:10.0.0.0/", "has the prefix length '': write 0 to 32"},
		{"net:10.0.0.0/08", "has the prefix length '08': write 0 to 32"},
		{"net:[::1/129]", "has the prefix length '129': write 0 to 128"},
		{"net:[fe80::1%eth0]", "has no IPv6 address in 'fe80::1%eth0'"},
		{"net:[10.0.0.1]", "has no IPv6 address in '10.0.0.1'"},
		{"net:[::1", "has no ]"},
		{"net:[::1]x", "has 'x' behind the address: write :PORT or :PORT/PROTO"},
		{"net:2001:db8::/32", "lacks brackets: write net:[2001:db8::/32]"},
		{"net:::1", "lacks brackets: write net:[::1]"},
		{"net:*:", "has the port '': write one number, or *"},
		{"net:*:65536", "has a port above 65535"},
		{"net:*:0443", "has the port '0443': write one number, or *"},
		{"net:*:80-90", "has the port '80-90': write one number, or *"},
		{"net:*:https", "has the port 'https': write one number, or *"},
		{"net:*:443/sctp", "has the protocol 'sctp': tcp and udp are known"},
		{"net:*:443/", "has the protocol '': tcp and udp are known"},
		{"net:*/tcp", "has a protocol without a port: write net:*:*/tcp"},
		{"net:10.0.0.0/8/udp", "has a protocol without a port: write net:10.0.0.0/8:*/udp"},
		{"net:/run/docker.sock", "is a path: write net:unix:/run/docker.sock"},
		{"net:unix:", "is not an absolute path: write net:unix:/PATH, or "
			      "net:unix:@NAME for an abstract socket"},
		{"net:unix:docker.sock", "is not an absolute path: write net:unix:/PATH, or "
					 "net:unix:@NAME for an abstract socket"},
		{"net:unix:/run/**", "has **: one * is enough, it crosses / too"},
		{"http:", "names no request: write http:* for all"},
		{"http:api.example.com/v1", "has no method: write http:METHOD HOST/PATH, and * "
					    "for any method"},
		{"http:api.example.com", "has the method 'api.example.com': write http:METHOD "
					 "HOST/PATH, and * for any method"},
		{"http: api.example.com", "has the method '': write http:METHOD HOST/PATH, and * "
					  "for any method"},
		{"http:GET ", "has no host behind its blank"},
		{"http:GET  api.example.com", "has no host behind its blank"},
		{"http:GET /v1/x", "has no host: write * before the path for any"},
		{"http:GET https://api.example.com/x", "has a scheme: begin with the host"},
		{"http:GET api.example.com:443/x", PORT},
		{"http:GET [::1]:443/x", PORT},
		{"http:GET [::1/x", "has no IPv6 address in [ ]"},
		{"http:GET [1.2.3.4]/x", "has no IPv6 address in [ ]"},
		{"http:GET .example.com",
		 "begins the host with a dot: write *.HOST for all below it"},
		{"http:GET a..b", "has an empty label in the host"},
		{"http:GET a b/c", "has a blank in the host: there is one blank, behind the "
				   "method"},
		{"http:GET m\xc3\xbcnchen.de", "has a host that is not ASCII: write its xn-- form"},
		{"http:GET user@host/x", "has '@' in the host, which no host name has"},
		{"http:GET **.a", "has **: one * is enough, and a leading *. is any number of "
				  "labels"},
		{"http:GET a/**", "has **: one * is enough, it crosses / too"},
		{"http:GET a/b\\", "ends in a lone \\: write \\\\ for the character itself"},
		{"http:GET a\\*.b", "has '*' in the host, which no host name has"},
		{"http:** a", "has **: one * is enough, it crosses / too"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags diags = {};
		struct pattern p;
		char expected[512];

		assert_int_equal(pattern_parse(rows[i].source, (struct place){7, 9}, &p, &diags),
				 -EINVAL);
		snprintf(expected, sizeof(expected), "7:9: error: '%.80s' %s\n", rows[i].source,
			 rows[i].message);
		assert_said(&diags, expected, rows[i].source);
		diags_free(&diags);
	}
}

static void refuses_kinds(void **state)
{
	static const struct {
		const char *source, *message;
	} rows[] = {
		{"model:openai/gpt-4o", "7:9: error: 'model:' is not supported yet\n"},
		{"fn:x", "7:9: error: 'fn:' is not supported yet\n"},
		{"mcp:*", "7:9: error: 'mcp:' is not supported yet\n"},
		{"file:read /etc", "7:9: error: 'file:read /etc' is not supported yet: file:write PATH is, to "
				   "open a broker\n"},
		{"file:write etc", "7:9: error: 'file:write etc' is not an absolute path: write file:write "
				   "/PATH\n"},
		{"exce:/bin/sh", "7:9: error: 'exce' is not a kind of activity; did you mean "
				 "'exec'?\n"},
		{"https:GET x", "7:9: error: 'https' is not a kind of activity; did you mean "
				"'http'?\n"},
		{"10.0.0.1:80", "7:9: error: '10.0.0.1' is not a kind of activity\n"},
		{"/bin/sh", "7:9: error: '/bin/sh' is not an activity: write KIND:NAME, as "
			    "exec:/usr/bin/git\n"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags diags = {};
		struct pattern p;

		assert_int_equal(pattern_parse(rows[i].source, (struct place){7, 9}, &p, &diags),
				 -EINVAL);
		assert_said(&diags, rows[i].message, rows[i].source);
		diags_free(&diags);
	}
}

static void bounds_length(void **state)
{
	struct diags diags = {};
	struct pattern p;
	char source[PATTERN_MAX_LEN + 2];

	memset(source, 'a', sizeof(source));
	memcpy(source, "exec:/", 6);
	source[PATTERN_MAX_LEN + 1] = '\0';
	assert_int_equal(pattern_parse(source, (struct place){1, 1}, &p, &diags), -EINVAL);
	assert_said(&diags, "1:1: error: longer than 4608 bytes, as no name is\n", "long");
	diags_free(&diags);
	source[PATTERN_MAX_LEN] = '\0';
	p = parsed("exec:/a");
	pattern_done(&p);
	assert_int_equal(pattern_parse(source, (struct place){1, 1}, &p, &diags), 0);
	pattern_done(&p);
}

/* A rule of a name that nobody meant would never decide, and nobody would see why. */
static void refuses_controls(void **state)
{
	static const struct {
		const char *source, *said;
	} rows[] = {
		{"exec:/a\n", "'exec:/a\\n' ends in a line break"},
		{"http:GET\n", "'http:GET\\n' ends in a line break"},
		{"net:10.0.0.1\n", "'net:10.0.0.1\\n' ends in a line break"},
		{"exec:/a\n\n", "'exec:/a\\n\\n' has a control character: write ? for it"},
		{"exec:/a\tb", "'exec:/a\\tb' has a control character: write ? for it"},
		{"http:GET a/\x7f", "'http:GET a/\\x7f' has a control character"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags diags = {};
		struct pattern p;

		assert_int_equal(pattern_parse(rows[i].source, (struct place){7, 9}, &p, &diags),
				 -EINVAL);
		assert_int_equal(diags.count, 1);
		if (strncmp(diags.items[0].message, rows[i].said, strlen(rows[i].said)) != 0)
			fail_msg("%s", diags.items[0].message);
		diags_free(&diags);
	}
}

#define LOCALHOST                                                                                  \
	"matches nothing: no resolver is asked for localhost, write net:127.0.0.0/8 and net:[::1]"
#define BLANK "ends in a blank: write \\ before it if it is meant"

static void warns(void **state)
{
	static const struct {
		const char *source, *message;
	} rows[] = {
		{"http:get a", "matches no common request: methods are written in capitals, as "
			       "GET"},
		{"http:Post a/x", "matches no common request: methods are written in capitals, as "
				  "POST"},
		{"http:GET a/./x", "matches no request: . and .. are taken out of paths before"},
		{"http:GET a/x/..", "matches no request: . and .. are taken out of paths before"},
		{"exec:/a ", BLANK},
		{"net:unix:/a ", BLANK},
		{"http:GET a/b ", BLANK},
		{"net:localhost", LOCALHOST},
		{"net:*.localhost.:80", LOCALHOST},
		{"http:CONNECT a/*", "matches no request: CONNECT has no path, leave it out"},
		{"http:GET a//x*", "matches no request: several slashes are taken for one before"},
		{"http:GET a/b%20c", "has a % escape: paths are decoded before, write the "
				     "character itself"},
		{"http:GET a/b?c=1", "has a ? that is any one byte: a query is not part of the "
				     "name"},
	};
	static const char *const fine[] = {
		"net:localhost.example", "net:a.b",         "exec:/a b",      "exec:/a\\ ",
		"http:PROPFIND a",       "http:GET a/100%", "http:GET a/b?c", "http:GET a/.x",
		"http:GET a/x.."};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diags diags = {};
		struct pattern p;
		char expected[512];

		assert_int_equal(pattern_parse(rows[i].source, (struct place){7, 9}, &p, &diags),
				 0);
		snprintf(expected, sizeof(expected), "7:9: warning: '%s' %s\n", rows[i].source,
			 rows[i].message);
		assert_said(&diags, expected, rows[i].source);
		diags_free(&diags);
		pattern_done(&p);
	}
	for (size_t i = 0; i < COUNT(fine); i++) {
		struct pattern p = parsed(fine[i]);

		pattern_done(&p);
	}
}

static struct activity_name exec_name(const char *path)
{
	return (struct activity_name){.kind = KIND_EXEC, .text = path, .len = strlen(path)};
}

static struct activity_name net_name(const char *addr, uint16_t port, enum image_proto proto)
{
	struct activity_name n = {.kind = KIND_NET, .port = port, .proto = proto};

	n.family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	if (*addr == '/' || *addr == '@') {
		n.text = addr;
		n.len = strlen(addr);
	} else {
		assert_int_equal(inet_pton(n.family, addr, n.addr), 1);
	}
	return n;
}

static void assert_matches(const char *source, const struct activity_name *n, bool match)
{
	struct pattern p = parsed(source);

	if (pattern_matches(&p, n) != match)
		fail_msg("%s: %s", source, match ? "does not match" : "matches");
	pattern_done(&p);
}

static void matches_programs(void **state)
{
	static const struct {
		const char *source, *path;
		bool match, admit;
	} rows[] = {
		{"exec:*", "/usr/bin/git", true, true},
		{"exec:*", "unknown", true, false},
		{"exec:*", "memfd:x", true, false},
		{"exec:*n", "unknown", true, false},
		{"exec:?nknown", "unknown", true, false},
		{"exec:unknown", "unknown", true, true},
		{"exec:unknown", "/unknown", false, false},
		{"exec:memfd:*", "memfd:x", true, true},
		{"exec:memfd:*", "unknown", false, false},
		{"exec:/usr/*", "/usr/bin/git", true, true},
		{"exec:*/git", "/usr/bin/git", true, true},
		{"exec:/usr/bin/git", "/usr/bin/gitk", false, false},
		{"net:*", "/usr/bin/git", false, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct activity_name n = exec_name(rows[i].path);
		struct pattern p = parsed(rows[i].source);

		assert_int_equal(pattern_matches(&p, &n), rows[i].match);
		assert_int_equal(pattern_admits(&p, &n), rows[i].admit);
		pattern_done(&p);
	}
}

static void matches_destinations(void **state)
{
	static const struct {
		const char *source, *addr;
		uint16_t port;
		enum image_proto proto;
		bool match;
	} rows[] = {
		{"net:*", "10.1.2.3", 80, PROTO_TCP, true},
		{"net:*", "2001:db8::1", 80, PROTO_OTHER, true},
		{"net:*", "/run/x", 0, PROTO_OTHER, true},
		{"net:*", "@x", 0, PROTO_OTHER, true},
		{"net:*:80", "/run/x", 80, PROTO_OTHER, false},
		{"net:*:0", "/run/x", 0, PROTO_OTHER, false},
		{"net:*:*/tcp", "/run/x", 0, PROTO_TCP, false},
		{"net:*:80", "10.1.2.3", 80, PROTO_TCP, true},
		{"net:*:80", "10.1.2.3", 81, PROTO_TCP, false},
		{"net:*:80/udp", "10.1.2.3", 80, PROTO_TCP, false},
		{"net:*:80/tcp", "2001:db8::1", 80, PROTO_TCP, true},
		{"net:*:80", "10.1.2.3", 80, PROTO_OTHER, true},
		{"net:10.0.0.0/8", "10.255.0.1", 1, PROTO_UDP, true},
		{"net:10.0.0.0/8", "11.0.0.1", 1, PROTO_UDP, false},
		{"net:10.128.0.0/9", "10.127.0.1", 1, PROTO_UDP, false},
		{"net:10.128.0.0/9", "10.128.0.1", 1, PROTO_UDP, true},
		{"net:10.0.0.1", "10.0.0.1", 1, PROTO_UDP, true},
		{"net:10.0.0.1", "10.0.0.0", 1, PROTO_UDP, false},
		{"net:10.0.0.0/8", "::ffff:10.1.2.3", 1, PROTO_TCP, true},
		{"net:[::ffff:10.0.0.0/104]", "10.1.2.3", 1, PROTO_TCP, true},
		{"net:[::/0]", "::ffff:10.1.2.3", 1, PROTO_TCP, false},
		{"net:[::/0]", "10.1.2.3", 1, PROTO_TCP, false},
		{"net:0.0.0.0/0", "10.1.2.3", 1, PROTO_TCP, true},
		{"net:0.0.0.0/0", "2001:db8::1", 1, PROTO_TCP, false},
		{"net:0.0.0.0/0", "/run/x", 1, PROTO_TCP, false},
		{"net:[2001:db8::/33]", "2001:db8:7fff::1", 1, PROTO_TCP, true},
		{"net:[2001:db8::/33]", "2001:db8:8000::1", 1, PROTO_TCP, false},
		{"net:unix:/run/*", "/run/x", 0, PROTO_OTHER, true},
		{"net:unix:/run/*", "@/run/x", 0, PROTO_OTHER, false},
		{"net:unix", "@x", 0, PROTO_OTHER, true},
		{"net:unix", "10.1.2.3", 0, PROTO_TCP, false},
		{"exec:*", "10.1.2.3", 0, PROTO_TCP, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct activity_name n = net_name(rows[i].addr, rows[i].port, rows[i].proto);

		assert_matches(rows[i].source, &n, rows[i].match);
	}
}

/* Of a name the address is not known: patterns for all addresses match it, others do not. */
static void matches_hosts(void **state)
{
	static const struct {
		const char *source, *host;
		uint16_t port;
		enum image_proto proto;
		bool match;
	} rows[] = {
		{"net:a.b", "a.b", 1, PROTO_OTHER, true},
		{"net:A.b.", "a.b", 1, PROTO_TCP, true},
		{"net:a.b", "x.a.b", 1, PROTO_TCP, false},
		{"net:a.b", "xa.b", 1, PROTO_TCP, false},
		{"net:*.b", "x.a.b", 1, PROTO_TCP, true},
		{"net:*.b", "b", 1, PROTO_TCP, false},
		{"net:*a.b", "x.a.b", 1, PROTO_TCP, false},
		{"net:a?.b:443", "a1.b", 443, PROTO_UDP, true},
		{"net:a?.b:443", "a1.b", 444, PROTO_UDP, false},
		{"net:a.b:443/tcp", "a.b", 443, PROTO_TCP, true},
		{"net:a.b:443/tcp", "a.b", 443, PROTO_UDP, false},
		{"net:a.b:*/udp", "a.b", 443, PROTO_OTHER, false},
		{"net:*", "a.b", 443, PROTO_TCP, true},
		{"net:*:443", "a.b", 443, PROTO_TCP, true},
		{"net:*:80", "a.b", 443, PROTO_TCP, false},
		{"net:*:*/udp", "a.b", 443, PROTO_TCP, false},
		{"net:0.0.0.0/0", "a.b", 443, PROTO_TCP, false},
		{"net:[::/0]", "a.b", 443, PROTO_TCP, false},
		{"net:unix", "a.b", 443, PROTO_TCP, false},
		{"net:raw", "a.b", 443, PROTO_TCP, false},
		{"http:* a.b", "a.b", 443, PROTO_TCP, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct activity_name n = {.kind = KIND_NET,
					  .host = rows[i].host,
					  .port = rows[i].port,
					  .proto = rows[i].proto};

		assert_matches(rows[i].source, &n, rows[i].match);
	}
	assert_matches("net:a.b", &(struct activity_name){.kind = KIND_NET, .family = AF_INET},
		       false);
	assert_matches("net:*.b", &(struct activity_name){.kind = KIND_NET, .raw = true}, false);
}

/* Every two of: names, ports, protocols, addresses. */
static void relates_hosts(void **state)
{
	static const struct {
		const char *a, *b;
		bool covers, covered, disjoint;
	} rows[] = {
		{"net:*.b", "net:a.b", true, false, false},
		{"net:*.b", "net:*.a.b:443/tcp", true, false, false},
		{"net:*.b:443", "net:a.b", false, false, false},
		{"net:*.b:443", "net:a.b:80", false, false, true},
		{"net:a.b:443/tcp", "net:a.b:443/udp", false, false, true},
		{"net:a.b", "net:a.b", true, true, false},
		{"net:a.b", "net:b.b", false, false, true},
		{"net:*.b", "net:*.c", false, false, true},
		{"net:*", "net:a.b", true, false, false},
		{"net:*:443", "net:a.b:443", true, false, false},
		{"net:*:443", "net:a.b", false, false, false},
		{"net:*:443", "net:a.b:80", false, false, true},
		{"net:10.0.0.0/8", "net:a.b", false, false, false},
		{"net:0.0.0.0/0", "net:a.b", false, false, false},
		{"net:10.0.0.0/8:1", "net:a.b:2", false, false, true},
		{"net:unix", "net:a.b", false, false, true},
		{"net:raw", "net:*.b", false, false, true},
		{"net:a.b", "http:* a.b", false, false, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern a = parsed(rows[i].a), b = parsed(rows[i].b);

		if (pattern_covers(&a, &b) != rows[i].covers ||
		    pattern_covers(&b, &a) != rows[i].covered ||
		    pattern_disjoint(&a, &b) != rows[i].disjoint ||
		    pattern_disjoint(&b, &a) != rows[i].disjoint)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		pattern_done(&a);
		pattern_done(&b);
	}
}

static void matches_requests(void **state)
{
	static const struct {
		const char *source, *method, *host, *path;
		bool match;
	} rows[] = {
		{"http:*", "GET", "a", "/", true},
		{"http:GET", "GET", "a", "/x", true},
		{"http:GET", "POST", "a", "/x", false},
		{"http:GET", "get", "a", "/x", false},
		{"http:P*", "PATCH", "a", "/x", true},
		{"http:* A.example", "GET", "a.example", "/x", true},
		{"http:* *.example", "GET", "a.b.example", "/x", true},
		{"http:* *.example", "GET", "example", "/x", false},
		{"http:* a/v1/*", "GET", "a", "/v1/x/y", true},
		{"http:* a/v1/*", "GET", "a", "/v1", false},
		{"http:* a/v1", "GET", "a", "/V1", false},
		{"http:* */v1", "GET", "a.b.c", "/v1", true},
		{"http:* [::1]/v1", "GET", "[::1]", "/v1", true},
		{"http:CONNECT a", "CONNECT", "a", "", true},
		{"http:* a", "CONNECT", "a", "", true},
		{"http:* a", "OPTIONS", "a", "*", true},
		{"http:* a/*", "CONNECT", "a", "", false},
		{"http:* a/*", "OPTIONS", "a", "*", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct activity_name n = {.kind = KIND_HTTP,
					  .method = rows[i].method,
					  .host = rows[i].host,
					  .path = rows[i].path};

		assert_matches(rows[i].source, &n, rows[i].match);
	}
}

static void compares(void **state)
{
	/* The same twice in each row, then all rows different. */
	static const char *const same[][2] = {
		{"exec:/a", "exec:\\/a"},
		{"exec:/a\\*", "exec:/\\a\\*"},
		{"net:*", "net:*:*/*"},
		{"net:10.0.0.0/8", "net:[::ffff:10.0.0.0/104]:*"},
		{"net:unix", "net:unix:*"},
		{"http:*", "http:* *"},
		{"http:GET A.b.", "http:GET a.b"},
		{"exec:/a*", "exec:/a*"},
		{"net:*:80", "net:*:80/*"},
		{"net:10.0.0.0/9", "net:10.0.0.0/9"},
		{"net:[::/0]", "net:[::/0]"},
		{"net:0.0.0.0/0", "net:0.0.0.0/0"},
		{"http:GET a.b/x", "http:GET a.b/x"},
		{"net:raw", "net:raw"},
		{"net:A.b.", "net:a.b"},
		{"net:a.b:443", "net:a.b:443/*"},
		{"net:*.b", "net:*.b:*"},
	};

	for (size_t i = 0; i < COUNT(same); i++) {
		struct diags diags = {};
		struct pattern a, b, copy;

		if (i == 0) { /* an escaped slash does not make a path */
			assert_int_equal(
				pattern_parse(same[0][1], (struct place){1, 1}, &b, &diags),
				-EINVAL);
			diags_free(&diags);
			continue;
		}
		a = parsed(same[i][0]);
		b = parsed(same[i][1]);
		assert_int_equal(pattern_compare(&a, &b), 0);
		assert_int_equal(pattern_copy(&a, &copy), 0);
		assert_int_equal(pattern_compare(&a, &copy), 0);
		assert_string_equal(a.source, copy.source);
		assert_ptr_not_equal(a.source, copy.source);
		assert_int_equal(pattern_is_any(&a), i == 2 || i == 5);
		for (size_t j = i + 1; j < COUNT(same); j++) {
			struct pattern other = parsed(same[j][0]);
			int forth = pattern_compare(&a, &other);
			int back = pattern_compare(&other, &a);

			assert_true((forth < 0 && back > 0) || (forth > 0 && back < 0));
			pattern_done(&other);
		}
		pattern_done(&a);
		pattern_done(&b);
		pattern_done(&copy);
	}
}

static void grows(void **state)
{
	struct patterns patterns = {};

	for (int i = 0; i < 1000; i++) {
		char source[32];
		struct pattern p;

		snprintf(source, sizeof(source), "exec:/%d", i);
		p = parsed(source);
		assert_int_equal(patterns_add(&patterns, &p), 0);
		assert_null(p.source);
	}
	assert_int_equal(patterns.count, 1000);
	assert_string_equal(patterns.items[999].text, "/999");
	patterns_done(&patterns);
	assert_null(patterns.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_kinds),
		cmocka_unit_test(bounds_length),
		cmocka_unit_test(refuses_controls),
		cmocka_unit_test(warns),
		cmocka_unit_test(matches_programs),
		cmocka_unit_test(matches_destinations),
		cmocka_unit_test(matches_hosts),
		cmocka_unit_test(relates_hosts),
		cmocka_unit_test(matches_requests),
		cmocka_unit_test(compares),
		cmocka_unit_test(grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
