# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# What requests have in common, with TLS and without: what clients of clients.sh, which is sourced before, may ask
# for and what not. `log` is the far end's, an HTTP server.
# shellcheck shell=bash disable=SC2154,SC2317 # what is set by the program that sources this, and called by check

rules() {
	policy 'deny: [{id: no-posts, match: "http:POST */forbidden*"}]' \
		'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
}

# quiet_after PATH: the connection that answered PATH received no byte after that answer.
quiet_after() {
	same "$(lines after "$log" "$1")" 0 "bytes received after the answer to $1"
}

never_received() {
	same "$(lines text "$log" "$1")" 0 "connections that received <$1>"
}

# ---- one function a behaviour; $1 is the client, which also makes paths unique ----

# What is denied below is possible without a policy, in the same ways.
possible_without_policy() {
	steps allowed "$1" "a GET /free/$1" "a POST /forbidden/free/$1 DROP TABLE free"
	went "a GET /free/$1" 200
	went "a POST /forbidden/free/$1" 200
	same "$(lines count "$log" what=request path="/forbidden/free/$1" body='DROP TABLE free')" 1 \
		'requests received'
}

allowed_request_is_recorded() {
	rules
	steps shared "$1" "a GET /ok/$1?key=1" "a GET /status/404/$1" "a GET /chunked/$1" \
		"a GET /big/100000"
	went "a GET /ok/$1?key=1" 200
	went "a GET /status/404/$1" 404
	went "a GET /chunked/$1" 200
	went "a GET /big/100000" 200
	count_is 1 audit type=http.request http.method=GET http.host=127.0.0.1 http.path="/ok/$1*" \
		activity="http:GET 127.0.0.1/ok/$1" decision.verdict=allow
	count_is 1 audit type=http.response http.status=200 http.path="/ok/$1*"
	count_is 1 audit type=http.response http.status=404 http.path="/status/404/$1"
	count_is 1 audit type=http.response http.status=200 http.path="/chunked/$1"
	count_is 1 audit type=http.response http.status=200 http.path=/big/100000
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
	count_is 0 audit decision.verdict=deny
}

# The second request of a kept connection is refused; the process, its other connections and new
# ones live on.
second_request() {
	rules
	steps shared "$1" "a GET /first/$1" "b GET /other/$1" "a POST /forbidden/$1 secret-$1" \
		"b GET /other2/$1" "c GET /new/$1"
	went "a GET /first/$1" 200
	went "b GET /other/$1" 200
	went "a POST /forbidden/$1" error 1
	went "b GET /other2/$1" 200
	went "c GET /new/$1" 200
	count_is 0 audit type=opaque
	never_received "/forbidden/$1"
	never_received "secret-$1"
	some_line audit type=http.request activity="http:POST 127.0.0.1/forbidden/$1" \
		decision.verdict=deny decision.layer=deny decision.rule=no-posts \
		'decision.tier!=signal' 'decision.tier!=none'
	# curl and fetch may use another kept connection than the first.
	[[ $1 == curl || $1 == node-fetch ]] || quiet_after "/first/$1"
	same "$(lines count "$log" what=request path="/new/$1")" 1 'requests after the refusal'
}

first_request() {
	rules
	steps shared "$1" "a POST /forbidden/first/$1 early-$1" "b GET /later/$1"
	went "a POST /forbidden/first/$1" error 1
	went "b GET /later/$1" 200
	never_received "/forbidden/first/$1"
	never_received "early-$1"
}

by_content() {
	rules
	steps shared "$1" "a GET /c1/$1" "a POST /query/$1 marked-$1 drop Table x" "b GET /c2/$1"
	went "a GET /c1/$1" 200
	went "a POST /query/$1" error 1
	went "b GET /c2/$1" 200
	never_received "marked-$1"
	never_received "drop Table"
	some_line audit type=http.request activity="http:POST 127.0.0.1/query/$1" \
		decision.verdict=deny decision.layer=content decision.rule=sql
}

# What left before the write that completes the phrase has left; nothing after it does.
split_phrase() {
	rules
	steps shared "$1" "a POST /split/$1 part-$1 DROP |TABLE rest-$1"
	went "a POST /split/$1" error 2
	same "$(lines text "$log" "part-$1 DROP ")" 1 'connections that received the first part'
	never_received "rest-$1"
	same "$(lines count "$log" what=request path="/split/$1")" 0 'whole requests'
	some_line audit type=http.request activity="http:POST 127.0.0.1/split/$1" \
		decision.verdict=deny decision.layer=content
}

large_body() {
	local body
	body=$(head -c 60000 /dev/zero | tr '\0' x)
	rules
	steps shared "$1" "a POST /large/$1 $body DROP TABLE in-the-end-$1"
	went "a POST /large/$1" error 2
	count_is 0 audit type=opaque
	never_received "in-the-end-$1"
}

# ---- once, with http.client ----

allow_list() {
	policy 'allow: ["http:GET 127.0.0.1/v1/*", "http:GET *.example.com/*"]'
	steps shared http.client 'a GET /v1/list' 'a GET /v2/list' 'b POST /v1/list x' 'c GET /v1/%2e./v2'
	went 'a GET /v1/list' 200
	went 'a GET /v2/list' error 1
	went 'b POST /v1/list' error 1
	went 'c GET /v1/%2e./v2' error 1
	never_received /v2
	never_received 'POST /v1/list'
	some_line audit decision.verdict=deny decision.layer=allow activity='http:GET 127.0.0.1/v2/list'
	some_line audit decision.verdict=deny activity='http:GET 127.0.0.1/v2'
}

escaped_path() {
	rules
	steps shared http.client 'a POST /%66orbidden/escaped x' 'b POST /a/../forbidden/dots x' \
		'c POST /./forbidden/dot x' 'e POST /ok?/forbidden x' \
		'f POST //forbidden/slashes x' 'g POST /%2fforbidden/slashes x' \
		'h POST /ok//forbidden x'
	went 'a POST /%66orbidden/escaped' error 1
	went 'b POST /a/../forbidden/dots' error 1
	went 'c POST /./forbidden/dot' error 1
	went 'e POST /ok?/forbidden' 200
	went 'f POST //forbidden/slashes' error 1
	went 'g POST /%2fforbidden/slashes' error 1
	went 'h POST /ok//forbidden' 200
	never_received orbidden/escaped
	never_received forbidden/dot
	never_received forbidden/slashes
	some_line audit type=http.request activity='http:POST 127.0.0.1/ok/forbidden'
}

mode_audit() {
	policy 'mode: audit' 'deny: ["http:POST */forbidden*"]' \
		'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
	steps shared http.client 'a POST /forbidden/audit x' 'a POST /query/audit DROP TABLE audited'
	went 'a POST /forbidden/audit' 200
	went 'a POST /query/audit' 200
	some_line audit activity='http:POST 127.0.0.1/forbidden/audit' decision.verdict=audit
	some_line audit activity='http:POST 127.0.0.1/query/audit' decision.verdict=audit \
		decision.layer=content
}
