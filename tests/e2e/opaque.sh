#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Connections whose plaintext cannot be seen: allowed, recorded, or stopped, as policy says.
# Far end: servers that log raw bytes. A connection may be opened, but no byte of it may arrive.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

for kind in https h2 http; do
	serve $kind "$T/$kind"
done
https=$(<"$T/https/port") h2=$(<"$T/h2/port") http=$(<"$T/http/port")
export SSL_CERT_FILE=$T/https/cert.pem CURL_CA_BUNDLE=$T/https/cert.pem
python=/usr/bin/python3
hidden=("$top/build/tests/client_hidden" "$https")
curl=(curl -s -S -m 20)
standing=1

raw() {
	lines count "$T/$1/log" what=raw
}

# stopped SERVER CMD...: CMD fails, and not one byte arrives at the server.
stopped() {
	local server=$1 before
	shift
	before=$(raw "$server")
	shared '[1-9]*' "$@"
	same "$(raw "$server")" "$before" "arrivals at $server"
	some_line audit type=opaque decision.verdict=deny
}

passes() {
	local server=$1 before
	shift
	before=$(raw "$server")
	shared 0 "$@"
	at_most "$((before + 1))" "$(raw "$server")" "arrivals before and one more at $server"
}

unknown_library_allowed() {
	policy 'opaque: allow'
	passes https "${hidden[@]}" /hidden/allow
	same "$(lines count "$T/https/log" what=request path=/hidden/allow)" 1 'requests'
}

unknown_library_audited() {
	policy 'mode: enforce'
	passes https "${hidden[@]}" /hidden/audit
	some_line audit type=opaque decision.verdict=audit
}

unknown_library_denied() {
	policy 'opaque: deny'
	stopped https "${hidden[@]}" /hidden/deny
	never_asked /hidden/deny
}

never_asked() {
	same "$(lines count "$T/https/log" what=request path="$1")" 0 "requests of $1"
}

# What it is likely to be is said, by what the process has mapped, or by what is in its program.
named() {
	echo 'int nothing;' | gcc -shared -x c - -o libjvm.so
	cp libjvm.so libcoreclr.so
	policy 'opaque: deny'
	stopped https "${hidden[@]}" /hidden/named
	some_line audit type=opaque opaque.stack='OpenSSL in the program'
	LD_PRELOAD=$PWD/libjvm.so stopped https "${hidden[@]}" /hidden/java
	some_line audit type=opaque opaque.stack=Java
	LD_PRELOAD=$PWD/libcoreclr.so stopped https "${hidden[@]}" /hidden/net
	some_line audit type=opaque opaque.stack=.NET
	count_is 1 audit type=opaque opaque.stack=Java
}

exception() {
	policy "opaque: {default: deny, allow: [\"net:127.0.0.1:$https\"]}"
	passes https "${hidden[@]}" /hidden/exception
	policy "opaque: {default: deny, allow: [\"net:127.0.0.2:$https\"]}"
	stopped https "${hidden[@]}" /hidden/noexception
}

known_libraries_are_not_opaque() {
	policy 'opaque: deny'
	passes https "${curl[@]}" --http1.1 "https://127.0.0.1:$https/known/curl"
	passes https "$python" "$lib/client_python.py" http.client "https://127.0.0.1:$https" \
		'a GET /known/python'
	passes https "$python" "$lib/client_python.py" asyncio "https://127.0.0.1:$https" \
		'a GET /known/asyncio'
	passes https sh -c "echo GET /known/s_client HTTP/1.1 |
		openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:$https -CAfile $T/https/cert.pem"
	count_is 0 audit type=opaque
}

# By hand: the records of a ClientHello, made without a TLS library, in pieces of $1 bytes.
hand_made() {
	cat >hand.py <<-'END'
		import os, socket, struct, sys, time
		port, piece = int(sys.argv[1]), int(sys.argv[2])
		body = b"\x03\x03" + os.urandom(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
		extensions = (b"\x00\x2b\x00\x03\x02\x03\x04" b"\x00\x0a\x00\x04\x00\x02\x00\x1d"
		              b"\x00\x0d\x00\x04\x00\x02\x04\x03"
		              b"\x00\x33\x00\x26\x00\x24\x00\x1d\x00\x20" + os.urandom(32))
		body += struct.pack(">H", len(extensions)) + extensions
		message = b"\x01" + struct.pack(">I", len(body))[1:] + body
		hello = b"\x16\x03\x01" + struct.pack(">H", len(message)) + message
		s = socket.create_connection(("127.0.0.1", port), 20)
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		try:
		    for i in range(0, len(hello), piece):
		        s.sendall(hello[i:i + piece])
		        time.sleep(0.005)
		    s.settimeout(3)
		    print("answered" if s.recv(100) else "end")
		except OSError as error:
		    print("error", error)
	END
	policy 'opaque: allow'
	shared 0 "$python" hand.py "$https" "$1"
	has out answered
	policy 'opaque: deny'
	shared '*' "$python" hand.py "$https" "$1"
	hasnt out answered
	some_line audit type=opaque decision.verdict=deny
}

# TLS that begins later on a connection (STARTTLS, proxies).
after_a_greeting() {
	cat >later.py <<-'END'
		import socket, ssl, subprocess, sys, threading
		# A server that takes one line before TLS begins.
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		sock, _ = listener.accept()
		line = b""
		while not line.endswith(b"\n"):
		    line += sock.recv(1)
		sock.sendall(b"go\n")
		try:
		    tls = context.wrap_socket(sock, server_side=True)
		    print("server: received", tls.recv(100), flush=True)
		except OSError as error:
		    print("server: error", error, flush=True)
	END
	cat >client.py <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.sendall(b"STARTTLS\n")
		s.recv(10)
		s.sendall(bytes.fromhex(sys.argv[2]))
		s.settimeout(3)
		try:
		    print("answered" if s.recv(100) else "end")
		except OSError as error:
		    print("error", error)
	END
	local hello pid
	hello=$("$python" - <<-'END'
		import ssl
		incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
		context = ssl.create_default_context()
		context.check_hostname = False
		context.verify_mode = ssl.CERT_NONE
		try:
		    context.wrap_bio(incoming, outgoing).do_handshake()
		except ssl.SSLWantReadError:
		    print(outgoing.read().hex())
	END
	)
	for word in allow deny; do
		timeout 60 "$python" later.py "$T/https" >"server.$word" &
		pid=$!
		within 10 test -s "server.$word"
		policy "opaque: $word"
		shared 0 "$python" client.py "$(head -n 1 "server.$word")" "$hello"
		kill "$pid" 2>/dev/null || true
		wait "$pid" || true
		[[ $word == deny ]] || has out answered
	done
	hasnt out answered
	some_line audit type=opaque decision.verdict=deny
}

# A library of the program's own, which is mapped after the start: seen in time, or stopped.
private_library() {
	local libssl
	libssl=$(ldd "$(command -v curl)" | awk '$1 ~ /^libssl/ { print $3 }')
	mkdir own
	cp "$libssl" own/
	policy 'opaque: deny' 'deny: ["http:GET */forbidden*"]'
	LD_LIBRARY_PATH=$PWD/own run '*' sh -c '
		'"${curl[*]}"' --http1.1 https://127.0.0.1:'"$https"'/private/forbidden || true
		'"${curl[*]}"' --http1.1 https://127.0.0.1:'"$https"'/forbidden/private || true'
	never_asked /forbidden/private
	same "$(lines text "$T/https/log" /forbidden/private)" 0 'connections that received it'
}

# A library that is mapped long after the program's first destination: its first handshake is
# opaque, and from then on it is known.
library_mapped_late() {
	cat >late.py <<-'END'
		import ctypes, socket, sys, time
		socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
		time.sleep(1)
		tls = ctypes.CDLL(sys.argv[1])
		tls.TLS_client_method.restype = tls.SSL_CTX_new.restype = tls.SSL_new.restype = \
		    ctypes.c_void_p
		method = ctypes.c_void_p(tls.TLS_client_method())
		context = ctypes.c_void_p(tls.SSL_CTX_new(method))
		for n in range(2):
		    s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 20)
		    s.setblocking(True)
		    ssl = ctypes.c_void_p(tls.SSL_new(context))
		    tls.SSL_set_fd(ssl, s.fileno())
		    assert tls.SSL_connect(ssl) == 1
		    text = b"GET /late/%d HTTP/1.1\r\nHost: h\r\n\r\n" % n
		    tls.SSL_write(ssl, text, len(text))
		    tls.SSL_read(ssl, ctypes.create_string_buffer(4096), 4096)
		    time.sleep(1)
	END
	mkdir own
	cp "$(ldconfig -p | awk '$1 == "libssl.so.3" { print $NF; exit }')" own/libssl-own.so
	policy 'opaque: allow'
	run 0 "$python" late.py "$PWD/own/libssl-own.so" "$https"
	same "$(lines count "$T/https/log" what=request path=/late/0)" 1 'requests before it was known'
	same "$(lines count "$T/https/log" what=request path=/late/1)" 1 'requests after'
	count_is 1 audit type=opaque
	some_line audit type=loss loss.reason=tls_library_mapped_late
	some_line audit type=http.request http.path=/late/1
}

# What is written to a BIO of the library's own never passes SSL_write.
through_bio() { # WAY
	cat >bio.py <<-'END'
		import ctypes, os, socket, sys
		way, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
		crypto, tls = ctypes.CDLL("libcrypto.so.3"), ctypes.CDLL("libssl.so.3")
		pointer = ctypes.c_void_p
		for f in (tls.TLS_client_method, tls.SSL_CTX_new, tls.SSL_new, tls.BIO_f_ssl,
		          tls.BIO_new_ssl_connect, crypto.BIO_new):
		    f.restype = pointer
		crypto.BIO_ctrl.restype = ctypes.c_long
		def control(bio, what, text):
		    return crypto.BIO_ctrl(bio, what, ctypes.c_long(0), text)
		context = pointer(tls.SSL_CTX_new(pointer(tls.TLS_client_method())))
		if way == "late":  # a BIO for an object that has shaken hands
		    sock = socket.create_connection(("127.0.0.1", port), 20)
		    sock.setblocking(True)
		    ssl = pointer(tls.SSL_new(context))
		    tls.SSL_set_fd(ssl, sock.fileno())
		    assert tls.SSL_connect(ssl) == 1
		    bio = pointer(crypto.BIO_new(pointer(tls.BIO_f_ssl())))
		    control(bio, 109, ssl)  # BIO_C_SET_SSL
		else:
		    bio = pointer(tls.BIO_new_ssl_connect(context))
		    control(bio, 100, b"127.0.0.1:%d" % port)  # BIO_C_SET_CONNECT
		    if way == "forked" and os.fork():
		        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
		    if control(bio, 101, None) != 1:  # BIO_C_DO_STATE_MACHINE
		        sys.exit("no connection")
		text = b"POST %b HTTP/1.1\r\nHost: a\r\n\r\n" % path
		crypto.BIO_write(bio, text, len(text))
		buffer = ctypes.create_string_buffer(4096)
		sys.exit(crypto.BIO_read(bio, buffer, 4096) <= 0)
	END
	allowed 0 "$python" bio.py "$1" "$https" "/forbidden/bio/$1/free"
	policy 'opaque: deny' 'deny: ["http:POST */forbidden/*"]'
	shared '[1-9]*' "$python" bio.py "$1" "$https" "/forbidden/bio/$1/refused"
	same "$(lines text "$T/https/log" "/forbidden/bio/$1/free")" 1 'connections that received it'
	same "$(lines text "$T/https/log" "/forbidden/bio/$1/refused")" 0 'and under a policy'
	count_is 1 audit type=opaque decision.verdict=deny decision.reason='*BIOs*'
	# Once a connection; those of other processes are read as ever.
	policy 'opaque: audit' 'deny: ["http:POST */forbidden/*"]'
	shared 0 sh -c "$python bio.py $1 $https /ok; ${curl[*]} --http1.1 https://127.0.0.1:$https/ok/$1"
	count_is 1 audit type=opaque decision.verdict=audit
	some_line audit type=http.request http.path="/ok/$1" decision.verdict=allow
}

# One whose functions begin with what the kernel puts no probe on, in front of one that is in order.
library_behind_a_decoy() {
	cat >decoy.py <<-'END'
		import ctypes, os, socket, subprocess, sys, time
		libc = ctypes.CDLL(None)
		libc.mmap.restype = ctypes.c_void_p
		good = open(sys.argv[1], "rb").read()
		bad = bytearray(good)
		symbols = subprocess.check_output(["readelf", "-W", "--dyn-syms", sys.argv[1]], text=True)
		for words in map(str.split, symbols.splitlines()):
		    if len(words) > 7 and words[7].split("@")[0] in ("SSL_write", "SSL_read"):
		        bad[int(words[1], 16)] = 0x06  # no instruction
		for place, name, data in (0x200000000000, "bad.so", bad), (0x210000000000, "good.so", good):
		    with open(name, "wb") as f:
		        f.write(data)
		    fd = os.open(name, os.O_RDONLY)
		    assert libc.mmap(ctypes.c_void_p(place), ctypes.c_size_t(len(data)), 5, 0x12, fd,
		                     ctypes.c_long(0)) == place
		socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
		time.sleep(1)
	END
	run 0 "$python" decoy.py "$(ldconfig -p | awk '$1 == "libssl.so.3" { print $NF; exit }')"
	some_line audit type=loss loss.reason=tls_library_not_probed exec.path="$PWD/bad.so"
	some_line audit type=loss loss.reason=tls_library_mapped_late exec.path="$PWD/good.so"
}

# HTTP/2 under an http rule. The h2 server agrees on nothing else.
http2_without_rule() {
	policy 'opaque: deny'
	shared '*' "${curl[@]}" -m 2 --http2 "https://127.0.0.1:$h2/h2/norule" --cacert "$T/h2/cert.pem"
	same "$(lines text "$T/h2/log" 'PRI * HTTP/2.0')" 1 'connections that received the preface'
}

http2() {
	local word=$1
	policy "opaque: $word" 'deny: ["http:GET */forbidden"]'
	shared '*' "${curl[@]}" -m 2 --http2 "https://127.0.0.1:$h2/h2/$word" --cacert "$T/h2/cert.pem"
}

http2_denied() {
	http2 deny
	same "$(lines text "$T/h2/log" 'PRI * HTTP/2.0')" 1 'connections that received the preface'
	some_line audit type=opaque decision.verdict=deny
}

http2_audited() {
	http2 audit
	same "$(lines text "$T/h2/log" 'PRI * HTTP/2.0')" 2 'connections that received the preface'
	some_line audit type=opaque decision.verdict=audit
}

# A server that does not speak HTTP/2 leaves curl with HTTP/1.1, which is read.
http2_offered_only() {
	policy 'opaque: deny' 'deny: ["http:GET */forbidden"]'
	passes https "${curl[@]}" "https://127.0.0.1:$https/offered"
	some_line audit type=http.request http.path=/offered decision.verdict=allow
}

cleartext_without_rule() {
	policy 'opaque: deny'
	passes http "${curl[@]}" "http://127.0.0.1:$http/clear/norule"
	same "$(lines count "$T/http/log" what=request path=/clear/norule)" 1 'requests'
}

# It is read, as requests inside of TLS are (clear.sh).
cleartext_is_not_opaque() {
	policy 'opaque: deny' 'deny: ["http:POST */forbidden"]'
	passes http "${curl[@]}" "http://127.0.0.1:$http/clear/read"
	same "$(lines count "$T/http/log" what=request path=/clear/read)" 1 'requests'
	some_line audit type=http.request http.path=/clear/read decision.verdict=allow
	count_is 0 audit type=opaque
}

# But for HTTP/2 that nobody has agreed on before.
cleartext_http2() {
	policy 'deny: ["http:POST */forbidden"]'
	shared '*' "${curl[@]}" -m 2 --http2-prior-knowledge "http://127.0.0.1:$http/clear/h2"
	same "$(lines text "$T/http/log" 'PRI * HTTP/2.0')" 1 'connections that received the preface'
	some_line audit type=opaque decision.verdict=audit decision.reason='HTTP/2*'
	rm audit
	policy 'opaque: deny' 'deny: ["http:POST */forbidden"]'
	stopped http "${curl[@]}" -m 2 --http2-prior-knowledge "http://127.0.0.1:$http/clear/h2"
}

# Requests whose method no list would name, badly written ones, and other protocols: begin.py PORT
# MARK PIECE SET sends each on a connection of its own, in pieces; SET: http, bad or other.
cat >"$T/begin.py" <<'END'
import socket, sys, time
port, mark, piece = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
rest = b" HTTP/1.1\r\nHost: " + mark + b"\r\n\r\n"
http = [b"\r\nGET /", b"PROPFIND /", b"FOO /", b"PURGE /", b"OPTIONS *"]
bad = [b"\r\n\r\n \tGET /", b"get /", b"GET\t/", b"GET\r/", b"GET  /", b"A" * 60 + b" /", b"GET http://h/",
       b"get HTTPS://h/", b"CONNECT h.example:443", b"POST x:/y", b"GET nothing"]
other = [b"EHLO %s\r\n", b"HELO http.%s\r\n", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+%s\r\n",
         b"SSH-2.0-Renci.SshNet.SshClient.0.0.1-%s\r\n", b"*2\r\n$3\r\nGET\r\n$%s\r\n",
         b"GET %s\r\n", b"set %s 0 0 5\r\n/path\r\n", b"\x20\0\0\x01\x85\xa6\xff\x01%s",
         b"\0\0\0\x30\0\x03\0\0user\0%s\0", b"CONNECT {\"name\":\"%s\"}\r\n", b"AMQP\0\0\x09\x01%s"]
texts = [t % mark for t in other] if sys.argv[4] == "other" else \
    [t + rest for t in (http if sys.argv[4] == "http" else bad)]
for text in texts:
    s = socket.create_connection(("127.0.0.1", port), 20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for i in range(0, len(text), piece):
            s.sendall(text[i:i + piece])
            if piece < len(text):
                time.sleep(0.002)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    s.settimeout(1)
    try:
        while s.recv(100):
            pass
    except OSError:
        pass
END

cleartext_shapes() {
	local piece=$1 word
	for word in allow deny; do
		policy "opaque: $word" 'deny: ["http:FOO *"]'
		shared 0 "$python" "$T/begin.py" "$2" "shape-$word-$piece" "$piece" http
		count_is 0 audit type=opaque
		count_is 4 audit type=http.request decision.verdict=allow
		count_is 1 audit type=http.request http.method=FOO decision.verdict=deny
		rm audit
		shared 0 "$python" "$T/begin.py" "$2" "bad-$word-$piece" "$piece" bad
		count_is 11 audit type=opaque decision.verdict="$word"
		count_is 0 audit type=http.request
		rm audit
		shared 0 "$python" "$T/begin.py" "$2" "other-$word-$piece" "$piece" other
		count_is 0 audit type=opaque
	done
	for word in allow deny; do
		same "$(lines text "$T/net/log" "shape-$word-$piece"$'\r\n\r\n')" 4 'whole requests'
	done
	same "$(lines text "$T/net/log" "bad-allow-$piece")" 11 'badly written ones, allowed'
	same "$(lines text "$T/net/log" "bad-deny-$piece")" 0 'badly written ones'
	same "$(lines text "$T/net/log" "other-allow-$piece")" 11 'others, allowed'
	same "$(lines text "$T/net/log" "other-deny-$piece")" 11 'others'
}

# A ClientHello that waits for an acknowledgement leaves when that arrives, in an interrupt of whoever
# runs then: here a thread that has begun a handshake of an object that is known. It is not its own.
sent_in_an_interrupt() {
	cat >interrupt.py <<-'END'
		import os, socket, ssl
		listener = socket.create_server(("127.0.0.1", 0))
		s = socket.create_connection(listener.getsockname())
		peer, _ = listener.accept()
		QUICKACK = 12
		peer.setsockopt(socket.IPPROTO_TCP, QUICKACK, 0)
		hello = b"\x16\x03\x01\x00\x40\x01" + os.urandom(63)
		known = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(),
		                                              server_hostname="a")
		try:
		    known.do_handshake()
		except ssl.SSLWantReadError:
		    pass
		peer.settimeout(2)
		s.sendall(b"a greeting that is not acknowledged for some 40 ms")
		s.sendall(hello)  # waits: the one before is on its way, and it is small (RFC 896)
		early = peer.recv(200, socket.MSG_DONTWAIT)
		peer.sendall(b"answer")  # and with it the acknowledgement
		try:
		    late = peer.recv(200)
		except OSError:
		    late = b""
		print("early" if hello in early else "late" if hello in late else "never")
	END
	policy 'opaque: allow'
	run 0 "$python" interrupt.py
	has out late
	policy 'opaque: deny'
	run 0 "$python" interrupt.py
	has out never
	some_line audit type=opaque decision.verdict=deny
}

# Refused over and over, on sockets that end before warden has looked: none is kept in mind, and none
# passes for that there is no room.
many_refusals() {
	cat >sink.py <<-'END'
		import socket
		listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
		print(listener.getsockname()[1], flush=True)
		while True:
		    s, _ = listener.accept()
		    s.settimeout(5)
		    try:
		        print(s.recv(100), flush=True)
		    except OSError:
		        pass
		    s.close()
	END
	cat >many.py <<-'END'
		import socket, struct, sys, time
		def ask(path, wait):
		    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    try:
		        s.send(b"GET /%s HTTP/1.1\r\n\r\n" % path)
		        time.sleep(wait)
		    except OSError:
		        pass
		    s.close()  # by RST
		for i in range(17000):
		    ask(b"many", 0)
		ask(b"last", 1)  # long enough for it to be sent again
	END
	"$python" sink.py >log 2>&1 &
	within 10 test -s log
	local port
	port=$(head -n 1 log)
	"$python" - "$port" <<-'END'
		import socket, sys
		socket.create_connection(("127.0.0.1", int(sys.argv[1]))).sendall(b"GET /plain HTTP/1.1\r\n\r\n")
	END
	within 10 grep -q /plain log
	# They come faster than their sockets are destroyed, so that records are lost.
	policy 'deny: ["http:GET */many", "http:GET */last"]' 'on_audit_failure: continue'
	limit=120 run 0 "$python" many.py "$port"
	hasnt log '/many|/last'
}

# What some servers take for HTTP, and others not, or for a request of another path.
nearly_http() { # NAME LINE
	cat >line.py <<-'END'
		import socket, ssl, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s = ssl.create_default_context().wrap_socket(s, server_hostname="127.0.0.1")
		line = sys.argv[2].encode().decode("unicode_escape").encode("latin-1")
		s.sendall(line + b"\r\nHost: a\r\nX: " + sys.argv[3].encode() + b"\r\n\r\n")
	END
	for word in deny audit; do
		policy "opaque: $word" 'deny: ["http:POST */forbidden"]'
		shared '*' "$python" line.py "$https" "$2" "$1-$word"
		some_line audit type=opaque decision.verdict="$word" \
			decision.reason='a request that cannot be followed'
		count_is 0 audit type=http.request
	done
	same "$(lines text "$T/https/log" "$1-deny")" 0 'connections that received it, opaque: deny'
	same "$(lines text "$T/https/log" "$1-audit")" 1 'connections that received it, opaque: audit'
}

# A socket that has had another connection before, of which nobody asks.
socket_used_again() {
	cat >again.py <<-'END'
		import ctypes, socket, sys
		port, text = int(sys.argv[1]), sys.argv[2].encode()
		s = socket.socket()
		s.connect(("127.0.0.1", port))
		s.sendall(b"nothing that anybody knows, and more than a few bytes of it")
		ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)  # AF_UNSPEC: not connected any more
		s.connect(("127.0.0.1", port))
		s.settimeout(3)
		try:
		    s.sendall(b"GET /" + text + b" HTTP/1.1\r\nHost: h\r\n\r\n")
		    s.recv(100)
		except OSError as error:
		    print(error)
	END
	policy 'deny: ["http:GET */again/deny"]'
	shared 0 "$python" again.py "$http" again/allow
	same "$(lines count "$T/http/log" what=request path=/again/allow)" 1 'requests'
	shared 0 "$python" again.py "$http" again/deny
	never_seen http again/deny
}

never_seen() {
	same "$(lines text "$T/$1/log" "$2")" 0 "connections that carried $2"
}

# In a network namespace of its own, where connections open with data: a SYN carries the first two
# bytes. Its server is outside of the workload.
fast_open() {
	cat >open.py <<-'END'
		import os, socket, sys
		port, text = int(sys.argv[1]), b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % sys.argv[2].encode()
		if sys.argv[2].startswith("hello"):
		    text = b"\x16\x03\x01\x00\x40\x01" + sys.argv[2].encode() + os.urandom(60)
		s = socket.socket()
		s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		s.sendto(text[:2], socket.MSG_FASTOPEN, ("127.0.0.1", port))
		print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5] >> 5 & 1, "taken with SYN")
		s.settimeout(3)
		try:
		    s.sendall(text[2:])
		    s.recv(100)
		except OSError as error:
		    print(error)
	END
	mkdir server
	unshare -n sh -c 'ip link set lo up && echo 1543 >/proc/sys/net/ipv4/tcp_fastopen &&
		exec "$@"' sh "$python" "$lib/server.py" net server >server/said 2>&1 &
	local there=$! port word
	within 20 test -e server/port
	read -r port _ <server/port
	printf '%s\n' '#!/bin/sh' "exec nsenter -t $there -n $WARDEN \"\$@\"" >inside
	chmod +x inside
	WARDEN=./inside
	for word in allow deny; do
		policy "opaque: $word" 'deny: ["http:GET */open-deny"]'
		run 0 "$python" open.py "$port" "open-$word"
		has out '^1 taken with SYN'
		run 0 "$python" open.py "$port" "hello-$word"
	done
	same "$(lines text server/log 'open-allow')" 1 'connections'
	same "$(lines text server/log 'hello-allow')" 1 'connections'
	same "$(lines text server/log 'open-deny')" 0 'connections'
	same "$(lines text server/log 'hello-deny')" 0 'connections'
}

# An Upgrade that the server ignores: the connection goes on with requests. One that is not waited for
# may be followed by anything.
ignored_upgrade() { # WAY
	cat >upgrade.py <<-'END'
		import socket, ssl, sys
		way, path = sys.argv[2], sys.argv[3].encode()
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s = ssl.create_default_context().wrap_socket(s, server_hostname="127.0.0.1")
		def send(path, more=b""):
		    s.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path, more))
		def answer():
		    got = b""
		    while not got.endswith(b"}\n"):
		        data = s.recv(1 if way == "bytes" else 4096)
		        if not data:
		            sys.exit("end")
		        got += data
		    print(got.split()[1].decode())
		send(b"/upgrade/1", b"Connection: Upgrade\r\nUpgrade: x\r\n")
		if way == "hasty":
		    send(b"/upgrade/2")
		answer()
		if way != "hasty":
		    send(b"/upgrade/2")
		answer()
		send(path)
		answer()
	END
	policy 'opaque: deny' 'deny: ["http:POST */forbidden"]'
	if [[ $1 == hasty ]]; then
		shared '*' "$python" upgrade.py "$https" "$1" /upgrade/3
		some_line audit type=opaque decision.verdict=deny
		return
	fi
	shared 0 "$python" upgrade.py "$https" "$1" /upgrade/3
	same "$(grep -c '^200$' out)" 3 answers
	count_is 0 audit type=opaque
	count_is 3 audit type=http.request decision.verdict=allow
	shared '[1-9]*' "$python" upgrade.py "$https" "$1" /forbidden
	same "$(lines count "$T/https/log" what=request path=/forbidden)" 0 'forbidden requests'
	some_line audit type=http.request http.path=/forbidden decision.verdict=deny
}

# IPv6 extension headers stand between IP and TCP.
behind_extensions() {
	cat >extensions.py <<-'END'
		import os, socket, sys
		s = socket.socket(socket.AF_INET6)
		s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
		s.connect(("::1", int(sys.argv[1])))
		s.sendall(b"\x16\x03\x01\x00\x40\x01" + os.urandom(100))
		s.settimeout(3)
		try:
		    print("answered" if s.recv(1) else "end")
		except OSError as error:
		    print("error", error)
	END
	policy 'opaque: allow'
	shared 0 "$python" extensions.py "$1"
	has out answered
	policy 'opaque: deny'
	shared '*' "$python" extensions.py "$1"
	hasnt out answered
	some_line audit type=opaque decision.verdict=deny net.addr=::1
}

# What is opaque where no rule needs it read, and plain bytes, are nobody's business.
other_protocols_pass() {
	policy 'opaque: deny' 'deny: ["http:POST */forbidden"]'
	shared 0 "$python" "$lib/dial.py" "tcp 127.0.0.1 $1 hello" "udp 127.0.0.1 $1 hello"
	count_is 0 audit type=opaque
	hasnt out E
}

check 'an unknown library, opaque: allow' unknown_library_allowed
check 'an unknown library is audited by default' unknown_library_audited
check 'an unknown library, opaque: deny' unknown_library_denied
check 'an unknown library, by name' named
check 'an exception by destination' exception
check 'known libraries are not opaque' known_libraries_are_not_opaque
check 'a ClientHello by hand' hand_made 4096
check 'a ClientHello by hand, byte by byte' hand_made 1
check 'a ClientHello after a greeting' after_a_greeting
check 'text written to a BIO' through_bio connect
check 'text written to a BIO that was made late' through_bio late
check 'text written to a BIO by a child' through_bio forked
check 'a private copy of the library' private_library
check 'a library that is mapped late' library_mapped_late
if command -v readelf >/dev/null; then
	check 'a library behind one that cannot be probed' library_behind_a_decoy
else
	skip 'a library behind one that cannot be probed' 'no readelf here'
fi
check 'HTTP/2 without an http rule passes' http2_without_rule
check 'HTTP/2 under an http rule, opaque: deny' http2_denied
check 'HTTP/2 under an http rule is audited by default' http2_audited
check 'HTTP/2 that is only offered' http2_offered_only
check 'cleartext HTTP without an http rule passes' cleartext_without_rule
check 'cleartext HTTP under an http rule is read' cleartext_is_not_opaque
check 'HTTP/2 in cleartext' cleartext_http2
check 'a TAB behind the method' nearly_http tab 'POST\t/forbidden\tHTTP/1.1'
check 'a blank of other tables behind the path' nearly_http a0 'POST /forbidden\xa0 HTTP/1.1'
check 'a version of no standard' nearly_http version 'post forbidden HTTP/01.1'
check 'segments behind several slashes' nearly_http slashes 'POST /a//../forbidden HTTP/1.1'
check 'an Upgrade that is ignored' ignored_upgrade pieces
check 'an Upgrade that is ignored, byte by byte' ignored_upgrade bytes
check 'an Upgrade that is not waited for' ignored_upgrade hasty
check 'a NUL in a path' nearly_http nul 'POST /ok%00/secret HTTP/1.1'
check 'a ClientHello that is sent in an interrupt' sent_in_an_interrupt
check 'a socket that is used again' socket_used_again
check 'a connection that opens with data' fast_open
if ((slow == 1)); then
	check 'thousands of refusals' many_refusals
else
	skip 'thousands of refusals' 'takes too long here'
fi
serve net "$T/net"
read -r port4 port6 <"$T/net/port"
check 'a ClientHello behind extension headers' behind_extensions "$port6"
check 'cleartext HTTP is known by its shape' cleartext_shapes 65536 "$port4"
check 'cleartext HTTP is known by its shape, byte by byte' cleartext_shapes 1 "$port4"
check 'other protocols pass' other_protocols_pass "$port4"
finish
