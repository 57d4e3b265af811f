#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to listen where policy forbids it: each program in listen/ is one. It is called, in an empty
# directory, with a port at which it is to listen, at the loopback at least, and a text that it is to say to
# whoever comes (lib/door.py). Outside of the workload somebody comes to each (lib/knock.py). Each way must
# succeed without a policy, and under one that admits it.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

export LIB=$lib
ways=$top/tests/bypass/listen
tier=$(used_tier net)
limit=$((240 * slow))

# A port that is free, and that the kernel gives to nobody by itself.
port=$(/usr/bin/python3 -c '
import random, socket
while True:
    port = random.randrange(20000, 30000)
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            socket.socket(socket.AF_INET6, kind).bind(("::", port))
        break
    except OSError:
        pass
print(port)')

knock() {
	/usr/bin/python3 "$lib/knock.py" "$T" "$port" >"$T/knocker.said" 2>&1 </dev/null &
	started+=($!)
	within 20 test -e "$T/heard"
}

# try POLICY RUNNER: all ways in one workload, each in a directory of its own, $T/POLICY/WAY.
try() {
	mkdir "$T/$1"
	"$2" 0 sh -c '
		policy=$1 && cd "$2" && port=$3 && shift 3
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			timeout 15 "$way" "$port" "<$policy-${way##*/}>" 2>said
			cd ..
		done
		exit 0' - "$1" "$T/$1" "$port" "$ways"/*
}

heard() {
	grep -Fxq "<$1-$2>" "$T/heard"
}

quiet() {
	! heard "$1" "$2" || {
		echo 'the far end was let in'
		return 1
	}
	same "$(grep -c PermissionError "$T/$1/$2/said")" 1 'refusals that the way saw'
}

reached() {
	local policy
	for policy in free "${open[@]}"; do
		heard "$policy" "$1" || {
			echo "not under '$policy':"
			cat "$T/$policy/$1/said"
			return 1
		}
	done
}

under() {
	policy "$2"
	try "$1" run
}

# doors WANT PLACE...: under ./policy.yaml, whether something listens at each ADDRESS/PORT/KIND: "yes no".
doors() {
	local want=$1
	shift
	run 0 /usr/bin/python3 -c '
import socket, sys
def listens(address, port, kind):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, int(port)))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return "yes"
    except PermissionError:
        return "no"
kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
print(*(listens(address, port, kinds[kind]) for address, port, kind in (door.split("/") for door in sys.argv[1:])))' "$@"
	same "$(<out)" "$want" "listens at $*"
}

by_address() {
	policy "deny: [{match: \"net:listen:*\", except: [\"net:listen:127.0.0.0/8:*\", \"net:listen:[::1]:*\"]}]"
	doors 'yes yes yes no no no' "127.0.0.1/$port/tcp" "::1/$port/tcp" "::ffff:127.0.0.1/$port/tcp" \
		"0.0.0.0/$port/tcp" "::/$port/tcp" 0.0.0.0/0/tcp
	policy "deny: [\"net:listen:127.0.0.1:$port\"]"
	doors 'no no no yes yes' "127.0.0.1/$port/tcp" "0.0.0.0/$port/tcp" "::/$port/tcp" "127.0.0.2/$port/tcp" \
		"::1/$port/tcp"
	policy "allow: [\"net:listen:127.0.0.1:$port\"]"
	doors 'yes no no no' "127.0.0.1/$port/tcp" "0.0.0.0/$port/tcp" "::/$port/tcp" "::1/$port/tcp"
}

by_protocol() {
	policy "deny: [\"net:listen:$port/udp\"]"
	doors 'no yes' "127.0.0.1/$port/udp" "127.0.0.1/$port/tcp"
	policy "allow: [\"net:listen:$port/udp\"]"
	doors 'yes no' "127.0.0.1/$port/udp" "127.0.0.1/$port/tcp"
}

# Rules for destinations close no door, and rules for doors no destination.
apart() {
	policy 'allow: ["net:127.0.0.1:443"]' 'deny: ["net:*:80"]' 'default: {net: deny}'
	doors yes "127.0.0.1/$port/tcp"
	policy "allow: [\"net:listen:$port\"]"
	run 0 /usr/bin/python3 -c 'import socket, sys
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.connect(("127.0.0.1", int(sys.argv[1])))
listener = socket.socket(socket.AF_UNIX)
listener.bind("listener")
listener.listen()' "$served"
	count_is 0 audit decision.verdict=deny
}

tells() {
	policy "deny: [{match: \"net:listen:$port\", reason: closed}]"
	doors no "127.0.0.1/$port/tcp"
	some_line audit type=listen "activity=net:listen:127.0.0.1:$port" decision.verdict=deny decision.layer=deny \
		'decision.rule=deny[[]0]' decision.tier=lsm decision.errno=EPERM net.proto=tcp net.addr=127.0.0.1 net.port="$port" \
		"decision.matched=net:listen:$port" 'decision.reason=*closed'
	rm policy.yaml audit
	doors 'yes yes' "::/$port/tcp" "::/$port/udp"
	count_is 2 audit type=listen
	some_line audit type=listen "activity=net:listen:[[]::]:$port" decision.verdict=allow net.port="$port"
	some_line audit type=listen "activity=net:listen:[[]::]:$port/udp" decision.verdict=allow net.proto=udp
	rm audit
	policy 'mode: audit' 'allow: ["net:listen:1"]'
	doors yes "127.0.0.1/$port/tcp"
	count_is 1 audit type=listen decision.verdict=audit decision.layer=allow decision.tier=none
}

kills() {
	policy "deny: [{match: \"net:listen:$port\", action: kill}]"
	run 137 /usr/bin/python3 -c 'import socket, sys
sock = socket.socket()
sock.bind(("127.0.0.1", int(sys.argv[1])))' "$port"
	some_line audit type=listen decision.verdict=kill
}

refused() {
	policy "$1"
	run 4 true
	has err 'net:listen cannot be enforced here'
}

if [[ $tier != lsm ]]; then
	check 'a deny list is refused without LSM' refused 'deny: ["net:listen:8080"]'
	check 'an allow list is refused without LSM' refused 'allow: ["net:listen:8080"]'
	skip 'ways to listen' "the tier $tier does not see them"
	finish
fi

knock || exit 1
serve net "$T/server"
read -r served _ <"$T/server/port"
open=(admitted)
check 'all ways without a policy' try free allowed
check 'all ways under a list that admits them' under admitted 'allow: ["net:listen:*"]'
check 'all ways under a deny list' under deny "deny: [\"net:listen:$port\"]"
check 'all ways under an allow list' under allow 'allow: ["net:listen:1"]'
sleep 2 # for who comes late
judge_ways reached quiet
check 'rules by address' by_address
check 'rules by protocol' by_protocol
check 'doors and destinations are apart' apart
check 'the audit trail' tells
check 'action: kill' kills
finish
