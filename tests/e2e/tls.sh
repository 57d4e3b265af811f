#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Requests inside TLS: read before they are encrypted, and of a refused one no byte leaves.
# Far end: an HTTPS server that logs connections, raw bytes and what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
# shellcheck source=../lib/clients.sh
. "$lib/clients.sh"
# shellcheck source=../lib/requests.sh
. "$lib/requests.sh"
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
