#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to reach a destination that policy forbids: each program in net/ is one. It is called, in an empty
# directory, with the port that it is to reach at 127.0.0.1 (TCP and UDP), a text that is to arrive there,
# a port that is allowed, the path of a unix socket at which a process outside of the workload lends
# connections to the first port (lib/lent.py), and a port that it may reach at ::1 as well. One that leads
# to no server makes the file ./made instead when it succeeds. 127.0.0.9 is forbidden, too, and a text
# arrives there (and at all that a routing header names) when the packet leaves. Comments say what they say
# in exec/. Each way must succeed without a policy.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

export LIB=$lib
ways=$top/tests/bypass/net
tier=$(used_tier net)
limit=$((120 * slow))
# Many kernels load none of these when a socket is asked for. At once it takes seconds.
if [[ ${TEST_OWN_MACHINE:-} ]]; then
	"$(</proc/sys/kernel/modprobe)" -qa ax25 netrom rose appletalk rds tipc llc2 can_raw bluetooth phonet rxrpc \
		vsock_loopback kcm qrtr smc sctp dccp_ipv6 l2tp_ip6 l2tp_ip pppoe af_key algif_hash tun nft_nat \
		nft_chain_nat 2>/dev/null
fi
serve net "$T/closed"
serve net "$T/open"
mkdir "$T/routes" && ln -s "$T/closed/log" "$T/routes/log"
serve route "$T/routes"
read -r closed closed6 <"$T/closed/port"
read -r open _ <"$T/open/port"
/usr/bin/python3 "$lib/lent.py" "$T/lender" "$closed" >"$T/lender.said" 2>&1 </dev/null &
started+=($!)
within 20 test -e "$T/lender"

# try POLICY RUNNER: all ways in one workload, each in a directory of its own, $T/POLICY/WAY. The text
# names both. A way may wait for an answer that does not come.
try() {
	mkdir "$T/$1"
	"$2" 0 sh -c '
		policy=$1 && cd "$2" && closed=$3 open=$4 lender=$5 six=$6 && shift 6
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			timeout 10 "$way" "$closed" "<$policy-${way##*/}>" "$open" "$lender" "$six" 2>said
			cd ..
		done
		exit 0' - "$1" "$T/$1" "$closed" "$open" "$T/lender" "$closed6" "$ways"/*
}

# arrived POLICY WAY: how often.
arrived() {
	lines text "$T/closed/log" "<$1-$2>"
}

has_arrived() {
	[[ $(arrived "$@") != 0 ]]
}

quiet() {
	same "$(arrived "$1" "$2")" 0 'what arrived at the far end'
	[[ ! -e $T/$1/$2/made ]] || same "$(<"$T/$1/$2/made")" '' 'what was made'
}

reached() {
	[[ -s $T/free/$1/made ]] || within 5 has_arrived free "$1" || {
		cat "$T/free/$1/said"
		return 1
	}
}

deny() {
	policy "deny: [\"net:127.0.0.1:$closed\", \"net:[::1]:$closed6\", \"net:127.0.0.9\"]"
	try deny run
}

allow() {
	policy "allow: [\"net:127.0.0.1:$open\", \"net:[2001:db8::9]\", \"net:127.0.0.8\", \"net:unix:$T/lender\"]"
	try allow run
}

# net:* admits no raw socket, but its name does.
raw_is_allowed_by_name() {
	policy 'allow: ["net:*"]'
	run 1 "$ways/raw" "$closed" '<raw-any>'
	some_line audit type=connect activity=net:raw decision.verdict=deny decision.layer=allow
	policy 'allow: ["net:*", "net:raw"]'
	run 0 "$ways/raw" "$closed" '<raw-named>'
	some_line audit type=connect activity=net:raw decision.verdict=allow decision.rule='allow[[]1]'
	within 5 has_arrived raw named
	same "$(arrived raw any)" 0 'what arrived at the far end'
}

check 'net:raw is admitted by its name' raw_is_allowed_by_name
check 'all ways without a policy' try free allowed
check 'all ways under a deny list' deny
check 'all ways under an allow list' allow
sleep 1 # for what arrives late
judge_ways reached quiet
finish
