#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# TLS by other libraries than OpenSSL, and by its less common functions: what is read is what was sent and
# received, and of a refused request no byte leaves.
# Far end: an HTTPS server that logs connections, raw bytes and what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
# shellcheck source=../lib/clients.sh
. "$lib/clients.sh"
need_root
standing=1

serve https "$T/https"
serve https "$T/bulk" # whose log is too long to be looked at
port=$(<"$T/https/port")
url=https://127.0.0.1:$port
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem
python=/usr/bin/python3

# in_bulk: what the check sends goes to the other server.
in_bulk() {
	url=https://127.0.0.1:$(<"$T/bulk/port")
	export SSL_CERT_FILE=$T/bulk/cert.pem
}

# A byte, a part of a record, and as much as a slow machine does not take long for.
head -c 1 /dev/urandom >"$T/small"
head -c 30000 /dev/urandom >"$T/some"
head -c $((slow > 1 ? 300000 : 4000000)) /dev/urandom >"$T/large"

declare -A clients=(
	[gnutls]="$top/build/tests/client_gnutls"
	[libcurl-gnutls]="$python $lib/client_libcurl.py libcurl-gnutls.so.4"
	[libcurl-nss]="$python $lib/client_libcurl.py libcurl-nss.so.4"
	[static]="$top/build/tests/client_static"
)

# by CLIENT: how it is run. One that brings its TLS itself is examined when a workload runs it, and has gone on by
# then where nothing holds it; its own workload knows it before.
by() {
	[[ $1 != static ]] && echo shared || echo run
}

# Two policies for all, as a workload takes a slow machine seconds to start. What is opaque is denied by one.
rules() {
	watched "$@" 'opaque: deny'
}

watched() {
	policy 'capture: full' 'deny: [{id: no-posts, match: "http:POST */forbidden*"}]' \
		'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]' "$@"
}

# received TEXT COUNT: connections that received it, in plaintext.
received() {
	same "$(lines text "$log" "$1")" "$2" "connections that received <$1>"
}

# ---- of each client ----

# Two connections in turn, and what they carry.
streams() {
	in_bulk
	rules
	steps "$(by "$1")" "$1" "a POST /echo/small/$1 @$T/small" "b POST /echo/some/$1 @$T/some" \
		"a GET /big/50000" "a POST /echo/large/$1 @$T/large" "b POST /echo/again/$1 @$T/some"
	went "a POST /echo/small/$1" echoed
	went "b POST /echo/some/$1" echoed
	went "a GET /big/50000" 200
	went "a POST /echo/large/$1" echoed
	went "b POST /echo/again/$1" echoed
	echoed "/echo/small/$1" "$T/small"
	echoed "/echo/some/$1" "$T/some"
	echoed "/echo/large/$1" "$T/large"
	echoed "/echo/again/$1" "$T/some"
	count_is 5 audit type=http.request
	count_is 5 audit type=http.response
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
}

# It happens without a policy. libcurl tries again on a new connection, and fails there.
stopped() {
	local tries=1
	[[ $1 != libcurl-* ]] || tries='[12]'
	steps allowed "$1" "a POST /forbidden/free/$1 DROP TABLE free-$1"
	went "a POST /forbidden/free/$1" 200
	rules
	steps "$(by "$1")" "$1" "a GET /first/$1" "b GET /other/$1" "a POST /forbidden/$1 secret-$1" \
		"b GET /other2/$1" "c POST /query/$1 marked-$1 drop Table x" "d GET /new/$1"
	went "a GET /first/$1" 200
	went "b GET /other/$1" 200
	went "a POST /forbidden/$1" error 1
	went "b GET /other2/$1" 200
	went "c POST /query/$1" error 1
	went "d GET /new/$1" 200
	received "/forbidden/$1" 0
	received "secret-$1" 0
	received "marked-$1" 0
	same "$(lines after "$log" "/first/$1")" 0 "bytes received after the answer to /first/$1"
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $(lines count audit type=http.request "activity=http:POST 127.0.0.1/forbidden/$1" \
		decision.verdict=deny decision.rule=no-posts 'decision.tier!=signal' \
		'decision.tier!=none') == $tries ]]
	some_line audit type=http.request "activity=http:POST 127.0.0.1/query/$1" \
		decision.verdict=deny decision.layer=content decision.rule=sql
}

# ---- wget, which has no connections by name ----

wget_streams() {
	in_bulk
	rules
	shared 0 wget -q -O got --ca-certificate="$SSL_CERT_FILE" --post-file="$T/large" \
		"$url/echo/wget" "$url/echo/wget2"
	cat "$T/large" "$T/large" | cmp - got
	echoed /echo/wget "$T/large"
	echoed /echo/wget2 "$T/large"
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
}

wget_stopped() {
	local wget=(wget -q -t 1 -T 20 -O - --ca-certificate="$SSL_CERT_FILE")
	allowed 0 "${wget[@]}" --post-data='DROP TABLE free' "$url/forbidden/wget/free"
	rules
	shared 4 "${wget[@]}" --post-data=secret-wget "$url/ok/wget/first" "$url/forbidden/wget"
	shared 4 "${wget[@]}" --post-data='marked-wget drop Table x' "$url/query/wget"
	received secret-wget 1 # the first request's
	received /forbidden/wget/free 1
	received '/forbidden/wget ' 0
	received marked-wget 0
}

# ---- GnuTLS ----

# By all functions that send and read whole texts, and with another socket's send in between.
gnutls_ways() {
	local way
	in_bulk
	rules
	steps shared gnutls "a:2 POST /echo/2 @$T/some" "b:r POST /echo/r @$T/some" \
		"c:c POST /echo/c @$T/some" "d:s POST /echo/s @$T/some" "e:b POST /echo/b @$T/some" \
		"f:d POST /echo/d @$T/some" "g:n POST /echo/n @$T/large"
	for way in 2 r c s b d n; do
		grep -q "POST /echo/$way echoed" out || { cat out && return 1; }
		[[ $way == n ]] || echoed "/echo/$way" "$T/some"
	done
	echoed /echo/n "$T/large"
	count_is 7 audit type=http.request
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
}

gnutls_ways_stopped() {
	local way
	rules
	steps shared gnutls 'a:2 POST /forbidden/way/2 way-2' 'b:r POST /forbidden/way/r way-r' \
		'c:c POST /forbidden/way/c way-c' 'd:b POST /forbidden/way/b way-b' \
		'e:d POST /forbidden/way/d way-d' 'f:n POST /forbidden/way/n way-n' \
		'g:c POST /query/way/c way-phrase drop |Table'
	same "$(grep -c ' error [01]\.' out)" 7 'requests that failed'
	received /forbidden/way 0
	received way- 0
	count_is 7 audit type=http.request decision.verdict=deny
}

# A child's own connections are followed, wherever their objects lie.
gnutls_child() {
	rules
	steps shared gnutls 'a GET /parent' 'a:k GET /child' 'b:k GET /other-child' \
		'a:k POST /forbidden/child child-secret' 'a GET /parent2'
	went 'a GET /parent' 200
	went 'a:k GET /child' 200
	went 'b:k GET /other-child' 200
	went 'a:k POST /forbidden/child' error 1
	went 'a GET /parent2' 200
	received child-secret 0
	count_is 4 audit type=http.request decision.verdict=allow
	count_is 1 audit type=http.request decision.verdict=deny http.path=/forbidden/child
	count_is 0 audit type=opaque
}

# The library is handed a file: the file's text is not seen before it would go.
gnutls_file() {
	watched
	head -c 30000 /dev/zero | tr '\0' z >zeros
	steps shared gnutls "a:f POST /echo/f @zeros"
	went 'a:f POST /echo/f' echoed
	some_line audit type=opaque decision.verdict=audit decision.reason='*without having been handed*'
	received zzzz 1
	rules
	steps shared gnutls 'a:f POST /echo/f2 @zeros'
	went 'a:f POST /echo/f2' error 1
	received zzzz 1
	some_line audit type=opaque decision.verdict=deny
}

# What is not at hand, be it sent or read, is a gap that is counted: an answer, and the records that the
# library has kept.
gnutls_gaps() {
	local head='HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 30000\r\n\r\n'
	in_bulk
	watched
	steps run gnutls "a:p POST /echo/p @$T/some" "b:o POST /ok/o @$T/large"
	went 'a:p POST /echo/p' echoed
	went 'b:o POST /ok/o' 200
	# shellcheck disable=SC2059 # a format on purpose
	same "$(lines show audit loss.bytes loss.reason=plaintext_unreadable | awk '{ n += $1 } END { print n }')" \
		$((30000 + $(printf "$head" | wc -c) + $(sed -n 's/.* kept //p' out))) 'unreadable bytes'
	hasnt out ' kept 0$'
}

# ---- NSS ----

# nss WAY RUNNER PATH
nss() {
	"$2" "${4:-0}" "$python" "$lib/nss.py" "$1" "$port" "$3"
}

nss_read() {
	rules
	nss "$1" shared "/nss/$1"
	has out '^answer 200'
	count_is 1 audit type=http.request decision.verdict=allow
	count_is 1 audit type=http.response http.status=200
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
	nss "$1" shared "/forbidden/nss/$1" '*'
	hasnt out '^answer 200'
	received "/forbidden/nss/$1" 0
	some_line audit type=http.request decision.verdict=deny
	received /to-a-file 0
}

nss_opaque() {
	watched
	nss "$1" shared "/nss/$1"
	has out '^answer 200'
	some_line audit type=opaque decision.verdict=audit
	rules
	nss "$1" shared "/nss/$1/denied" '*'
	received "/nss/$1/denied" 0
	some_line audit type=opaque decision.verdict=deny
}

# ---- OpenSSL inside of a program, without symbols ----

# Objects come and go at the same address; some are written to before they shake hands.
static_ways() {
	local n
	in_bulk
	rules
	steps run static "a:x POST /echo/x @$T/some" "b:i POST /echo/i @$T/some" 'c:c GET /1' 'c:c GET /2' \
		'c:c GET /3' 'd:ci GET /4' 'd:ci GET /5' 'c:c POST /forbidden/6 c-6' 'd:c POST /forbidden/7 c-7' \
		'd:ci GET /8'
	for n in x i; do
		went "$n POST /echo/$n" echoed
		echoed "/echo/$n" "$T/some"
	done
	for n in 1 2 3 4 5 8; do
		grep -q " GET /$n 200" out || { cat out && return 1; }
	done
	same "$(grep -c ' POST /forbidden.* error [01]\.' out)" 2 'requests that failed'
	count_is 8 audit type=http.request decision.verdict=allow
	count_is 8 audit type=http.response http.status=200
	count_is 2 audit type=http.request decision.verdict=deny
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
	same "$(lines text "$T/bulk/log" /forbidden/)" 0 'connections with what was refused'
}

# ---- functions of OpenSSL ----

# openssl WAY RUNNER WANT PATH
openssl_way() {
	"$2" "$3" "$python" "$lib/objects.py" "$1" "${early:-$port}" "$4"
}

peeked() {
	rules
	openssl_way peeked shared 0 /peeked
	has out '^peek [1-9]'
	count_is 1 audit type=http.response http.status=200
	same "$(lines show audit content.response_bytes type=http.response)" \
		"$(printf '{"path": "/peeked", "bytes": 0}\n' | wc -c)" 'bytes of the answer'
}

# Read once, though one calls the other, and that a third. In workloads of their own, where the library is
# known from the beginning.
write_ex2() {
	export LD_PRELOAD=$top/build/tests/libssl_ex2.so
	rules
	openssl_way ex2 run 0 /ex2
	same "$(grep -c '^write 1 True' out)" 2 'writes'
	count_is 2 audit type=http.request content.request_bytes=100000 decision.verdict=allow
	count_is 2 audit type=http.response http.status=200
	rm audit
	openssl_way ex2 run '*' /forbidden/ex2
	received /forbidden/ex2 0
	some_line audit type=http.request decision.verdict=deny decision.rule=no-posts
}

# Kernels without TLS of their own send no file; that is known only afterwards.
sendfile() {
	watched
	openssl_way sendfile shared 0 /sendfile
	some_line audit type=opaque decision.verdict=audit decision.reason='*without having been handed*'
	rules
	openssl_way sendfile shared 0 /sendfile/denied
	has out '^sendfile -1'
	some_line audit type=opaque decision.verdict=deny
	same "$(lines count "$log" what=request path=/sendfile/denied)" 0 'whole requests'
}

early_data() {
	openssl_way early allowed 0 /forbidden/early/free
	within 5 grep -q /forbidden/early/free "$T/early/said"
	rules
	openssl_way early shared 0 /early
	within 5 grep -q 'POST /early ' "$T/early/said"
	some_line audit type=http.request http.path=/early decision.verdict=allow
	openssl_way early shared '*' /forbidden/early
	hasnt "$T/early/said" 'POST /forbidden/early '
	some_line audit type=http.request http.path=/forbidden/early decision.verdict=deny
}

# A server that takes early data; it writes what arrives to $T/early/said.
serve_early() {
	mkdir "$T/early"
	openssl s_server -quiet -accept 127.0.0.1:0 -tls1_3 -early_data -max_early_data 16384 -no_anti_replay \
		-cert "$T/https/cert.pem" -key "$T/https/key.pem" <>"$T/never" >"$T/early/said" 2>&1 &
	started+=($!)
	early=''
	for ((i = 0; i < 100 && !${early:-0}; i++)); do
		early=$(ss -Hltnp | sed -n "s/.*127.0.0.1:\([0-9]*\) .*pid=$!,.*/\1/p")
		pause 0.1
	done
}

# What programs in the kernel do is tested there with some of these, what the libraries do with all of them.
for client in gnutls libcurl-nss; do
	check "$client: what is sent and received" streams "$client"
	check "$client: refused" stopped "$client"
done
check 'OpenSSL in a program: what is sent and received' streams static
check 'OpenSSL in a program: refused' stopped static
check 'OpenSSL in a program: objects that come and go' static_ways
portable 'libcurl-gnutls: what is sent and received' streams libcurl-gnutls
portable 'libcurl-gnutls: refused' stopped libcurl-gnutls
check 'GnuTLS, in other ways' gnutls_ways
check 'GnuTLS, in other ways, refused' gnutls_ways_stopped
check 'GnuTLS: a forked child' gnutls_child
check 'GnuTLS: a file' gnutls_file
portable 'GnuTLS: what is not at hand' gnutls_gaps
portable 'wget: what is sent and received' wget_streams
portable 'wget: refused' wget_stopped
check 'NSS: write' nss_read write
check 'NSS: layer is opaque' nss_opaque layer
for way in peek files forked; do
	portable "NSS: $way" nss_read "$way"
done
for way in vector late; do
	portable "NSS: $way is opaque" nss_opaque "$way"
done
portable 'OpenSSL: SSL_peek' peeked
portable 'OpenSSL: SSL_write_ex2' write_ex2
portable 'OpenSSL: SSL_sendfile' sendfile
serve_early
check 'OpenSSL: SSL_write_early_data' early_data
finish
