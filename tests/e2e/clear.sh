#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Requests without TLS: read from packets as they leave, whatever makes them, and of a refused one no byte
# leaves. Far end: HTTP servers that log connections and all bytes.
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

serve http "$T/http"
port=$(<"$T/http/port")
# shellcheck disable=SC2034 # of requests.sh
url=http://127.0.0.1:$port log=$T/http/log
python=/usr/bin/python3

declare -A clients=(
	[http.client]="$lib/client_python.py http.client"
	[asyncio]="$lib/client_python.py asyncio"
	[curl]="$lib/client_curl"
	[node-fetch]="/usr/bin/node $lib/client_node.js fetch"
)
order=(http.client curl)
[[ -n ${TEST_GUEST:-} ]] || order+=(asyncio node-fetch) # how these differ is not the kernel's

# ask.py PORT WAY MARK [HOST]: a request for /ok/MARK, its answer, and one for /forbidden/MARK with a body of
# never-MARK, each sent in that way. Prints what came of both.
cat >"$T/ask.py" <<'END'
import ctypes, os, socket, sys, threading, time
sys.path.insert(0, os.environ["LIB"])
port, way, mark = int(sys.argv[1]), sys.argv[2], sys.argv[3]
host = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
if way == "mss":
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
s.settimeout(20)
s.connect((host, port))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

def in_file(text):
    with open(f"file-{mark}", "wb") as f:
        f.write(text)
    return os.open(f"file-{mark}", os.O_RDONLY)

def in_child(text):
    pid = os.fork()
    if not pid:
        s.sendall(text)
        os._exit(0)
    os.waitpid(pid, 0)

def in_thread(text):
    thread = threading.Thread(target=s.sendall, args=(text,))
    thread.start()
    thread.join()

def in_ring(text):
    import uring
    buffer = ctypes.create_string_buffer(text, len(text))
    uring.Ring().ask(uring.SEND, s.fileno(), ctypes.addressof(buffer), len(text))

def through_pipe(text):
    r, w = os.pipe()
    os.write(w, text)
    os.splice(r, s.fileno(), len(text))

def held_back(text):  # a timer sends it, in an interrupt
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    s.sendall(text)
    time.sleep(0.5)

def uncopied(text):
    s.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
    s.send(text, 0x4000000)  # MSG_ZEROCOPY

def in_bytes(text):
    for i in range(len(text)):
        s.sendall(text[i:i + 1])

def pieces(text):
    for i in range(0, len(text), 7):
        s.sendall(text[i:i + 7], socket.MSG_MORE if i + 7 < len(text) else 0)

ways = {"whole": s.sendall, "bytes": in_bytes, "mss": s.sendall, "more": pieces, "cork": held_back,
        "thread": in_thread, "child": in_child, "uring": in_ring, "splice": through_pipe,
        "sendfile": lambda text: os.sendfile(s.fileno(), in_file(text), 0, len(text)),
        "vector": lambda text: s.sendmsg([text[i:i + 3] for i in range(0, len(text), 3)]),
        "zerocopy": uncopied}

def ask(path, body):
    try:
        ways[way](f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        print(path, s.recv(4096).decode().split("\r")[0] or "end")
    except OSError as error:
        print(path, "error", error.errno)

ask("/ok/" + mark, b"x" * 300)
ask("/forbidden/" + mark, b"never-" + mark.encode())
END
export LIB=$lib

however_it_is_sent() { # WAY
	shared_rules
	allowed 0 "$python" "$T/ask.py" "$port" "$1" "free-$1"
	same "$(lines count "$log" what=request path="/forbidden/free-$1" body="never-free-$1")" 1 \
		'requests received without a policy'
	shared 0 "$python" "$T/ask.py" "$port" "$1" "held-$1"
	has out "^/ok/held-$1 HTTP/1.1 200"
	has out "^/forbidden/held-$1 error"
	same "$(lines count "$log" what=request path="/ok/held-$1")" 1 'requests that are allowed'
	same "$(lines count "$log" what=request path="/forbidden/held-$1")" 0 'forbidden requests'
	never_received "never-held-$1"
	[[ $1 == bytes || $1 == mss ]] || quiet_after "/ok/held-$1"
	count_is 1 audit type=http.request decision.verdict=allow http.path="/ok/held-$1" \
		process.exe="$(realpath "$python")" content.request_bytes=300
	count_is 1 audit type=http.response http.path="/ok/held-$1" http.status=200
	count_is 1 audit type=http.request decision.verdict=deny decision.rule=no-posts decision.tier=cut \
		http.path="/forbidden/held-$1" process.exe="$(realpath "$python")"
	count_is 0 audit type=opaque
	count_is 0 audit type=loss
}

shared_rules() {
	policy 'opaque: deny' 'deny: [{id: no-posts, match: "http:POST */forbidden*"}]' \
		'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
}

over_ipv6() {
	shared_rules
	shared 0 "$python" "$T/ask.py" "$(<"$T/http6/port")" whole v6 ::1
	has out '^/ok/v6 HTTP/1.1 200'
	has out '^/forbidden/v6 error'
	same "$(lines text "$T/http6/log" never-v6)" 0 'connections that received it'
	same "$(lines count "$T/http6/log" what=request)" 1 'requests'
	count_is 1 audit type=http.response http.path=/ok/v6 net.addr=::1
}

# Packets that are lost on their way are sent again, and pass for what they were.
sent_again() {
	cat >lossy.py <<-'END'
		import os, socket, subprocess, sys, time
		def lo(*what):
		    subprocess.run(["tc", "qdisc", *what], check=True)
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		def ask(path):
		    s.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" % path + b"x" * 3000)
		try:
		    ask(b"/first")
		    s.recv(4096)
		    lo("add", "dev", "lo", "root", "tbf", "rate", "8bit", "burst", "100", "limit", "1")
		    ask(b"/ok/again")
		    time.sleep(0.3)
		    lo("del", "dev", "lo", "root")
		    print(s.recv(4096).decode().split("\r")[0])
		    ask(b"/forbidden/again")
		    print(s.recv(4096).decode().split("\r")[0])
		except OSError as error:
		    print("error", error)
	END
	mkdir server
	unshare -n sh -c 'ip link set lo up && exec "$@"' sh "$python" "$lib/server.py" http server >server/said 2>&1 &
	local there=$!
	within 20 test -e server/port
	printf '%s\n' '#!/bin/sh' "exec nsenter -t $there -n $WARDEN \"\$@\"" >inside
	chmod +x inside
	WARDEN=./inside
	shared_rules
	run 0 "$python" lossy.py "$(<server/port)"
	has out '^HTTP/1.1 200'
	has out '^error'
	same "$(lines count server/log what=request path=/ok/again)" 1 'requests'
	same "$(lines text server/log forbidden)" 0 'connections that received it'
	count_is 1 audit type=http.response http.path=/ok/again
	count_is 0 audit type=opaque
}

# Both directions are in the trail, byte by byte.
same_in_the_trail() {
	cat >sizes.py <<-'END'
		import hashlib, http.client, random, sys
		c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
		for size in 1, 100, 1448, 16383, 16384, 65536, 100001, 1 << 20, 4 << 20:
		    body = random.Random(size).randbytes(size)
		    c.request("POST", f"/echo/{size}", body)
		    assert c.getresponse().read() == body
		    print(size, hashlib.sha256(body).hexdigest())
	END
	local size sum
	shared_rules
	shared 0 "$python" sizes.py "$port"
	same "$(wc -l <out)" 9 sizes
	while read -r size sum; do
		count_is 1 audit type=http.request http.path="/echo/$size" content.request_bytes="$size" \
			content.request_sha256="$sum"
		count_is 1 audit type=http.response http.path="/echo/$size" content.response_bytes="$size" \
			content.response_sha256="$sum"
	done <out
	count_is 0 audit type=loss
}

# In one call, of which the kernel makes packets of 64 KiB.
behind_megabytes() {
	cat >long.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		body = b"x" * 4000000 + b"DROP TABLE " + b"behind-" + sys.argv[2].encode()
		try:
		    s.sendall(b"POST /q HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
		    print(s.recv(4096).decode().split("\r")[0])
		except OSError as error:
		    print("error", error)
	END
	allowed 0 "$python" long.py "$port" free
	same "$(lines text "$log" behind-free)" 1 'connections that received it without a policy'
	shared_rules
	shared 0 "$python" long.py "$port" held
	has out '^error'
	never_received behind-held
	some_line audit type=http.request decision.verdict=deny decision.rule=sql
}

# Several requests in one packet: none of a packet leaves that has a forbidden one in it.
written_together() {
	cat >together.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		def get(path):
		    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path
		try:
		    s.sendall(get(b"/one") + get(b"/two") + get(b"/three"))
		    got = b""
		    while got.count(b"HTTP/1.1 200") < 3:
		        got += s.recv(65536)
		    print("three")
		    s.sendall(get(b"/four") + b"POST /forbidden/together HTTP/1.1\r\nHost: a\r\n\r\n")
		    print("four" if s.recv(65536) else "end")
		except OSError as error:
		    print("error", error)
	END
	shared_rules
	shared 0 "$python" together.py "$port"
	has out '^three$'
	has out '^error'
	never_received /four
	never_received forbidden/together
	count_is 3 audit type=http.response http.status=200
	some_line audit type=http.request http.path=/forbidden/together decision.verdict=deny
}

# Nothing of this needs a policy, nor is anything refused that none names.
seen_without_policy() {
	run 0 curl -s -S "http://127.0.0.1:$port/status/404/none" "http://127.0.0.1:$port/forbidden/none"
	count_is 1 audit type=http.request http.method=GET http.host=127.0.0.1 http.path=/status/404/none
	count_is 1 audit type=http.response http.status=404 http.path=/status/404/none net.port="$port"
	count_is 1 audit type=http.response http.status=200 http.path=/forbidden/none
	count_is 0 audit type=loss
}

without_capture() {
	policy 'capture: "off"' 'deny: ["http:POST */forbidden*"]'
	run 0 "$python" "$T/ask.py" "$port" whole uncaptured
	has out '^/ok/uncaptured HTTP/1.1 200'
	has out '^/forbidden/uncaptured error'
	never_received never-uncaptured
	some_line audit type=http.request http.path=/ok/uncaptured decision.verdict=allow
	some_line audit type=http.request http.path=/forbidden/uncaptured decision.verdict=deny
	count_is 0 audit type=http.response
}

only_audited() {
	policy 'mode: audit' 'deny: ["http:POST */forbidden*"]'
	run 0 "$python" "$T/ask.py" "$port" whole watched
	has out '^/forbidden/watched HTTP/1.1 200'
	some_line audit type=http.request http.path=/forbidden/watched decision.verdict=audit
	count_is 2 audit type=http.response
}

killed() {
	policy 'deny: [{match: "http:POST */forbidden*", action: kill}]'
	run 137 "$python" "$T/ask.py" "$port" whole deadly
	never_received never-deadly
	some_line audit type=http.request http.path=/forbidden/deadly decision.verdict=kill decision.tier=signal
}

# Both ends in one workload: each request is one.
to_itself() {
	cat >itself.py <<-'END'
		import http.client, http.server, threading
		class Handler(http.server.SimpleHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_GET(self):
		        self.send_response(200)
		        self.send_header("Content-Length", "5")
		        self.end_headers()
		        self.wfile.write(b"hello")
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		threading.Thread(target=server.serve_forever, daemon=True).start()
		c = http.client.HTTPConnection("127.0.0.1", server.server_port)
		for i in range(3):
		    c.request("GET", f"/itself/{i}")
		    assert c.getresponse().read() == b"hello"
	END
	shared_rules
	shared 0 "$python" itself.py
	count_is 3 audit type=http.request http.path='/itself/*'
	count_is 3 audit type=http.response http.path='/itself/*' content.response=hello
	count_is 0 audit type=opaque
}

# An answer that ends with its connection, of a server that says so.
until_the_end() {
	cat >old.py <<-'END'
		import socket, threading
		listener = socket.create_server(("127.0.0.1", 0))
		def serve():
		    s, _ = listener.accept()
		    s.recv(4096)
		    for i in range(20):
		        s.sendall((b"HTTP/1.0 200 OK\r\n\r\n" if not i else b"") + b"y" * 5000)
		    s.close()
		threading.Thread(target=serve).start()
		s = socket.create_connection(listener.getsockname())
		s.sendall(b"GET /old HTTP/1.0\r\n\r\n")
		while s.recv(65536):
		    pass
	END
	shared_rules
	shared 0 "$python" old.py
	count_is 1 audit type=http.response http.path=/old http.status=200 content.response_bytes=100000
}

# Urgent data is a byte that the server reads elsewhere, and so another request than the packets have.
urgent_data() {
	cat >urgent.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		before, behind = {"within": (b"POST /forbid", b"den"), "first": (b"", b"POST /forbidden")}[sys.argv[2]]
		try:
		    s.sendall(before)
		    s.send(b"\1", socket.MSG_OOB)
		    s.sendall(behind + f"/{sys.argv[3]} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
		    print(s.recv(4096).decode().split("\r")[0])
		except OSError as error:
		    print("error", error)
	END
	policy 'opaque: deny' 'deny: ["http:POST */forbidden*"]'
	local where
	for where in within first; do
		allowed 0 "$python" urgent.py "$port" "$where" "$where-free"
		has out '^HTTP/1.1 200'
		same "$(lines count "$log" what=request path="/forbidden/$where-free")" 1 'requests without a policy'
		shared 0 "$python" urgent.py "$port" "$where" "$where-held"
		has out '^error'
		never_received "$where-held"
	done
	count_is 2 audit type=opaque decision.verdict=deny
}

# What the kernel has still to send when its process has exited.
sent_behind_the_end() {
	cat >gone.py <<-'END'
		import os, socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
		s.sendall(b"POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"g" * 1000000)
		os._exit(0)
	END
	shared_rules
	shared 0 "$python" gone.py "$port"
	within 10 grep -q /gone "$log"
	within 10 grep -q '"path":"/gone","request_bytes":1000000\|"request_bytes":1000000' "$workload/audit"
	same "$(lines count "$workload/audit" type=http.request http.path=/gone content.request_bytes=1000000 \
		process.exe="$(realpath "$python")")" 1 'events of the whole request'
}

# A socket that has had another connection before.
used_again() {
	cat >again.py <<-'END'
		import ctypes, socket, sys
		s = socket.socket()
		for path in "/again/1", "/again/2", "/forbidden/again":
		    s.connect(("127.0.0.1", int(sys.argv[1])))
		    try:
		        s.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
		        print(s.recv(4096).decode().split("\r")[0])
		    except OSError as error:
		        print("error", error)
		    ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)  # AF_UNSPEC: not connected any more
	END
	shared_rules
	shared 0 "$python" again.py "$port"
	same "$(grep -c '^HTTP/1.1 200' out)" 2 answers
	has out '^error'
	never_received forbidden/again
	count_is 2 audit type=http.response http.path='/again/*' http.status=200
}

# later.py PORT: a request; when there is a file "go" another one, and then a forbidden one.
cat >"$T/later.py" <<'END'
import os, socket, sys, time
def ask(path):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3)
    try:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
        print(path, "sent", flush=True)
        return s.recv(4096).decode().split("\r")[0]
    except OSError as error:
        return f"error {error}"
print(os.getpid(), ask("/ok/before"), flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
print(ask("/ok/later"), flush=True)
print(ask("/forbidden/later"), flush=True)
time.sleep(60)
END

later() {
	policy 'deny: ["http:POST */forbidden*"]'
	"$WARDEN" run -p policy.yaml --audit audit -- "$python" "$T/later.py" "$port" >out 2>err &
	warden=$!
	within 20 grep -q '200 OK' out
	workload=$(sed -n 's/^\([0-9]*\) HTTP.*/\1/p' out)
}

# Warden has stopped when a request is refused, so that nobody destroys its socket, and then is killed. Its
# guardian sees to it that what the kernel still holds of it does not leave when the links are gone.
killed_behind_a_refusal() {
	later
	kill -STOP "$warden"
	: >go
	within 10 grep -q '^/forbidden/later sent' out
	kill -KILL "$warden"
	within 10 gone "$workload"
	sleep 4 # the kernel sends again what nobody drops
	same "$(lines count "$log" what=request path=/ok/later)" 1 'requests that are allowed'
	never_received forbidden/later
}

# Links are pinned, and so is what they call: the workload runs on under its policy, until somebody reaps it.
nobody_watches() {
	local guardian
	later
	guardian=$(pgrep -P "$warden" warden)
	kill -KILL "$guardian" "$warden"
	within 2 gone "$warden"
	: >go
	within 20 grep -q '^error' out
	same "$(grep -c '^HTTP/1.1 200' out)" 1 'answers since'
	status_is 0 "$WARDEN" run --audit next -- true
	within 10 gone "$workload"
	sleep 4
	never_received forbidden/later
}

# ---- what is no request any more ----

# proxy.py: takes CONNECT to anywhere, and passes on what comes. Logs what it gets.
cat >"$T/proxy.py" <<'END'
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            print("passed", data, flush=True)
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(s):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = s.recv(1)
        if not data:
            return
        head += data
    print("asked", head, flush=True)
    host, port = head.split()[1].decode().rsplit(":", 1)
    if host == "refused.test":
        s.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        print("then", s.recv(65536), flush=True)
        return
    t = socket.create_connection((host, int(port)))
    s.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(t, s), daemon=True).start()
    pump(s, t)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END

proxy() {
	timeout 100 "$python" "$T/proxy.py" >proxy.log 2>&1 &
	within 20 test -s proxy.log
	proxy=$(head -n 1 proxy.log)
}

through_a_proxy() {
	export CURL_CA_BUNDLE=$T/https/cert.pem
	local https curl=(curl -s -S -m 20 --http1.1)
	https=https://127.0.0.1:$(<"$T/https/port")
	proxy
	policy 'opaque: deny' 'deny: ["http:* */forbidden*"]'
	shared 0 "${curl[@]}" -x "http://127.0.0.1:$proxy" "$https/via/proxy"
	same "$(lines count "$T/https/log" what=request path=/via/proxy)" 1 'requests'
	count_is 1 audit type=http.request activity='http:CONNECT 127.0.0.1' decision.verdict=allow
	count_is 1 audit type=http.response http.method=CONNECT http.status=200
	count_is 1 audit type=http.response http.path=/via/proxy http.status=200
	count_is 0 audit type=opaque
	shared '[1-9]*' "${curl[@]}" -x "http://127.0.0.1:$proxy" "$https/forbidden/proxy"
	same "$(lines text "$T/https/log" /forbidden/proxy)" 0 'connections that received it'
	some_line audit type=http.request http.path=/forbidden/proxy decision.verdict=deny
	policy 'deny: ["http:CONNECT"]'
	shared '[1-9]*' "${curl[@]}" -x "http://127.0.0.1:$proxy" "$https/no/proxy"
	same "$(grep -c '^asked' proxy.log)" 2 'requests that the proxy got'
	some_line audit type=http.request http.method=CONNECT decision.verdict=deny
}

# tunnel.py PROXY TARGET TEXT...: behind a CONNECT.
tunnel() {
	cat >tunnel.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.sendall(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % ((sys.argv[2].encode(),) * 2))
		print(s.recv(4096).decode().split("\r")[0])
		s.settimeout(3)
		try:
		    for text in sys.argv[3:]:
		        s.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
		    print("answered" if s.recv(4096) else "end")
		except OSError as error:
		    print("error", error)
	END
	shared 0 "$python" tunnel.py "$proxy" "$@"
}

other_text_in_a_tunnel() {
	local text='POST /forbidden/tunnel HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'
	proxy
	policy 'opaque: audit' 'deny: ["http:POST */forbidden*"]'
	tunnel "127.0.0.1:$port" "$text"
	has out '^answered'
	some_line audit type=opaque decision.verdict=audit
	policy 'opaque: deny' 'deny: ["http:POST */forbidden*"]'
	tunnel "127.0.0.1:$port" "${text/tunnel/stopped}"
	has out '^error'
	hasnt proxy.log stopped
	some_line audit type=opaque decision.verdict=deny
	# There is no tunnel: these are requests.
	tunnel refused.test:443 "${text/tunnel/refused}"
	has out '^HTTP/1.1 403'
	has out '^error'
	hasnt proxy.log forbidden/refused
	some_line audit type=http.request http.path=/forbidden/refused decision.verdict=deny
	tunnel refused.test:443 "${text/forbidden/ok}"
	has proxy.log '^then .*/ok/tunnel'
}

# What looks like TLS within a request is its body, and others may follow.
hello_in_a_body() {
	cat >within.py <<-'END'
		import os, socket, sys, time
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		def post(path, n):
		    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, n)
		try:
		    s.sendall(post(b"/ok/within", 70))
		    time.sleep(0.1)
		    s.sendall(b"\x16\x03\x01\x00\x40\x01" + os.urandom(64))
		    print(s.recv(4096).decode().split("\r")[0])
		    s.sendall(post(b"/forbidden/hello", 0))
		    print(s.recv(4096).decode().split("\r")[0])
		except OSError as error:
		    print("error", error)
	END
	policy 'opaque: audit' 'deny: ["http:POST */forbidden*"]'
	shared 0 "$python" within.py "$port"
	has out '^HTTP/1.1 200'
	has out '^error'
	never_received forbidden/hello
	count_is 0 audit type=opaque
}

# upgrade.py PORT WAY: a request for another protocol, and then two more, the last one forbidden; `switch`: the
# server agrees; `hasty`: nobody waits for what it says.
upgrade() { # WAY
	cat >upgrade.py <<-'END'
		import socket, sys, threading
		way = sys.argv[1]
		listener = socket.create_server(("127.0.0.1", 0))
		def serve():
		    s, _ = listener.accept()
		    try:
		        while True:
		            data = s.recv(65536)
		            if not data:
		                break
		            print("received", data, flush=True)
		            s.sendall(b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
		                      if way == "switch" else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		    except OSError:
		        pass
		threading.Thread(target=serve, daemon=True).start()
		s = socket.create_connection(listener.getsockname(), 20)
		def post(path, more=b""):
		    return b"POST %s HTTP/1.1\r\nHost: a\r\n%bContent-Length: 0\r\n\r\n" % (path, more)
		try:
		    first = post(b"/upgrade", b"Connection: Upgrade\r\nUpgrade: x\r\n")
		    for text in [first + post(b"/next")] if way == "hasty" else [first, post(b"/next")]:
		        s.sendall(text)
		        print(s.recv(4096).decode().split("\r")[0], flush=True)
		    s.sendall(post(b"/forbidden"))
		    print(s.recv(4096).decode().split("\r")[0], flush=True)
		except OSError as error:
		    print("error", error)
	END
	policy 'opaque: deny' 'deny: ["http:POST */forbidden*"]'
	shared 0 "$python" upgrade.py "$1"
	has out '^error'
	hasnt out 'received.*forbidden'
}

upgrades() {
	upgrade ignored
	has out 'received.*/next'
	count_is 0 audit type=opaque
	some_line audit type=http.request http.path=/forbidden decision.verdict=deny
	rm audit
	upgrade switch
	has out 'received.*/upgrade'
	hasnt out 'received.*/next'
	some_line audit type=opaque decision.verdict=deny
	rm audit
	upgrade hasty
	hasnt out received
	some_line audit type=opaque decision.verdict=deny
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
for way in whole bytes mss more cork thread child uring splice sendfile vector zerocopy; do
	check "sent in this way: $way" however_it_is_sent "$way"
done
serve http6 "$T/http6"
check 'over IPv6' over_ipv6
if command -v tc >/dev/null; then
	check 'packets that are sent again' sent_again
else
	skip 'packets that are sent again' 'no tc here'
fi
check 'both directions are in the trail' same_in_the_trail
check 'a phrase behind 4 MB' behind_megabytes
check 'requests written together' written_together
check 'requests without a policy' seen_without_policy
check 'capture: off' without_capture
check 'mode: audit' only_audited
check 'action: kill' killed
check 'requests to itself' to_itself
check 'an answer that ends with its connection' until_the_end
check 'warden is killed behind a refusal' killed_behind_a_refusal
if [[ -n ${TEST_OWN_MACHINE:-} ]]; then
	check 'warden and its guardian are gone' nobody_watches
else
	skip 'warden and its guardian are gone' 'any other start of warden would reap the workload'
fi
check 'urgent data' urgent_data
check 'a process that has exited meanwhile' sent_behind_the_end
check 'a socket that is used again' used_again
serve https "$T/https"
check 'TLS through a proxy' through_a_proxy
check 'other text in a tunnel' other_text_in_a_tunnel
check 'a ClientHello in a body' hello_in_a_body
check 'other protocols are asked for' upgrades
finish
