#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Conservation: what leaves in records of TLS was seen by a probe, or the connection is opaque. And QUIC.
# Far end: an HTTPS server that logs raw bytes and what it decrypted, and one for datagrams.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

serve https "$T/https"
serve net "$T/net"
port=$(<"$T/https/port")
read -r port4 port6 <"$T/net/port"
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem CURL_CA_BUNDLE=$T/https/cert.pem
python=/usr/bin/python3
standing=1

# received TEXT COUNT: connections that received it, in plaintext.
received() {
	same "$(lines text "$log" "$1")" "$2" "connections that received <$1>"
}

# use WAY RUNNER PATH
use() {
	"$2" 0 "$python" "$lib/unseen.py" "$1" "$port" "$3"
	hasnt out 'no breakpoint'
}

build_id_of() {
	"$python" - "$1" <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		at = data.index(struct.pack("<3I4s", 4, 20, 3, b"GNU\0"))
		print(data[at + 16:at + 36].hex())
	END
}

# unexplained VERDICT MINIMUM: one event, that says who it was, and of how many bytes.
unexplained() {
	count_is 1 audit type=opaque
	some_line audit type=opaque decision.verdict="$1" decision.reason='more leaves than was seen*' \
		process.comm=python3 net.port="$port" opaque.build_id="$(build_id_of "$python")"
	at_most "$2" "$(lines show audit opaque.bytes type=opaque)" 'bytes'
}

# unseen WAY: what arrives without a policy is found out under one, and does not arrive where that denies.
unseen() {
	policy 'opaque: audit'
	use "$1" shared "/unseen/$1/audited"
	received "/unseen/$1/audited" 1
	unexplained audit 40
	rm audit
	policy 'opaque: deny'
	use "$1" shared "/unseen/$1/denied"
	received "/unseen/$1/denied" 0
	unexplained deny 40
}

excepted() {
	policy "opaque: {default: deny, allow: [\"net:127.0.0.1:$port\"]}"
	use later shared /unseen/excepted
	received /unseen/excepted 1
	unexplained allow 40
}

# What no server understands: counted in the bytes that it receives.
raw() {
	awk -F '"bytes": *' '/"what": *"raw"/ { split($2, a, /[,}]/); n += a[1] } END { print n + 0 }' "$log"
}

# garbage WAY BYTES: of so many, at least, that arrive where it is only said, nothing does.
garbage() {
	local before handshake
	policy 'opaque: deny'
	before=$(raw)
	use "$1" shared "/unseen/$1"
	handshake=$(($(raw) - before))
	unexplained deny 30
	rm audit
	policy 'opaque: audit'
	before=$(raw)
	use "$1" shared "/unseen/$1"
	at_most $((handshake + $2)) $(($(raw) - before)) 'bytes, refused and more'
	unexplained audit 30
}

# A few bytes pass, as an alert may: of 80 in records of a byte each the server sees less than half.
tiny() {
	policy 'opaque: deny'
	use tiny shared /tiny/denied/unseen
	received 'POST /tiny' 1
	received 'POST /tiny/denied/unseen HTTP' 0
	count_is 1 audit type=opaque decision.verdict=deny
	rm audit
	policy 'opaque: audit'
	use tiny shared /tiny/audited/unseen
	received 'POST /tiny/audited/unseen' 1
	count_is 1 audit type=opaque decision.verdict=audit
}

# ---- who uses libraries as they are meant ----

clients() {
	local curl=(curl -s -S -m 20 --http1.1)
	policy 'opaque: deny'
	head -c 3000000 /dev/urandom >body
	shared 0 sh -c "${curl[*]} https://127.0.0.1:$port/c/1 https://127.0.0.1:$port/c/2 &&
		${curl[*]} --data-binary @body https://127.0.0.1:$port/c/3 &&
		${curl[*]} --tls-max 1.2 --data-binary @body https://127.0.0.1:$port/c/4 &&
		${curl[*]} --tls-max 1.2 --ciphers ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305 \\
			--data-binary @body https://127.0.0.1:$port/c/5 &&
		${curl[*]} --tls-max 1.2 --ciphers ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA \\
			--data-binary @body https://127.0.0.1:$port/c/6"
	same "$(lines count "$log" what=request path='/c/*')" 6 'requests'
	count_is 0 audit type=opaque
}

# A key of the client's own, with its certificate: in records of TLS 1.3, before Finished.
client_certificate() { # VERSION
	cat >mutual.py <<-'END'
		import http.client, ssl, sys, threading
		directory, version = sys.argv[1], getattr(ssl.TLSVersion, sys.argv[2])
		pair = directory + "/cert.pem", directory + "/key.pem"
		mine = ssl.create_default_context()
		mine.check_hostname = False
		mine.load_cert_chain(*pair)
		mine.maximum_version = version
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[3]), timeout=20, context=mine)
		for n in range(3):
		    c.request("POST", "/mutual/%d" % n, b"x" * 5000)
		    print(c.getresponse().read())
	END
	cat >server.py <<-'END'
		import http.server, ssl, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_POST(self):
		        self.rfile.read(int(self.headers["Content-Length"]))
		        self.send_response(200)
		        self.send_header("Content-Length", "3")
		        self.end_headers()
		        self.wfile.write(b"ok\n")
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		context.load_verify_locations(sys.argv[1] + "/cert.pem")
		context.verify_mode = ssl.CERT_REQUIRED
		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		server.socket = context.wrap_socket(server.socket, server_side=True)
		print(server.server_port, flush=True)
		server.serve_forever()
	END
	timeout 60 "$python" server.py "$T/https" >port 2>said &
	local pid=$!
	within 10 test -s port
	policy 'opaque: deny'
	shared 0 "$python" mutual.py "$T/https" "$1" "$(<port)"
	same "$(grep -c ok out)" 3 answers
	count_is 0 audit type=opaque
	kill "$pid"
}

# Objects that are freed, and sockets that are closed, while their records are still to leave.
behind_the_end() {
	cat >end.py <<-'END'
		import asyncio, socket, ssl, sys
		async def main():
		    context = ssl.create_default_context()
		    context.check_hostname = False
		    port, body = int(sys.argv[1]), b"e" * 1000000
		    async def one(n):
		        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
		        writer.write(b"POST /end/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (n, len(body)))
		        writer.write(body)
		        if n % 2:
		            print(await reader.readline())
		        writer.close()
		        try:
		            await writer.wait_closed()
		        except OSError:
		            pass
		    await asyncio.gather(*map(one, range(6)))
		asyncio.run(main())
	END
	policy 'opaque: deny'
	shared 0 "$python" end.py "$port"
	count_is 0 audit type=opaque
	within 20 lines_are 3 "$log" what=request path='/end/[135]'
}

# Most of what was sent leaves when the socket is closed, and its process gone.
behind_a_close() {
	cat >slow.py <<-'END'
		import socket, ssl, sys, time
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		listener = socket.socket()
		listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
		listener.bind(("127.0.0.1", 0))
		listener.listen()
		print(listener.getsockname()[1], flush=True)
		s = context.wrap_socket(listener.accept()[0], server_side=True)
		time.sleep(float(sys.argv[2]))
		n = 0
		while data := s.recv(65536):
		    n += len(data)
		print(n, flush=True)
	END
	cat >close.py <<-'END'
		import socket, ssl, sys
		SO_SNDBUFFORCE = 32
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
		s.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4000000)
		context = ssl.create_default_context()
		context.check_hostname = False
		context.maximum_version = ssl.TLSVersion.TLSv1_2  # no tickets, which would be left unread
		s = context.wrap_socket(s)
		s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"f" * 1000000)
	END
	timeout 60 "$python" slow.py "$T/https" "$slow" >told 2>said &
	within 10 test -s told
	policy 'opaque: deny'
	shared 0 "$python" close.py "$(head -n 1 told)"
	within 20 grep -q '^1000053$' told
	# What comes later is not in the part of the trail that is the job's.
	hasnt "$workload/audit" '"type":"opaque".*"port":'"$(head -n 1 told)"'[,}]'
}

lines_are() {
	[[ $(lines count "${@:2}") == "$1" ]]
}

# Objects that cannot be told apart, as two have begun on one thread, in number; each ends with an alert.
together() {
	cat >together.py <<-'END'
		import ssl, sys
		sys.path.insert(0, sys.argv[1])
		from objects import InMemory
		many = [InMemory(int(sys.argv[2])) for n in range(12)]
		for step in InMemory.step, InMemory.flush, InMemory.finish:
		    for one in many:
		        step(one)
		for n, one in enumerate(many):
		    one.ask(b"/together/%d" % n)
		for one in many:
		    try:
		        one.tls.unwrap()
		    except ssl.SSLError:  # the other side has not said so, or has sent tickets
		        one.flush()
	END
	policy 'opaque: deny'
	shared 0 "$python" together.py "$lib" "$port"
	same "$(lines count "$log" what=request path='/together/*')" 12 'requests'
	count_is 0 audit type=opaque
	# And what nothing explains among them.
	printf '%s\n' 'many[5].sock.sendall(b"\x17\3\3\1\0" + bytes(256)); many[5].sock.recv(9)' >>together.py
	shared '*' "$python" together.py "$lib" "$port"
	count_is 1 audit type=opaque decision.verdict=deny
}

# A child that goes on with its parent's connection, and two handshakes on one thread.
unusual() {
	policy 'opaque: deny'
	shared 0 "$python" "$lib/objects.py" forked "$port" /unusual/forked
	shared 0 "$python" "$lib/objects.py" interleaved "$port" /unusual/interleaved
	shared 0 "$python" "$lib/objects.py" cleared "$port" /unusual/cleared
	shared 0 "$python" "$lib/objects.py" repeat "$port" /unusual/repeat
	same "$(lines count "$log" what=request path='/unusual/*')" 4 'requests'
	count_is 0 audit type=opaque
}

# The workload is the server: tickets, and answers of its own.
server_inside() {
	policy 'opaque: deny'
	cat >ask.sh <<-'END'
		mkdir -p "$1"
		/usr/bin/python3 "$2/server.py" https "$1" &
		n=0
		until test -e "$1/port" || test $n -gt 200; do sleep 0.05; n=$((n + 1)); done
		for n in 1 2 3; do
			curl -s -S -m 20 --cacert "$1/cert.pem" "https://127.0.0.1:$(cat "$1/port")/big/300000" |
				wc -c
		done
		kill $!
	END
	shared 0 sh ask.sh "$PWD/inside" "$lib"
	same "$(grep -c '^300000$' out)" 3 answers
	count_is 0 audit type=opaque
}

# ---- QUIC ----

datagrams() {
	same "$(lines count "$T/net/log" what=datagram text="*$1*")" "$2" "datagrams with <$1>"
}

quic() { # HOST PORT
	local kind
	policy 'opaque: audit'
	shared 0 "$python" "$lib/quic.py" dns "$1" "$2" "q-a-$1" short "$1" "$2" "q-a-$1" \
		first "$1" "$2" "q-a-$1" first "$1" "$2" "q-a-$1" grease "$1" "$2" "q-a-$1"
	datagrams "q-a-$1" 5
	count_is 1 audit type=opaque
	some_line audit type=opaque decision.verdict=audit net.proto=udp net.port="$2" \
		decision.reason='QUIC*' opaque.build_id="$(build_id_of "$python")"
	for kind in first grease; do
		rm audit
		policy 'opaque: deny'
		shared 0 "$python" "$lib/quic.py" dns "$1" "$2" "q-d-$kind-$1" short "$1" "$2" "q-d-$kind-$1" \
			"$kind" "$1" "$2" "q-d-$kind-$1" "$kind" "$1" "$2" "q-d-$kind-$1" \
			dns "$1" "$2" "q-d-$kind-$1"
		datagrams "q-d-$kind-$1" 3
		same "$(grep -c "^$kind error" out)" 2 'refusals'
		count_is 1 audit type=opaque decision.verdict=deny
	done
}

quic_in_one_piece() {
	policy 'opaque: audit'
	shared 0 "$python" "$lib/quic.py" many 127.0.0.1 "$port4" q-many-a
	datagrams q-many-a 1
	some_line audit type=opaque decision.verdict=audit
	policy 'opaque: deny'
	shared 0 "$python" "$lib/quic.py" many 127.0.0.1 "$port4" q-many-d
	datagrams q-many-d 0
	has out 'many error'
}

quic_excepted() {
	policy "opaque: {default: deny, allow: [\"net:127.0.0.1:$port4\"]}"
	shared 0 "$python" "$lib/quic.py" first 127.0.0.1 "$port4" q-e-4 first ::1 "$port6" q-e-6
	datagrams q-e-4 1
	datagrams q-e-6 0
}

check 'a breakpoint that is taken out before the first request' unseen removed
check 'a breakpoint that is taken out behind the first request' unseen later
check 'TLS by the program itself, with the keys of the library' unseen keys
portable 'an exception by destination' excepted
check 'text in records of a byte each' tiny
portable 'records of random bytes' garbage garbage 200
portable 'what is no TLS' garbage plain 50
portable 'many records without text' garbage empty 200
portable 'clients, ciphers and versions' clients
portable 'a certificate of the client, TLS 1.3' client_certificate TLSv1_3
portable 'a certificate of the client, TLS 1.2' client_certificate TLSv1_2
check 'records that leave behind the end of their object' behind_the_end
check 'records that leave behind the end of their process' behind_a_close
check 'uncommon uses of objects' unusual
check 'objects that begin together' together
check 'a server in the workload' server_inside
check 'QUIC over IPv4' quic 127.0.0.1 "$port4"
check 'QUIC over IPv6' quic ::1 "$port6"
check 'QUIC, several datagrams in one piece' quic_in_one_piece
portable 'QUIC to an exception' quic_excepted
finish
