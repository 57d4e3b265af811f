#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Requests by name: what clients write on the wire, what rules call it, and what explain says of it.
# Far end: an HTTPS server that logs what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))

serve https "$T/https"
port=$(<"$T/https/port")
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem
standing=1

never_received() {
	same "$(lines text "$log" "$1")" 0 "connections that received <$1>"
}

host_decides() {
	policy 'deny: ["http:* evil.example/*"]'
	cat >host.py <<-'END'
		import http.client, sys
		for host in "good.example", "EVIL.example.:443", "evil.example":
		    c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		    try:
		        c.putrequest("GET", "/host/" + host, skip_host=True)
		        c.putheader("Host", host)
		        c.endheaders()
		        print(host, c.getresponse().status)
		    except OSError as error:
		        print(host, "error", error)
	END
	run 0 /usr/bin/python3 host.py "$port"
	has out '^good.example 200'
	has out '^EVIL.example.:443 error'
	has out '^evil.example error'
	never_received /host/EVIL
	never_received /host/evil
}

# An IPv6 address is the same host however it is written.
v6_host_decides() {
	policy 'deny: ["http:* [0::1]/v6/*"]'
	cat >host.py <<-'END'
		import http.client, sys
		for i, host in enumerate(("[::1]", "[0:0:0:0:0:0:0:1]:443", "[::0.0.0.1]", "[::2]")):
		    c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		    try:
		        c.putrequest("GET", f"/v6/{sys.argv[2]}{i}", skip_host=True)
		        c.putheader("Host", host)
		        c.endheaders()
		        print(i, c.getresponse().status)
		    except OSError as error:
		        print(i, "error", error)
	END
	allowed 0 /usr/bin/python3 host.py "$port" free
	same "$(lines text "$log" /v6/free)" 4 'requests received without a policy'
	run 0 /usr/bin/python3 host.py "$port" held
	has out '^3 200'
	same "$(lines text "$log" /v6/held)" 1 'requests received'
	same "$(lines text "$log" /v6/held3)" 1 'requests received from [::2]'
}

# refuses RULE TARGET...: of the requests of targets.py, just these do not arrive under `deny`, and
# explain says so.
refusals=0
refuses() {
	local rule=$1 mark=m$((++refusals))- line arrived
	local -A names=(
		['CONNECT evil.test:443']='http:CONNECT evil.test'
		['OPTIONS *']='http:OPTIONS evil.test*'
		['OPTIONS /path']='http:OPTIONS evil.test/path'
	)
	shift
	policy "deny: [\"$rule\"]"
	run 0 /usr/bin/python3 targets.py "$port" "$mark"
	for line in "${!names[@]}"; do
		arrived=1
		[[ " $* " != *" ${line% evil*} "* ]] || arrived=0
		same "$(lines text "$log" "$line HTTP/1.1"$'\r\nHost: evil.test\r\n'"Mark: $mark")" \
			$arrived "requests '$line' received under deny $rule"
		"$WARDEN" explain -p policy.yaml "${names[$line]}" >out
		has out "^$( ((arrived)) && echo allow || echo deny) "
	done
}

# CONNECT has no path and OPTIONS * has "*": rules that leave the path out, or name the method only,
# are for them, too.
requests_without_path() {
	cat >targets.py <<-'END'
		import socket, ssl, sys
		mark = sys.argv[2]
		for line in "CONNECT evil.test:443", "OPTIONS *", "OPTIONS /path":
		    s = ssl.create_default_context().wrap_socket(
		        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20),
		        server_hostname="127.0.0.1")
		    try:
		        s.sendall(f"{line} HTTP/1.1\r\nHost: evil.test\r\nMark: {mark}\r\n\r\n".encode())
		        print(line, s.recv(100).decode().split("\r")[0] or "error")
		    except OSError as error:
		        print(line, "error", error)
	END
	allowed 0 /usr/bin/python3 targets.py "$port" free-
	same "$(lines text "$log" $'\r\nMark: free-\r\n')" 3 'requests received without a policy'
	refuses 'http:*' CONNECT 'OPTIONS *' 'OPTIONS /path'
	refuses 'http:* evil.test' CONNECT 'OPTIONS *' 'OPTIONS /path'
	refuses 'http:* *.test' CONNECT 'OPTIONS *' 'OPTIONS /path'
	refuses 'http:CONNECT' CONNECT
	refuses 'http:CONNECT *' CONNECT
	refuses 'http:CONNECT evil.test' CONNECT
	refuses 'http:OPTIONS evil.test' 'OPTIONS *' 'OPTIONS /path'
	refuses 'http:* evil.test/*' 'OPTIONS /path'
}

# Trailers are part of what is sent: a phrase in them is refused, though the request ends with them.
phrase_in_trailers() {
	policy 'content: [{name: mark, deny: ["FORBIDDEN"], in: [http]}]'
	cat >trailers.py <<-'END'
		import socket, ssl, sys
		port, mark, word, pieces = sys.argv[1:]
		text = (f"POST /{mark} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
		        f"4\r\nFORB\r\n0\r\nX-Note: {word}\r\n\r\nGET /{mark}-next HTTP/1.1\r\nHost: a.test\r\n\r\n")
		s = ssl.create_default_context().wrap_socket(
		    socket.create_connection(("127.0.0.1", int(port)), 20), server_hostname="127.0.0.1")
		cut = text.index("-Note") if pieces == "two" else len(text)
		try:
		    for part in filter(None, (text[:cut], text[cut:])):
		        s.sendall(part.encode())
		    print(s.recv(100).decode().split("\r")[0] or "error")
		except OSError as error:
		    print("error", error)
	END
	local pieces
	for pieces in one two; do
		shared 0 /usr/bin/python3 trailers.py "$port" "plain-$pieces" IDDEN "$pieces"
		same "$(lines text "$log" "/plain-$pieces-next")" 1 'requests received behind other trailers'
		shared 0 /usr/bin/python3 trailers.py "$port" "marked-$pieces" FORBIDDEN "$pieces"
		has out '^error'
		never_received "FORBIDDEN"
		never_received "/marked-$pieces-next"
		some_line audit type=http.request decision.verdict=deny decision.layer=content
		rm audit
	done
}

# With `space: any` other blanks and escapes of JSON do not hide a phrase, wherever writes and chunks part them.
phrase_disguised() {
	policy 'content: [{name: sql, deny: ["DROP TABLE"], in: [http], space: any}]'
	cat >disguised.py <<-'END'
		import socket, ssl, sys
		port, *asked = sys.argv[1:]
		for name, pieces, body in zip(asked[0::3], asked[1::3], asked[2::3]):
		    body = body.encode()
		    head = f"POST /{name}-{pieces} HTTP/1.1\r\nHost: a.test\r\n"
		    if pieces == "whole":
		        parts = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body]
		    else:
		        parts = [f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()]
		        parts += [b"1\r\n%c\r\n" % c for c in body] + [b"0\r\n\r\n"]
		    try:
		        s = ssl.create_default_context().wrap_socket(
		            socket.create_connection(("127.0.0.1", int(port)), 20), server_hostname="127.0.0.1")
		        for part in parts:
		            s.sendall(part)
		        print(name, pieces, s.recv(100).decode().split("\r")[0] or "error")
		    except OSError as error:
		        print(name, pieces, "error", error)
	END
	local pieces asked=() other='{"q": "DROPTABLE \\u0044rop table"}' \
		blanks=$'{"q": "DROP  \tTABLE a"}' escapes='{"q": "\u0044rop\u0020\nTABLE a"}'
	for pieces in whole chunked; do
		asked+=(other "$pieces" "$other" blanks "$pieces" "$blanks" escapes "$pieces" "$escapes")
	done
	run 0 /usr/bin/python3 disguised.py "$port" "${asked[@]}"
	for pieces in whole chunked; do
		has out "^blanks $pieces error"
		has out "^escapes $pieces error"
		same "$(lines count "$log" what=request path="/other-$pieces")" 1 'requests with other text received'
		same "$(lines count "$log" what=request path="/[be]*-$pieces")" 0 'requests received'
	done
	count_is 4 audit type=http.request decision.verdict=deny decision.rule=sql \
		decision.matched='DROP TABLE'
}

check 'hosts that are written otherwise' host_decides
check 'IPv6 hosts that are written otherwise' v6_host_decides
check 'requests without a path' requests_without_path
check 'a phrase in trailers' phrase_in_trailers
check 'a phrase with other blanks, and in escapes of JSON' phrase_disguised
finish
