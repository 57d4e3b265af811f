#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# TLS libraries that nobody has seen before: with LSM whoever maps one waits until it is probed, where policy
# asks for what it would carry. TEST_FRESH is how many are tried.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

count=${TEST_FRESH:-12}
limit=$(((60 + count) * slow))
python=/usr/bin/python3
libssl=$(ldconfig -p | awk '$1 == "libssl.so.3" { print $NF; exit }')
serve https "$T/https"
https=$(<"$T/https/port")

if ! "$WARDEN" doctor -o json | "$python" -c '
import json, sys
sys.exit(json.load(sys.stdin)["use"]["exec"] != "lsm")'; then
	skip 'the first byte of a library is seen' 'takes LSM: without, a library is probed once it was noticed'
	finish
fi

# Each first request is read, and each second one refused for what it asks.
seen() {
	policy 'opaque: deny' 'deny: ["http:GET */forbidden*"]'
	run 0 "$python" "$lib/fresh.py" "$libssl" "$PWD/own" "$https" 0 "$count"
	same "$(grep -c '^[0-9]* OK ERROR$' out)" "$count" 'copies whose requests were allowed and refused'
	same "$(lines text "$T/https/log" /fresh/)" "$count" 'requests received'
	same "$(lines text "$T/https/log" /forbidden/)" 0 'refused requests received'
	count_is "$count" audit type=http.request activity='http:GET h/fresh/*' decision.verdict=allow
	count_is "$count" audit type=http.request activity='http:GET h/forbidden/*' decision.verdict=deny
	count_is 0 audit type=opaque
	count_is 0 audit type=loss
}

# Whoever goes on too early is not seen, and what he sends is opaque.
continued() {
	policy 'opaque: deny' 'deny: ["http:GET */forbidden*"]'
	run '*' sh -c '
		"$@" & pid=$!
		while kill -CONT $pid 2>/dev/null; do :; done
		wait $pid' - "$python" "$lib/fresh.py" "$libssl" "$PWD/own" "$https" 1000 4
	same "$(lines text "$T/https/log" /forbidden/)" 0 'refused requests received'
}

# Threads that map at the same time, and programs that are started side by side.
side_by_side() {
	policy 'opaque: deny'
	run 0 sh -c 'for n in 1 2 3 4; do
			"$@" "$((2000 + n * 10))" 2 & pids="$pids $!"
		done
		for pid in $pids; do wait $pid || exit 1; done' - "$python" "$lib/fresh.py" "$libssl" "$PWD/own" "$https"
	same "$(grep -c '^[0-9]* OK OK$' out)" 8 'copies whose requests were answered'
	count_is 0 audit type=opaque
}

check 'the first byte of a library is seen' seen
check 'continued by somebody else' continued
check 'several at once' side_by_side
finish
