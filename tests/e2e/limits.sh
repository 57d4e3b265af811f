#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Limits of the machine, not of the rules: policies of ten thousand programs and as many destinations
# are compiled in no time, and hold; rules may be as long as what they name.
# Far end: files that denied programs would make, a server that logs what it gets.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
many=("$python" "$lib/many_rules.py" --programs 9900 --globs 100 --nets 10000)

# quick SECONDS COMMAND...: takes so much CPU at most, at least once in three times.
quick() {
	local TIMEFORMAT='%U %S' most=$1
	shift
	for _ in 1 2 3; do
		{ time "$@" >quick.out 2>&1; } 2>quick.time || return
		awk -v most="$most" '{ exit $1 + $2 > most }' quick.time && return
	done
	echo "more than $most s of CPU (user, system: $(<quick.time)): $*"
	return 1
}

# Of the 48 MB that warden may have, a policy with one rule needs 27.
compiles() {
	"${many[@]}" >policy.yaml
	same "$(grep -c '^  - "exec:' policy.yaml)" 10000 programs
	same "$(grep -c '^  - "net:' policy.yaml)" 10000 destinations
	quick "$slow" "$WARDEN" check --strict policy.yaml
	# An emulated kernel takes seconds to verify programs, whatever the policy.
	quick "$((slow > 1 ? 60 : 1))" "$WARDEN" run -p policy.yaml --audit audit -- sh -c 'cat /proc/$PPID/status'
	has quick.out '^Name:.warden$'
	at_most "$(awk '/^VmHWM/ { print $2 * 1.024 }' quick.out)" 48000 'kB resident'
}

# ---- programs ----

# Every program of ./acts, "exec deny|allow PATH" each: is it there, and does it make its mark?
place_programs() {
	local path
	while read -r _ _ path; do
		mkdir -p "${path%/*}"
		cp /usr/bin/touch "$path"
	done <acts
}

start_all='n=0; while read -r _ verdict path; do
	n=$((n + 1)); "$path" "marks/$verdict.$n" || true; done <acts'

# marked PATTERN: as many marks as ./acts has lines like that, and no others.
marked() {
	find marks -type f >ran
	same "$(wc -l <ran)" "$(grep -Ec "$1" acts)" 'programs that ran'
	same "$(grep -Ecv "$1" ran)" 0 'programs that ran, and should not have'
	rm -r marks
}

# long LENGTH: a path below this directory, of that many bytes.
long() {
	local path=$PWD name
	name=$(printf 'n%.0s' {1..200})
	while ((${#path} + 402 < $1)); do
		path+=/$name
	done
	while ((${#path} + 202 < $1)); do
		path+=/${name:0:100}
	done
	name=$(printf 'e%.0s' {1..202})
	path+=/$name
	echo "${path:0:$1}"
}

# Adds rules as long as paths may be, of each kind, to ./policy.yaml, and what they deny to ./acts.
add_long() {
	local path prefix glob
	path=$(long 4095)
	same ${#path} 4095 'bytes of the path'
	prefix=${path%/*/*}
	prefix=${prefix%n}
	glob=${path%/*}
	glob=${glob/nn/*}
	((${#glob} > 3800 && ${#prefix} > 3500))
	printf '  - "exec:%s"\n' "$path" "${prefix}m/*" "${glob%nnn}*x/*" >>policy.yaml
	printf 'exec %s\n' "deny $path" "allow ${path%e}f" "deny ${prefix}m/p" \
		"allow ${prefix}l/p" "deny ${path%/*}x/q" "allow ${path%/*}y/q" >>acts
}

programs() {
	local denied=27
	"${many[@]}" --root "$PWD/tree" >policy.yaml
	"${many[@]}" --root "$PWD/tree" --acts 12 | grep ^exec >acts
	add_long
	same "$(grep -c deny acts)" "$denied" 'programs to deny'
	place_programs
	mkdir marks
	allowed 0 bash -c "$start_all"
	marked 'deny|allow'
	mkdir marks
	run 0 bash -c "$start_all"
	marked allow
	count_is "$denied" audit type=exec decision.verdict=deny
}

# ---- destinations ----

# Starts a server in a network namespace where all that is asked for is the machine itself. Sets $away
# to what runs a command there, and $port.
serve_alone() {
	mkdir far
	unshare --net sh -c 'ip link set lo up
		ip route add local 100.64.0.0/10 dev lo
		ip -6 route add local 2001:db8::/32 dev lo
		exec "$@"' - "$python" "$lib/server.py" any far >far/said 2>&1 &
	away=(nsenter "--net=/proc/$!/ns/net")
	within 20 test -e far/port
	port=$(<far/port)
}

# reaches ARGUMENT...: dials all of ./acts, under warden with these options; leaves "HOW deny|allow
# ADDRESS RESULT" in ./results.
reaches() {
	local how verdict address dials=()
	while read -r how verdict address; do
		dials+=("$how $address $port <$verdict>")
	done <acts
	status_is 0 "${away[@]}" "$WARDEN" run --audit audit "$@" -- "$python" "$lib/dial.py" \
		"${dials[@]}"
	awk 'NR == FNR { want[FNR] = $2; next } { print $1, want[FNR], $2, $4 }' acts out >results
	same "$(wc -l <results)" "$(wc -l <acts)" answers
}

destinations() {
	serve_alone
	"${many[@]}" --port "$port" >policy.yaml
	"${many[@]}" --port "$port" --acts 16 | grep -v ^exec >acts
	reaches
	hasnt results -v ' ok$'
	: >far/log
	reaches -p policy.yaml
	hasnt results 'deny .* ok$'
	same "$(grep -c ' EPERM$' results)" "$(grep -c deny acts)" 'that were denied'
	same "$(grep -c 'allow .* ok$' results)" "$(grep -c allow acts)" 'that were allowed'
	same "$(grep -c '<deny>' far/log)" 0 'that the far end has seen'
	same "$(grep -c '<allow>' far/log)" "$(grep -c allow acts)" 'that the far end has seen'
}

check 'ten thousand programs and destinations take a second, and no more memory than there is' compiles
check 'programs: what long rules and one of very many deny, and what differs by little' programs
check 'destinations: the same' destinations
finish
