#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Requests inside TLS: read before they are encrypted, and of a refused one no byte leaves.
# Far end: an HTTPS server that logs connections, raw bytes and what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
# shellcheck source=../lib/clients.sh
. "$lib/clients.sh"
need_root
limit=$((120 * slow))
standing=1

serve https "$T/https"
url=https://127.0.0.1:$(<"$T/https/port")
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem NODE_EXTRA_CA_CERTS=$T/https/cert.pem \
	CURL_CA_BUNDLE=$T/https/cert.pem

holds=$("$WARDEN" doctor -o json |
	/usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["use"]["exec"])')

declare -A clients=(
	[http.client]="$lib/client_python.py http.client"
	[asyncio]="$lib/client_python.py asyncio"
	[curl]="$lib/client_curl"
	[node-https]="/usr/bin/node $lib/client_node.js https"
	[node-fetch]="/usr/bin/node $lib/client_node.js fetch"
	[go-tls]="$top/build/go/plain tls"
	[go-http]="$top/build/go/pie http"
)
order=(http.client asyncio curl node-https node-fetch go-tls)
[[ -n ${TEST_GUEST:-} ]] || order+=(go-http) # what differs between the two is not the kernel's

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

# Requests that are written together, and one that is cut at every byte.
pipelined_and_cut() {
	cat >pieces.py <<-'END'
		import socket, ssl, sys
		mode, port = sys.argv[1], int(sys.argv[2])
		s = ssl.create_default_context().wrap_socket(
		    socket.create_connection(("127.0.0.1", port), 20), server_hostname="127.0.0.1")
		def request(path, body=b""):
		    return (b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s"
		            % (path, len(body), body))
		def send(data):
		    for i in range(0, len(data), 1) if mode == "cut" else [0]:
		        s.sendall(data[i:i + 1] if mode == "cut" else data)
		try:
		    send(request(b"/fine/" + mode.encode(), b"12345") + request(b"/fine2/" + mode.encode()))
		    got = b""
		    while got.count(b"HTTP/1.1 200") < 2:
		        got += s.recv(65536)
		    print("two answers")
		    send(request(b"/fine3/" + mode.encode(), b"x" * 300) +
		         request(b"/forbidden/" + mode.encode(), b"never-" + mode.encode()))
		    while got.count(b"HTTP/1.1 200") < 3:
		        data = s.recv(65536)
		        if not data:
		            raise OSError("end")
		        got += data
		    while s.recv(65536):
		        pass
		    print("end")
		except OSError as error:
		    print("error", error)
	END
	rules
	shared 0 /usr/bin/python3 pieces.py "$1" "${url##*:}"
	has out '^two answers$'
	count_is 0 audit type=opaque
	has out '^error|^end'
	same "$(lines count "$log" what=request path="/fine2/$1")" 1 'requests before'
	never_received "never-$1"
	same "$(lines count "$log" what=request path="/forbidden/$1")" 0 'forbidden requests'
	some_line audit type=http.request http.path="/fine2/$1" decision.verdict=allow
	some_line audit type=http.request http.path="/forbidden/$1" decision.verdict=deny
}

# One connection of many threads is refused; the others go on.
many_threads() {
	cat >threads.py <<-'END'
		import http.client, sys, threading
		port, results = int(sys.argv[1]), []
		def work(n):
		    for i in range(6):
		        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=30)
		        bad = (n + i) % 3 == 0
		        try:
		            c.request("POST", f"/forbidden/t{n}" if bad else f"/threads/{n}/{i}", "x")
		            results.append((bad, c.getresponse().status))
		        except OSError:
		            results.append((bad, "error"))
		threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
		[t.start() for t in threads]
		[t.join() for t in threads]
		print("refused", results.count((True, "error")), "done", results.count((False, 200)),
		      "of", len(results))
	END
	rules
	shared 0 /usr/bin/python3 threads.py "${url##*:}"
	has out '^refused 12 done 24 of 36$'
	count_is 0 audit type=opaque
	never_received /forbidden/t
	same "$(lines count "$log" what=request path='/threads/*')" 24 'requests received'
}

# A child that was forked with the connection may not use it for what is forbidden either.
forked_child() {
	cat >forked.py <<-'END'
		import http.client, os, sys
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		c.request("GET", "/parent")
		c.getresponse().read()
		pid = os.fork()
		try:
		    c.request("POST", "/forbidden/child", "from-the-child")
		    print(c.getresponse().status)
		except OSError as error:
		    print("error", error)
		if pid:
		    os.waitpid(pid, 0)
	END
	rules
	shared '*' /usr/bin/python3 forked.py "${url##*:}"
	hasnt out 200
	never_received from-the-child
	never_received /forbidden/child
}

for client in "${order[@]}"; do
	if ! command -v "$(cut -d' ' -f1 <<<"${clients[$client]}")" >/dev/null; then
		skip "$client" 'not installed'
		continue
	fi
	check "$client: possible without a policy" possible_without_policy "$client"
	check "$client: an allowed request is recorded" allowed_request_is_recorded "$client"
	check "$client: the first request refused" first_request "$client"
	check "$client: the second request refused" second_request "$client"
	check "$client: refused by content" by_content "$client"
	check "$client: a phrase in two writes" split_phrase "$client"
	check "$client: a phrase behind 60 kB" large_body "$client"
done
check 'an allow list closes http' allow_list
check 'paths that are written otherwise' escaped_path
check 'mode: audit blocks nothing' mode_audit
check 'requests written together' pipelined_and_cut together
check 'requests cut at every byte' pipelined_and_cut cut
check 'many threads' many_threads
check 'a forked child' forked_child
finish
