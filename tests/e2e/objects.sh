#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# TLS objects that are used in uncommon ways: whose text it is, and on which socket it goes out.
# Far end: an HTTPS server that logs raw bytes and what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

serve https "$T/https"
port=$(<"$T/https/port")
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem CURL_CA_BUNDLE=$T/https/cert.pem
python=/usr/bin/python3

# received TEXT COUNT: connections that received it, in plaintext.
received() {
	same "$(lines text "$log" "$1")" "$2" "connections that received <$1>"
}

standing=1

# use WAY RUNNER WANT PATH
use() {
	"$2" "$3" "$python" "$lib/objects.py" "$1" "$port" "$4"
}

# refused WAY: what is possible without a policy never arrives under one.
refused() {
	use "$1" allowed 0 "/forbidden/$1/free"
	received "/forbidden/$1/free" 1
	policy 'deny: ["http:* */forbidden/*"]' "${@:2}"
	use "$1" shared '*' "/forbidden/$1/refused"
	received "/forbidden/$1/refused" 0
}

# The text cannot be known for certain: it is opaque, and policy decides about that.
opaque() {
	refused "$1" 'opaque: deny'
	some_line audit type=opaque decision.verdict=deny
	policy 'deny: ["http:* */forbidden/*"]'
	use "$1" shared 0 "/forbidden/$1/audited"
	some_line audit type=opaque decision.verdict=audit
}

# A long write is repeated many times until all is sent, and is one request.
repeated() {
	policy 'deny: ["http:* */forbidden/*"]' 'opaque: deny'
	use repeat shared 0 /repeated
	has out '^repeated True'
	count_is 1 audit type=http.request
	some_line audit type=http.request http.path=/repeated content.request_bytes=4194304
	count_is 0 audit type=opaque
}

refused_where_it_is() {
	refused "$1"
	some_line audit type=http.request "http.path=/forbidden/$1/refused" decision.verdict=deny
}

# Legitimate reuse goes on working.
cleared_and_allowed() {
	policy 'deny: ["http:* */forbidden/*"]' 'opaque: deny'
	use cleared shared 0 /allowed/cleared
	same "$(grep -c '^read [1-9]' out)" 2 'answers'
	count_is 2 audit type=http.request decision.verdict=allow
	count_is 0 audit type=opaque
}

# It is neither the parent's nor the child's state: no policy lets it go as opaque.
parted() {
	refused parted
	some_line audit type=opaque decision.verdict=deny decision.reason='*its parent*'
	policy 'mode: audit' 'deny: ["http:* */forbidden/*"]'
	use parted shared 0 /forbidden/parted/audited
	received /forbidden/parted/audited 1
	some_line audit type=opaque decision.verdict=audit
}

# A child's own connections are followed, wherever their objects lie.
forgotten() {
	refused_where_it_is forgotten
	some_line audit type=http.request http.path=/second decision.verdict=allow
	count_is 0 audit type=opaque
}

# A compressed body hides its text, where phrases are looked for, but not the next request.
after_a_compressed_body() {
	local curl=(curl -s -S -m 20 --http1.1)
	policy 'deny: ["http:* */forbidden/*"]' "content: [{name: x, deny: [nowhere], in: [$1]}]"
	run '*' "${curl[@]}" -H 'Content-Encoding: gzip' -d x "https://127.0.0.1:$port/zipped/$1" \
		--next "${curl[@]:1}" "https://127.0.0.1:$port/forbidden/zipped/$1"
	received "/zipped/$1 " 1
	received "/forbidden/zipped/$1" 0
	count_is "$2" audit type=opaque decision.verdict=audit
}

# Longer than a name can be: it is unknown, and refused where names are asked for.
long_path() {
	local path
	path=/forbidden/$(printf 'x%.0s' {1..3000})
	policy 'deny: ["http:GET */elsewhere"]'
	run '[1-9]*' curl -s -S -m 20 "https://127.0.0.1:$port$path"
	received /forbidden/xxxx 0
	some_line audit type=http.request decision.verdict=deny
}

# TLS to a proxy that carries TLS to the server: one call of the library inside another.
through_a_proxy() {
	local pid
	cat >proxy.py <<-'END'
		import socket, ssl, sys, threading
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		def pump(a, b):
		    try:
		        while data := a.recv(65536):
		            b.sendall(data)
		    except OSError:
		        pass
		def serve(sock):
		    try:
		        client = context.wrap_socket(sock, server_side=True)
		        head = b""
		        while b"\r\n\r\n" not in head:
		            head += client.recv(4096)
		        host, port = head.split()[1].decode().split(":")
		        server = socket.create_connection((host, int(port)))
		        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
		        threading.Thread(target=pump, args=(client, server), daemon=True).start()
		        pump(server, client)
		    except OSError:
		        pass
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		while True:
		    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
	END
	timeout 60 "$python" proxy.py "$T/https" >proxy &
	pid=$!
	within 10 test -s proxy
	local curl=(curl -s -S -m 20 --http1.1 --proxy-cacert "$T/https/cert.pem"
		-x "https://127.0.0.1:$(<proxy)")
	curl_twice() {
		"$1" "$2" "${curl[@]}" -H "X: $(printf 'y%.0s' {1..400})" "https://127.0.0.1:$port/ok/proxy" \
			--next "${curl[@]:1}" "https://127.0.0.1:$port/forbidden/proxy/$3"
	}
	curl_twice allowed 0 free
	received /forbidden/proxy/free 1
	policy 'deny: ["http:* */forbidden/*"]'
	curl_twice run '*' refused
	kill "$pid"
	received /forbidden/proxy/refused 0
	some_line audit type=http.request http.path=/ok/proxy decision.verdict=allow
	some_line audit type=http.request http.path=/forbidden/proxy/refused decision.verdict=deny
}

check 'a write during the handshake, then another' opaque handshake
check 'a repeated write with another end' opaque tail
check 'a repeated write' repeated
check 'an object that is used again' refused_where_it_is cleared
check 'an object that is used again for what is allowed' cleared_and_allowed
check 'two handshakes on one thread' refused_where_it_is interleaved
check 'a child in the middle of a request' refused_where_it_is forked
check 'a child whose parent went on' parted
check 'a child whose parent has ended' opaque orphaned
check 'a child with objects of its own' forgotten
check 'a child that writes before it shakes hands' opaque implicit
check 'a handshake within a write' refused reconnected
check 'behind a compressed body, phrases in requests' after_a_compressed_body http 1
check 'behind a compressed body, phrases in arguments' after_a_compressed_body exec 0
check 'a path that is too long' long_path
check 'TLS inside TLS' through_a_proxy
finish
