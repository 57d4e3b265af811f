#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Brokers: a socket that acts outside of the workload is denied by every policy that does not name it,
# (tests/bypass/broker.sh has the ways around); other sockets are not disturbed.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
tier=$("$WARDEN" doctor -o json | "$python" -c '
import json, sys
print({b["tier"] for b in json.load(sys.stdin)["brokers"] if b["kind"] == "net"}.pop())')

# Where tmux has its servers: to warden this is one.
broker=$(mktemp -d /tmp/tmux-warden-test.XXXXXX)
chmod 755 "$broker"
trap 'rm -rf --one-file-system "$broker"; tap_exit' EXIT
serve net "$broker"
serve net "$T/own"

# dials WANT DESTINATION...: "HOW PATH", reached in one workload; the answer to each must be WANT.
dials() {
	local want=$1 dial arguments=()
	shift
	for dial in "$@"; do
		arguments+=("$dial - <$want>")
	done
	run 0 "$python" "$lib/dial.py" "${arguments[@]}"
	for dial in "$@"; do
		has out "^$dial - $want\$"
	done
}

reached() {
	lines text "$broker/log" '<'
}

# Ways in which a path says itself where it leads, from the directory of a check.
plain=("unix $broker/stream" "unix /$broker//stream" "unix $broker/../${broker##*/}/./stream"
	"unix $(realpath --relative-to "$T/1" "$broker")/stream" "unixgram $broker/datagram")

by_path() {
	local before
	dials ok "${plain[@]}"
	before=$(reached)
	policy
	dials EPERM "${plain[@]}"
	same "$(reached)" "$before" 'what reached the broker'
	some_line audit type=connect activity="net:unix:$broker/stream" decision.verdict=deny \
		decision.layer=deny decision.rule=broker:tmux decision.matched='net:unix:/tmp/tmux-?/?'
	# From the very directory.
	run 0 sh -c 'cd "$1" && exec "$2" "$3" "unix ./stream - <in>" "unixgram ./datagram - <in>"' - \
		"$broker" "$python" "$lib/dial.py"
	has out '^unix ./stream - EPERM$'
	has out '^unixgram ./datagram - EPERM$'
}

# No ordinary socket is disturbed, whatever its spelling, where no rule of the policy names sockets.
others() {
	policy "$1"
	dials ok "unix $T/own/stream" "unix ../own/stream" "unix ./..//own/stream" "unixgram ../own/datagram"
	count_is 0 audit decision.verdict=deny
}

named() {
	policy "$@"
	dials ok "unix $broker/stream"
	count_is 0 audit decision.verdict=deny
}

# Patterns that match more than brokers do not name one.
not_named() {
	policy "$@"
	dials EPERM "unix $broker/stream"
}

audited() {
	policy 'mode: audit'
	dials ok "unix $broker/stream"
	some_line audit type=connect decision.verdict=audit decision.rule=broker:tmux
}

own_entry() {
	policy "deny: [{id: mine, match: \"net:unix:$broker/*\"}]"
	dials EPERM "unix $broker/stream"
	some_line audit decision.verdict=deny decision.rule=mine
}

explained() {
	policy 'deny: ["exec:/none"]'
	status_is 0 "$WARDEN" explain -p policy.yaml net:unix:/var/run/docker.sock
	has out '^deny deny broker:docker -$'
	has out 'broker:docker \(built in\) matches "net:unix:/var/run/docker.sock" \(built in\)'
	has out 'add to deny: - .match: "net:unix:/var/run/docker.sock", mode: audit'
	status_is 0 "$WARDEN" explain -p policy.yaml net:unix:/tmp/../run//docker.sock
	has out '^deny deny broker:docker -$'
	policy 'deny: [{match: "net:unix:/run/docker.sock", mode: audit}]'
	status_is 0 "$WARDEN" explain -p policy.yaml net:unix:/run/docker.sock
	has out '^audit deny deny\[0\] '
	status_is 0 "$WARDEN" explain -p policy.yaml net:unix:/var/run/docker.sock
	has out '^allow '
}

check 'explain tells of brokers' explained
if [[ $tier == none ]]; then
	skip 'brokers are denied' 'nothing holds unix sockets here'
	finish
fi
check 'a broker is denied by its path' by_path
check 'other sockets are open' others ''
check 'other sockets are open beside rules for addresses' others 'deny: ["net:192.0.2.1"]'
check 'named by an entry that only records' named "deny: [{match: \"net:unix:$broker/*\", mode: audit}]"
check 'named by an allow entry' named "allow: [\"net:*\", \"net:unix:/tmp/tmux-*/*\"]" \
	"deny: [{match: \"net:unix:$broker/nothing\", mode: audit}]"
check 'net:* names none' not_named 'allow: ["net:*"]'
check 'nor does what matches other sockets, too' not_named 'allow: ["net:*", "net:unix:/tmp/*"]'
check 'an entry of its own comes first' own_entry
check 'mode: audit records it' audited
finish
