#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to reach a broker that no policy names: each script in broker/ is one. It is called with the path
# of the socket and with that of a file, which "$REACH" makes when the broker has answered, in an empty
# directory. Behind a slash its comment says on which tier alone it is stopped. Each way must succeed
# without a policy.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

ways=$top/tests/bypass/broker
tier=$("$WARDEN" doctor -o json | /usr/bin/python3 -c '
import json, sys
print({b["tier"] for b in json.load(sys.stdin)["brokers"] if b["kind"] == "net"}.pop())')
limit=$((120 * slow))
export REACH=$lib/reach.py

# Where tmux has its servers: to warden this is one.
broker=$(mktemp -d /tmp/tmux-warden-test.XXXXXX)
trap 'rm -rf --one-file-system "$broker"; tap_exit' EXIT
serve net "$broker"

# try NAME RUNNER: all ways in one workload, each in a directory of its own, $T/NAME/WAY.
try() {
	mkdir "$T/$1"
	"$2" 0 sh -c '
		cd "$1" && shift
		socket=$1 && shift
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			"$way" "$socket" "$PWD/mark"
			cd ..
		done
		exit 0' - "$T/$1" "$broker/stream" "$ways"/*
}

reached() {
	lines text "$broker/log" '<reached>'
}

held() {
	grep -El "against: deny(/$tier)?\$" "$ways"/* | wc -l
}

# The policy speaks of something else.
deny() {
	local before
	before=$(reached)
	policy 'deny: ["exec:/none"]'
	try deny run
	same "$(lines count audit type=connect decision.verdict=deny decision.rule=broker:tmux)" "$(held)" \
		'refusals'
	same "$(($(reached) - before))" "$(($(find "$ways" -type f | wc -l) - $(held)))" \
		'ways that reached the broker'
}

possible() {
	exists "$T/free/$1/mark"
}

denied() {
	absent "$T/$1/$2/mark"
}

check 'all ways without a policy' try free allowed
check 'all ways under a policy' deny
judge_ways possible denied
finish
