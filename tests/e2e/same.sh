#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Without a policy warden changes nothing; with one it changes nothing outside the workload.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
serve https "$T/https"
serve net "$T/net"
url=https://127.0.0.1:$(<"$T/https/port")
read -r port4 port6 <"$T/net/port"
export SSL_CERT_FILE=$T/https/cert.pem NODE_EXTRA_CA_CERTS=$T/https/cert.pem \
	CURL_CA_BUNDLE=$T/https/cert.pem

# identical CMD...: prints the same with and without warden, and ends alike.
identical() {
	local bare=0 watched=0
	timeout 60 "$@" >bare.out 2>bare.err </dev/null || bare=$?
	timeout 60 "$WARDEN" run --audit audit -- "$@" >watched.out 2>watched.err </dev/null ||
		watched=$?
	same "$watched" "$bare" 'exit status'
	cmp bare.out watched.out || { diff bare.out watched.out | head -n 20 && return 1; }
	sed '/^warden: /d' watched.err | cmp - bare.err
	count_is 0 audit decision.verdict=deny
	count_is 0 audit decision.verdict=audit
}

commands() {
	identical ls -la /usr /etc
	identical sh -c 'for i in 1 2 3; do echo $i; done; exit 5'
	identical sh -c 'echo out; echo err >&2; kill -KILL $$'
	identical cat /proc/cpuinfo
	identical "$python" -c 'import sys; print(sys.version, sys.argv, sys.flags)'
	identical find /usr/share/doc -maxdepth 1
	identical awk 'BEGIN { for (i = 0; i < 100000; i++) print i }'
	identical sh -c 'seq 1000 | sort -rn | uniq | tail -n 3'
	identical /usr/bin/env -i A=1 sh -c 'export B=2; env | grep -v ^_ | sort'
	identical false
	identical dd if=/dev/zero bs=1M count=20 status=none
}

process_state() {
	identical sh -c 'env | grep -v "^_=" | sort'
	identical sh -c 'pwd; umask; id; ulimit -a'
	identical grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|Umask)' \
		/proc/self/status
	identical cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/timerslack_ns
	identical sh -c 'ls /proc/self/fd | wc -l; for n in 3 4 5 6 7 8 9; do
		[ ! -e /proc/$$/fd/$n ] || echo open $n; done'
	identical "$python" -c 'import os, resource
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getaffinity(0))'
	identical readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/cgroup \
		/proc/self/ns/user /proc/self/root
	identical sh -c 'cat /proc/self/mounts'
}

# An inherited descriptor stays; so do ignored signals.
inherited_state() {
	echo 'from a descriptor' >file
	(
		trap '' USR1 PIPE
		exec 8<file
		identical sh -c 'cat /proc/self/fd/8; grep SigIgn /proc/self/status; yes 2>&1 | head -n 1'
	)
}

clients() {
	local client
	for client in "$lib/client_python.py http.client" "$lib/client_python.py asyncio" \
		"/usr/bin/node $lib/client_node.js https" "/usr/bin/node $lib/client_node.js fetch" \
		"$lib/client_curl"; do
		[[ -x ${client%% *} ]] || continue
		# Times differ.
		identical sh -c "$client $url 'a GET /one' 'a POST /two hello' 'b GET /status/404' |
			cut -d' ' -f1-4"
	done
	identical "$python" "$lib/dial.py" "tcp 127.0.0.1 $port4 hello" "udp ::1 $port6 hello" \
		"unix $T/net/stream - hello" "tcp 127.0.0.1 1 nobody"
}

transfer() {
	identical curl -s "$url/big/5000000"
	identical "$python" -c 'import http.client, sys
c = http.client.HTTPSConnection(sys.argv[1], timeout=30)
c.request("POST", "/up", b"z" * 3000000)
print(c.getresponse().read())' "${url#https://}"
}

# What the workload may not do, others do meanwhile, although they share programs and libraries.
outside() {
	local inside stop=$SECONDS
	policy 'deny: ["exec:/usr/bin/touch", "net:127.0.0.1:'"$port4"'", "http:POST */up"]' \
		'opaque: deny' 'content: [{name: c, deny: ["marker"], in: [exec, http]}]'
	"$WARDEN" run -p policy.yaml --audit audit -- sh -c \
		'echo up; while :; do touch inside; sleep 0.05; done' >out 2>err &
	inside=$!
	within 20 grep -q up out
	for n in $(seq 1 30); do
		/usr/bin/touch "outside.$n"
		exists "outside.$n"
		/usr/bin/echo marker >/dev/null
	done
	"$python" "$lib/dial.py" "tcp 127.0.0.1 $port4 outside" "udp 127.0.0.1 $port4 outside" >dialled
	has dialled 'tcp 127.0.0.1 [0-9]* ok'
	has dialled 'udp 127.0.0.1 [0-9]* ok'
	"$lib/client_python.py" http.client "$url" 'a POST /up marker' 'a POST /up again' >asked
	same "$(grep -c ' 200 ' asked)" 2 'requests'
	curl -s "$url/up" -d marker >/dev/null
	curl -s --http2 "$url/up" -d marker >/dev/null
	if command -v wget >/dev/null; then
		wget -q -O /dev/null --ca-certificate="$SSL_CERT_FILE" "$url/up"
	fi
	# A child of ours that lives in the same session as the workload, and one that was there before.
	setsid -w /usr/bin/touch outside.session
	exists outside.session
	absent inside
	kill "$inside"
	ends "$inside" 143
	absent inside
	some_line audit activity=exec:/usr/bin/touch decision.verdict=deny
	count_is 0 audit 'exec.path=*/echo'
	count_is 0 audit type=connect "net.port=$port4"
	at_most $((SECONDS - stop)) $((60 * slow)) seconds
}

# Two workloads, each with a policy of its own.
two_workloads() {
	local one two
	printf 'version: 1\nname: one\ndeny: ["exec:/usr/bin/touch"]\n' >one.yaml
	printf 'version: 1\nname: two\ndeny: ["exec:/usr/bin/mkdir"]\n' >two.yaml
	for name in one two; do
		"$WARDEN" run -p "$name.yaml" --audit "$name.audit" -- sh -c \
			"for i in 1 2 3 4 5 6 7 8; do touch $name.file; mkdir $name.dir; sleep 0.2; done; exit 0" \
			>"$name.out" 2>&1 &
		[[ $name == one ]] && one=$! || two=$!
	done
	ends "$one" 0
	ends "$two" 0
	absent one.file
	exists one.dir
	exists two.file
	absent two.dir
	count_is 0 one.audit activity=exec:/usr/bin/mkdir decision.verdict=deny
	count_is 0 two.audit activity=exec:/usr/bin/touch decision.verdict=deny
}

# A workload may start another, which then obeys both.
nested() {
	printf 'version: 1\nname: outer\ndeny: ["exec:/usr/bin/touch"]\n' >outer.yaml
	printf 'version: 1\nname: inner\ndeny: ["exec:/usr/bin/mkdir"]\n' >inner.yaml
	status_is '*' "$WARDEN" run -p outer.yaml --audit outer.audit -- \
		"$WARDEN" run -p inner.yaml --audit inner.audit -- \
		sh -c 'touch file; mkdir dir; true'
	absent file
	absent dir
}

portable 'commands print the same' commands
portable 'the state of a process is the same' process_state
check 'what is inherited stays' inherited_state
check 'clients print the same' clients
check 'large transfers are the same' transfer
check 'processes outside are not touched' outside
check 'two workloads at once' two_workloads
check 'one workload inside another' nested
finish
