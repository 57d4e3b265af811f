#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Go's own TLS: goroutines that change threads, stacks that move, and programs without symbols. What clients in
# general do is in tls.sh, with programs in Go among them. Far ends: an HTTPS server in Go, and that of tls.sh.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))
go=$top/build/go
many=200 # goroutines
((slow == 1)) || many=24

if [[ ! -x $go/pie ]]; then
	skip 'programs in Go' 'no Go toolchain was there to build them'
	finish
fi

serve https "$T/https"
url=https://127.0.0.1:$(<"$T/https/port")
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem

# go_server DIR [h2]
go_server() {
	mkdir -p "$1"
	cp "$T/https/cert.pem" "$T/https/key.pem" "$1"
	"$go/plain" serve "$@" >"$1/said" 2>&1 </dev/null &
	started+=($!)
	within 20 test -e "$1/port" || { cat "$1/said" && exit 1; }
}
go_server "$T/go"
go_server "$T/h2" h2

never_received() {
	same "$(lines text "$log" "$1")" 0 "connections that received <$1>"
}

# streams_are_equal: what the client says of each request in ./out, against ./audit.
streams_are_equal() {
	cat >equal.py <<-'END'
		import json
		told, seen = {}, {}
		for line in open("out"):
		    path, *rest = line.split()
		    told[path] = rest
		for line in open("audit"):
		    event = json.loads(line)
		    for kind in "request", "response":
		        if event["type"] == "http." + kind:
		            content = event["content"]
		            seen.setdefault(event["http"]["path"], []).extend(
		                [str(content[kind + "_bytes"]), content[kind + "_sha256"]])
		for path in told.keys() | seen.keys():
		    if told.get(path) != seen.get(path):
		        print("differs:", path, told.get(path), seen.get(path))
		print(len(told), "requests")
	END
	/usr/bin/python3 equal.py >equal
	hasnt equal differs
	has equal "^$1 requests"
	count_is 0 audit type=loss
}

# Every byte both ways, and every request on the connection that it was made on.
streams() {
	policy 'capture: full' 'deny: ["http:* */forbidden*"]' 'opaque: deny'
	run 0 "$go/$1" storm "$(<"$T/go/port")" "$many"
	streams_are_equal $((4 * many))
	count_is 0 audit type=opaque
	# The server has received what the client says that it has sent.
	awk '{ print $1, $3 }' out | sort >sent
	sort "$T/go/log" | awk 'NF == 3 && $3 == "<nil>" { print $1, $2 }' >received
	same "$(comm -23 sent received | wc -l)" 0 'requests that the server received otherwise'
}

# The same of clients whose server is in their own process: its connections are others.
server_inside() {
	mkdir inside
	cp "$T/https/cert.pem" "$T/https/key.pem" inside
	policy 'capture: full'
	run 0 "$go/stripped" pair inside $((many / 2))
	streams_are_equal $((2 * many))
	same "$(wc -l <inside/log)" $((2 * many)) 'requests that the server received'
}

# Of many connections at once the right ones are refused, whichever thread their goroutines are on.
mixed() {
	"$go/$1" mixed "$url" 4
	policy 'deny: ["http:POST */forbidden*"]'
	run 0 "$go/$1" mixed "$url" $((many / 4))
	has out "^refused $((many / 4)) answered $((many / 2)) of "
	count_is $((many / 4)) audit type=http.request decision.verdict=deny 'decision.tier!=signal' \
		'decision.tier!=none'
	count_is $((many / 2)) audit type=http.request decision.verdict=allow
	same "$(lines count "$log" what=request path='/forbidden/*')" 4 'requests without a policy'
}

http2() {
	local at
	at=$(<"$T/h2/port")
	policy 'deny: ["http:POST */forbidden*"]'
	run 0 "$go/plain" http "$at" 'a GET /10/1'
	has out '^a GET /10/1 200'
	some_line audit type=opaque decision.verdict=audit decision.reason='*HTTP/2*'
	policy 'deny: ["http:POST */forbidden*"]' 'opaque: deny'
	run 0 "$go/plain" http "$at" 'a GET /10/2'
	has out '^a GET /10/2 error'
	hasnt "$T/h2/log" '^/10/2 '
}

# One that was not known at the start is probed when it is noticed. What it sends before is opaque.
late() {
	policy 'deny: ["http:POST */forbidden*"]' 'opaque: deny'
	run 0 /bin/sh -c "'$go/stripped' tls '$url' 'a POST /forbidden/late late-text' 'b POST /forbidden/late late-text'; :"
	has out '^a POST /forbidden/late error'
	has out '^b POST /forbidden/late error'
	never_received late-text
	some_line audit 'decision.verdict=deny' 'type!=connect'
}

# full TABLE STATUS: a request on a connection that is known, and one on a new one, once TABLE is full.
full() {
	local pid got=0
	rm -f ready go audit
	"$WARDEN" run --audit audit -p policy.yaml -- "$go/plain" tls "$url" "a GET /known/$1" WAIT \
		"a GET /forbidden/known/$1" "b GET /new/$1" "c GET /forbidden/new/$1" >out 2>err &
	pid=$!
	within 20 test -e ready
	/usr/bin/python3 "$lib/fill.py" "$pid" "$1"
	touch go
	wait "$pid" || got=$?
	same "$got" "$2" 'exit status'
	has out "^a GET /known/$1 200"
	some_line audit type=loss "loss.reason=$3"
}

# What cannot be followed any more does not happen, or its process ends.
full_tables() {
	policy 'deny: ["http:* */forbidden/*"]'
	full goroutine_calls 137 storage_full
	hasnt out '/new/'
	full objects 137 tls_objects_full
	has out '^a GET /forbidden/known/objects error'
	hasnt out '/new/'
	full entered 137 storage_full
	has out '^a GET /forbidden/known/entered error'
	has out '^b GET /new/entered 200'
	never_received '/forbidden/known/'
	never_received '/forbidden/new/'
	policy 'mode: audit' 'deny: ["http:* */forbidden/*"]'
	full goroutine_calls 0 storage_full
	has out '^c GET /forbidden/new/goroutine_calls 200'
}

# Probes come and go under programs that are busy, and leave them as they were.
attach_and_detach() {
	local i times=12 pids=() kinds=(plain pie)
	((slow == 1)) || { times=1 && kinds=(pie); }
	for i in "${kinds[@]}"; do
		"$go/$i" load "$(<"$T/go/port")" >"load.$i" 2>&1 &
		pids+=($!)
	done
	for ((i = 0; i < times; i++)); do
		"$WARDEN" run --audit /dev/null -- "$go/plain" none >/dev/null 2>&1 || true
		"$WARDEN" run --audit /dev/null -- "$go/pie" none >/dev/null 2>&1 || true
	done
	kill -TERM "${pids[@]}"
	for i in "${pids[@]}"; do
		ends "$i" 0
	done
	for i in "${kinds[@]}"; do
		cat "load.$i"
		has "load.$i" '^[0-9]+$'
	done
}

portable 'plain: streams are whole' streams plain
portable 'stripped: streams are whole' streams stripped
check 'a position-independent one: streams are whole' streams pie
portable 'a server in the workload' server_inside
check 'some of many connections are refused' mixed pie
portable 'HTTP/2 is opaque' http2
check 'a program that is noticed late' late
check 'tables that are full' full_tables
check 'probes come and go under load' attach_and_detach
finish
