#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Under load all is recorded, or counted as lost: wrk with four connections against nginx, whose log says how many
# requests have reached it.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))

nginx=$(command -v nginx || echo /usr/sbin/nginx)
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# Connections that wrk has open at its end have a request on the way, which the server answers to nobody.
web_server() {
	mkdir "$T/web"
	openssl req -x509 -nodes -days 2 -subj /CN=127.0.0.1 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-keyout "$T/web/key.pem" -out "$T/web/cert.pem" 2>/dev/null
	cat >"$T/web/conf" <<-END
		daemon off; master_process off; pid $T/web/pid; error_log $T/web/error.log;
		events { worker_connections 64; }
		http {
			access_log $T/web/log; keepalive_requests 100000000; default_type text/plain;
			client_body_temp_path $T/web/a; proxy_temp_path $T/web/b; fastcgi_temp_path $T/web/c;
			uwsgi_temp_path $T/web/d; scgi_temp_path $T/web/e;
			server {
				listen 127.0.0.1:$port ssl; ssl_protocols TLSv1.3;
				ssl_certificate $T/web/cert.pem; ssl_certificate_key $T/web/key.pem;
				location / { return 200 $(printf x%.0s {1..4000}); }
			}
		}
	END
	timeout 600 "$nginx" -p "$T/web" -e "$T/web/error.log" -c "$T/web/conf" >"$T/web/said" 2>&1 </dev/null &
	started+=("$!")
	within 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null
}

# load SECONDS: into ./out, with what wrk says, and the trail.
load() {
	: >"$T/web/log"
	"$WARDEN" run -p policy.yaml --audit audit -- wrk -c4 -t1 "-d${1}s" "https://127.0.0.1:$port/" >out 2>err &
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
	count_is "$(sed -n 's/ requests in .*//p' out | tr -d ' ')" audit type=http.response
}

# Rings are full while warden stands still.
some() {
	policy "${rules[@]}"
	load 5
	within 10 test -s "$T/web/log"
	kill -STOP "$pid"
	sleep 3
	kill -CONT "$pid"
	accounted
	((lost > 0))
}

web_server
portable 'wrk: all is recorded' all
portable 'wrk: what was lost is counted' some
finish
