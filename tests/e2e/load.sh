#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Under load all is recorded, or counted as lost: wrk with four connections against a server whose log says how
# many requests have reached it.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))

go=$top/build/go/plain
if ! [[ -x $go ]]; then
	skip 'requests under load' 'no Go toolchain was there to build the server'
	finish
fi

# A line of its log for each request. What wrk has on its way at its end is in there as well: nothing is
# unread then of an answer, so that the connection is closed behind the request.
web_server() {
	mkdir "$T/web"
	openssl req -x509 -nodes -days 2 -subj /CN=127.0.0.1 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-keyout "$T/web/key.pem" -out "$T/web/cert.pem" 2>/dev/null
	"$go" serve "$T/web" >"$T/web/said" 2>&1 </dev/null &
	started+=("$!")
	within 20 test -e "$T/web/port" || { cat "$T/web/said" && exit 1; }
}

# load SECONDS: into ./out, with what wrk says, and the trail.
load() {
	: >"$T/web/log"
	"$WARDEN" run -p policy.yaml --audit audit -- wrk -c4 -t1 "-d${1}s" "$(<"$T/web/port")/4000/1" >out 2>err &
	pid=$!
}

# accounted: requests that were recorded, and those that were counted as lost, are those of the server.
accounted() {
	wait "$pid"
	hasnt out 'Socket errors|Non-2xx'
	recorded=$(lines count audit type=http.request)
	lost=$(lines show audit loss.records type=loss loss.reason=events_ring_full |
		awk '{ sum += $1 } END { print sum + 0 }')
	same "$((recorded + lost))" "$(wc -l <"$T/web/log")" "requests recorded ($recorded) and lost ($lost)"
	count_is 0 audit type=opaque
}

rules=('on_audit_failure: continue' 'capture: metadata' 'deny: ["http:* */admin/*"]')

all() {
	policy "${rules[@]}"
	load 10
	accounted
	((recorded > 1000)) || { echo "only $recorded requests" && return 1; }
	count_is 0 audit type=loss loss.reason=events_ring_full
	count_is "$(sed -n 's/ requests in .*//p' out | tr -d ' ')" audit type=http.response content.response_bytes=4000
}

has_requests() {
	(($(wc -l <"$T/web/log") >= $1))
}

# While warden stands still its ring is full after some 5,000. wrk sums up at an interrupt.
some() {
	policy "${rules[@]}"
	load 100
	within 10 has_requests 1
	kill -STOP "$pid"
	within 60 has_requests 12000
	kill -CONT "$pid"
	kill -INT "$(pgrep -P "$pid" -x wrk)"
	accounted
	((lost > 0)) || { echo 'nothing was lost' && return 1; }
}

web_server
portable 'wrk: all is recorded' all
portable 'wrk: what was lost is counted' some
finish
